/**
 * Holds calls back before they are sent, so that the service need not refuse them.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Deadlines from "../internal/deadlines.js"
import { hint } from "../internal/hint.js"

/**
 * How many calls may start in any span of time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Most calls in the interval, from 1 up. All of them may start at once. */
  readonly limit: number
  readonly interval: Duration.DurationInput
}

/**
 * What a service says is left: so many calls until so much time has passed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Remaining {
  readonly calls: number
  readonly reset: Duration.Duration
}

/**
 * Lets calls start, as many as the limit allows, in the order in which they asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimiter {
  /** Waits until the caller may start one call. Interrupted, it leaves its place to the next, and nothing is used up. */
  readonly take: Effect.Effect<void>
  /** Lets no call start for so long. */
  readonly pause: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Lets no more calls start than the service says are left, which counts others than ours. It never raises the limit. */
  readonly learn: (remaining: Remaining) => Effect.Effect<void>
}

/** Timers cannot wait longer than 24 days. */
const longestSleep = Duration.toMillis("1 day")

/** Services tell the reset in whole seconds, so that two answers of one window differ by one. */
const rounding = 1000

const currentTime = Effect.map(Effect.clock, Deadlines.now)

/**
 * Makes a rate limiter. In no span of time as long as the interval do more calls start than the limit, wherever the
 * service's own windows begin.
 *
 * @example
 * ```ts
 * import * as RateLimiter from "effect-providers/http/RateLimiter"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* RateLimiter.make({ limit: 10, interval: "1 second" })
 *   const call = Effect.zipRight(limiter.take, Effect.log("called"))
 *   yield* Effect.replicateEffect(call, 100, { concurrency: "unbounded", discard: true })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RateLimiter> =>
  Effect.sync(() => {
    // effect/RateLimiter can be neither paused nor told what is left, and takes a newcomer before those who wait

    const limit = Math.max(1, Math.floor(options.limit) || 1)
    const interval = Duration.toMillis(options.interval)
    /** When the calls of the last interval started; those before `first` are older. */
    const starts: Array<number> = []
    let first = 0
    let pausedUntil = 0
    let told = { calls: Infinity, until: 0 }
    /** Those who wait, in order; whoever is first watches the time, and the others their turn. */
    const queue = new Set<Deferred.Deferred<void>>()

    const isOver = (start: number | undefined, now: number) => start !== undefined && start + interval <= now

    const opensAt = (now: number): number => {
      while (isOver(starts[first], now)) first++
      if (first > 1000 && first * 2 > starts.length) {
        starts.splice(0, first)
        first = 0
      }
      const oldest = starts.length - first < limit ? undefined : starts[first]
      return Math.max(pausedUntil, told.calls > 0 ? 0 : told.until, oldest === undefined ? 0 : oldest + interval)
    }

    const start = (now: number) => {
      starts.push(now)
      told.calls--
    }

    const callNext = () => {
      for (const turn of queue) return Deferred.unsafeDone(turn, Effect.void)
    }

    const enter = Effect.sync(() => {
      const turn = Deferred.unsafeMake<void>(FiberId.none)
      queue.add(turn)
      callNext()
      return turn
    })

    /** Wakes whoever watches the time: it may be another by now. */
    let wake = () => {}

    const untilOpen: Effect.Effect<void> = Effect.flatMap(currentTime, (now) => {
      const wait = opensAt(now) - now
      if (wait <= 0) return Effect.void
      const known = told
      const news = Effect.async<void>((resume) => {
        // a fiber may yield between looking and waiting, and miss that it is woken
        if (told !== known) return resume(Effect.void)
        wake = () => resume(Effect.void)
      })
      return Effect.zipRight(Effect.raceFirst(Effect.sleep(Math.min(wait, longestSleep)), news), untilOpen)
    })

    return {
      take: Effect.acquireUseRelease(
        enter,
        (turn) => Effect.zipRight(Deferred.await(turn), untilOpen),
        (turn, exit) =>
          Effect.map(currentTime, (now) => {
            if (Exit.isSuccess(exit)) start(now)
            queue.delete(turn)
            callNext()
          })
      ),
      pause: (duration) =>
        Effect.map(currentTime, (now) => {
          pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(duration))
        }),
      learn: ({ calls, reset }) =>
        Effect.map(currentTime, (now) => {
          const until = now + Duration.toMillis(reset)
          const isSameWindow = Math.abs(until - told.until) <= rounding
          told = { calls: isSameWindow ? Math.min(calls, told.calls) : calls, until }
          wake()
        })
    }
  })

/**
 * Reads what is left from the headers `ratelimit-remaining` and `ratelimit-reset` (in seconds). A
 * reset in more than 30 days is none.
 *
 * @since 0.1.0
 * @category combinators
 */
export const remaining = (headers: Headers.Headers): Option.Option<Remaining> => {
  const number = (name: string) =>
    Option.map(Option.filter(Headers.get(headers, name), (text) => /^\s*\d{1,15}\s*$/.test(text)), Number)
  return Option.all({
    calls: number("ratelimit-remaining"),
    reset: Option.flatMap(number("ratelimit-reset"), (seconds) => hint(Duration.seconds(seconds)))
  })
}
