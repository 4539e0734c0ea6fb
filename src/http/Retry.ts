/**
 * When to try a call again: how long the server asked to wait, and how long to wait when it did not say.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import { hint } from "../internal/hint.js"
import {
  Blocked,
  InvalidRequest,
  MissingAuth,
  ModelNotFound,
  PaymentRequired,
  type ProviderError,
  RateLimited,
  ResponseError,
  retryAfter,
  StreamInterrupted,
  Timeout
} from "../ProviderError.js"

const seconds = (value: unknown): Option.Option<Duration.Duration> => {
  const number = typeof value === "string" && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value
  return typeof number === "number" && number >= 0 ? hint(Duration.seconds(number)) : Option.none()
}

/** A name of a day is asked for, because `Date.parse` makes a date of nearly anything. */
const httpDate = (value: string, now: number): Option.Option<Duration.Duration> => {
  const wait = /^\s*[a-z]+, /i.test(value) ? Date.parse(value) - now : Number.NaN
  return wait >= 0 ? hint(Duration.millis(wait)) : Option.none()
}

const sentence = (detail: string): Option.Option<Duration.Duration> => {
  const [, amount, unit] =
    /\b(?:resets?|available|try again|retry)\s(?:in|after)\s~?(\d+(?:\.\d+)?)\s?(h|m|s)(?:ours?|in(?:ute)?s?|ec(?:ond)?s?)?\b/i
      .exec(detail) ?? []
  const letter = unit?.toLowerCase()
  const toDuration = letter === "h" ? Duration.hours : letter === "m" ? Duration.minutes : Duration.seconds
  return amount === undefined ? Option.none() : hint(toDuration(Number(amount)))
}

/**
 * Finds how long the server asked to wait.
 *
 * In this order: `retry_after` of the body (seconds), the header `Retry-After` (seconds, or a date against `now` in
 * milliseconds), the header `ratelimit-reset` (seconds), a sentence in the detail such as "resets in ~30s". A wait
 * that is negative, longer than 30 days or not a number is passed over; zero is a wait.
 *
 * @since 0.1.0
 * @category combinators
 */
export const retryAfterHint = (answer: {
  readonly headers: Headers.Headers
  readonly body?: unknown
  readonly detail?: string | undefined
  readonly now: number
}): Option.Option<Duration.Duration> =>
  Option.firstSomeOf([
    Predicate.hasProperty(answer.body, "retry_after") ? seconds(answer.body.retry_after) : Option.none(),
    Option.flatMap(Headers.get(answer.headers, "retry-after"), (value) =>
      Option.orElse(seconds(value), () => httpDate(value, answer.now))),
    Option.flatMap(Headers.get(answer.headers, "ratelimit-reset"), seconds),
    answer.detail === undefined ? Option.none() : sentence(answer.detail)
  ])

/**
 * How often and after what pauses a call is tried again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  /** Most tries after the first; NaN is none. */
  readonly maxRetries: number
  /** The first pause, when the server gave no hint. */
  readonly base: Duration.DurationInput
  /** What each pause is multiplied by to give the next. */
  readonly factor: number
  /** The longest pause without a hint, before it is varied. */
  readonly cap: Duration.DurationInput
  /**
   * The longest hint that is waited for. When the server asks for more, the call fails at once with its error, which
   * tells the wait: waiting less would only be refused again.
   */
  readonly maxWait: Duration.DurationInput
}

/**
 * The policy used unless told otherwise: 3 retries after 500 ms, 1 s and 2 s, or after the server's hint of up to one
 * minute.
 *
 * @since 0.1.0
 * @category models
 */
export const defaultPolicy: Policy = {
  maxRetries: 3,
  base: "500 millis",
  factor: 2,
  cap: "10 seconds",
  maxWait: "1 minute"
}

/**
 * Puts into an error how often the call was tried. One try goes without saying, and an error of a prediction or of
 * several providers, which is not of one call, stays as it is.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withAttempts = (error: ProviderError, attempts: number): ProviderError => {
  if (attempts < 2) return error
  switch (error._tag) {
    case "MissingAuth":
      return new MissingAuth({ ...error, attempts })
    case "PaymentRequired":
      return new PaymentRequired({ ...error, attempts })
    case "RateLimited":
      return new RateLimited({ ...error, attempts })
    case "Blocked":
      return new Blocked({ ...error, attempts })
    case "ModelNotFound":
      return new ModelNotFound({ ...error, attempts })
    case "InvalidRequest":
      return new InvalidRequest({ ...error, attempts })
    case "ResponseError":
      return new ResponseError({ ...error, attempts })
    case "Timeout":
      return new Timeout({ ...error, attempts })
    case "StreamInterrupted":
      return new StreamInterrupted({ ...error, attempts })
    default:
      return error
  }
}

/** The pause before the next try; none when the server asks for a longer one than is waited for. */
const pause = (
  policy: Policy,
  error: ProviderError,
  retries: number
): Effect.Effect<Option.Option<Duration.Duration>> =>
  Effect.map(Random.next, (random) =>
    Option.match(retryAfter(error), {
      // a hint is the least to wait, so that it may only grow
      onSome: (hint) =>
        Duration.lessThanOrEqualTo(hint, policy.maxWait)
          ? Option.some(Duration.times(hint, 1 + 0.2 * random))
          : Option.none(),
      onNone: () => {
        const backoff = Duration.times(policy.base, policy.factor ** retries)
        return Option.some(Duration.times(Duration.min(backoff, policy.cap), 0.8 + 0.4 * random))
      }
    }))

/**
 * How a call is tried again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly policy: Policy
  /** Whether the call may be tried again after an error; who calls knows if that is safe. */
  readonly while: (error: ProviderError) => boolean
}

/**
 * Tries a call again after a pause: the one the server asked for, or else one that grows each time. Pauses vary by
 * chance, so that many callers do not come back at the same moment, and can be interrupted also where the call itself
 * cannot. What fails in the end is the last error, with the number of attempts.
 *
 * @example
 * ```ts
 * import * as Retry from "effect-providers/http/Retry"
 * import * as ProviderError from "effect-providers/ProviderError"
 * import * as Effect from "effect/Effect"
 *
 * const call = Effect.fail(new ProviderError.RateLimited({ provider: "Example" }))
 *
 * const patient = Retry.retry(call, { policy: Retry.defaultPolicy, while: ProviderError.isRetryable })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry: {
  (options: Options): <A, R>(self: Effect.Effect<A, ProviderError, R>) => Effect.Effect<A, ProviderError, R>
  <A, R>(self: Effect.Effect<A, ProviderError, R>, options: Options): Effect.Effect<A, ProviderError, R>
} = dual(2, <A, R>(self: Effect.Effect<A, ProviderError, R>, options: Options) => {
  const { policy } = options
  const attempt = (retries: number): Effect.Effect<A, ProviderError, R> =>
    Effect.catchAll(self, (error) => {
      const giveUp = Effect.suspend(() => Effect.fail(withAttempts(error, retries + 1)))
      // no number is less than NaN
      return retries < policy.maxRetries && options.while(error)
        ? Effect.flatMap(
          pause(policy, error, retries),
          Option.match({
            onNone: () => giveUp,
            onSome: (duration) => Effect.zipRight(Effect.interruptible(Effect.sleep(duration)), attempt(retries + 1))
          })
        )
        : giveUp
    })
  return attempt(0)
})
