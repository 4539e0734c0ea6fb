import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Deadlines from "./deadlines.js"
import * as Pull from "./pull.js"
import * as Push from "./push.js"
import * as Underway from "./underway.js"
import { fork, type Inside, interruptible, uninterruptible, type Work } from "./work.js"

/** Chunks read ahead of the consumer before the source has to wait for it. */
const capacity = 16

interface TimeoutOptions<E2, S> {
  readonly duration: Duration.Duration
  readonly onTimeout: () => E2
  /** Comes to its end, or to the end of its time, whoever is interrupted meanwhile. */
  readonly unattended?: boolean | undefined
  /**
   * Longest wait for the end of an effect that is given up, and goes on by itself then. Such an effect is interrupted
   * only where it says that it can be, so that what it ends with is not lost. Without it, the end is waited for.
   */
  readonly patience?: Duration.Duration | undefined
  /** What the effect has beyond its surroundings; what it sets for its fiber is not told to them then. */
  readonly inside?: Inside<S> | undefined
}

/**
 * Longest wait, once a clock ran out, for the release of what it stopped: that may be busy, and not to be interrupted.
 * Longer than a prediction takes to be canceled, which a program that ends now would not wait for.
 */
const longestRelease = Duration.seconds(10)

/** @internal */
export interface Clocks {
  readonly idle?: Duration.Duration | undefined
  readonly total?: Duration.Duration | undefined
  /** Whether the idle clock begins when the source is open. */
  readonly idleFromOpening?: boolean | undefined
  /**
   * Longest wait for what may go on at a service when the source is not needed any more; that goes on by itself then.
   * Without it, and where nothing may go on, what a clock stopped is waited for ten seconds, and what the consumer stopped
   * to its end.
   */
  readonly patience?: Duration.Duration | undefined
}

type OnTimeout<E2> = (clock: "idle" | "total", duration: Duration.Duration, doubt: Underway.Doubt) => E2

/**
 * Hands chunks from what reads them to one fiber. A `Mailbox` does the same for any number of fibers, at twice the cost
 * for a chunk.
 */
