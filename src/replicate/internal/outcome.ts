import * as Effect from "effect/Effect"
import { PredictionCanceled, PredictionFailed, type ProviderError } from "../../ProviderError.js"
import type { Prediction } from "../schemas/Prediction.js"
import { provider } from "./http.js"

/** Codes that Replicate documents, or that were seen, for failures of its own machinery. */
const transientCodes = new Set(["E6716", "E8765", "E9828", "PA"])

/**
 * Reads what the error text of a failed prediction says about it.
 *
 * @internal
 */
export const classify = (text: string) => {
  const code = /\b(?:code:\s*([A-Z]{2,})|(E\d{3,5}))\b/.exec(text)
  const name = code?.[1] ?? code?.[2]
  return {
    ...(name === undefined ? {} : { code: name }),
    transient: (name !== undefined && transientCodes.has(name)) || /\bplease (?:retry|try again)\b/i.test(text),
    moderation: name === "E005" || /\bflagged as sensitive\b|\bnsfw\b/i.test(text),
    outOfMemory: name === "E1001" || /\bout of memory\b/i.test(text)
  }
}

/**
 * Turns a final prediction into what it means: a success, or the error it ended with.
 *
 * @internal
 */
export const outcome = (prediction: Prediction): Effect.Effect<Prediction, ProviderError> => {
  const { status, summary } = prediction
  switch (status) {
    case "failed":
      return Effect.fail(
        new PredictionFailed({ provider, prediction: summary, ...classify(summary.error ?? "") })
      )
    case "canceled":
    case "aborted":
      return Effect.fail(new PredictionCanceled({ provider, prediction: summary, status }))
    default:
      return Effect.succeed(prediction)
  }
}
