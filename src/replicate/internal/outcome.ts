import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { PredictionCanceled, PredictionFailed, PredictionSummary, type ProviderError } from "../../ProviderError.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import type { Prediction } from "../schemas/Prediction.js"
import { currentToken, provider } from "./http.js"

/** Codes that Replicate documents, or that were seen, for failures of its own machinery. */
const transientCodes = new Set(["E6716", "E8765", "E9828", "PA"])

/** Reads what the error text of a failed prediction says about it. */
const classify = (text: string) => {
  const code = /\b(?:code:\s*([A-Z]{2,})|(E\d{3,5}))\b/.exec(text)
  const name = code?.[1] ?? code?.[2]
  const moderation = name === "E005" || /\bflagged as sensitive\b|\bnsfw\b/i.test(text)
  const retry = (name !== undefined && transientCodes.has(name)) || /\bplease (?:retry|try again)\b/i.test(text)
  return {
    ...(name === undefined ? {} : { code: name }),
    moderation,
    // a filter says "please try again" as well, but means another input
    transient: retry && !moderation,
    outOfMemory: name === "E1001" || /\bout of memory\b/i.test(text)
  }
}

/** What errors tell of a prediction, without the token, which models can print. */
const summarize = (config: ReplicateConfig, { summary }: Prediction): Effect.Effect<PredictionSummary> =>
  Effect.map(currentToken(config), (token) => {
    if (Option.isNone(token)) return summary
    const secret = Redacted.value(token.value)
    const scrub = (text: string | undefined) => text?.replaceAll(secret, "<redacted>")
    const output = JSON.stringify(summary.output)?.includes(secret) === true ? undefined : summary.output
    return new PredictionSummary({ ...summary, error: scrub(summary.error), logs: scrub(summary.logs), output })
  })

/**
 * Turns a final prediction into what it means: a success, or the error it ended with.
 *
 * @internal
 */
export const outcome = (config: ReplicateConfig, prediction: Prediction): Effect.Effect<Prediction, ProviderError> => {
  const { status } = prediction
  switch (status) {
    case "failed":
      return Effect.flatMap(
        summarize(config, prediction),
        (summary) =>
          Effect.fail(new PredictionFailed({ provider, prediction: summary, ...classify(summary.error ?? "") }))
      )
    case "canceled":
    case "aborted":
      return Effect.flatMap(
        summarize(config, prediction),
        (summary) => Effect.fail(new PredictionCanceled({ provider, prediction: summary, status }))
      )
    default:
      return Effect.succeed(prediction)
  }
}
