import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { ReplicateEmulator } from "effect-providers/testing"
import { createServer } from "node:http"

/** Serves an emulator of Replicate's API on a free loopback port while the scope is open, and gives its URL. */
export const emulator = Effect.gen(function*() {
  const server = NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })
  const context = yield* Layer.build(
    ReplicateEmulator.serve.pipe(Layer.provideMerge(ReplicateEmulator.layer()), Layer.provideMerge(server))
  )
  return yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(context))
})
