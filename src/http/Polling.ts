/**
 * Looks at a value again and again until it is final.
 *
 * The first look is immediate, and there is no pause after the last one: a policy that ends ends the polling at once.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Equivalence from "effect/Equivalence"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/**
 * When to look again, and when to stop: the pauses between looks. Any `Schedule` will do.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = Schedule.Schedule<unknown>

/**
 * Tests whether a value is a polling policy.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPolicy = (u: unknown): u is Policy => Schedule.isSchedule(u)

/**
 * Makes a policy that looks often at first and less and less later, without end. Each pause varies by 20 % either
 * way, so that many pollers do not look at the same moment.
 *
 * @example
 * ```ts
 * import * as Polling from "effect-providers/http/Polling"
 *
 * const policy: Polling.Policy = Polling.adaptive({ first: "1 second", cap: "30 seconds" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const adaptive = (options?: {
  /** The first pause. Default 500 ms. */
  readonly first?: Duration.DurationInput | undefined
  /** What each pause is multiplied by to give the next. Default 1.5. */
  readonly factor?: number | undefined
  /** The longest pause, before it is varied. Default 5 seconds. */
  readonly cap?: Duration.DurationInput | undefined
}): Policy => {
  const cap = Duration.decode(options?.cap ?? "5 seconds")
  return Schedule.exponential(options?.first ?? "500 millis", options?.factor ?? 1.5).pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, cap)),
    Schedule.jittered
  )
}

/**
 * Makes a policy with the same pause each time. `times` is the most looks, the first one included; without it there
 * is no end.
 *
 * @example
 * ```ts
 * import * as Polling from "effect-providers/http/Polling"
 *
 * // 30 looks, and 29 pauses: over after 145 seconds
 * const policy: Polling.Policy = Polling.fixed("5 seconds", 30)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fixed = (interval: Duration.DurationInput, times?: number): Policy =>
  times === undefined
    ? Schedule.spaced(interval)
    : Schedule.intersect(Schedule.spaced(interval), Schedule.recurs(times - 1))

/**
 * What is polled, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A, E, R, E2> {
  /** Looks once. */
  readonly get: Effect.Effect<A, E, R>
  /** Whether a value is final. */
  readonly until: (value: A) => boolean
  readonly policy: Policy
  /** The error when the policy ended before a value was final, from the last value seen. */
  readonly exhausted: (last: A) => E2
}

type Driver = Schedule.ScheduleDriver<unknown>

const pause = <A, E2>(driver: Driver, last: A, exhausted: (last: A) => E2) =>
  Effect.mapError(driver.next(last), () => exhausted(last))

/**
 * Polls until a value is final and gives that value.
 *
 * @example
 * ```ts
 * import * as Polling from "effect-providers/http/Polling"
 * import * as Effect from "effect/Effect"
 * import * as Random from "effect/Random"
 *
 * const six = Polling.poll({
 *   get: Random.nextIntBetween(1, 7),
 *   until: (dots) => dots === 6,
 *   policy: Polling.fixed("1 second", 10),
 *   exhausted: (last) => `no six, ${last} at last`
 * })
 *
 * Effect.runPromise(six).then(console.log)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const poll = <A, E, R, E2>(options: Options<A, E, R, E2>): Effect.Effect<A, E | E2, R> =>
  Effect.flatMap(Schedule.driver(options.policy), (driver) => {
    const look: Effect.Effect<A, E | E2, R> = Effect.flatMap(options.get, (value) =>
      options.until(value)
        ? Effect.succeed(value)
        : Effect.zipRight(pause(driver, value, options.exhausted), look))
    return look
  })

/**
 * Polls like `poll`, and streams every value on the way; the final one is the last. With an `equivalence`, a value
 * like the one before it is left out, unless it is final.
 *
 * @example
 * ```ts
 * import * as Polling from "effect-providers/http/Polling"
 * import * as Clock from "effect/Clock"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const seconds = Polling.changes({
 *   get: Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000) % 60),
 *   until: (second) => second === 0,
 *   policy: Polling.fixed("100 millis"),
 *   exhausted: () => "the minute has no end",
 *   equivalence: (a, b) => a === b
 * })
 *
 * seconds.pipe(Stream.runForEach(Effect.log), Effect.runPromise)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const changes = <A, E, R, E2>(
  options: Options<A, E, R, E2> & { readonly equivalence?: Equivalence.Equivalence<A> | undefined }
): Stream.Stream<A, E | E2, R> => {
  const { equivalence, exhausted, get, policy, until } = options
  const values = Stream.unwrap(
    Effect.map(Schedule.driver(policy), (driver) =>
      Stream.paginateEffect(Option.none<A>(), (last) =>
        Effect.map(
          Option.isNone(last) ? get : Effect.zipRight(pause(driver, last.value, exhausted), get),
          (value): readonly [A, Option.Option<Option.Option<A>>] => [
            value,
            until(value) ? Option.none() : Option.some(Option.some(value))
          ]
        )))
  )
  return equivalence === undefined
    ? values
    : Stream.changesWith(values, (before, value) => !until(value) && equivalence(before, value))
}
