import * as Effect from "effect/Effect"

type Register<A, E> = (resume: (effect: Effect.Effect<A, E>) => void) => void

// a function of its own: one that is made beside another keeps what that one needs
const released = <A, E>(register: Register<A, E> | undefined): Effect.Effect<A, E> =>
  Effect.async((resume) => {
    const begin = register
    register = undefined
    begin?.(resume)
  })

/**
 * As `Effect.async`, but lets go of what it waits for as soon as it waits: V8 keeps all that an `Effect.async` can reach
 * for long after its end (bench/young.mjs), such as the body of every answer that was read.
 *
 * @internal
 */
export const asyncOnce = <A, E = never>(register: Register<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => released(register))
