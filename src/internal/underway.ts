import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type { Inside } from "./work.js"

/**
 * What may go on at a service, and is paid for: calls that are not to be sent twice and were sent, until it is known what
 * became of them, and what they started, until it is over. Whoever gives up meanwhile has to say so: what is tried again
 * then may be paid for twice.
 *
 * @internal
 */
export interface Calls {
  count: number
  /** Of what is known to have started. */
  readonly ids: Set<string>
  /** None for what belongs to no part of a program. */
  readonly outer: Calls | undefined
}

/** Those of the part of the program at hand. */
class Underway extends Context.Reference<Underway>()("effect-providers/internal/Underway", {
  defaultValue: (): Calls => ({ count: 0, ids: new Set(), outer: undefined })
}) {}

const forEach = (calls: Calls, f: (calls: Calls) => void): void => {
  for (let at = calls; at.outer !== undefined; at = at.outer) f(at)
}

/**
 * What is told of it in an error.
 *
 * @internal
 */
export interface Doubt {
  readonly mayHaveStarted?: true
  readonly predictionId?: string | undefined
}

/** @internal */
export const doubt = ({ count, ids }: Calls): Doubt =>
  count === 0 ? {} : { mayHaveStarted: true, predictionId: ids.values().next().value }

/**
 * Counts a call until it is known whether it started something: when it succeeded, which is told by `begun`, or failed
 * with an error that `isRefusal`. `onEnd` does what else is to be done at its end.
 *
 * @internal
 */
export const counted = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  isRefusal: (error: E) => boolean,
  onEnd: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Underway, (calls) => {
    const add = (more: number) => forEach(calls, (calls) => void (calls.count += more))
    add(1)
    return Effect.onExit(call, (exit) => {
      if (Exit.isSuccess(exit) || Option.exists(Cause.failureOption(exit.cause), isRefusal)) add(-1)
      return onEnd(exit)
    })
  })

/**
 * Counts what was started until the function that this gives is called: when it is over, or left to somebody.
 *
 * @internal
 */
export const begun = (id: string): Effect.Effect<() => void> =>
  Effect.map(Underway, (calls) => {
    forEach(calls, (calls) => {
      calls.count++
      calls.ids.add(id)
    })
    return () =>
      forEach(calls, (calls) => {
        if (calls.ids.delete(id)) calls.count--
      })
  })

/**
 * Counts the calls of a part of the program, which is run in a fiber of its own, `inside`.
 *
 * @internal
 */
export const counting = <A, E, R>(
  part: (calls: Calls, inside: Inside) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Underway, (outer) => {
    const calls: Calls = { count: 0, ids: new Set(), outer }
    return part(calls, Runtime.provideService(Underway, calls))
  })
