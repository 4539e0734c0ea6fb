import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { Of, Output } from "../Output.js"
import { isProviderError, type ProviderError } from "../ProviderError.js"
import * as Pull from "./pull.js"
import { annotate, streamSpan } from "./streamSpan.js"

const unknownFinish: Of<"Finish"> = { _tag: "Finish", reason: "unknown" }

/**
 * What became of a stream before its end, for the log and for its span. The failure may be the consumer's as well, of
 * which nothing is told.
 */
const fate = (exit: Exit.Exit<unknown, unknown>): readonly [how: string, told: Exit.Exit<void, unknown>] => {
  if (Exit.isSuccess(exit)) return ["was stopped early", Exit.void]
  const error = Option.filter(Cause.failureOption(exit.cause), isProviderError)
  if (Option.isSome(error)) return [`failed with ${error.value._tag}`, Exit.fail(error.value)]
  return Cause.isInterruptedOnly(exit.cause)
    ? ["was interrupted", Exit.failCause(exit.cause)]
    : ["was given up", Exit.void]
}

/**
 * Puts `ProviderInfo` first, and `Finish` last and once; and tells a span, and the debug log, when the stream starts and
 * ends. Of the request, the log gets the names of its options only, and which of them do nothing.
 *
 * @internal
 */
export const framed = (
  info: Of<"ProviderInfo">,
  options: { readonly given: ReadonlyArray<string>; readonly ignored: ReadonlyArray<string> },
  body: (span: Tracer.Span) => Stream.Stream<Output, ProviderError>
): Pull.Source<Output, ProviderError> =>
  Effect.gen(function*() {
    const call = `${info.name}: stream of ${JSON.stringify(info.model)}`
    const { given, ignored } = options
    yield* Effect.logDebug(`${call} with ${given.length === 0 ? "no options" : given.join(", ")}`)
    if (ignored.length > 0) yield* Effect.logDebug(`${call} ignores ${ignored.join(", ")}`)
    const startedAt = yield* Clock.currentTimeMillis
    const spanScope = yield* Scope.make()

    let finish = unknownFinish
    let usage: Of<"Usage"> | undefined
    let ended = false
    let count = 0
    yield* Effect.addFinalizer((exit) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const [how, told] = ended ? ["is done", Exit.void] as const : fate(exit)
        return Effect.zipRight(
          Effect.logDebug(`${call} ${how}, outputs: ${count}, milliseconds: ${now - startedAt}`),
          Scope.close(spanScope, told)
        )
      })
    )

    const span = yield* Scope.extend(streamSpan(info), spanScope)

    // closed before what is told of the end
    const bodyScope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)

    const withoutFinish = (chunk: Chunk.Chunk<Output>) => {
      let isLast = false
      for (const output of Chunk.toReadonlyArray(chunk)) {
        if (output._tag === "Usage") usage = output
        if (output._tag !== "Finish") continue
        finish = output
        isLast = true
      }
      return isLast ? Chunk.filter(chunk, ({ _tag }) => _tag !== "Finish") : chunk
    }
    let pull: Pull.Pull<Output, ProviderError>
    const goOn = (next: typeof pull): typeof pull => {
      pull = next
      return next
    }
    // closed before the end is told: many read no further
    const last = Effect.map(Scope.close(bodyScope, Exit.void), () => {
      ended = true
      pull = Pull.end
      annotate(span, finish, usage)
      return Chunk.of(finish)
    })
    const read = (body: typeof pull): typeof pull => {
      const next: typeof pull = Effect.matchEffect(body, {
        onFailure: (end) => Option.isNone(end) ? last : Effect.fail(end),
        onSuccess: (chunk) => {
          const outputs = withoutFinish(chunk)
          count += outputs.length
          return Chunk.isEmpty(outputs) ? next : Effect.succeed(outputs)
        }
      })
      return next
    }
    pull = Effect.sync(() => {
      pull = Effect.flatMap(Effect.mapError(Scope.extend(Pull.open(body(span)), bodyScope), Option.some), (body) =>
        goOn(read(body)))
      return Chunk.of(info)
    })
    return Effect.suspend(() =>
      pull
    )
  })
