/** A provider of one's own, for any endpoint that speaks OpenAI's chat completions. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { ModelCatalog, Parameters, Provider, ProviderError } from "effect-providers"
import * as Caller from "effect-providers/http/Caller"
import * as Sse from "effect-providers/http/Sse"
import { main } from "./support/main.js"
import { openAiServer } from "./support/openAiServer.js"
import { bodyOf, decodePiece, makeReader, parse } from "./support/openAiWire.js"

const sampling = ["maxTokens", "temperature", "topP", "stop", "seed", "responseFormat", "tools"] as const

interface Options {
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted<string>
  readonly model: string
}

export const make = Effect.fnUntraced(function*({ apiKey, baseUrl, model }: Options) {
  const http = yield* HttpClient.HttpClient
  const provider = "OpenAiCompatible"
  const clocks = { idle: "1 minute", total: "10 minutes" } as const

  const run = Effect.fnUntraced(function*(request: Provider.Resolved) {
    const key = request.apiKey ?? apiKey
    const caller = Caller.make(http, { provider, secrets: [key] })
    const issue = new ProviderError.Issue({ field: "tools", message: "expected what JSON can hold" })
    const post = yield* HttpClientRequest.post(`${baseUrl}/chat/completions`).pipe(
      HttpClientRequest.bearerToken(key),
      HttpClientRequest.bodyJson(bodyOf(request)),
      Effect.orElseFail(() => new ProviderError.InvalidRequest({ provider, issues: [issue] }))
    )
    const response = yield* caller.send(post, { connectTimeout: request.connectTimeout })
    const malformed = (why: string, body?: string) => caller.malformed(response, { why, body })
    const toError = (data: string) =>
      Option.getOrElse(
        caller.reported(response, parse(data)),
        () => malformed("an event is no piece of an answer", data)
      )
    const cut = new ProviderError.ResponseError({ provider, reason: "network", detail: "the answer has no end" })
    return caller.bytes(response).pipe(
      Sse.decode(),
      Stream.concat(Stream.fail(cut)),
      Stream.takeWhile(({ data }) => data !== "[DONE]"),
      Stream.catchTag("EventTooLarge", ({ message }) => Stream.fail(malformed(message))),
      Stream.mapEffect(({ data }) => Effect.mapError(decodePiece(data), () => toError(data))),
      Stream.mapConcat(makeReader())
    )
  })

  return Provider.make({
    info: { name: provider, url: baseUrl, needsAuth: true, supportsSystemMessage: true, supportsMessageHistory: true },
    catalog: ModelCatalog.make({ default: model, mode: "lenient" }),
    parameters: Parameters.fromSchema(Provider.Request, {
      pick: ["model", "messages", "prompt", ...sampling, "apiKey", "timeout", "idleTimeout", "connectTimeout"],
      defaults: { timeout: clocks.total, idleTimeout: clocks.idle }
    }),
    clocks,
    enforces: ["stop", "maxTokens"],
    run: (request) => Stream.unwrap(run(request))
  })
})

export const layer = (options: Options) => Layer.effect(Provider.Provider, make(options))

/** The provider before a server on this machine. */
export const local = Layer.unwrapScoped(
  Effect.map(openAiServer, ({ url }) => layer({ baseUrl: url, apiKey: Redacted.make("sk-local"), model: "local" }))
).pipe(Layer.provide(FetchHttpClient.layer))

export const program = Provider.text({ messages: [{ role: "user", content: "Hello there" }] })

main(import.meta.url, Effect.provide(program, local))
