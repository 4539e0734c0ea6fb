/**
 * What went wrong over HTTP, as a `ProviderError`: statuses, error bodies, broken connections, odd answers.
 *
 * Errors of the platform print the request with its credentials, so nothing of theirs is kept: what an error tells is
 * put together here, from parts known to be harmless.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { readBody } from "../internal/boundedBody.js"
import { blockedBy, codeIn, isHtml, parseJson, type Said, understand, unlist } from "../internal/errorBody.js"
import { issuesOf } from "../internal/schemaIssues.js"
import { carriedSecrets, type Clean, cleaner, cut } from "../internal/scrub.js"
import { systemErrors } from "../internal/systemErrors.js"
import {
  Blocked,
  InvalidRequest,
  Issue,
  MissingAuth,
  PaymentRequired,
  type ProviderError,
  RateLimited,
  ResponseError
} from "../ProviderError.js"
import * as Retry from "./Retry.js"

/**
 * Who was called.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin {
  readonly provider: string
  /** Page where a user gets credentials. */
  readonly loginUrl?: string | undefined
  /** Values that are taken out of everything the service said, as it may echo them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted<string>> | undefined
}

/** What an error tells of its call. */
interface Call {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly status?: number | undefined
}

const cleanerOf = (origin: Origin, carried: ReadonlyArray<string> = []): Clean =>
  cleaner([...(origin.secrets ?? []).map((secret) => Redacted.value(secret)), ...carried])

/**
 * Strips a URL of user info, query and fragment. What is not an HTTP URL is hidden whole.
 *
 * @since 0.1.0
 * @category combinators
 */
export const publicUrl = (url: string): string => {
  if (!URL.canParse(url)) return "<hidden>"
  const { host, pathname, protocol } = new URL(url)
  return /^https?:$/.test(protocol) ? `${protocol}//${host}${pathname}` : "<hidden>"
}

const toError = (
  origin: Origin,
  call: Call & { readonly status: number },
  answer: { readonly said: Said; readonly text: string; readonly retryAfter: Option.Option<Duration.Duration> }
): ProviderError => {
  const { code, detail, issues } = answer.said
  const retryAfter = Option.getOrUndefined(answer.retryAfter)
  const common = { provider: origin.provider, ...call, detail: detail === "" ? undefined : detail }
  const by = blockedBy(call.status, answer.text)
  if (by !== undefined) return new Blocked({ ...common, by })
  switch (call.status) {
    case 401:
      return new MissingAuth({ ...common, reason: "rejected", loginUrl: origin.loginUrl })
    case 402:
      return new PaymentRequired(common)
    case 400:
    case 413:
    case 422:
      // what Google's APIs say of a wrong key, under 400
      return /API key not valid/i.test(detail ?? "")
        ? new MissingAuth({ ...common, reason: "rejected", loginUrl: origin.loginUrl })
        : new InvalidRequest({ ...common, issues })
    case 429:
      return new RateLimited({ ...common, retryAfter })
    default:
      return new ResponseError({ ...common, reason: "status", code, retryAfter })
  }
}

const callOf = (origin: Origin, request: HttpClientRequest.HttpClientRequest, status?: number) => ({
  method: request.method,
  url: cleanerOf(origin)(publicUrl(request.url)),
  status
})

/**
 * Tells what a response of an error status means. At most 64 KiB of its body are read, for at most 5 seconds; a body
 * that is broken, longer, or HTML gives no detail.
 *
 * @example
 * ```ts
 * import * as HttpClient from "@effect/platform/HttpClient"
 * import * as Failure from "effect-providers/http/Failure"
 * import * as Effect from "effect/Effect"
 *
 * const ok = HttpClient.get("https://example.com").pipe(
 *   Effect.flatMap((response) =>
 *     response.status < 400
 *       ? Effect.succeed(response)
 *       : Effect.flip(Failure.fromResponse({ provider: "Example" }, response))
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromResponse = Effect.fnUntraced(function*(
  origin: Origin,
  response: HttpClientResponse.HttpClientResponse
) {
  const { headers, request, status } = response
  const { text, whole } = yield* readBody(response)
  const clean = cleanerOf(origin, carriedSecrets(request))
  const readable = whole && !isHtml(text) && !/^text\/html/i.test(headers["content-type"] ?? "")
  const body = readable ? Option.getOrElse(parseJson(text), () => text) : undefined
  const said = understand(body, clean)
  const retryAfter = Retry.retryAfterHint({
    // every answer may tell when the rate limit resets; that is a reason to wait only after hitting it
    headers: status === 429 ? headers : Headers.remove(headers, "ratelimit-reset"),
    body: unlist(body),
    detail: said.detail,
    now: yield* Clock.currentTimeMillis
  })
  return toError(origin, { ...callOf(origin, request), status }, { said, text, retryAfter })
})

/**
 * Tells what an answer's body means when it reports an error: under an error status (200 when absent), or with
 * `error` or `error_message` in it. Without an error status, the one the body gives itself counts.
 *
 * @example
 * ```ts
 * import * as Failure from "effect-providers/http/Failure"
 *
 * const error = Failure.fromPayload({ provider: "Example" }, { body: { error: { code: 429, message: "slow down" } } })
 * // Some(RateLimited)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPayload = (
  origin: Origin,
  answer: { readonly status?: number | undefined; readonly body: unknown }
): Option.Option<ProviderError> => {
  const { body, status = 200 } = answer
  const payload = unlist(body)
  const reported = Predicate.isRecord(payload) &&
    (Predicate.isNotNullable(payload.error) || Predicate.isNotNullable(payload.error_message))
  if (status < 400 && !reported) return Option.none()
  const said = understand(payload, cleanerOf(origin))
  const retryAfter = Retry.retryAfterHint({ headers: Headers.empty, body: payload, detail: said.detail, now: 0 })
  const text = typeof payload === "string" ? payload : said.detail ?? ""
  return Option.some(
    toError(origin, { status: status < 400 ? said.status ?? status : status }, { said, text, retryAfter })
  )
}

/** Ports such as 6000 are blocked by fetch, which tells it by this text alone, of a redirect's target as well. */
const isBlockedPort = (url: string, cause: unknown): boolean =>
  URL.canParse(url) && new URL(url).port !== "" &&
  Predicate.isError(cause) && Predicate.isError(cause.cause) && cause.cause.message === "bad port"

