import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { parseArgs } from "node:util"
import { endInOrder, exitCode } from "../examples/support/signals.js"
import * as Catalogue from "../src/testing/internal/catalogue.js"
import * as Control from "../src/testing/internal/control.js"
import { faultExamples } from "../src/testing/internal/faultExamples.js"
import * as ReplicateEmulator from "../src/testing/ReplicateEmulator.js"

class CannotStart extends Data.TaggedError("CannotStart")<{ readonly message: string }> {}

const settings = Effect.gen(function*() {
  const { values } = yield* Effect.try({
    try: () =>
      parseArgs({
        options: {
          port: { type: "string", default: "0" },
          host: { type: "string", default: "127.0.0.1" },
          help: { type: "boolean", default: false }
        }
      }),
    catch: (error) => new CannotStart({ message: error instanceof Error ? error.message : String(error) })
  })
  const port = Number(values.port)
  if (!/^\d{1,5}$/.test(values.port) || port > 65535) {
    return yield* new CannotStart({ message: `--port ${values.port}: expected a number from 0 to 65535` })
  }
  return { port, host: values.host, help: values.help }
})

const models = Catalogue.builtIn.map(({ description, name, official, training }) => {
  const kinds = [official === false ? "not official: run it by a version" : "", training === undefined ? "" : "trains"]
  const notes = kinds.filter((kind) => kind !== "").join(", ")
  return `  ${name.padEnd(32)} ${description ?? ""}${notes === "" ? "" : ` (${notes})`}`
})

const faults = Object.values(faultExamples).map(({ about, fault }) => `  ${about}:\n    ${JSON.stringify(fault)}`)

const usage = `Usage: npm run emulator -- [--port 0] [--host 127.0.0.1]

Serves Replicate's API from memory until it is stopped: set the client's base URL to the address it prints. Any token
is valid, for the account emulator; webhooks are sent, files are served from the same address as the API. Its models:

${models.join("\n")}

These routes look into it and make it fail:

${Control.routes.map(({ about, method, path }) => `  ${method.padEnd(6)} ${path.padEnd(24)} ${about}`).join("\n")}

A fault, for the next two predictions that are created:

  curl -X POST localhost:PORT/__emulator/faults -H 'content-type: application/json' -d '{
    "matcher": { "method": "POST", "path": { "pattern": "/predictions$" } },
    "fault": { "_tag": "Answer", "status": 429, "body": { "detail": "slow down", "retry_after": 3 } },
    "times": 2
  }'

All faults:

${faults.join("\n")}`

const emulator = Layer.unwrapEffect(
  Effect.map(HttpClient.HttpClient, (webhookClient) => ReplicateEmulator.layer({ webhookClient }))
).pipe(Layer.provide(FetchHttpClient.layer))

const program = Effect.gen(function*() {
  const { help, ...options } = yield* settings
  if (help) return yield* Console.log(usage)
  const server = createServer()
  // open streams would keep the server from closing
  const hangUp = Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
  const announce = Layer.effectDiscard(
    HttpServer.addressFormattedWith((address) => Console.log(`listening on ${address}`))
  )
  const served = Layer.mergeAll(ReplicateEmulator.serve, hangUp, announce).pipe(
    Layer.provide(emulator),
    Layer.provide(NodeHttpServer.layer(() => server, options))
  )
  return yield* Layer.launch(served)
}).pipe(
  Effect.catchTag(
    "ServeError",
    ({ cause }) => new CannotStart({ message: cause instanceof Error ? cause.message : String(cause) })
  ),
  Effect.tapError(({ message }) => Console.error(message))
)

endInOrder()

NodeRuntime.runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => onExit(exitCode(exit, 0))
})
