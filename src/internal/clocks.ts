import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as Pull from "./pull.js"
import * as Underway from "./underway.js"

/** Chunks read ahead of the consumer before the source has to wait for it. */
const capacity = 16

interface TimeoutOptions<E2> {
  readonly duration: Duration.Duration
  readonly onTimeout: () => E2
  readonly unattended?: boolean | undefined
}

/**
 * Longest wait, once a clock ran out, for the release of what it stopped: that may be busy, and not to be interrupted.
 * Longer than a prediction takes to be canceled, which a program that ends now would not wait for.
 */
const patience = Duration.seconds(10)

/** @internal */
export interface Clocks {
  readonly idle: Duration.Duration | undefined
  readonly total: Duration.Duration | undefined
}

type OnTimeout<E2> = (clock: "idle" | "total", duration: Duration.Duration, mayHaveStarted: boolean) => E2

/**
 * Hands chunks from one fiber to one other. A `Mailbox` does the same for any number of fibers, at twice the cost for
 * a chunk.
 */
const makeHandover = <A, E>() => {
  const chunks: Array<Chunk.Chunk<A>> = []
  let ended: Exit.Exit<never, Option.Option<E>> | undefined
  let wakeConsumer = () => {}
  let wakeSource = () => {}

  // a fiber may yield between looking and waiting, and miss that it is woken: so each looks again
  const arrival = Effect.async<void>((resume) => {
    if (chunks.length > 0 || ended !== undefined) return resume(Effect.void)
    wakeConsumer = () => resume(Effect.void)
  })
  const room = Effect.async<void>((resume) => {
    if (chunks.length < capacity) return resume(Effect.void)
    wakeSource = () => resume(Effect.void)
  })

  const take: Pull.Pull<A, E> = Effect.suspend(() => {
    const chunk = chunks.shift()
    if (chunk !== undefined) {
      wakeSource()
      return Effect.succeed(chunk)
    }
    return ended ?? Effect.zipRight(arrival, take)
  })

  return {
    take,
    /** Whether there is room for more; if not, `room` comes when there is. */
    give: (chunk: Chunk.Chunk<A>): boolean => {
      chunks.push(chunk)
      wakeConsumer()
      return chunks.length < capacity
    },
    room,
    /** The first end counts; it comes after what was given before. */
    end: (exit: Exit.Exit<never, Option.Option<E>>): void => {
      ended ??= exit
      wakeConsumer()
    }
  }
}

/**
 * Fails a source when no chunk came for `idle`, or when it is not done after `total`.
 *
 * One fiber reads the source and one watches the time, so that a chunk costs no timer: `Stream.timeoutFail` and
 * `Stream.interruptWhen` fork for every pull. The idle clock stands still while the source waits for the consumer.
 * What arrived before a clock ran out is emitted before the failure. Where the work cannot be interrupted, the failure
 * comes ten seconds later, and the work is released whenever it is done. `onTimeout` is told whether a call that is not
 * to be sent twice was underway.
 *
 * @internal
 */
export const clocked = <A, E, R, E2>(
  source: Pull.Source<A, E, R>,
  clocks: Clocks,
  onTimeout: OnTimeout<E2>
): Pull.Source<A, E | E2, R> => {
  const idle = clocks.idle === undefined ? Infinity : Duration.toMillis(clocks.idle)
  const total = clocks.total === undefined ? Infinity : Duration.toMillis(clocks.total)
  if (idle === Infinity && total === Infinity) return source
  return Underway.counting((calls, provide) =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const handover = makeHandover<A, E | E2>()
      const startedAt = clock.unsafeCurrentTimeMillis()
      let activeAt = startedAt
      let waitsForConsumer = false

      const read = Effect.flatMap(Effect.mapError(source, Option.some), (pull) => {
        const next: Effect.Effect<never, Option.Option<E>, R> = Effect.flatMap(pull, (chunk) => {
          activeAt = clock.unsafeCurrentTimeMillis()
          if (handover.give(chunk)) return next
          waitsForConsumer = true
          return Effect.flatMap(handover.room, () => {
            waitsForConsumer = false
            activeAt = clock.unsafeCurrentTimeMillis()
            return next
          })
        })
        return next
      })
      let ranOut = false
      const reader = yield* Effect.acquireRelease(
        // its end is a value: a fiber that fails is reported to the log
        Effect.forkDaemon(Effect.interruptible(Effect.exit(
          Effect.onExit(Effect.scoped(provide(read)), (exit) => Effect.sync(() => handover.end(exit)))
        ))),
        (reader) =>
          ranOut
            // it is interrupted already: once more would cut short what it waits for now
            ? Effect.raceFirst(Effect.interruptible(Fiber.await(reader)), Effect.interruptible(Effect.sleep(patience)))
            : Fiber.interrupt(reader)
      )

      // the work is stopped at once, also while the consumer is busy with what came before
      const giveUp = (clock: "idle" | "total", millis: number) =>
        Effect.suspend(() => {
          ranOut = true
          handover.end(Exit.fail(Option.some(onTimeout(clock, Duration.millis(millis), calls.count > 0))))
          return Fiber.interrupt(reader)
        })

      const watch = Effect.suspend(function loop(): Effect.Effect<unknown> {
        const now = clock.unsafeCurrentTimeMillis()
        const idleAt = (waitsForConsumer ? now : activeAt) + idle
        if (now >= startedAt + total) return giveUp("total", total)
        if (now >= idleAt) return giveUp("idle", idle)
        return Effect.flatMap(Effect.sleep(Math.min(idleAt, startedAt + total) - now), loop)
      })
      // also where nothing else is to be interrupted, the clock has to be
      yield* Effect.forkScoped(Effect.interruptible(watch))
      return handover.take
    })
  )
}

