import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type { Inside } from "./work.js"

/**
 * Calls that are not to be sent twice, and were sent but not answered yet. Whoever gives up meanwhile cannot know
 * whether they did something, and has to say so: what is tried again then may be paid for twice.
 *
 * @internal
 */
export interface Calls {
  count: number
  readonly outer: Calls | undefined
}

/** Those of the part of the program at hand. */
class Underway extends Context.Reference<Underway>()("effect-providers/internal/Underway", {
  defaultValue: (): Calls => ({ count: 0, outer: undefined })
}) {}

const add = (calls: Calls | undefined, more: number): void => {
  for (let at = calls; at !== undefined; at = at.outer) at.count += more
}

/**
 * Counts a call until its end, for all that wait for it; `onEnd` does what else is to be done then.
 *
 * @internal
 */
export const counted = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  onEnd: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Underway, (calls) => {
    add(calls, 1)
    return Effect.onExit(call, (exit) => {
      add(calls, -1)
      return onEnd(exit)
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
    const calls: Calls = { count: 0, outer }
    return part(calls, Runtime.provideService(Underway, calls))
  })
