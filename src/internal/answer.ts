import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Output from "../Output.js"
import { type ProviderError, ResponseError } from "../ProviderError.js"
import { fromAsyncIterable } from "./asyncSource.js"

/** @internal */
export type Answer =
  | Stream.Stream<Output.Output, ProviderError>
  | Effect.Effect<string, ProviderError>
  | AsyncIterable<string | Output.Output>

/** The kind of a value, never the value. */
const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Predicate.isPromiseLike(value)) return "a promise"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** A text is whole, so that it ends with `stop`. */
const whole = (text: string): ReadonlyArray<Output.Output> => [
  Output.textDelta(text),
  { _tag: "Finish", reason: "stop" }
]

const isOutput = (value: unknown): value is Output.Output => Predicate.isRecord(value) && Predicate.isString(value._tag)

const isStream = (value: unknown): value is Stream.Stream<Output.Output, ProviderError> =>
  Predicate.hasProperty(value, Stream.StreamTypeId)

/**
 * The stream of what a provider answers with. What else a caller without types may give is an error that tells so.
 *
 * @internal
 */
export const toStream = (
  provider: string,
  answer: Answer,
  onThrown: (error: unknown) => ProviderError
): Stream.Stream<Output.Output, ProviderError> => {
  const wrong = (what: string, found: unknown, expected: string) =>
    new ResponseError({ provider, reason: "malformed", detail: `${what} ${kindOf(found)}, expected ${expected}` })

  if (isStream(answer)) return answer
  if (Effect.isEffect(answer)) {
    const text = Effect.filterOrFail(
      answer,
      Predicate.isString,
      (found) => wrong("`run` gave an Effect of", found, "one of a text")
    )
    return Stream.fromIterableEffect(Effect.map(text, whole))
  }
  if (Predicate.hasProperty(answer, Symbol.asyncIterator)) {
    return fromAsyncIterable(answer, {
      convert: (value) =>
        typeof value === "string"
          ? Effect.succeed(Output.textDelta(value))
          : isOutput(value)
          ? Effect.succeed(value)
          : Effect.fail(wrong("the async iterable of `run` gave", value, "a text or an output")),
      onThrown,
      onNoResult: (found) => wrong("`next` of the async iterable gave", found, "an object with `done` and `value`")
    })
  }
  // nobody waits for it, and what it fails with is not told
  if (Predicate.isPromise(answer)) Promise.resolve(answer).catch(() => {})
  return Stream.fail(wrong("`run` gave", answer, "a Stream of outputs, an Effect of one text, or an async iterable"))
}
