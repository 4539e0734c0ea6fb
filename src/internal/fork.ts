import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"

/**
 * Runs an effect in a fiber of nobody's, as `Effect.forkDaemon` does, but at once, and in a runtime that may have more
 * than that of the fiber at hand: a service or a FiberRef that is put in place and taken away again takes 17 steps, and
 * none when the effect has a fiber of its own anyway.
 *
 * The fiber ends in a value: one that fails is reported to the log.
 *
 * @internal
 */
export const fork = <A, E, R>(
  runtime: Runtime.Runtime<R>,
  self: Effect.Effect<A, E, R>
): Fiber.RuntimeFiber<Exit.Exit<A, E>> => Runtime.runFork(runtime, Effect.exit(self))

/**
 * Interrupts a fiber that was forked here, and gives what it ended with.
 *
 * @internal
 */
export const stopped = <A, E>(fiber: Fiber.RuntimeFiber<Exit.Exit<A, E>>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.map(Fiber.interrupt(fiber), Exit.flatten)

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
