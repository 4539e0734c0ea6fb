import { makeRecent } from "../../internal/recent.js"
import type { Prediction } from "../schemas/Prediction.js"

/** How much of an output there is. Only texts and lists grow while a model runs. */
const extent = (output: unknown): number =>
  output === undefined || output === null ? 0 : typeof output === "string" || Array.isArray(output) ? output.length : 1

/**
 * Tells which deliveries say something new. It is mutable: one stream, one of these.
 *
 * @internal
 */
export const makeNews = (remember: number) => {
  const deliveries = makeRecent<true>(remember)
  const predictions = makeRecent<{ readonly output: number; readonly logs: number; readonly isFinal: boolean }>(
    remember
  )
  return (delivery: string, prediction: Prediction): boolean => {
    const last = predictions.get(prediction.id)
    if (deliveries.get(delivery) || last?.isFinal) return false
    deliveries.set(delivery, true)
    const { isTerminal: isFinal } = prediction
    const output = extent(prediction.output)
    const logs = prediction.logs?.length ?? 0
    // the end is news even if it comes with less: a failure may have no output
    if (last !== undefined && !isFinal && (output < last.output || logs < last.logs)) return false
    predictions.set(prediction.id, { output, logs, isFinal })
    return true
  }
}
