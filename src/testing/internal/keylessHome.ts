import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Predicate from "effect/Predicate"
import * as ReplicateHome from "../../providers/ReplicateHome.js"

/**
 * What the home page was asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface AskedPrediction {
  readonly model: string
  readonly version: string
  readonly input: Readonly<Record<string, unknown>>
}

/**
 * How a prediction of the home page goes; what is left out has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Course {
  /** How many looks find it still at work. Default 1. */
  readonly polls?: number | undefined
  /** How it ends. Default `succeeded`. */
  readonly status?: "succeeded" | "failed" | "canceled" | "aborted" | undefined
  /** Default: the prompt word by word, or the URL of an image. */
  readonly output?: unknown
  /** What the service says about a failure. */
  readonly error?: string | undefined
}

/** @internal */
export interface Home {
  readonly create: (body: unknown) => HttpServerResponse.HttpServerResponse
  readonly poll: (id: string) => HttpServerResponse.HttpServerResponse
}

const isAsked = (body: unknown): body is AskedPrediction =>
  Predicate.isRecord(body) && typeof body.model === "string" && typeof body.version === "string" &&
  Predicate.isRecord(body.input) && typeof body.input.prompt === "string"

const refusal = (status: number, detail: string) => HttpServerResponse.unsafeJson({ detail, status }, { status })

const isImageModel = (name: string): boolean =>
  [...ReplicateHome.models, ...ReplicateHome.historicModels].some((model) =>
    model.name === name && model.kind === "image"
  )

const outputOf = (id: string, { input, model }: AskedPrediction): unknown =>
  isImageModel(model)
    ? [`https://replicate.delivery/keyless/${id}/out-0.png`]
    : String(input.prompt).match(/\S+\s*/g) ?? []

/** @internal */
export const make = (courseOf: (asked: AskedPrediction) => Course): Home => {
  const predictions = new Map<string, { readonly asked: AskedPrediction; readonly course: Course; looks: number }>()
  return {
    create: (asked) => {
      if (!isAsked(asked)) return refusal(422, "expected model, version and input.prompt")
      const id = `home-prediction-${predictions.size + 1}`
      predictions.set(id, { asked, course: courseOf(asked), looks: 0 })
      return HttpServerResponse.unsafeJson({ ...asked, id, status: "starting", output: null, error: null }, {
        status: 201
      })
    },
    poll: (id) => {
      const prediction = predictions.get(id)
      if (prediction === undefined) return refusal(404, "no such prediction")
      const { asked, course: { error = null, output, polls = 1, status = "succeeded" } } = prediction
      const isOver = ++prediction.looks > polls
      return HttpServerResponse.unsafeJson({
        ...asked,
        id,
        status: isOver ? status : "processing",
        output: !isOver || status !== "succeeded" ? null : output === undefined ? outputOf(id, asked) : output,
        error: isOver ? error : null
      })
    }
  }
}
