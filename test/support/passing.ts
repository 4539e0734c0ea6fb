import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"

/** Waits for an effect while the time of the TestClock goes on, also when that waits for sockets and disks. */
export const passing = <A, E, R>(effect: Effect.Effect<A, E, R>, step: Duration.DurationInput = "250 millis") =>
  Effect.gen(function*() {
    const done = yield* Deferred.make<void>()
    const fiber = yield* Effect.fork(Effect.ensuring(effect, Deferred.succeed(done, undefined)))
    const turn = Effect.zipRight(
      TestClock.adjust(step),
      Effect.promise(() => new Promise((next) => setImmediate(next)))
    )
    yield* Effect.repeat(turn, { until: () => Deferred.isDone(done) })
    return yield* Fiber.join(fiber)
  })
