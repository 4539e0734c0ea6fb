/**
 * Talks to a web site as a browser's page does: the same headers on every request, cookies kept between them, redirects
 * followed.
 *
 * @since 0.1.0
 */
import type * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
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
import { readBody } from "../internal/boundedBody.js"
import { answeredFrom, redirected } from "../internal/redirect.js"
import { secretHeaders } from "../internal/scrub.js"
import { headerIssues, isText } from "../internal/sendable.js"
import { InvalidRequest, Issue } from "../ProviderError.js"
import * as Caller from "./Caller.js"

/**
 * What makes a session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Name of the provider, for errors. */
  readonly provider: string
  /** The site: cookies, and headers that carry credentials, go to its origin and nowhere else. */
  readonly site: string | URL
  /** Sent with every request; those that carry credentials, such as `authorization`, only to the site. */
  readonly headers: Readonly<Record<string, string>>
  /** Cookies to begin with, by name, as they are sent. Those of the site are added, and replace them. */
  readonly cookies?: Readonly<Record<string, Redacted.Redacted<string>>> | undefined
  /** Connect clock, for a request and the redirects it meets. Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/**
 * A session: a `Caller` that lasts as long as it is held, and whoever shares it shares its cookies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session extends Caller.Caller {}

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

/** Other characters end a cookie, or make HTTP clients throw errors that print the header. */
const isCookie = (name: string, value: string): boolean =>
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && /^[\x20-\x3a\x3c-\x7e\x80-\xff]*$/.test(value)

const originOf = (site: string | URL): string | undefined =>
  URL.canParse(site) && /^https?:$/.test(new URL(site).protocol) ? new URL(site).origin : undefined

const mostRedirects = 10

/** As many, of as many bytes, as browsers keep for one site. */
const mostCookies = 180
const longestCookie = 4096

/**
 * Makes a session with no cookies but those given.
 *
 * Cookies come from the site's origin alone, and `Secure` ones over https alone; of more than 180, the oldest go.
 * Redirects are followed, at most 10 for a request, with what each of them says about cookies. A client that follows
 * them by itself, as `fetch` does unless `FetchHttpClient.RequestInit` says `redirect: "manual"`, tells of the last
 * answer only.
 *
 * Making it never fails: a `site` that is no HTTP URL, and a header or cookie that cannot be sent, fail each `send` with
 * `InvalidRequest`, before any I/O.
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
  const { connectTimeout, cookies = {}, headers, provider } = options
  const given = Object.entries(cookies).map(([name, value]) => [name, Redacted.value(value)] as const)
  const origin = originOf(options.site)
  const issues = [
    ...(origin === undefined ? [new Issue({ field: "site", message: "expected an HTTP URL" })] : []),
    ...given.filter(([name, value]) => !isCookie(name, value)).map(([name]) =>
      new Issue({ field: `cookies.${name}`, message: "cannot be sent" })
    ),
    // they are set beneath the caller, which therefore does not see them
    ...headerIssues(headers, isText)
  ]
  const openHeaders = Headers.remove(Headers.fromInput(headers), secretHeaders)
  const isSite = (url: Option.Option<URL>) => Option.exists(url, (url) => url.origin === origin)
  const jar = yield* Ref.make<ReadonlyMap<string, Crumb>>(
    new Map(given.map(([name, value]) => [name, { value, until: Infinity }]))
  )
  const client = yield* HttpClient.HttpClient

  const dress = (request: HttpClientRequest.HttpClientRequest, now: number, crumbs: ReadonlyMap<string, Crumb>) => {
    if (!isSite(HttpClientRequest.toUrl(request))) return HttpClientRequest.setHeaders(request, openHeaders)
    const dressed = HttpClientRequest.setHeaders(request, headers)
    const pairs = [...crumbs].filter(([, { until }]) => until > now).map(([name, { value }]) => `${name}=${value}`)
    return pairs.length > 0 ? HttpClientRequest.setHeader(dressed, "cookie", pairs.join("; ")) : dressed
  }

  const keep = (response: HttpClientResponse.HttpClientResponse, now: number) =>
    Ref.update(jar, (crumbs) => {
      if (!isSite(answeredFrom(response))) return crumbs
      const set = Object.values(response.cookies.cookies).filter(({ name, options, valueEncoded }) =>
        (options?.secure !== true || origin?.startsWith("https:") === true) &&
        name.length + valueEncoded.length <= longestCookie
      )
      const all = new Map([...crumbs, ...set.map((cookie) => [cookie.name, crumb(cookie, now)] as const)])
      return new Map([...all].filter(([, { until }]) => until > now).slice(-mostCookies))
    })

  const visit = (
    request: HttpClientRequest.HttpClientRequest,
    redirects: number
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const response = yield* client.execute(dress(request, now, yield* Ref.get(jar)))
      yield* keep(response, now)
      const next = redirected(request, response)
      if (Option.isNone(next) || redirects === 0) return response
      // an answer that is left unread keeps its connection
      yield* readBody(response)
      return yield* visit(next.value, redirects - 1)
    })

  const visiting = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((request) => visit(request, mostRedirects)),
    Effect.succeed
  )
  const caller = Caller.make(visiting, { provider, secrets: Object.values(cookies), connectTimeout })
  const session: Session = {
    ...caller,
    send: (request, options) =>
      issues.length === 0 ? caller.send(request, options) : Effect.fail(new InvalidRequest({ provider, issues }))
  }
  return session
})
