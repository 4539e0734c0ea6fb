import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import { collect, concat } from "../../src/internal/bytes.js"

const parts = FastCheck.array(FastCheck.array(FastCheck.uint8Array({ maxLength: 4 }), { maxLength: 4 }))

describe("bytes", () => {
  it.effect.prop(
    "are collected whole, however they are cut, again at each run",
    [parts],
    ([chunks]) =>
      Effect.gen(function*() {
        const whole = concat(chunks.flat())
        // slices are what `Stream.runCollect` may lose
        const sliced = chunks.map((parts) =>
          Chunk.take(Chunk.drop(Chunk.fromIterable([whole, ...parts, whole]), 1), parts.length)
        )
        const collected = collect(Stream.fromChunks(...sliced))
        assert.deepStrictEqual(yield* collected, whole)
        assert.deepStrictEqual(yield* collected, whole)
      })
  )
})
