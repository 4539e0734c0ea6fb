import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"

/**
 * How the values and the failures of an async iterable are told.
 *
 * @internal
 */
export interface Conversion<A, B, E> {
  readonly convert: (value: A) => Effect.Effect<B, E>
  readonly onThrown: (error: unknown) => E
  /** For what `next` gave when it is no object, which iterators without types may do. */
  readonly onNoResult: (found: unknown) => E
}

/**
 * A stream of what an async iterable gives, each converted. Ended early, it tells the iterator to return and does not
 * wait for that: the call would queue behind a `next` that may never come back, which is what
 * `Stream.fromAsyncIterable` does.
 *
 * @internal
 */
export const fromAsyncIterable = <A, B, E>(
  iterable: AsyncIterable<A>,
  { convert, onNoResult, onThrown }: Conversion<A, B, E>
): Stream.Stream<B, E> =>
  Stream.unwrapScoped(Effect.map(
    Effect.acquireRelease(
      Effect.try({ try: () => iterable[Symbol.asyncIterator](), catch: onThrown }),
      (iterator) => Effect.sync(() => void new Promise((resolve) => resolve(iterator.return?.())).catch(() => {}))
    ),
    (iterator) =>
      Stream.repeatEffectOption(Effect.flatMap(
        Effect.tryPromise({
          try: () => iterator.next(),
          catch: (error) => Option.some(onThrown(error))
        }),
        (result) => {
          if (!Predicate.isObject(result)) return Effect.fail(Option.some(onNoResult(result)))
          return result.done === true ? Effect.fail(Option.none()) : Effect.mapError(convert(result.value), Option.some)
        }
      ))
  ))
