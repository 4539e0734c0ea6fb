import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

interface Entry<A, E> {
  /** In milliseconds of the Clock; `Infinity` while it is looked up. */
  readonly expiresAt: number
  readonly result: Deferred.Deferred<Exit.Exit<A, E>>
}

/**
 * Keeps what a lookup gave, by key. Those who ask at the same time share one lookup, also when it fails; a failure is
 * not kept.
 *
 * `Cache` keeps failures, and interrupts everybody when the one who happened to come first is interrupted: here the
 * next one looks up.
 *
 * @internal
 */
export const make = <K, A, E, R>(
  lookup: (key: K) => Effect.Effect<A, E, R>,
  timeToLive: Duration.DurationInput
): (key: K) => Effect.Effect<A, E, R> => {
  const entries = MutableHashMap.empty<K, Entry<A, E>>()

  const removeExpired = (now: number) => {
    for (const [key, { expiresAt }] of Array.from(entries)) {
      if (expiresAt <= now) MutableHashMap.remove(entries, key)
    }
  }

  const get = (key: K): Effect.Effect<A, E, R> =>
    Effect.clockWith((clock) =>
      Effect.uninterruptibleMask((restore) => {
        const now = clock.unsafeCurrentTimeMillis()
        const entry = Option.getOrUndefined(MutableHashMap.get(entries, key))
        if (entry !== undefined && now < entry.expiresAt) {
          const shared = (exit: Exit.Exit<A, E>) => Exit.isInterrupted(exit) ? get(key) : exit
          return restore(Effect.flatMap(Deferred.await(entry.result), shared))
        }
        const result = Deferred.unsafeMake<Exit.Exit<A, E>>(FiberId.none)
        MutableHashMap.set(entries, key, { expiresAt: Infinity, result })
        return Effect.onExit(restore(Effect.suspend(() => lookup(key))), (exit) => {
          const end = clock.unsafeCurrentTimeMillis()
          removeExpired(end)
          if (Exit.isSuccess(exit)) {
            MutableHashMap.set(entries, key, { expiresAt: end + Duration.toMillis(timeToLive), result })
          } else {
            MutableHashMap.remove(entries, key)
          }
          return Deferred.succeed(result, exit)
        })
      })
    )
  return get
}
