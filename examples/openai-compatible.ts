/** A provider of one's own, for any endpoint that speaks OpenAI's chat completions. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Redacted, Stream } from "effect"
import { ModelCatalog, Parameters, Provider } from "effect-providers"
import * as Caller from "effect-providers/http/Caller"
import * as Sse from "effect-providers/http/Sse"
import { InvalidRequest, Issue, MissingAuth, ResponseError } from "effect-providers/ProviderError"
import { main } from "./support/main.js"
import { openAiServer } from "./support/openAiServer.js"
import { bodyOf, decodePiece, makeReader, parse, taken } from "./support/openAiWire.js"

type Options = { readonly baseUrl: string; readonly model: string; readonly apiKey?: Redacted.Redacted<string> }

export const make = Effect.fnUntraced(function*({ apiKey, baseUrl, model }: Options) {
  const http = yield* HttpClient.HttpClient
  const provider = "OpenAiCompatible"
  const [timeout, idleTimeout] = ["10 minutes", "1 minute"] as const
  const issues = [new Issue({ field: "tools", message: "expected what JSON can hold" })]

  const run = Effect.fnUntraced(function*(request: Provider.Resolved) {
    const key = request.apiKey ?? apiKey
    if (key === undefined) return yield* new MissingAuth({ provider, reason: "absent" })
    const caller = Caller.make(http, { provider, secrets: [key], connectTimeout: request.connectTimeout })
    const response = yield* HttpClientRequest.post(`${baseUrl}/chat/completions`).pipe(
      HttpClientRequest.bearerToken(key),
      HttpClientRequest.bodyJson(bodyOf(request)),
      Effect.orElseFail(() => new InvalidRequest({ provider, issues })),
      Effect.flatMap((post) => caller.send(post))
    )
    const malformed = (error: Error) => Stream.fail(caller.malformed(response, { why: error.message }))
    return caller.bytes(response).pipe(
      Sse.decode(),
      Stream.concat(Stream.fail(new ResponseError({ provider, reason: "network", detail: "the answer has no end" }))),
      Stream.takeWhile(({ data }) => data !== "[DONE]"),
      Stream.mapEffect(({ data }) => parse(data)),
      Stream.tap((body) => Effect.flip(caller.reported(response, body))),
      Stream.mapEffect((body) => decodePiece(body)),
      Stream.catchTags({ EventTooLarge: malformed, ParseError: malformed }),
      Stream.mapConcat(makeReader())
    )
  })

  return Provider.make({
    info: { name: provider, url: baseUrl, needsAuth: true, supportsSystemMessage: true, supportsMessageHistory: true },
    catalog: ModelCatalog.make({ default: model, mode: "lenient" }),
    parameters: Parameters.fromSchema(Provider.Request, { pick: taken, defaults: { timeout, idleTimeout } }),
    clocks: { total: timeout, idle: idleTimeout },
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
