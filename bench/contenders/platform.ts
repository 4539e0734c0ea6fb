/** Effect's own parts put together as an application does it without this library: the plain composition. */
import * as Sse from "@effect/experimental/Sse"
import type { HttpClient as Client } from "@effect/platform/HttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Run, Task } from "../row.js"
import { mix, model } from "../work.js"
import type { Http } from "./client.js"
import { sum, tally, textsProof, token } from "./raw.js"

class Prediction extends Schema.Class<Prediction>("Prediction")({
  id: Schema.String,
  model: Schema.String,
  version: Schema.String,
  input: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  logs: Schema.NullOr(Schema.String),
  output: Schema.Unknown,
  error: Schema.NullOr(Schema.String),
  status: Schema.Literal("starting", "processing", "succeeded", "failed", "canceled", "aborted"),
  created_at: Schema.DateTimeUtc,
  started_at: Schema.optional(Schema.DateTimeUtc),
  completed_at: Schema.optional(Schema.DateTimeUtc),
  metrics: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  urls: Schema.Struct({ get: Schema.String, cancel: Schema.String, stream: Schema.optional(Schema.String) })
}) {}

class Page extends Schema.Class<Page>("Page")({
  next: Schema.NullOr(Schema.String),
  results: Schema.Array(Prediction)
}) {}

const toPrediction = HttpClientResponse.schemaBodyJson(Prediction)
const toPage = HttpClientResponse.schemaBodyJson(Page)

const create = (client: Client, base: string) =>
  HttpClientRequest.post(`${base}/v1/models/${model}/predictions`).pipe(
    HttpClientRequest.bodyJson({ input: { prompt: "Write a poem about a llama" } }),
    Effect.flatMap(client.execute),
    Effect.flatMap(toPrediction)
  )

class Unfinished extends Schema.TaggedError<Unfinished>()("Unfinished", {}) {}

const finished = (prediction: Prediction) =>
  prediction.status === "succeeded" && typeof prediction.output === "string"
    ? Effect.succeed(prediction.output)
    : Effect.fail(new Unfinished())

const polling = {
  schedule: Schedule.spaced("500 millis"),
  while: (e: { readonly _tag: string }) => e._tag === "Unfinished"
}

const readStream = (client: Client, base: string) =>
  Effect.gen(function*() {
    const { urls } = yield* create(client, base)
    const { add, proof } = tally()
    yield* client.get(urls.stream ?? "", { accept: "text/event-stream" }).pipe(
      HttpClientResponse.stream,
      Stream.decodeText(),
      Stream.pipeThroughChannel(Sse.makeChannel()),
      Stream.takeUntil(({ event }) => event === "done"),
      Stream.runForEach(({ data, event }) => event === "output" ? Effect.sync(() => add(data)) : Effect.void)
    )
    return proof
  })

const withClient = async (
  http: Http,
  work: (client: Client) => Effect.Effect<Awaited<ReturnType<Run>>, unknown>
): Promise<Run> => {
  const runtime = ManagedRuntime.make(http)
  const client = (await runtime.runPromise(HttpClient.HttpClient)).pipe(
    HttpClient.filterStatusOk,
    HttpClient.mapRequest(HttpClientRequest.bearerToken(token)),
    HttpClient.mapRequest(HttpClientRequest.acceptJson)
  )
  return () => runtime.runPromise(work(client))
}

export const stream = (http: Http) => ({ base }: Task): Promise<Run> =>
  withClient(http, (client) => readStream(client, base))

export const streams = (http: Http, count: (size: number) => number) => ({ base, size }: Task): Promise<Run> =>
  withClient(http, (client) =>
    Effect.map(
      Effect.all(Array.from({ length: count(size) }, () => readStream(client, base)), { concurrency: "unbounded" }),
      sum
    ))

export const runs = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(http, (client) =>
    Effect.gen(function*() {
      let checksum = 0
      for (let n = 0; n < size; n++) checksum = mix(checksum, yield* Effect.flatMap(create(client, base), finished))
      return { count: size, checksum }
    }))

export const predictions = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(http, (client) => {
    const run = Effect.gen(function*() {
      const { urls } = yield* create(client, base)
      return yield* client.get(urls.get).pipe(
        Effect.flatMap(toPrediction),
        Effect.flatMap(finished),
        Effect.retry(polling)
      )
    })
    return Effect.map(Effect.all(Array.from({ length: size }, () => run), { concurrency: "unbounded" }), textsProof)
  })

export const pages = (http: Http) => ({ base }: Task): Promise<Run> =>
  withClient(http, (client) =>
    Effect.suspend(() => {
      const { add, proof } = tally()
      const page = (url: string) => Effect.flatMap(client.get(url), toPage)
      return Effect.gen(function*() {
        for (let url: string | null = `${base}/v1/predictions`; url !== null;) {
          const { next, results }: Page = yield* page(url)
          for (const { id } of results) add(id)
          url = next
        }
        return proof
      })
    }))
