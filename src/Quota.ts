/**
 * What is left of a user's allowance at a service.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Caller from "./http/Caller.js"
import * as Failure from "./http/Failure.js"
import { timeoutFail } from "./internal/clocks.js"
import { durationOf } from "./internal/durationOf.js"
import { parseJson } from "./internal/errorBody.js"
import type { Info } from "./Provider.js"
import { InvalidRequest, Issue, MissingAuth, type ProviderError, Timeout } from "./ProviderError.js"

/**
 * Whose quota is looked up, and where.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly provider: Pick<Info, "name" | "needsAuth" | "loginUrl">
  /** The service's quota endpoint. Without one, the lookup is an `InvalidRequest`. */
  readonly url: string | URL | undefined
  /** An empty key counts as absent. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Total clock. Default 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** Other characters make `fetch` throw an error that prints the header. */
const isHeaderValue = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

const invalid = (provider: string, field: string, message: string) =>
  new InvalidRequest({ provider, issues: [new Issue({ field, message })] })

/** The request, complete, or why it cannot be made. */
const toRequest = (
  { provider: { loginUrl, name, needsAuth }, url }: Options,
  key: string
): Effect.Effect<HttpClientRequest.HttpClientRequest, ProviderError> => {
  const noUrl = (message: string) => Effect.fail(invalid(name, "url", message))
  const missing = (reason: MissingAuth["reason"], detail?: string) =>
    Effect.fail(new MissingAuth({ provider: name, reason, loginUrl, detail }))

  if (url === undefined) return noUrl("the provider has no quota endpoint")
  if (!/^https?:\/\/./i.test(String(url))) return noUrl("expected an HTTP URL")
  const request = HttpClientRequest.acceptJson(HttpClientRequest.get(url))
  if (key.trim() === "") return needsAuth ? missing("absent") : Effect.succeed(request)
  return isHeaderValue(key)
    ? Effect.succeed(HttpClientRequest.bearerToken(request, key))
    : missing("rejected", "a header cannot carry it")
}

/**
 * Looks up the quota, and gives the service's JSON as it is: no two services agree on its form.
 *
 * Without a key where one is needed it fails with `MissingAuth` before any I/O, without a URL that can be called, or
 * with a `timeout` that is no duration, with `InvalidRequest`. An answer that is an error, is not JSON, or does not come
 * fails it like any call: with the error of its status, `ResponseError` or `Timeout`. The key goes to the URL given and
 * nowhere else.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Console, Effect, Redacted } from "effect"
 * import * as Quota from "effect-providers/Quota"
 *
 * const program = Quota.get({
 *   provider: { name: "Example", needsAuth: true, loginUrl: "https://example.com/keys" },
 *   url: "https://api.example.com/v1/quota",
 *   apiKey: Redacted.make("key_example")
 * }).pipe(Effect.flatMap(Console.log), Effect.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const get: (options: Options) => Effect.Effect<unknown, ProviderError, HttpClient.HttpClient> = Effect.fn(
  "Quota.get"
)(function*(options: Options) {
  const { apiKey, provider: { loginUrl, name: provider }, timeout = "30 seconds" } = options
  const secrets = apiKey === undefined ? [] : [apiKey]
  const request = yield* toRequest(options, apiKey === undefined ? "" : Redacted.value(apiKey))
  // the total clock is the only one
  const origin = { provider, loginUrl, secrets, connectTimeout: Duration.infinity }
  const caller = Caller.make(yield* HttpClient.HttpClient, origin)
  const duration = yield* durationOf(timeout, (message) => invalid(provider, "timeout", message))
  return yield* Effect.gen(function*() {
    const response = yield* caller.send(request)
    const text = yield* caller.text(response)
    return text === ""
      ? null
      : yield* Effect.mapError(parseJson(text), () => caller.malformed(response, { why: "expected JSON" }))
  }).pipe(
    timeoutFail({
      duration,
      onTimeout: () =>
        new Timeout({ provider, clock: "total", duration, method: "GET", url: Failure.publicUrl(request.url) })
    })
  )
})
