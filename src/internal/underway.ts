import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
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
  /** Ids of what was started, and something for each call. */
  readonly open: Set<unknown>
  /** None for what belongs to no part of a program. */
  readonly outer: Calls | undefined
}

/** Those of the part of the program at hand. */
class Underway extends Context.Reference<Underway>()("effect-providers/Underway", {
  defaultValue: (): Calls => ({ open: new Set(), outer: undefined })
}) {}

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
export const doubt = ({ open }: Calls): Doubt =>
  open.size === 0 ? {} : { mayHaveStarted: true, predictionId: [...open].find(Predicate.isString) }

/**
 * Keeps in mind what was begun until the function that this gives is called: when it is over, or left to somebody.
 *
 * @internal
 */
export const begun = (id: unknown): Effect.Effect<() => void> =>
  Effect.map(Underway, (calls) => {
    const all: Array<Calls> = []
    for (let at = calls; at.outer !== undefined; at = at.outer) all.push(at)
    for (const { open } of all) open.add(id)
    return () => {
      for (const { open } of all) open.delete(id)
    }
  })

/**
 * Keeps a call in mind until it is known whether it started something: when it succeeded, or failed with an error that
 * `isRefusal`. `onEnd` does what else is to be done at its end.
 *
 * @internal
 */
export const counted = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  isRefusal: (error: E) => boolean,
  onEnd: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(begun({}), (over) =>
    Effect.onExit(call, (exit) => {
      if (Exit.isSuccess(exit) || Option.exists(Cause.failureOption(exit.cause), isRefusal)) over()
      return onEnd(exit)
    }))

/**
 * Counts the calls of a part of the program, which is run in a fiber of its own, `inside`.
 *
 * @internal
 */
export const counting = <A, E, R>(
  part: (calls: Calls, inside: Inside) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Underway, (outer) => {
    const calls: Calls = { open: new Set(), outer }
    return part(calls, Runtime.provideService(Underway, calls))
  })
