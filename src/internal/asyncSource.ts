import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * A stream of what an async iterable gives, each converted. Ended early, it tells the iterator to return and does not wait for that: the call
 * would queue behind a `next` that may never come back, which is what `Stream.fromAsyncIterable` does.
 *
 * @internal
 */
export const fromAsyncIterable = <A, B, E>(
  iterable: AsyncIterable<A>,
  convert: (value: A) => Effect.Effect<B, E>,
  onError: (error: unknown) => E
): Stream.Stream<B, E> =>
  Stream.unwrapScoped(Effect.map(
    Effect.acquireRelease(
      Effect.try({ try: () => iterable[Symbol.asyncIterator](), catch: onError }),
      (iterator) => Effect.sync(() => void new Promise((resolve) => resolve(iterator.return?.())).catch(() => {}))
    ),
    (iterator) =>
      Stream.repeatEffectOption(Effect.flatMap(
        Effect.tryPromise({
          try: () => iterator.next(),
          catch: (error) => Option.some(onError(error))
        }),
        (result) =>
          result.done === true ? Effect.fail(Option.none()) : Effect.mapError(convert(result.value), Option.some)
      ))
  ))
