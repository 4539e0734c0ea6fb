import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { PredictionCanceled, PredictionFailed, PredictionSummary, type ProviderError } from "../../ProviderError.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import type { Prediction } from "../schemas/Prediction.js"
import { currentToken, provider } from "./http.js"

/**
 * Codes for failures of Replicate's own machinery. E6716 is in Replicate's docs on error codes; the others stand in
 * errors that users reported.
 */
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
const summarize = ({ summary }: Prediction, token: Option.Option<Redacted.Redacted<string>>): PredictionSummary => {
  if (Option.isNone(token)) return summary
  const secret = Redacted.value(token.value)
  const scrub = (text: string | undefined) => text?.replaceAll(secret, "<redacted>")
  return new PredictionSummary({ ...summary, error: scrub(summary.error), logs: scrub(summary.logs) })
}

/** Whether a prediction that was stopped says that it was its deadline. */
const isOverdue = ({ completed_at: end, deadline }: Prediction): boolean =>
  end !== undefined && deadline !== undefined && DateTime.greaterThanOrEqualTo(end, deadline)

/**
 * Turns a final prediction of a provider into what it means: a success, or the error it ended with.
 *
 * @internal
 */
export const outcomeOf = <A extends Prediction>(
  provider: string,
  prediction: A,
  token: Option.Option<Redacted.Redacted<string>>
): Effect.Effect<A, PredictionFailed | PredictionCanceled> => {
  const { status } = prediction
  if (status === "failed") {
    const summary = summarize(prediction, token)
    return new PredictionFailed({ provider, prediction: summary, ...classify(summary.error ?? "") })
  }
  return status === "canceled" || status === "aborted"
    ? new PredictionCanceled({
      provider,
      prediction: summarize(prediction, token),
      status,
      ...(isOverdue(prediction) ? { overdue: true } : {})
    })
    : Effect.succeed(prediction)
}

/**
 * The same for a prediction of Replicate's API.
 *
 * @internal
 */
export const outcome = <A extends Prediction>(
  config: ReplicateConfig,
  prediction: A
): Effect.Effect<A, ProviderError> =>
  prediction.status === "succeeded"
    ? Effect.succeed(prediction)
    : Effect.flatMap(currentToken(config), (token) => outcomeOf(provider, prediction, token))
