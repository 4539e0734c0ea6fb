import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

/**
 * Gives the next chunk, and fails with none at the end: what `Stream.toPull` opens. What is done to a stream in many
 * steps is done to its pull here, because a step over channels costs as much as reading the chunk from the network.
 *
 * @internal
 */
export type Pull<A, E = never, R = never> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>

/**
 * A stream before it is one: opened anew for each run, and closed with the scope.
 *
 * @internal
 */
export type Source<A, E = never, R = never> = Effect.Effect<Pull<A, E, R>, E, R | Scope.Scope>

/** @internal */
export const end: Pull<never> = Effect.fail(Option.none())

/** @internal */
export const fail = <E>(error: E): Pull<never, E> => Effect.fail(Option.some(error))

/** The sources of the streams that were made here. */
const sources = new WeakMap<object, unknown>()

/**
 * Opens a stream. One that was made here is read by the pull of its source, without a channel between.
 *
 * @internal
 */
export const open = <A, E, R>(self: Stream.Stream<A, E, R>): Source<A, E, R> => {
  // `toStream` puts in what it makes the stream of
  const source = sources.get(self) as Source<A, E, R> | undefined
  return source ?? Stream.toPull(self)
}

/**
 * Makes what a stream does that was made here part of a span: its opening, and the fibers that begin there. Others stay
 * as they are: what they fail with would be wrapped in a proxy, as all that fails under a span is.
 *
 * @internal
 */
export const withSpan = <A, E>(self: Stream.Stream<A, E>, span: Tracer.Span): Stream.Stream<A, E> =>
  sources.has(self) ? toStream(Effect.provideService(open(self), Tracer.ParentSpan, span)) : self

/**
 * Makes a stream of a source. As `Stream.fromPull`, at two thirds of the cost.
 *
 * @internal
 */
export const toStream = <A, E, R>(source: Source<A, E, R>): Stream.Stream<A, E, R> => {
  const read = (pull: Pull<A, E, R>) => {
    const next = Effect.catchAll(pull, Option.match({ onNone: () => Effect.succeed(undefined), onSome: Effect.fail }))
    const loop: Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, void, unknown, R> = Channel.flatMap(
      Channel.fromEffect(next),
      (chunk) => chunk === undefined ? Channel.void : Channel.flatMap(Channel.write(chunk), () => loop)
    )
    return loop
  }
  const stream = Stream.fromChannel(
    Channel.flatMap(
      Channel.fromEffect(Scope.make()),
      (scope) =>
        Channel.flatMap(Channel.fromEffect(Scope.extend(source, scope)), read).pipe(
          Channel.ensuringWith((exit) => Scope.close(scope, exit))
        )
    )
  )
  sources.set(stream, source)
  return stream
}
