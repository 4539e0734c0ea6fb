import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Failure from "../../http/Failure.js"
import * as Retry from "../../http/Retry.js"
import * as Body from "../../internal/body.js"
import { pushed, timeoutFail } from "../../internal/clocks.js"
import * as DataUri from "../../internal/dataUri.js"
import * as Pull from "../../internal/pull.js"
import * as Push from "../../internal/push.js"
import { headerIssues } from "../../internal/sendable.js"
import { isPresent } from "../../internal/token.js"
import type { Inside } from "../../internal/work.js"
import {
  InvalidRequest,
  isRetryable,
  MissingAuth,
  type ProviderError,
  ResponseError,
  Timeout
} from "../../ProviderError.js"
import { CallSettings, type Settings } from "../CallSettings.js"
import type { Download } from "../FileOutput.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { type Answer, logged } from "./callLog.js"
import type { Limits } from "./limits.js"

/** @internal */
export const provider = "Replicate"

const loginUrl = "https://replicate.com/account/api-tokens"

/**
 * Other characters make the HTTP clients throw errors that print the header.
 *
 * @internal
 */
export const isHeaderValue = (text: string): boolean => /^[\x21-\x7e]+(?:[\x20\t]+[\x21-\x7e]+)*$/.test(text)

const originOf = (url: string): string | undefined => URL.canParse(url) ? new URL(url).origin : undefined

/**
 * The token of a call with these settings.
 *
 * @internal
 */
export const tokenOf = (config: ReplicateConfig, own: Settings): Option.Option<Redacted.Redacted<string>> =>
  own.token !== undefined && isPresent(own.token) ? Option.some(own.token) : config.token

/**
 * The token of the call at hand.
 *
 * @internal
 */
export const currentToken = (config: ReplicateConfig): Effect.Effect<Option.Option<Redacted.Redacted<string>>> =>
  Effect.map(CallSettings, (own) => tokenOf(config, own))

/** Says why a file is gone, which its host does not. */
const orExpired = (error: ProviderError): ProviderError =>
  error._tag === "ResponseError" && [403, 404, 410].includes(error.status ?? 0)
    ? new ResponseError({ ...error, detail: "the file is gone, as Replicate keeps output files for an hour" })
    : error

const always = () => true

/**
 * A runtime without the platform's spans, which hold headers and whole URLs, and would be told to a third party in trace
 * headers.
 *
 * @internal
 */
export const untraced: Inside = (runtime) => Runtime.setFiberRef(runtime, HttpClient.currentTracerDisabledWhen, always)

type Exchange<R> = Effect.Effect<HttpClientResponse.HttpClientResponse, ProviderError, R>

/**
 * Sends a request whose answer is to be in JSON, or in the type given. To be run in a runtime that is `untraced`. The
 * scope ends an answer that is not read.
 *
 * @internal
 */
export type Send = (
  request: HttpClientRequest.HttpClientRequest,
  own: Settings,
  accept?: string
) => Exchange<Scope.Scope>

/** @internal */
export interface Http {
  /**
   * Sends to the API, with the token; any status but success is an error. A URL is a path of the API, or whole: a link
   * the API gave, which is followed only on the API's own origin.
   */
  readonly api: Send
  /** Sends anywhere, never with the token. */
  readonly web: HttpClient.HttpClient
  readonly open: (url: string) => Effect.Effect<Download, ProviderError>
  readonly download: (url: string) => Stream.Stream<Uint8Array, ProviderError>
}

type Ready = Either.Either<HttpClientRequest.HttpClientRequest, ProviderError>

/**
 * The HTTP clients beneath the Replicate client: where the token goes, and how errors of HTTP become ours.
 *
 * @internal
 */
