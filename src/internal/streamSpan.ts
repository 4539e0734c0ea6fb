import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Of } from "../Output.js"

/**
 * The span of one stream of outputs, which ends as the scope does. It has the names of OpenTelemetry's conventions for
 * generative AI, and nothing of what was asked and answered.
 *
 * @internal
 */
export const streamSpan = ({ model, name }: Of<"ProviderInfo">): Effect.Effect<Tracer.Span, never, Scope.Scope> =>
  Effect.makeSpanScoped("Provider.stream", {
    kind: "client",
    captureStackTrace: false,
    attributes: { "gen_ai.operation.name": "chat", "gen_ai.system": name, "gen_ai.request.model": model }
  })

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
