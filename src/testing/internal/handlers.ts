import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import { ReplicateApi } from "../../replicate/ReplicateApi.js"
import { PredictionRequest, VersionPredictionRequest } from "../../replicate/schemas/Prediction.js"
import type { Catalogue } from "./catalogue.js"
import { originOf } from "./connection.js"
import { invalidFields, type Model, versionOf } from "./model.js"
import { readBody, readHold, readLifetime } from "./predictionRequest.js"
import { hold, type Prediction, type Predictions } from "./predictions.js"
import { invalid, notFound, problem } from "./problem.js"
import * as Wire from "./wire.js"

/** The API as it is served: the client has the prefix in its base URL. */
const Api = ReplicateApi.prefix("/v1")

/** @internal */
export interface State {
  readonly catalogue: Catalogue
  readonly predictions: Predictions
  /** Origins of streams and files, where they are not the API's own. */
  readonly streamOrigin: string | undefined
  readonly fileOrigin: string | undefined
}

interface CreateHeaders {
  readonly prefer?: string | undefined
  readonly "cancel-after"?: string | undefined
}

interface Target {
  readonly model: Model
  readonly version: string
}

const respond = (prediction: Prediction | undefined) =>
  prediction === undefined
    ? Effect.succeed(notFound)
    : Effect.map(Wire.encode(prediction, "read"), (body) => HttpServerResponse.unsafeJson(body))

const create = Effect.fnUntraced(
  function*<A extends typeof PredictionRequest.Type, I>(
    state: State,
    request: HttpServerRequest.HttpServerRequest,
    headers: CreateHeaders,
    schema: Schema.Schema<A, I>,
    target: (payload: A) => Effect.Effect<Target, HttpServerResponse.HttpServerResponse>
  ) {
    const payload = yield* readBody(request, schema)
    const { model, version } = yield* target(payload)
    const issues = invalidFields(model, payload.input)
    if (issues.length > 0) return yield* Effect.fail(invalid(issues))
    const seconds = yield* readHold(headers.prefer)
    const lifetime = yield* readLifetime(headers["cancel-after"])

    const origin = originOf(request)
    const prediction = yield* state.predictions.create({
      model,
      version,
      input: payload.input,
      webhook: payload.webhook,
      webhookEventsFilter: payload.webhook_events_filter,
      origin,
      streamOrigin: state.streamOrigin ?? origin,
      fileOrigin: state.fileOrigin ?? origin,
      lifetime
    })
    const isHeld = seconds !== undefined && (yield* hold(prediction, seconds))
    const body = yield* Wire.encode(prediction, isHeld ? "held" : "created")
    return HttpServerResponse.unsafeJson(body, {
      status: 201,
      headers: headers.prefer === undefined ? {} : { "preference-applied": headers.prefer }
    })
  },
  Effect.merge
)

const predictions = (state: State) =>
  HttpApiBuilder.group(Api, "predictions", (handlers) =>
    handlers
      .handleRaw("create", ({ headers, request }) =>
        create(state, request, headers, VersionPredictionRequest, ({ version }) => {
          const model = state.catalogue.byReference(version)
          if (model !== undefined) return Effect.succeed({ model, version: versionOf(model) })
          return Effect.fail(
            version.includes("/") && !version.includes(":")
              ? notFound
              : problem(422, "Invalid version or not permitted")
          )
        }))
      .handle("get", ({ path }) =>
        respond(state.predictions.byId(path.prediction_id)))
      .handle("cancel", ({ path }) => {
        const prediction = state.predictions.byId(path.prediction_id)
        return prediction === undefined
          ? Effect.succeed(notFound)
          : Effect.zipRight(state.predictions.cancel(prediction), respond(prediction))
      }))

const models = (state: State) =>
  HttpApiBuilder.group(
    Api,
    "models",
    (handlers) =>
      handlers.handleRaw("predict", ({ headers, path, request }) =>
        create(state, request, headers, PredictionRequest, () => {
          const model = state.catalogue.byName(`${path.model_owner}/${path.model_name}`)
          return model === undefined ? Effect.fail(notFound) : Effect.succeed({ model, version: "hidden" })
        }))
  )

/**
 * The operations of the API, group by group.
 *
 * @internal
 */
export const layer = (state: State) =>
  Layer.provide(HttpApiBuilder.api(Api), Layer.merge(predictions(state), models(state)))
