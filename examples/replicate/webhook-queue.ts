/**
 * A queue without workers: each job is created in the background and answered with its id, and a webhook tells when it
 * is done. Nobody polls. Replicate must be able to reach the URL; here, an emulator in this process does.
 */
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Queue, Redacted } from "effect"
import { Prediction, ReplicateClient, Webhook } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import { createServer } from "node:http"
import { main } from "../support/main.js"

export const program = Effect.gen(function*() {
  const finished = yield* Queue.unbounded<Prediction.Prediction>()

  const app = yield* Webhook.app({
    secret: Webhook.defaultSecret,
    onEvent: ({ prediction }) => Queue.offer(finished, prediction)
  })
  yield* HttpServer.serveEffect(HttpRouter.empty.pipe(HttpRouter.post("/hooks/replicate", app)))
  const here = yield* HttpServer.addressFormattedWith(Effect.succeed)

  const submit = (prompt: string) =>
    Prediction.create("emulator/json", { prompt }, {
      webhook: `${here}/hooks/replicate`,
      webhookEventsFilter: ["completed"]
    })
  const ids = yield* Effect.forEach(
    ["one", "one two", "one two three"],
    (prompt) => Effect.map(submit(prompt), ({ id }) => id),
    { concurrency: 3 }
  )

  const done = yield* Queue.takeBetween(finished, ids.length, ids.length)
  return Array.from(done, ({ id, output, status }) => ({ job: ids.indexOf(id) + 1, status, output }))
    .toSorted((a, b) => a.job - b.job)
})

const emulator = Layer.unwrapEffect(
  Effect.map(HttpClient.HttpClient, (webhookClient) => ReplicateEmulator.layer({ webhookClient }))
).pipe(Layer.provide(FetchHttpClient.layer))

export const live = Layer.merge(
  ReplicateClient.layer({ token: Redacted.make("r8_emulated") }).pipe(Layer.provide(emulator)),
  NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })
)

main(import.meta.url, Effect.scoped(program).pipe(Effect.provide(live)))
