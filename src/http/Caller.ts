/**
 * Calls a service over HTTP as a provider has to: every request has a connect clock, a body that is read whole has a
 * greatest size, and what goes wrong is a `ProviderError` without credentials.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Body from "../internal/body.js"
import { readText } from "../internal/boundedBody.js"
import { timeoutFail } from "../internal/clocks.js"
import { durationOf } from "../internal/durationOf.js"
import { carriedSecrets, cleaner } from "../internal/scrub.js"
import { headerIssues, isText } from "../internal/sendable.js"
import { InvalidRequest, Issue, type ProviderError, ResponseError, Timeout } from "../ProviderError.js"
import * as Failure from "./Failure.js"

/**
 * Who is called, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Failure.Origin {
  /** Connect clock. Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/**
 * What a provider calls its service with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Caller {
  /**
   * Sends a request. Any status but success is an error; so is no answer within the connect clock. A header that cannot
   * be sent, or a clock that is no duration, is an `InvalidRequest` before any I/O.
   */
  readonly send: (
    request: HttpClientRequest.HttpClientRequest,
    options?: { readonly connectTimeout?: Duration.DurationInput | undefined }
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, ProviderError>
  /** The whole body of an answer, as text. One of more than 32 MiB is a `ResponseError`, and is not read to the end. */
  readonly text: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<string, ProviderError>
  /** The body of an answer as it arrives. Ending the stream early closes the connection. */
  readonly bytes: (response: HttpClientResponse.HttpClientResponse) => Stream.Stream<Uint8Array, ProviderError>
  /** The error that the body of an answer reports, if it reports one. */
  readonly reported: (response: HttpClientResponse.HttpClientResponse, body: unknown) => Option.Option<ProviderError>
  /** Tells that an answer is not what was expected: why, and how its body begins. */
  readonly malformed: (
    response: HttpClientResponse.HttpClientResponse,
    answer: { readonly why: string; readonly body?: string | undefined }
  ) => ResponseError
}

/** Most bytes of a body that is read whole. */
const largest = 32 * 1024 * 1024

/**
 * Makes a caller that sends by the client given. The `secrets` of its options, and credentials and cookies that a
 * request carries, are taken out of what errors tell.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientRequest } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as Caller from "effect-providers/http/Caller"
 *
 * const page = Effect.gen(function*() {
 *   const caller = Caller.make(yield* HttpClient.HttpClient, { provider: "Example", connectTimeout: "10 seconds" })
 *   return yield* Effect.flatMap(caller.send(HttpClientRequest.get("https://example.com/")), caller.text)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (http: HttpClient.HttpClient, options: Options): Caller => {
  const { provider, secrets = [] } = options
  // spans of the platform hold headers and whole URLs, and trace headers are no business of a third party
  const client = HttpClient.withTracerDisabledWhen(http, () => true)

  const toProviderError = (error: HttpClientError.HttpClientError) => Failure.fromHttpClientError(options, error)

  const secretsOf = (request: HttpClientRequest.HttpClientRequest) => [
    ...secrets.map((secret) => Redacted.value(secret)),
    ...carriedSecrets(request)
  ]

  const malformed: Caller["malformed"] = ({ request, status }, { body = "", why }) => {
    const clean = cleaner(secretsOf(request))
    return new ResponseError({
      provider,
      reason: "malformed",
      method: request.method,
      url: clean(Failure.publicUrl(request.url)),
      status,
      detail: clean(body === "" ? why : `${why}: ${body}`)
    })
  }

  return {
    send: Effect.fnUntraced(function*(request, call) {
      const { headers, method } = request
      const issues = headerIssues(headers, isText)
      if (issues.length > 0) return yield* new InvalidRequest({ provider, issues })
      const clock = call?.connectTimeout ?? options.connectTimeout ?? "30 seconds"
      const duration = yield* durationOf(
        clock,
        (message) => new InvalidRequest({ provider, issues: [new Issue({ field: "connectTimeout", message })] })
      )
      const timeout = () =>
        new Timeout({ provider, clock: "connect", duration, method, url: Failure.publicUrl(request.url) })
      const response = yield* client.execute(request).pipe(
        Effect.mapError(toProviderError),
        timeoutFail({ duration, onTimeout: timeout })
      )
      return response.status >= 200 && response.status < 300
        ? response
        : yield* Effect.flip(Failure.fromResponse(options, response))
    }),
    text: (response) =>
      Effect.flatMap(
        Effect.mapError(readText(response, largest), toProviderError),
        Effect.mapError(() => malformed(response, { why: `the answer is larger than the ${largest} bytes allowed` }))
      ),
    bytes: (response) => Stream.mapError(Body.stream(response), toProviderError),
    reported: ({ request }, body) =>
      Failure.fromPayload({ ...options, secrets: secretsOf(request).map((secret) => Redacted.make(secret)) }, { body }),
    malformed
  }
}
