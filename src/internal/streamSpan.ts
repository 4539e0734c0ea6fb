import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Of } from "../Output.js"
import { isProviderError } from "../ProviderError.js"

/**
 * The span of one stream of outputs, which ends when the scope does. It has the names of OpenTelemetry's conventions for
 * generative AI, and nothing of what was asked and answered.
 *
 * @internal
 */
export const streamSpan = ({ model, name }: Of<"ProviderInfo">): Effect.Effect<Tracer.Span, never, Scope.Scope> =>
  Effect.flatMap(Scope.make(), (own) => {
    const span = Effect.makeSpanScoped("Provider.stream", {
      kind: "client",
      captureStackTrace: false,
      attributes: { "gen_ai.operation.name": "chat", "gen_ai.system": name, "gen_ai.request.model": model }
    })
    return Effect.zipLeft(
      Scope.extend(span, own),
      Effect.addFinalizer((exit) => Scope.close(own, fate(exit)))
    )
  })

/** What is told of how a stream ended: the failure may be the consumer's, which is nobody's business here. */
const fate = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<void, unknown> => {
  if (Exit.isSuccess(exit)) return Exit.void
  const error = Option.filter(Cause.failureOption(exit.cause), isProviderError)
  if (Option.isSome(error)) return Exit.fail(error.value)
  return Cause.isInterruptedOnly(exit.cause) ? Exit.failCause(exit.cause) : Exit.void
}

/**
 * Tells a span how an answer ended, and what it used.
 *
 * @internal
 */
export const annotate = (span: Tracer.Span, finish: Of<"Finish">, usage: Of<"Usage"> | undefined): void => {
  span.attribute("gen_ai.response.finish_reasons", [finish.reason])
  const told = {
    "gen_ai.response.id": finish.id,
    "gen_ai.usage.input_tokens": usage?.inputTokens,
    "gen_ai.usage.output_tokens": usage?.outputTokens
  }
  for (const [name, value] of Object.entries(told)) if (value !== undefined) span.attribute(name, value)
}
