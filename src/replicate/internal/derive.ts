import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Schema from "effect/Schema"
import type { ProviderError } from "../../ProviderError.js"
import { ReplicateApi } from "../ReplicateApi.js"
import type { Api } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { answerError, perform } from "./call.js"
import type { Answer } from "./callLog.js"
import type { Limits } from "./limits.js"

interface CallRequest {
  readonly path?: Readonly<Record<string, string>>
  readonly headers?: { readonly prefer?: string }
}

type Call = (request?: CallRequest) => Effect.Effect<unknown, unknown>
type CallWithResponse = (
  request: CallRequest & { readonly withResponse: true }
) => Effect.Effect<Answer<unknown>, unknown>

interface Endpoint {
  readonly method: string
  readonly name: string
  readonly path: string
  readonly successSchema: Schema.Schema.Any
}

/** The path of a call: its route, with the parameters in their places. */
const pathOf = (route: string, parameters: CallRequest["path"] = {}): string =>
  route.replace(/:(\w+)/g, (_, name) => Either.getOrElse(Encoding.encodeUriComponent(parameters[name] ?? ""), () => ""))

/** How long `Prefer: wait=n` lets the server hold its answer back. */
const holdOf = (prefer: string | undefined): Duration.Duration =>
  prefer === undefined ? Duration.zero : Duration.seconds(Number(/=(\d+)/.exec(prefer)?.[1] ?? 60))

/** An answer under a status that no success of the endpoint was declared with: no other error of a decoder has no cause. */
const isUndeclared = (error: unknown): error is HttpClientError.ResponseError =>
  HttpClientError.isHttpClientError(error) && error._tag === "ResponseError" && error.reason === "Decode" &&
  error.cause === undefined

/** What a POST did, it did under any status of success: a prediction under 203 is paid for as well. */
const orUndeclared = (method: string, success: Schema.Schema<unknown>) => (answered: ReturnType<CallWithResponse>) =>
  Effect.catchIf(answered, isUndeclared, (error) =>
    method === "POST"
      ? Effect.mapBoth(HttpClientResponse.schemaBodyJson(success)(error.response), {
        onFailure: answerError,
        onSuccess: (value): Answer<unknown> => [value, error.response]
      })
      : Effect.fail(answerError(error)))

/**
 * Derives the client from the declared API, and puts on every operation what each call needs.
 *
 * @internal
 */
export const derive = Effect.fnUntraced(function*(
  config: ReplicateConfig,
  limits: Limits,
  http: HttpClient.HttpClient.With<ProviderError>
) {
  const derived = yield* HttpApiClient.makeWith(ReplicateApi, {
    httpClient: http,
    transformResponse: (answer) => Effect.mapError(answer, (error) => isUndeclared(error) ? error : answerError(error))
  })
  // what is done to a call is the same for all of them, whatever they take and give
  const client = derived as unknown as Readonly<Record<string, Readonly<Record<string, CallWithResponse>>>>

  const wrap = (group: string, { method, name, path, successSchema }: Endpoint, call: CallWithResponse): Call => {
    const description = {
      name: `${group}.${name}`,
      method,
      isSafe: method === "GET" || method === "DELETE" || name === "cancel",
      accept: HttpApiSchema.getEncoding(successSchema.ast).contentType
    }
    const answered = orUndeclared(method, Schema.make<unknown>(successSchema.ast))
    return (request) =>
      Effect.suspend(() =>
        perform(config, limits, answered(call({ ...request, withResponse: true })), {
          ...description,
          url: config.baseUrl + pathOf(path, request?.path),
          hold: holdOf(request?.headers?.prefer)
        })
      )
  }

  const api: Record<string, Record<string, Call>> = {}
  HttpApi.reflect(ReplicateApi, {
    onGroup: ({ group }) => {
      api[group.identifier] = {}
    },
    onEndpoint: ({ endpoint, group }) => {
      const call = client[group.identifier]?.[endpoint.name]
      const calls = api[group.identifier]
      if (call !== undefined && calls !== undefined) calls[endpoint.name] = wrap(group.identifier, endpoint, call)
    }
  })
  // the loop above visits every endpoint of ReplicateApi, which is what `Api` is computed from
  return api as unknown as Api
})
