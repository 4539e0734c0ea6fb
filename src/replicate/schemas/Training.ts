/**
 * A training as Replicate's API gives it, and the body that creates one.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Prediction, PredictionRequest } from "./Prediction.js"
import { JsonObject } from "./Wire.js"

/** A text of the output, where the trainer gives what trainers usually give. */
const outputText = (output: unknown, field: string): string | undefined =>
  Predicate.hasProperty(output, field) && Predicate.isString(output[field]) ? output[field] : undefined

/**
 * A training. It lives as a prediction does, and has the same fields.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Training extends Prediction.extend<Training>("effect-providers/replicate/Training")({}) {
  /** The version that was trained, once there is one; `version` is the one it was trained from. */
  get trainedVersion(): string | undefined {
    return outputText(this.output, "version")
  }

  /** Where the trained weights are, once there are some. */
  get weights(): string | undefined {
    return outputText(this.output, "weights")
  }
}

/**
 * The body that creates a training.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TrainingRequest = Schema.Struct({
  /** The model that gets the trained version, as `owner/name`; it has to exist. */
  destination: Schema.String,
  input: JsonObject,
  webhook: PredictionRequest.fields.webhook,
  webhook_events_filter: PredictionRequest.fields.webhook_events_filter
})
