import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Redacted, Stream } from "effect"
import { FileOutput, ReplicateClient } from "effect-providers/replicate"
import { rawServer } from "../support/rawServer.js"

/** A server that breaks the connection in the middle of a file. */
const breaking = Effect.gen(function*() {
  const broken = yield* Deferred.make<void>()
  const url = yield* rawServer((_, send, response) => {
    response.socket?.on("close", () => Deferred.unsafeDone(broken, Effect.void))
    send({ text: "the beginning", framing: "sized", end: "reset" })
  })
  return { url, broken: Deferred.await(broken) }
})

const turns = Effect.repeatN(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), 20)

describe("a download that breaks before anybody reads it", () => {
  it.scopedLive.each([
    { client: "fetch", http: FetchHttpClient.layer },
    { client: "undici", http: NodeHttpClient.layerUndici },
    { client: "node:http", http: NodeHttpClient.layer }
  ])("C15: over $client, is no empty file but an error", ({ http }) =>
    Effect.gen(function*() {
      const { broken, url } = yield* breaking
      const client = ReplicateClient.layer({
        token: Redacted.make("r8_test"),
        baseUrl: `${url}/v1`,
        retry: { maxRetries: 0 }
      })
      const error = yield* Effect.gen(function*() {
        const { stream } = yield* (yield* FileOutput.Downloader).open(`${url}/out.bin`)
        yield* broken
        yield* turns
        return yield* Effect.flip(Stream.runDrain(stream))
      }).pipe(Effect.provide(Layer.provide(client, http)))
      assert.strictEqual(error._tag, "ResponseError")
      assert.include(error.message, "broke the connection")
    }))
})
