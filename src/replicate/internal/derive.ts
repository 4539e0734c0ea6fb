import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Fiber from "effect/Fiber"
import * as ParseResult from "effect/ParseResult"
import * as Failure from "../../http/Failure.js"
import * as Retry from "../../http/Retry.js"
import { isProviderError, isRetryable, type ProviderError, ResponseError, Timeout } from "../../ProviderError.js"
import { CallSettings } from "../CallSettings.js"
import { ReplicateApi } from "../ReplicateApi.js"
import type { Api } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { provider } from "./http.js"

interface CallRequest {
  readonly path?: Readonly<Record<string, string>>
  readonly headers?: { readonly prefer?: string }
}

type Call = (request?: CallRequest) => Effect.Effect<unknown, unknown>

type Endpoint = { readonly method: string; readonly name: string; readonly path: string }

/** Nothing was started at the service, so that sending the same call again cannot do anything twice. */
const isRefusal = (error: ProviderError): boolean =>
  error._tag === "RateLimited" || (error._tag === "ResponseError" && error.reason === "connect")

/**
 * Lets a call that may start something come to its end, whoever is interrupted meanwhile: its answer says what has to
 * be canceled. In a fiber of nobody's, because an interrupted fiber interrupts its children, also where it cannot be
 * interrupted itself.
 */
const unattended = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptible(Effect.flatMap(Effect.forkDaemon(Effect.interruptible(call)), Fiber.join))

/** The path of a call: its route, with the parameters in their places. */
const pathOf = (route: string, parameters: CallRequest["path"] = {}): string =>
  route.replace(/:(\w+)/g, (_, name) => Either.getOrElse(Encoding.encodeUriComponent(parameters[name] ?? ""), () => ""))

/** How long `Prefer: wait=n` lets the server hold its answer back. */
const hold = (prefer: string | undefined): Duration.Duration =>
  prefer === undefined ? Duration.zero : Duration.seconds(Number(/=(\d+)/.exec(prefer)?.[1] ?? 60))

/** What is wrong with an answer. */
const answerError = (error: unknown): unknown =>
  ParseResult.isParseError(error)
    ? Failure.fromParseError({ provider }, error, {})
    : HttpClientError.isHttpClientError(error)
    ? Failure.fromHttpClientError({ provider }, error)
    : error

/** What is left is either ours, or says that the request could not be encoded. */
const requestError = (error: unknown): Effect.Effect<never, ProviderError> =>
  isProviderError(error)
    ? Effect.fail(error)
    : ParseResult.isParseError(error)
    ? Effect.fail(Failure.invalidRequest(provider, error))
    : Effect.die(error)

/**
 * Derives the client from the declared API, and puts on every operation what each needs: the connect clock, retries
 * by what is safe, one kind of error, a span.
 *
 * @internal
 */
export const derive = Effect.fnUntraced(function*(
  config: ReplicateConfig,
  http: HttpClient.HttpClient.With<ProviderError>
) {
  const derived = yield* HttpApiClient.makeWith(ReplicateApi, {
    httpClient: http,
    transformResponse: (answer) => Effect.mapError(answer, answerError)
  })
  // what is done to a call is the same for all of them, whatever they take and give
  const client = derived as unknown as Readonly<Record<string, Readonly<Record<string, Call>>>>

  const wrap = (group: string, endpoint: Endpoint, call: Call): Call => {
    const { method, name } = endpoint
    const safe = method === "GET" || method === "DELETE" || name === "cancel"

    return (request) => {
      const at = { method, url: Failure.publicUrl(config.baseUrl + pathOf(endpoint.path, request?.path)) }
      // the decoder of an answer does not know what was called
      const located = (error: ProviderError) =>
        error._tag === "ResponseError" && error.url === undefined ? new ResponseError({ ...error, ...at }) : error
      const once = Effect.flatMap(CallSettings, ({ connectTimeout = config.connectTimeout }) => {
        const duration = Duration.sum(connectTimeout, hold(request?.headers?.prefer))
        return Effect.timeoutFail(Effect.catchAll(call(request), requestError), {
          duration,
          onTimeout: () => new Timeout({ provider, ...at, clock: "connect", duration })
        })
      })
      return Retry.retry(Effect.mapError(safe ? once : unattended(once), located), {
        policy: config.retry,
        while: safe ? isRetryable : isRefusal
      }).pipe(
        Effect.withSpan(`Replicate.${group}.${name}`, { captureStackTrace: false })
      )
    }
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
