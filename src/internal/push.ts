import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Pull from "./pull.js"

/**
 * What comes after a chunk: the next one, the end, or the next one as soon as `goOn` is called.
 *
 * @internal
 */
export type Flow = boolean | ((goOn: () => void) => void)

/** @internal */
export type Take<A> = (chunk: Chunk.Chunk<A>) => Flow

/** @internal */
export interface Sink<A> {
  /** To be called when the source is open, and may be expected to give something. */
  readonly opened: () => void
  readonly take: Take<A>
}

/**
 * A source that gives its chunks away, in a fiber of its own, where a `Pull.Source` is asked for each: so a chunk that
 * comes from the network takes no step of Effect before it is at its consumer.
 *
 * @internal
 */
export type Source<A, E = never, R = never> = (sink: Sink<A>) => Effect.Effect<void, E, R | Scope.Scope>

/** Gives the chunks of a pull away. */
const forEach = <A, E, R>(pull: Pull.Pull<A, E, R>, take: Take<A>): Effect.Effect<void, E, R> => {
  const next: Pull.Pull<never, E, R> = Effect.flatMap(pull, (chunk) => {
    const flow = take(chunk)
    if (flow === true) return next
    return flow === false
      ? Pull.end
      : Effect.zipRight(Effect.async<void>((resume) => flow(() => resume(Effect.void))), next)
  })
  return Effect.catchAll(next, Option.match({ onNone: () => Effect.void, onSome: Effect.fail }))
}

/**
 * Gives the chunks of a stream away.
 *
 * @internal
 */
export const forEachChunk = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  take: Take<A>
): Effect.Effect<void, E, R | Scope.Scope> => Effect.flatMap(Stream.toPull(stream), (pull) => forEach(pull, take))

/**
 * The source of a pull, which may say where its opening can be interrupted; once it is open, it can.
 *
 * @internal
 */
export const fromPull = <A, E, R>(source: Pull.Source<A, E, R>): Source<A, E, R> => ({ opened, take }) =>
  Effect.flatMap(source, (pull) => {
    opened()
    return Effect.interruptible(forEach(pull, take))
  })
