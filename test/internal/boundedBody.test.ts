import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { readBody, readText } from "../../src/internal/boundedBody.js"
import { brokenMessage } from "../support/brokenBody.js"

/** A response whose body comes in these chunks, each of several pieces. */
const response = (...chunks: ReadonlyArray<ReadonlyArray<string>>): HttpClientResponse.HttpClientResponse =>
  Object.create(HttpClientResponse.fromWeb(HttpClientRequest.get("https://example.com/"), new Response()), {
    stream: {
      value: Stream.fromChunks(
        ...chunks.map((pieces) => Chunk.unsafeFromArray(pieces.map((piece) => new TextEncoder().encode(piece))))
      )
    }
  })

describe("a body that is read up to a size", () => {
  it.effect("is whole when it fits, however it comes", () =>
    Effect.gen(function*() {
      for (const chunks of [[["abc", "de"], ["f"]], [["abcdef"]], [["a"], ["b"], ["cdef"]]]) {
        assert.deepStrictEqual(yield* readText(response(...chunks), 6), Option.some("abcdef"))
        assert.deepStrictEqual(yield* readText(response(...chunks), 5), Option.none())
        assert.deepStrictEqual(yield* readBody(response(...chunks)), { text: "abcdef", whole: true })
      }
    }))

  it.effect("is its beginning when it does not, also where one chunk is larger", () =>
    Effect.gen(function*() {
      const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(60 * 1024))
      const pieces = [a ?? "", b ?? "", c ?? ""]
      const text = pieces.join("").slice(0, 64 * 1024)
      for (const chunks of [[pieces], pieces.map((piece) => [piece]), [[pieces.join("")]]]) {
        assert.deepStrictEqual(yield* readBody(response(...chunks)), { text, whole: false })
      }
    }))

  it.effect("is an error, or a beginning, where it broke before anybody read it", () =>
    Effect.gen(function*() {
      const response = yield* brokenMessage
      const { cause, reason } = yield* Effect.flip(readText(response, 100))
      assert.deepStrictEqual([reason, String(cause)], ["Decode", "Error: cut"])
      assert.deepStrictEqual(yield* readBody(response), { text: "", whole: false })
    }))
})