/**
 * The same for a stream.
 *
 * @internal
 */
export const withClocks = <A, E, R, E2>(
  self: Stream.Stream<A, E, R>,
  clocks: Clocks,
  onTimeout: OnTimeout<E2>
): Stream.Stream<A, E | E2, R> => {
  const source = Pull.open(self)
  const timed = clocked(source, clocks, onTimeout)
  return timed === source ? self : Pull.toStream(timed)
}

/**
 * Fails an effect when it is not done after `duration`, as `Effect.timeoutFail` does, and like that waits for what cannot
 * be interrupted. That one relies on its children being interrupted where it is: which they are not in `Effect.all` and
 * `Effect.forEach`, where it would go on until its time is up although another has failed. It is also a race,
 * which takes more steps than this one, and this one is on every call.
 *
 * An effect that is `unattended` comes to its end, or to the end of its time, whoever is interrupted meanwhile.
 *
 * @internal
 */
export const timeoutFail: {
  <E2>(options: TimeoutOptions<E2>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>
  <A, E, R, E2>(self: Effect.Effect<A, E, R>, options: TimeoutOptions<E2>): Effect.Effect<A, E | E2, R>
} = dual(2, <A, E, R, E2>(self: Effect.Effect<A, E, R>, options: TimeoutOptions<E2>) => {
  const { duration, onTimeout, unattended = false } = options
  const isEndless = !Duration.isFinite(duration)
  if (isEndless && !unattended) return self
  // also where the effect is not to be interrupted, the clock has to be
  const sleep = Effect.interruptible(isEndless ? Effect.never : Effect.sleep(duration))
  return Effect.uninterruptibleMask((restore) =>
    // Fibers of nobody's: an interrupted fiber interrupts its children, also where it cannot be interrupted itself. The
    // end of the work is a value: a fiber that fails is reported to the log.
    Effect.flatMap(Effect.forkDaemon(Effect.exit(unattended ? Effect.interruptible(self) : restore(self))), (work) =>
      Effect.flatMap(Effect.forkDaemon(sleep), (timer) => {
        let isLate: boolean | undefined
        const first = Effect.async<Exit.Exit<A, E>>((resume) => {
          work.addObserver((exit) => {
            isLate ??= false
            resume(exit)
          })
          timer.addObserver(() => {
            isLate ??= true
            resume(Effect.interrupt)
          })
        })
        return Effect.matchCauseEffect(unattended ? first : restore(first), {
          onSuccess: (exit) => {
            timer.unsafeInterruptAsFork(FiberId.none)
            return Exit.isSuccess(exit) ? Effect.as(Fiber.inheritAll(work), exit.value) : exit
          },
          onFailure: (cause) => {
            const end: Effect.Effect<never, E | E2> = isLate === true
              ? Effect.failSync(onTimeout)
              : Effect.failCause(cause)
            timer.unsafeInterruptAsFork(FiberId.none)
            return Effect.flatMap(Fiber.interrupt(work), (done) => {
              // what came while it was given up is worth more than the news that it is late
              const last = Exit.flatten(done)
              return isLate === true && Exit.isSuccess(last) ? last : end
            })
          }
        })
      }))
  )
})