export const makeHttp = Effect.fnUntraced(function*(config: ReplicateConfig, limits: Limits) {
  const bare = config.transformClient(yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest(HttpClientRequest.setHeader("user-agent", config.userAgent))
  )
  const web = HttpClient.withTracerDisabledWhen(bare, always)

  const authorize = (request: HttpClientRequest.HttpClientRequest, own: Settings): Ready => {
    const secret = tokenOf(config, own)
    if (Option.isNone(secret)) {
      return config.needsAuth
        ? Either.left(new MissingAuth({ provider, reason: "absent", loginUrl }))
        : Either.right(request)
    }
    return isHeaderValue(Redacted.value(secret.value))
      ? Either.right(HttpClientRequest.bearerToken(request, secret.value))
      : Either.left(
        new MissingAuth({ provider, reason: "rejected", loginUrl, detail: "a header cannot carry it" })
      )
  }

  const withHeaders = (
    request: HttpClientRequest.HttpClientRequest,
    headers: Readonly<Record<string, string>>
  ): Ready => {
    const issues = headerIssues(headers, isHeaderValue)
    return issues.length === 0
      ? Either.right(HttpClientRequest.setHeaders(request, headers))
      : Either.left(new InvalidRequest({ provider, issues }))
  }

  const route = (request: HttpClientRequest.HttpClientRequest): Ready =>
    request.url.startsWith("/")
      ? Either.right(HttpClientRequest.prependUrl(request, config.baseUrl))
      : originOf(request.url) === originOf(config.baseUrl)
      ? Either.right(request)
      : Either.left(
        new ResponseError({
          provider,
          method: request.method,
          url: Failure.publicUrl(request.url),
          reason: "malformed",
          detail: "it leads to another origin"
        })
      )

  const origin = Effect.map(
    currentToken(config),
    (secret): Failure.Origin => ({ provider, loginUrl, secrets: Option.toArray(secret) })
  )

  const checkStatus = (response: HttpClientResponse.HttpClientResponse) =>
    response.status < 300
      ? Effect.succeed(response)
      : Effect.flatMap(origin, (origin) => Effect.flip(Failure.fromResponse(origin, response)))

  const toProviderError = (error: ProviderError | HttpClientError.HttpClientError) =>
    HttpClientError.isHttpClientError(error)
      ? Effect.flatMap(origin, (origin) => Effect.fail(Failure.fromHttpClientError(origin, error)))
      : Effect.fail(error)

  const exchangeBy =
    <R>(client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, R>) => (ready: Ready): Exchange<R> =>
      Either.isLeft(ready)
        ? Effect.fail(ready.left)
        : Effect.catchAll(Effect.flatMap(client.execute(ready.right), checkStatus), toProviderError)
  const exchange = exchangeBy(bare)
  // an answer that others may read as well is left as the platform gives it
  const exchangeScoped = exchangeBy(config.transformClient === identity ? HttpClient.withScope(bare) : bare)

  const api: Send = (request, own, accept = "application/json") =>
    exchangeScoped(
      withHeaders(request, own.headers ?? { accept }).pipe(
        Either.flatMap((request) => authorize(request, own)),
        Either.flatMap(route)
      )
    )

  const openDataUri = (uri: string): Effect.Effect<Download, ProviderError> =>
    Option.match(DataUri.decode(uri), {
      onNone: () =>
        Effect.fail(new ResponseError({ provider, reason: "malformed", detail: "the data URI is damaged" })),
      onSome: (bytes) => Effect.succeed({ contentType: DataUri.mediaType(uri), stream: Stream.succeed(bytes) })
    })

  const openUrl = (url: string): Effect.Effect<Download, ProviderError> => {
    const isOwn = originOf(url) === originOf(config.baseUrl)
    const at = { method: "GET", url }
    const timeout = () => new Timeout({ provider, clock: "connect", duration: config.connectTimeout })
    const request = HttpClientRequest.get(url)
    const exchanged = isOwn
      ? Effect.flatMap(CallSettings, (own) => exchange(authorize(request, own)))
      : exchange(Either.right(request))
    const get = exchanged.pipe(
      timeoutFail({ duration: config.connectTimeout, onTimeout: timeout, inside: untraced }),
      Effect.map((response): Answer<void> => [undefined, response]),
      Effect.mapError((error) => isOwn ? error : orExpired(error))
    )
    const opened = Effect.suspend(() => {
      let attempt = 0
      const next = logged(get, () => ({ ...at, url: Failure.publicUrl(url) }), "download", () => ++attempt)
      return Retry.retry(isOwn ? limits.limited({ method: at.method, url: () => url }, next) : next, {
        policy: config.retry,
        while: isRetryable
      })
    })
    // a host that falls silent is given up like one that does not answer
    const clocks = { idle: config.connectTimeout }
    return Effect.map(opened, ([, response]) => {
      const bytes: Push.Source<Uint8Array, ProviderError> = ({ take }) =>
        Effect.interruptible(Effect.catchAll(Push.forEachChunk(Body.stream(response), take), toProviderError))
      const timed = pushed(bytes, clocks, (clock, duration) => new Timeout({ provider, clock, duration }))
      return { contentType: response.headers["content-type"], stream: Pull.toStream(timed) }
    })
  }

  const open = (url: string) => DataUri.isDataUri(url) ? openDataUri(url) : openUrl(url)

  const download = (url: string) => Pull.toStream(Effect.flatMap(open(url), ({ stream }) => Pull.open(stream)))

  const http: Http = { api, web, open, download }
  return http
})
