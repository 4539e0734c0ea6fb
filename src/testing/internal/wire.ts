import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Ref from "effect/Ref"
import * as Struct from "effect/Struct"
import { type Input, type Model, textField } from "./model.js"
import { type Prediction, removedAt } from "./predictions.js"
import * as Timeline from "./timeline.js"

/**
 * A time with as many fractional digits as the service writes in that place.
 *
 * @internal
 */
export const timestamp = (millis: number, id: string, fraction: number): string => {
  const below = String(Math.abs(Hash.string(id)) % 1_000_000).padStart(6, "0")
  return `${new Date(millis).toISOString().slice(0, -1)}${below}`.slice(0, 20 + fraction) + "Z"
}

const partsOf = (content: Timeline.Content): ReadonlyArray<unknown> => {
  switch (content._tag) {
    case "Text":
      return [content.text]
    case "File":
      return [content.url]
    case "Json":
      return [content.value]
    default:
      return []
  }
}

const isSingle = ({ kind }: Model): boolean => kind === "json" || kind === "file"

const outputOf = (model: Model, contents: ReadonlyArray<Timeline.Content>): unknown => {
  const parts = contents.flatMap(partsOf)
  return parts.length === 0 ? undefined : isSingle(model) ? parts.at(-1) : parts
}

const metricsOf = ({ input, model }: Prediction, timeline: Timeline.Timeline, outputs: number) => {
  const total_time = (timeline.completedAt - timeline.createdAt) / 1000
  if (timeline.startedAt > timeline.completedAt) return { total_time }
  const predict_time = (timeline.completedAt - timeline.startedAt) / 1000
  if (model.kind === "files") return { predict_time, total_time, image_count: outputs }
  const input_token_count = textField(input, "prompt", "").match(/\S+/g)?.length ?? 0
  return isSingle(model)
    ? { predict_time, total_time }
    : { predict_time, total_time, input_token_count, output_token_count: outputs }
}

const urlsOf = ({ id, model, origin, streamId, streamOrigin }: Prediction) => ({
  get: `${origin}/v1/predictions/${id}`,
  cancel: `${origin}/v1/predictions/${id}/cancel`,
  web: `https://replicate.com/p/${id}`,
  // clients tell by this path that the outputs are files
  ...(model.streams === false
    ? {}
    : { stream: `${streamOrigin}/stream/v1/${/^files?$/.test(model.kind) ? "files" : "predictions"}/${streamId}` })
})

/**
 * A prediction as the service writes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface WirePrediction {
  readonly id: string
  readonly model: string
  /** A version id, or `hidden`. */
  readonly version: string
  readonly status: string
  readonly input: Input
  /** Absent until there is some; null after the data was removed. */
  readonly output?: unknown
  readonly error: string | null
  readonly logs: string
  readonly metrics?: Readonly<Record<string, number>>
  readonly data_removed: boolean
  readonly source: string
  readonly created_at: string
  readonly started_at?: string
  readonly completed_at?: string
  readonly deadline?: string
  readonly deployment?: string
  readonly stream?: boolean
  readonly webhook?: string
  readonly webhook_events_filter?: ReadonlyArray<string>
  readonly urls: {
    readonly get: string
    readonly cancel: string
    readonly web: string
    readonly stream?: string
  }
}

/**
 * A prediction as the service writes it at this moment. A `create` writes times to the nanosecond, and one that was
 * not held until there was output does not yet know that the prediction runs.
 *
 * @internal
 */
export const encode = Effect.fnUntraced(function*(prediction: Prediction, as: "read" | "created" | "held") {
  const { deadline, id, input, model, version, webhook, webhookEventsFilter } = prediction
  const timeline = yield* Ref.get(prediction.timeline)
  const now = as === "created" ? timeline.createdAt : yield* Clock.currentTimeMillis
  const fraction = as === "read" ? 3 : 9
  const isOver = now >= timeline.completedAt
  const isRemoved = now >= removedAt(prediction, timeline)
  const contents = Timeline.happenedBy(timeline, now)
  const output = outputOf(model, contents)
  const outputs = contents.flatMap(partsOf).length
  const failure = contents.find((content) => content._tag === "Fail")
  const wire: WirePrediction = {
    id,
    model: model.name,
    version,
    input: isRemoved ? {} : input,
    logs: isRemoved ? "" : contents.map((content) => content._tag === "Log" ? content.text : "").join(""),
    ...(isRemoved ? { output: null } : output === undefined ? {} : { output }),
    data_removed: isRemoved,
    error: failure?.error ?? null,
    source: prediction.isExample === true ? "web" : "api",
    status: Timeline.statusAt(timeline, now),
    created_at: timestamp(timeline.createdAt, id, fraction),
    ...(now < timeline.startedAt ? {} : { started_at: timestamp(timeline.startedAt, id, 6) }),
    ...(isOver ? { completed_at: timestamp(timeline.completedAt, id, 6) } : {}),
    ...(isOver ? { metrics: metricsOf(prediction, timeline, outputs) } : {}),
    ...(deadline === undefined ? {} : { deadline: timestamp(deadline, id, 3) }),
    ...(prediction.deployment === undefined ? {} : { deployment: prediction.deployment }),
    ...(prediction.stream === undefined ? {} : { stream: prediction.stream }),
    ...(webhook === undefined ? {} : { webhook }),
    ...(webhookEventsFilter === undefined ? {} : { webhook_events_filter: webhookEventsFilter }),
    urls: urlsOf(prediction)
  }
  return wire
})

/**
 * A training as the service writes it: null where a prediction has nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireTraining extends Omit<WirePrediction, "data_removed" | "output" | "started_at" | "completed_at"> {
  /** The version that was trained, and where its weights are. */
  readonly output: { readonly version: string; readonly weights: unknown } | null
  readonly started_at: string | null
  readonly completed_at: string | null
  readonly webhook_completed: null
}

/**
 * A training as the service writes it at this moment.
 *
 * @internal
 */
export const encodeTraining = Effect.fnUntraced(function*(training: Prediction) {
  const { output, urls, ...prediction } = yield* encode(training, "read")
  const wire = Struct.omit(prediction, "data_removed")
  const weights = Array.isArray(output) ? output[0] : undefined
  const { destination, version } = training.trains ?? { destination: "", version: "" }
  const trained: WireTraining = {
    completed_at: null,
    started_at: null,
    ...wire,
    output: weights === undefined || wire.status !== "succeeded"
      ? null
      : { version: `${destination}:${version}`, weights },
    urls: {
      get: `${training.origin}/v1/trainings/${training.id}`,
      cancel: `${training.origin}/v1/trainings/${training.id}/cancel`,
      web: urls.web
    },
    webhook_completed: null
  }
  return trained
})
