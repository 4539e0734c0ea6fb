/**
 * A prediction as Replicate's API gives it, and the body that creates one.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { toJson } from "../../internal/errorBody.js"
import { PredictionSummary } from "../../ProviderError.js"
import * as FileOutput from "../FileOutput.js"
import { JsonObject, optional, Status } from "./Wire.js"

/**
 * The events a webhook can be sent for.
 *
 * @since 0.1.0
 * @category schemas
 */
export const WebhookEvent = Schema.Literal("start", "output", "logs", "completed")

/**
 * The body that creates a prediction of a model or deployment. The API refuses any other field.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PredictionRequest = Schema.Struct({
  input: JsonObject,
  webhook: Schema.optional(Schema.String),
  webhook_events_filter: Schema.optional(Schema.Array(WebhookEvent)),
  /** Ignored by the API of today, which always gives a stream URL where it can; asked for by older deployments. */
  stream: Schema.optional(Schema.Boolean)
})

/**
 * The body that creates a prediction of a version: a version id, `owner/name:id`, or `owner/name`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const VersionPredictionRequest = Schema.Struct({ version: Schema.String, ...PredictionRequest.fields })

/**
 * The statuses that are final. Any other status, also one not known today, means that the prediction goes on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TerminalStatus = Schema.Literal("succeeded", "failed", "canceled", "aborted")

const isTerminalStatus = Schema.is(TerminalStatus)

/** Most characters of its error and its logs that an error tells of a prediction. */
const longestText = 2000

const textOf = (error: unknown): string =>
  typeof error === "string" ? error : Option.getOrElse(toJson(error), () => "an error nested too deep to tell")

/**
 * A prediction.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Prediction extends Schema.Class<Prediction>("effect-providers/replicate/Prediction")({
  id: Schema.NonEmptyString,
  model: optional(Schema.String),
  /** A version id, or `hidden` for models that do not show theirs. */
  version: optional(Schema.String),
  /** `starting`, `processing`, one of `TerminalStatus`, or a status this library has not heard of. */
  status: Status,
  input: optional(JsonObject),
  /** Whatever the model gives; absent until there is some, and after the data was removed. */
  output: Schema.optional(Schema.Unknown),
  error: optional(Schema.Unknown),
  logs: optional(Schema.String),
  /** Numbers, and some strings and booleans: `predict_time` in seconds, token counts, billing metrics. */
  metrics: optional(JsonObject),
  created_at: optional(Schema.DateTimeUtc),
  started_at: optional(Schema.DateTimeUtc),
  completed_at: optional(Schema.DateTimeUtc),
  /** When the prediction is stopped, if `Cancel-After` was asked for. */
  deadline: optional(Schema.DateTimeUtc),
  /** The API removes input, output and files an hour after the end. */
  data_removed: optional(Schema.Boolean),
  source: optional(Schema.String),
  deployment: optional(Schema.String),
  urls: optional(Schema.Struct({
    get: optional(Schema.String),
    cancel: optional(Schema.String),
    web: optional(Schema.String),
    /** Where the output is streamed from, for models that stream. Whoever has it can read the output. */
    stream: optional(Schema.String)
  }))
}) {
  /** Whether the status is final. */
  get isTerminal(): boolean {
    return isTerminalStatus(this.status)
  }

  /** The files of the output, wherever they stand in it, in order. */
  get files(): ReadonlyArray<FileOutput.FileOutput> {
    return FileOutput.find(this.output)
  }

  /** The output of a text model, whole. Empty when there is no text. */
  get text(): string {
    const { output } = this
    if (typeof output === "string") return output
    return Array.isArray(output) ? output.filter((part) => typeof part === "string").join("") : ""
  }

  /** What an error may tell of this prediction: neither its input nor its output. */
  get summary(): PredictionSummary {
    const { error } = this
    return new PredictionSummary({
      id: this.id,
      model: this.model,
      status: this.status,
      error: error === undefined ? undefined : textOf(error).slice(0, longestText),
      logs: this.logs?.slice(-longestText),
      url: this.urls?.web
    })
  }
}