const makeHandover = <A, E>() => {
  const chunks: Array<Chunk.Chunk<A>> = []
  let ended: Exit.Exit<never, Option.Option<E>> | undefined
  let wakeConsumer = () => {}
  let wakeSource = () => {}

  // a fiber may yield between looking and waiting, and miss that it is woken: so it looks again
  const arrival = Effect.async<void>((resume) => {
    if (chunks.length > 0 || ended !== undefined) return resume(Effect.void)
    wakeConsumer = () => resume(Effect.void)
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
    /** Whether there is room for more; if not, `onRoom` tells when there is. */
    give: (chunk: Chunk.Chunk<A>): boolean => {
      chunks.push(chunk)
      wakeConsumer()
      return chunks.length < capacity
    },
    onRoom: (goOn: () => void): void => {
      if (chunks.length < capacity) return goOn()
      wakeSource = () => {
        wakeSource = () => {}
        goOn()
      }
    },
    /** The first end counts; it comes after what was given before. */
    end: (exit: Exit.Exit<void, E>): void => {
      ended ??= Exit.flatMap(Exit.mapError(exit, Option.some), () => Exit.fail(Option.none()))
      wakeConsumer()
    }
  }
}

/**
 * Reads a source in a fiber, and fails when no chunk came for `idle`, or when it is not done after `total`. The source is
 * interrupted only where it says that it can be, so that what it began is not lost.
 *
 * What watches the time looks when a chunk last came, so that a chunk costs no timer: `Stream.timeoutFail` and
 * `Stream.interruptWhen` fork for every pull. The idle clock stands still while the source waits for the consumer. What
 * arrived before a clock ran out is emitted before the failure. That comes when the work is released, or was waited for
 * long enough, as only then it is known what may go on at a service, which `onTimeout` is told.
 *
 * @internal
 */
export const pushed = <A, E, R, E2>(
  source: Push.Source<A, E, R>,
  clocks: Clocks,
  onTimeout: OnTimeout<E2>
): Pull.Source<A, E | E2, R> => {
  const { idle = Duration.infinity, total = Duration.infinity } = clocks
  return Underway.counting((calls, inside) =>
    Effect.flatMap(Effect.runtime<R>(), (runtime) => {
      const clock = Deadlines.clockOf(runtime)
      const now = () => Deadlines.now(clock)
      const handover = makeHandover<A, E | E2>()
      const endsAt = now() + Duration.toMillis(total)
      let activeAt = clocks.idleFromOpening === true ? Infinity : now()
      let waitsForConsumer = false
      let isOver = false
      let isLeft = false
      let end = handover.end
      let reader: Work<void, unknown> | undefined
      let cancel = () => {}
      const patience = (otherwise: Duration.Duration) =>
        (calls.open.size > 0 ? clocks.patience : undefined) ?? otherwise

      const start = Effect.map(Scope.make(), (scope) => {
        // the work is stopped at once, also while the consumer is busy with what came before
        const giveUp = (which: "idle" | "total", duration: Duration.Duration) => {
          isOver = true
          const fail = () => handover.end(Exit.fail(onTimeout(which, duration, Underway.doubt(calls))))
          end = fail
          reader?.interrupt()
          cancel = Deadlines.after(clock, patience(longestRelease), () => {
            isLeft = true
            fail()
          })
        }
        const watch = () => {
          const time = now()
          const idleAt = (waitsForConsumer ? time : activeAt) + Duration.toMillis(idle)
          if (time >= endsAt) giveUp("total", total)
          else if (time >= idleAt) giveUp("idle", idle)
          else cancel = Deadlines.after(clock, Duration.millis(Math.min(idleAt, endsAt) - time), watch)
        }
        const sink: Push.Sink<A> = {
          opened: () => {
            // a source that cannot be interrupted may open after its end
            if (isOver) return
            cancel()
            activeAt = now()
            watch()
          },
          take: (chunk) => {
            activeAt = now()
            if (handover.give(chunk)) return true
            return (goOn) => {
              waitsForConsumer = true
              handover.onRoom(() => {
                waitsForConsumer = false
                activeAt = now()
                goOn()
              })
            }
          }
        }
        watch()
        if (isOver) return end(Exit.void)
        const closed = Effect.onExit(source(sink), (exit) => Scope.close(scope, exit))
        const told = Effect.onExit(closed, (exit) => Effect.sync(() => end(exit)))
        reader = fork(uninterruptible(inside(Runtime.provideService(runtime, Scope.Scope, scope))), told)
        if (isOver) reader.interrupt()
      })
      const stop = Effect.suspend(() => {
        const ranOut = isOver
        isOver = true
        cancel()
        if (reader === undefined || isLeft) return Effect.void
        // it is interrupted already: once more would cut short what it waits for now
        if (!ranOut) reader.interrupt()
        return reader.endsWithin(clock, patience(ranOut ? longestRelease : Duration.infinity))
      })
      return Effect.as(Effect.acquireRelease(start, () => stop), handover.take)
    })
  )
}

/**
 * The same for a stream; one without a clock stays as it is.
 *
 * @internal
 */
export const withClocks = <A, E, R, E2>(
  self: Stream.Stream<A, E, R>,
  clocks: Clocks,
  onTimeout: OnTimeout<E2>
): Stream.Stream<A, E | E2, R> => {
  const { idle = Duration.infinity, total = Duration.infinity } = clocks
  const source = Push.fromPull(Pull.open(self))
  return Duration.isFinite(idle) || Duration.isFinite(total)
    ? Pull.toStream(pushed((sink) => Effect.interruptible(source(sink)), clocks, onTimeout))
    : self
}

/**
 * Fails an effect when it is not done after `duration`, as `Effect.timeoutFail` does, and like that waits for what cannot
 * be interrupted. That one relies on its children being interrupted where it is: which they are not in `Effect.all` and
 * `Effect.forEach`, where it would go on until its time is up although another has failed. It is also a race of two
 * fibers, which takes more steps than this one, and this one is on every call.
 *
 * @internal
 */
export const timeoutFail: {
  <E2, S = never>(
    options: TimeoutOptions<E2, S>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, Exclude<R, S>>
  <A, E, R, E2, S = never>(
    self: Effect.Effect<A, E, R>,
    options: TimeoutOptions<E2, S>
  ): Effect.Effect<A, E | E2, Exclude<R, S>>
} = dual(2, <A, E, R, E2, S>(self: Effect.Effect<A, E, R>, options: TimeoutOptions<E2, S>) => {
  const { duration, inside, onTimeout, patience, unattended = false } = options
  if (!Duration.isFinite(duration) && !unattended && inside === undefined) return self
  return Effect.flatMap(Effect.runtime<Exclude<R, S>>(), (outer) =>
    Effect.uninterruptibleMask((restore) => {
      const clock = Deadlines.clockOf(outer)
      const runtime = patience !== undefined ? uninterruptible(outer) : unattended ? interruptible(outer) : outer
      // a fiber of nobody's: an interrupted fiber interrupts its children, also where it cannot be interrupted itself;
      // `inside` adds S, which the compiler does not put together with what is left of R without it
      const work = fork((inside === undefined ? runtime : inside(runtime)) as Runtime.Runtime<R>, self)
      const inTime = work.endsWithin(clock, duration)
      const stopped = Effect.suspend(() => {
        work.interrupt()
        return work.endsWithin(clock, patience ?? Duration.infinity)
      })
      return Effect.matchCauseEffect(unattended ? inTime : restore(inTime), {
        onSuccess: (isOver): Effect.Effect<A, E | E2> => {
          if (!isOver) {
            // not before it is stopped: only then it is known what may go on at a service
            const late = Effect.failSync(onTimeout)
            // what came while it was given up is worth more than the news that it is late
            return Effect.flatMap(
              stopped,
              (isOver) => isOver ? Effect.catchAllCause(work.take().exit, () => late) : late
            )
          }
          const { exit, inherit } = work.take()
          return inside === undefined && Exit.isSuccess(exit) ? Effect.as(inherit, exit.value) : exit
        },
        onFailure: (cause) => Effect.zipRight(stopped, Effect.failCause(cause))
      })
    }))
})
