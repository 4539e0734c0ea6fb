import { NodeHttpServer } from "@effect/platform-node"
import * as HttpServer from "@effect/platform/HttpServer"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer, type Server } from "node:http"

/** Opens a loopback port without anything on it yet. */
export const listen = Effect.gen(function*() {
  const node: Server = createServer()
  const context = yield* Layer.build(NodeHttpServer.layer(() => node, { host: "127.0.0.1", port: 0 }))
  // streams that are still open would keep the server from closing
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  const url = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(context))
  return { context, node, url }
})

const words = (count: number, after: Duration.DurationInput): ReplicateEmulator.Model["script"] => () =>
  Array.from({ length: count }, (_, n) => ({ _tag: "Text", after, text: ` word${n}` }))

/** Takes a third of a second, which is long enough to be seen at work. */
const quick: ReplicateEmulator.Model = { name: "test/quick", kind: "text", boot: 0, script: words(30, "10 millis") }

/** Is never done while a test looks at it. */
const endless: ReplicateEmulator.Model = {
  name: "test/endless",
  kind: "text",
  boot: 0,
  script: words(6000, "20 millis")
}

/** An emulator behind real sockets: its API on one loopback port, its streams on another. */
export const emulatorServer = Effect.gen(function*() {
  const api = yield* listen
  const streams = yield* listen
  const emulator = yield* ReplicateEmulator.make({ streamUrl: streams.url, models: [quick, endless] })
  const serve = (server: typeof api) =>
    Effect.provide(
      Layer.build(ReplicateEmulator.serve),
      Context.add(server.context, ReplicateEmulator.ReplicateEmulator, emulator)
    )
  yield* serve(api)
  yield* serve(streams)
  const sockets = Effect.async<number>((resume) => {
    streams.node.getConnections((_, count) => resume(Effect.succeed(count)))
  })
  return { emulator, streamUrl: streams.url, url: api.url, sockets }
})