/**
 * Tells what an error of the HTTP client means. Of its cause only a system code such as `ECONNREFUSED` is kept, and the
 * host and port of a proxy that failed.
 *
 * @example
 * ```ts
 * import * as HttpClient from "@effect/platform/HttpClient"
 * import * as Failure from "effect-providers/http/Failure"
 * import * as Effect from "effect/Effect"
 *
 * const text = HttpClient.get("https://example.com").pipe(
 *   Effect.flatMap((response) => response.text),
 *   Effect.mapError((error) => Failure.fromHttpClientError({ provider: "Example" }, error))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromHttpClientError = (origin: Origin, error: HttpClientError.HttpClientError): ProviderError => {
  const { provider } = origin
  const status = error._tag === "ResponseError" ? error.response.status : undefined
  const call = { provider, ...callOf(origin, error.request, status) }
  const invalid = (field: string, message: string) =>
    new InvalidRequest({ ...call, issues: [new Issue({ field, message })] })
  const broken = () => {
    const errors = systemErrors(error.cause)
    const unsent = status === undefined && errors.length > 0 && errors.every((error) => error.beforeSending)
    const code = codeIn(errors[0]?.code, cleanerOf(origin), /^[A-Z][A-Z0-9_]+$/)
    return new ResponseError({ ...call, reason: unsent ? "connect" : "network", code, proxy: errors[0]?.proxy })
  }
  switch (error.reason) {
    case "Transport":
      return isBlockedPort(error.request.url, error.cause)
        ? invalid("url", "expected a port that fetch allows")
        : broken()
    case "Encode":
      return invalid("body", "cannot be encoded")
    case "InvalidUrl":
      return invalid("url", "expected an HTTP URL")
    case "EmptyBody":
      return new ResponseError({ ...call, reason: "malformed", detail: "the answer is empty" })
    case "Decode":
      if (error.cause === undefined) {
        return new ResponseError({ ...call, reason: "malformed", detail: "the status was not expected" })
      }
      // a body that cannot be parsed and one that broke off carry the same reason
      return Predicate.isError(error.cause) && error.cause.name === "SyntaxError"
        ? new ResponseError({ ...call, reason: "malformed", detail: "the answer is not JSON" })
        : broken()
    case "StatusCode": {
      const { headers, status } = error.response
      // without a clock a date cannot be told from now
      const retryAfter = Retry.retryAfterHint({ headers, now: Number.NaN })
      return toError(origin, { ...call, status }, { said: { issues: [] }, text: "", retryAfter })
    }
  }
}

/**
 * Tells that an answer is not of the form expected: where, and what was expected there. Never what was found.
 *
 * @example
 * ```ts
 * import * as Failure from "effect-providers/http/Failure"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const answer = Schema.decodeUnknown(Schema.Struct({ id: Schema.String }))({ id: 7 }).pipe(
 *   Effect.mapError((error) => Failure.fromParseError({ provider: "Example" }, error, { method: "GET", status: 200 }))
 * )
 * // fails with ResponseError: id: expected string
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromParseError = (origin: Origin, error: ParseResult.ParseError, at: Call): ResponseError => {
  const issues = issuesOf(error, cleanerOf(origin)).map(({ field, message }) =>
    field === "" ? message : `${field}: ${message}`
  )
  const url = at.url === undefined ? undefined : cleanerOf(origin)(publicUrl(at.url))
  return new ResponseError({
    provider: origin.provider,
    ...at,
    url,
    reason: "malformed",
    detail: cut(issues.join("; "))
  })
}

/**
 * Tells that a request is not of the form expected: where, and what was expected there. Never what was found.
 *
 * @example
 * ```ts
 * import * as Failure from "effect-providers/http/Failure"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const input = Schema.decodeUnknown(Schema.Struct({ prompt: Schema.String }))({ prompt: 7 }).pipe(
 *   Effect.mapError((error) => Failure.invalidRequest("Example", error))
 * )
 * // fails with InvalidRequest: prompt: expected string
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const invalidRequest = (provider: string, error: ParseResult.ParseError): InvalidRequest =>
  new InvalidRequest({ provider, issues: issuesOf(error, cleanerOf({ provider })) })
