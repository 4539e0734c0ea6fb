/**
 * A web service: one request starts a prediction, others stream its text by its id, at the same time, late or again.
 * Whoever leaves stops reading, and nothing else.
 */
import {
  HttpClient,
  HttpClientRequest,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema, Stream } from "effect"
import { Output } from "effect-providers"
import { Prediction, ReplicateClient } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

const refusal = (status: number, error: string) => HttpServerResponse.unsafeJson({ error }, { status })

const start = Effect.gen(function*() {
  const { prompt } = yield* HttpServerRequest.schemaBodyJson(Schema.Struct({ prompt: Schema.NonEmptyString }))
  // nobody may come for it: after that, the server stops it
  const options = { cancelAfter: "10 minutes" } as const
  const { id } = yield* Prediction.create("meta/meta-llama-3-70b-instruct", { prompt }, options)
  return HttpServerResponse.unsafeJson({ id }, { status: 202 })
})

const read = Effect.gen(function*() {
  const { id } = yield* HttpRouter.schemaPathParams(Schema.Struct({ id: Schema.String }))
  // read before the answer begins, so that what is not there is a status
  const prediction = yield* Prediction.get(id)
  // the body is sent when the handler is over
  const client = yield* ReplicateClient.ReplicateClient
  const text = Output.text(Prediction.follow(prediction)).pipe(
    Stream.encodeText,
    Stream.provideService(ReplicateClient.ReplicateClient, client)
  )
  return HttpServerResponse.stream(text, { contentType: "text/plain; charset=utf-8" })
})

export const app = HttpRouter.empty.pipe(
  HttpRouter.post("/answers", start),
  HttpRouter.get("/answers/:id", read),
  HttpRouter.catchTag("ParseError", () => Effect.succeed(refusal(400, "expected a prompt"))),
  HttpRouter.catchTag("InvalidRequest", (error) => Effect.succeed(refusal(400, error.message))),
  HttpRouter.catchTag(
    "ResponseError",
    ({ status }) =>
      Effect.succeed(status === 404 ? refusal(404, "no such answer") : refusal(502, "the model cannot be reached"))
  )
)

/** A browser: it asks, and reads the answer twice, once while it is made. */
export const program = Effect.gen(function*() {
  yield* HttpServer.serveEffect(app)
  const http = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
  const request = yield* HttpClientRequest.bodyJson(HttpClientRequest.post("/answers"), {
    prompt: "Why do llamas hum?"
  })
  const started = yield* Effect.flatMap(http.execute(request), ({ json }) => json)
  const { id } = yield* Schema.decodeUnknown(Schema.Struct({ id: Schema.String }))(started)
  const answer = Effect.flatMap(http.get(`/answers/${id}`), ({ text }) => text)
  return { first: yield* answer, again: yield* answer }
})

/** A server on a free loopback port, and a client that has its URL. */
export const live = Layer.merge(replicateClient, NodeHttpServer.layerTest)

main(import.meta.url, Effect.scoped(program).pipe(Effect.provide(live)))
