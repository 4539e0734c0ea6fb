/** A provider of one's own, for any endpoint that speaks OpenAI's chat completions. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { ModelCatalog, type Output, Parameters, Provider, ProviderError } from "effect-providers"
import * as Failure from "effect-providers/http/Failure"
import * as Sse from "effect-providers/http/Sse"
import { main } from "./support/main.js"
import { openAiServer } from "./support/openAiServer.js"

const name = "OpenAiCompatible"

const parameters = Parameters.fromSchema(Provider.Request, {
  pick: ["model", "messages", "prompt", "maxTokens", "temperature", "topP", "stop", "seed", "responseFormat", "tools"]
})

const bodyOf = (request: Provider.Resolved) => ({
  model: request.model,
  messages: request.prompt === undefined ? request.messages : [{ role: "user", content: request.prompt }],
  max_tokens: request.maxTokens,
  temperature: request.temperature,
  top_p: request.topP,
  stop: request.stop,
  seed: request.seed,
  response_format: request.responseFormat,
  tools: request.tools,
  stream: true
})

const Text = Schema.NullishOr(Schema.String)
const Choice = Schema.Struct({ delta: Schema.Struct({ content: Text }), finish_reason: Text })
const decodePiece = Schema.decode(Schema.parseJson(Schema.Struct({ choices: Schema.Array(Choice) })))

const reasons: Readonly<Record<string, Output.Of<"Finish">["reason"]>> = { stop: "stop", length: "length" }

const outputsOf = ({ delta, finish_reason }: typeof Choice.Type): ReadonlyArray<Output.Output> => [
  ...(delta.content ? [{ _tag: "TextDelta", text: delta.content } as const] : []),
  ...(finish_reason ? [{ _tag: "Finish", reason: reasons[finish_reason] ?? "unknown" } as const] : [])
]

const broken = (reason: "network" | "malformed", detail: string) =>
  new ProviderError.ResponseError({ provider: name, reason, detail })

interface Options {
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted<string>
  readonly model: string
}

export const make = Effect.fnUntraced(function*({ apiKey, baseUrl, model }: Options) {
  const http = yield* HttpClient.HttpClient
  const origin = { provider: name, secrets: [apiKey] }

  const run = Effect.fnUntraced(function*(request: Provider.Resolved) {
    const response = yield* HttpClientRequest.post(`${baseUrl}/chat/completions`).pipe(
      HttpClientRequest.bearerToken(apiKey),
      HttpClientRequest.bodyUnsafeJson(bodyOf(request)),
      http.execute,
      Effect.mapError((error) => Failure.fromHttpClientError(origin, error))
    )
    if (response.status >= 400) return yield* Effect.flip(Failure.fromResponse(origin, response))
    return response.stream.pipe(
      Stream.mapError((error) => Failure.fromHttpClientError(origin, error)),
      Sse.decode(),
      Stream.concat(Stream.fail(broken("network", "the stream ended before [DONE]"))),
      Stream.takeWhile(({ data }) => data !== "[DONE]"),
      Stream.mapEffect(({ data }) => decodePiece(data)),
      Stream.mapConcat(({ choices }) => choices.flatMap(outputsOf)),
      Stream.catchTags({
        EventTooLarge: ({ message }) => Stream.fail(broken("malformed", message)),
        ParseError: (error) => Stream.fail(Failure.fromParseError(origin, error, { status: response.status }))
      })
    )
  })

  return Provider.make({
    info: { name, url: baseUrl, needsAuth: true, supportsSystemMessage: true, supportsMessageHistory: true },
    catalog: ModelCatalog.make({ default: model, mode: "lenient" }),
    parameters,
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
