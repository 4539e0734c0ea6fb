import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import { after } from "./deadlines.js"

/**
 * What an effect that has a fiber of its own has beyond its surroundings: the services `S`, and FiberRefs.
 *
 * @internal
 */
export type Inside<S = never> = <R>(runtime: Runtime.Runtime<R>) => Runtime.Runtime<R | S>

/**
 * A runtime whose effects can be interrupted, also where the fiber at hand cannot.
 *
 * @internal
 */
export const interruptible: Inside = Runtime.enableRuntimeFlag(RuntimeFlags.Interruption)

/**
 * An effect that runs in a fiber of nobody's.
 *
 * @internal
 */
export interface Work<A, E> {
  /** Waits for its end, but no longer than `duration`; tells whether it came. To be waited for by one at a time. */
  readonly endsWithin: (clock: Clock.Clock, duration: Duration.Duration) => Effect.Effect<boolean>
  /** Asks it to end, and does not wait for that. */
  readonly interrupt: () => void
  /** What it ended with, and what it has set in FiberRefs. Nothing is kept of it then. */
  readonly take: () => { readonly exit: Exit.Exit<A, E>; readonly inherit: Effect.Effect<void> }
}

/**
 * A runtime whose effects can be interrupted only where they say so.
 *
 * @internal
 */
export const uninterruptible: Inside = Runtime.disableRuntimeFlag(RuntimeFlags.Interruption)

const nothing = () => {}

/** What there is before the end, and once the end was taken. */
const none = Exit.interrupt(FiberId.none)

/**
 * Runs an effect in a fiber of nobody's, as `Effect.forkDaemon` does, but at once, and in a runtime that may have more
 * than that of the fiber at hand: a service or a FiberRef that is put in place and taken away again takes 17 steps, and
 * none when the effect has a fiber of its own anyway.
 *
 * V8 keeps all that an `Effect.async` can reach for long after its end (bench/young.mjs). That is the fiber, and whoever
 * waits here: so neither leads to what the effect ended with, once that was taken.
 *
 * @internal
 */
export const fork = <A, E, R>(runtime: Runtime.Runtime<R>, self: Effect.Effect<A, E, R>): Work<A, E> => {
  let exit: Exit.Exit<A, E> = none
  let isOver = false
  let tell = nothing
  const kept = Effect.matchCause(self, {
    onFailure: (cause) => {
      exit = Exit.failCause(cause)
    },
    onSuccess: (value) => {
      exit = Exit.succeed(value)
    }
  })
  const fiber = Runtime.runFork(runtime, kept)
  fiber.addObserver((end) => {
    // a fiber that is interrupted where it can be skips both of the above
    exit = Exit.flatMap(end, () => exit)
    isOver = true
    tell()
  })
  return {
    endsWithin: (clock, duration) =>
      Effect.async((resume) => {
        tell()
        const cancel = after(clock, duration, () => resume(Effect.succeed(false)))
        tell = () => {
          resume(Effect.succeed(isOver))
          // not before: whoever waits may go on to the next deadline
          cancel()
        }
        if (isOver) tell()
      }),
    interrupt: () => {
      // a fiber takes note of it also after its end, in as many steps
      if (!isOver) fiber.unsafeInterruptAsFork(FiberId.none)
    },
    take: () => {
      const taken = { exit, inherit: Fiber.inheritAll(fiber) }
      // each of the two leads to what would be kept
      exit = none
      tell = nothing
      return taken
    }
  }
}
