/**
 * Talks to a web site as a browser's page does: the same headers on every request, cookies kept between them.
 *
 * @since 0.1.0
 */
import type * as Cookies from "@effect/platform/Cookies"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { carriedSecrets, cleaner } from "../internal/scrub.js"
import { type ProviderError, ResponseError, Timeout } from "../ProviderError.js"
import * as Failure from "./Failure.js"

/**
 * What makes a session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Name of the provider, for errors. */
  readonly provider: string
  /** The site: cookies go to its origin and nowhere else. */
  readonly site: string | URL
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** Cookies to begin with, by name, as they are sent. Those of the site are added, and replace them. */
  readonly cookies?: Readonly<Record<string, Redacted.Redacted<string>>> | undefined
  /** Connect clock. Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/**
 * A session. It lasts as long as it is held: whoever shares it shares its cookies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session {
  /** Sends a request. Any status but success is an error; so is no answer within the connect clock. */
  readonly send: (
    request: HttpClientRequest.HttpClientRequest,
    options?: { readonly connectTimeout?: Duration.DurationInput | undefined }
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, ProviderError>
  /** The whole body of an answer, as text. */
  readonly text: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<string, ProviderError>
  /** The body of an answer as it arrives. Ending the stream early closes the connection. */
  readonly bytes: (response: HttpClientResponse.HttpClientResponse) => Stream.Stream<Uint8Array, ProviderError>
  /** The error that the body of an answer reports, if it reports one. Cookies that it shows are taken out. */
  readonly reported: (response: HttpClientResponse.HttpClientResponse, body: unknown) => Option.Option<ProviderError>
  /** Tells that an answer is not what was expected: why, and how its body begins. Cookies are taken out of it. */
  readonly malformed: (
    response: HttpClientResponse.HttpClientResponse,
    answer: { readonly why: string; readonly body?: string | undefined }
  ) => ResponseError
}

interface Crumb {
  readonly value: string
  /** When it is forgotten, in milliseconds. */
  readonly until: number
}

const crumb = ({ options, valueEncoded }: Cookies.Cookie, now: number): Crumb => ({
  value: valueEncoded,
  until: options?.maxAge === undefined
    ? options?.expires?.getTime() ?? Infinity
    : now + Duration.toMillis(options.maxAge)
})

/**
 * Makes a session with no cookies but those given.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as BrowserSession from "effect-providers/http/BrowserSession"
 *
 * const page = Effect.gen(function*() {
 *   const session = yield* BrowserSession.make({
 *     provider: "Example",
 *     site: "https://example.com",
 *     headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" }
 *   })
 *   return yield* Effect.flatMap(session.send(HttpClientRequest.get("https://example.com/")), session.text)
 * }).pipe(Effect.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { cookies = {}, headers, provider } = options
  const given = Object.entries(cookies).map(([name, value]) => [name, Redacted.value(value)] as const)
  const origin: Failure.Origin = { provider, secrets: Object.values(cookies) }
  const siteOrigin = new URL(options.site).origin
  const jar = yield* Ref.make<ReadonlyMap<string, Crumb>>(
    new Map(given.map(([name, value]) => [name, { value, until: Infinity }]))
  )
  // spans of the platform hold headers and whole URLs, and trace headers are no business of a third party
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.withTracerDisabledWhen(() => true)
  )

  const isSite = (request: HttpClientRequest.HttpClientRequest) =>
    Option.exists(HttpClientRequest.toUrl(request), (url) => url.origin === siteOrigin)

  const dress = (request: HttpClientRequest.HttpClientRequest, now: number, crumbs: ReadonlyMap<string, Crumb>) => {
    const dressed = HttpClientRequest.setHeaders(request, headers)
    const pairs = [...crumbs].filter(([, { until }]) => until > now).map(([name, { value }]) => `${name}=${value}`)
    return pairs.length > 0 && isSite(request)
      ? HttpClientRequest.setHeader(dressed, "cookie", pairs.join("; "))
      : dressed
  }

  const keep = (response: HttpClientResponse.HttpClientResponse, now: number) =>
    Ref.update(jar, (crumbs) => {
      const set = Object.values(response.cookies.cookies)
      return new Map([...crumbs, ...set.map((cookie) => [cookie.name, crumb(cookie, now)] as const)])
    })

  const toProviderError = (error: HttpClientError.HttpClientError) => Failure.fromHttpClientError(origin, error)

  const send: Session["send"] = Effect.fnUntraced(function*(request, call) {
    const duration = Duration.decode(call?.connectTimeout ?? options.connectTimeout ?? "30 seconds")
    const now = yield* Clock.currentTimeMillis
    const response = yield* client.execute(dress(request, now, yield* Ref.get(jar))).pipe(
      Effect.mapError(toProviderError),
      Effect.timeoutFail({
        duration,
        onTimeout: () =>
          new Timeout({
            provider,
            clock: "connect",
            duration,
            method: request.method,
            url: Failure.publicUrl(request.url)
          })
      })
    )
    if (isSite(request)) yield* keep(response, now)
    return response.status < 300 ? response : yield* Effect.flip(Failure.fromResponse(origin, response))
  })

  const secretsOf = (request: HttpClientRequest.HttpClientRequest) => [
    ...given.map(([, value]) => value),
    ...carriedSecrets(request, ["cookie"])
  ]

  const session: Session = {
    send,
    text: (response) => Effect.mapError(response.text, toProviderError),
    bytes: (response) => Stream.mapError(response.stream, toProviderError),
    reported: ({ request }, body) =>
      Failure.fromPayload({ provider, secrets: secretsOf(request).map((secret) => Redacted.make(secret)) }, { body }),
    malformed: ({ request, status }, { body = "", why }) => {
      const clean = cleaner(secretsOf(request))
      return new ResponseError({
        provider,
        reason: "malformed",
        method: request.method,
        url: Failure.publicUrl(request.url),
        status,
        detail: body === "" ? why : clean(`${why}: ${body}`)
      })
    }
  }
  return session
})
