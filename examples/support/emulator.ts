import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { KeylessEmulator, ReplicateEmulator } from "effect-providers/testing"
import { createServer } from "node:http"

/** Serves on a free loopback port while the scope is open, and gives the URL. */
const served = <A>(emulator: Layer.Layer<A, never, HttpServer.HttpServer>) =>
  Effect.gen(function*() {
    const server = NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })
    const context = yield* Layer.build(Layer.provideMerge(emulator, server))
    return yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(context))
  })

/** An emulator of Replicate's API on this machine. */
export const emulator = served(Layer.provide(ReplicateEmulator.serve, ReplicateEmulator.layer()))

/** The sites that need no key, on this machine. */
export const keylessSites = served(Layer.provide(KeylessEmulator.serve, KeylessEmulator.layer()))
