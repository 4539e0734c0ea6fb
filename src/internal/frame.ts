import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Of, Output } from "../Output.js"
import { isProviderError, type ProviderError } from "../ProviderError.js"

const isFinish = (output: Output): boolean => output._tag === "Finish"

const unknownFinish: Output = { _tag: "Finish", reason: "unknown" }

/** What became of a stream. The failure may be the consumer's as well, of which nothing is told. */
const fate = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "was stopped early"
  const error = Option.filter(Cause.failureOption(exit.cause), isProviderError)
  if (Option.isSome(error)) return `failed with ${error.value._tag}`
  return Cause.isInterruptedOnly(exit.cause) ? "was interrupted" : "was given up"
}

/**
 * Puts `ProviderInfo` first, and `Finish` last and once; and tells the debug log when the stream starts and ends. Of the
 * request, the log gets the names of its options only, and which of them do nothing.
 *
 * @internal
 */
export const framed = (
  info: Of<"ProviderInfo">,
  options: { readonly given: ReadonlyArray<string>; readonly ignored: ReadonlyArray<string> },
  body: Stream.Stream<Output, ProviderError>
): Stream.Stream<Output, ProviderError> =>
  Stream.unwrap(Effect.gen(function*() {
    const call = `${info.name}: stream of ${JSON.stringify(info.model)}`
    const { given, ignored } = options
    yield* Effect.logDebug(`${call} with ${given.length === 0 ? "no options" : given.join(", ")}`)
    if (ignored.length > 0) yield* Effect.logDebug(`${call} ignores ${ignored.join(", ")}`)
    const startedAt = yield* Clock.currentTimeMillis

    let finish: Output = unknownFinish
    let ended = false
    let count = 0
    const withoutFinish = Stream.mapChunks(body, (chunk) => {
      const found = Chunk.findLast(chunk, isFinish)
      const outputs = Option.isNone(found) ? chunk : Chunk.filter(chunk, (output) => !isFinish(output))
      finish = Option.getOrElse(found, () => finish)
      count += outputs.length
      return outputs
    })
    const end = Stream.sync(() => {
      ended = true
      return finish
    })
    return Stream.concat(Stream.concat(Stream.succeed(info), withoutFinish), end).pipe(
      Stream.ensuringWith((exit) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const how = ended ? "is done" : fate(exit)
          return Effect.logDebug(`${call} ${how}, outputs: ${count}, milliseconds: ${now - startedAt}`)
        })
      )
    )
  }))
