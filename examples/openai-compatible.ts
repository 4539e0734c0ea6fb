/** A provider of one's own, for any endpoint that speaks OpenAI's chat completions. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { ModelCatalog, type Output, Parameters, Provider, ProviderError } from "effect-providers"
import * as Failure from "effect-providers/http/Failure"
import * as Sse from "effect-providers/http/Sse"
import { main } from "./support/main.js"
import { openAiServer } from "./support/openAiServer.js"

interface Options {
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted<string>
  readonly model: string
}

const Finish = Schema.Literal("stop", "length", "content_filter", "tool_calls")
const Piece = Schema.parseJson(Schema.Struct({
  choices: Schema.Array(Schema.Struct({
    delta: Schema.Struct({ content: Schema.optional(Schema.NullOr(Schema.String)) }),
    finish_reason: Schema.optional(Schema.NullOr(Finish))
  }))
}))

const reasons = { stop: "stop", length: "length", content_filter: "content-filter", tool_calls: "tool-calls" } as const

const outputs = ({ choices }: typeof Piece.Type): ReadonlyArray<Output.Output> =>
  choices.flatMap(({ delta, finish_reason }): ReadonlyArray<Output.Output> => [
    ...(delta.content ? [{ _tag: "TextDelta", text: delta.content } as const] : []),
    ...(finish_reason ? [{ _tag: "Finish", reason: reasons[finish_reason] } as const] : [])
  ])

export const make = ({ apiKey, baseUrl, model }: Options) =>
  Effect.map(HttpClient.HttpClient, (http) => {
    const name = "OpenAICompatible"
    const origin = { provider: name, secrets: [apiKey] }
    const cut = new ProviderError.ResponseError({ provider: name, reason: "network", detail: "no [DONE] came" })

    const open = Effect.fnUntraced(function*(request: Provider.Resolved) {
      const { maxTokens, messages = [], prompt, responseFormat, seed, stop, temperature, tools, topP } = request
      const response = yield* HttpClientRequest.post(`${baseUrl}/chat/completions`).pipe(
        HttpClientRequest.bearerToken(apiKey),
        HttpClientRequest.bodyUnsafeJson({
          model: request.model,
          messages: prompt === undefined ? messages : [{ role: "user", content: prompt }],
          stream: true,
          max_tokens: maxTokens,
          response_format: responseFormat,
          seed,
          stop,
          temperature,
          tools,
          top_p: topP
        }),
        http.execute,
        Effect.mapError((error) => Failure.fromHttpClientError(origin, error))
      )
      if (response.status >= 400) return yield* Effect.flip(Failure.fromResponse(origin, response))
      return response.stream.pipe(
        Stream.mapError((error) => Failure.fromHttpClientError(origin, error)),
        Sse.decode(),
        Stream.concat(Stream.fail(cut)),
        Stream.takeWhile(({ data }) => data !== "[DONE]"),
        Stream.mapEffect(({ data }) => Schema.decode(Piece)(data)),
        Stream.mapConcat(outputs),
        Stream.catchTags({
          EventTooLarge: ({ message }) =>
            Stream.fail(new ProviderError.ResponseError({ provider: name, reason: "malformed", detail: message })),
          ParseError: (error) => Stream.fail(Failure.fromParseError(origin, error, { status: response.status }))
        })
      )
    })

    return Provider.make({
      info: { name, url: baseUrl, needsAuth: true, supportsSystemMessage: true, supportsMessageHistory: true },
      catalog: ModelCatalog.make({ default: model, text: [model], mode: "lenient" }),
      parameters: Parameters.fromSchema(Provider.Request, {
        pick: [
          "model",
          "messages",
          "prompt",
          "maxTokens",
          "responseFormat",
          "seed",
          "stop",
          "temperature",
          "tools",
          "topP",
          "timeout",
          "idleTimeout"
        ]
      }),
      run: (request) => Stream.unwrap(open(request))
    })
  })

export const layer = (options: Options) => Layer.effect(Provider.Provider, make(options))

/** The provider before a server on this machine. */
export const local = Layer.unwrapScoped(
  Effect.map(openAiServer, ({ url }) => layer({ baseUrl: url, apiKey: Redacted.make("sk-local"), model: "local" }))
).pipe(Layer.provide(FetchHttpClient.layer))

export const program = Provider.text({ messages: [{ role: "user", content: "Hello there" }] })

main(import.meta.url, Effect.provide(program, local))
