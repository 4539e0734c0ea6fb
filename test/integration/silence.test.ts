import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { Prediction, ReplicateClient } from "effect-providers/replicate"
import { rawServer } from "../support/rawServer.js"

/** A server whose stream says one word and then nothing more. */
const silent = Effect.gen(function*() {
  const canceled = yield* Deferred.make<void>()
  const spoken = yield* Deferred.make<void>()
  const url = yield* rawServer(({ headers, method, url = "" }, _, response) => {
    if (url === "/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write("event: output\nid: 1\ndata: Once\n\n")
      return Deferred.unsafeDone(spoken, Effect.void)
    }
    if (url.endsWith("/cancel")) Deferred.unsafeDone(canceled, Effect.void)
    const status = url.endsWith("/cancel") ? "canceled" : "starting"
    const urls = { stream: `http://${headers.host}/stream` }
    response.writeHead(method === "POST" ? 201 : 200, { "content-type": "application/json" })
    response.end(JSON.stringify({ id: "p1", model: "a/b", version: "hidden", status, input: {}, urls }))
  })
  return { url, spoken: Deferred.await(spoken), canceled: Deferred.await(canceled) }
})

const words = Prediction.stream("a/b", { prompt: "hi" })

describe("a server that falls silent in a stream", () => {
  it.scopedLive.each([
    { client: "fetch", http: FetchHttpClient.layer },
    { client: "undici", http: NodeHttpClient.layerUndici },
    { client: "node:http", http: NodeHttpClient.layer }
  ])(
    "R25: over $client, is left by whoever ends the stream, and the prediction is canceled",
    ({ http }) =>
      Effect.gen(function*() {
        for (const way of ["take", "interrupt", "idle"]) {
          const { canceled, spoken, url } = yield* silent
          const client = ReplicateClient.layer({
            token: Redacted.make("r8_test"),
            baseUrl: `${url}/v1`,
            ...(way === "idle" ? { idleTimeout: "50 millis" } : {})
          })
          const read = Stream.runCollect(way === "take" ? Stream.take(words, 1) : words).pipe(
            Effect.map(Chunk.size),
            Effect.catchTag("Timeout", ({ clock }) => Effect.succeed(clock))
          )
          const fiber = yield* Effect.fork(Effect.provide(read, Layer.provide(client, http)))
          if (way === "interrupt") {
            yield* spoken
            yield* Fiber.interrupt(fiber)
          } else {
            assert.strictEqual(yield* Fiber.join(fiber), way === "take" ? 1 : "idle")
          }
          yield* canceled
        }
      })
  )
})
