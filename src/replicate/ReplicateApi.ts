/**
 * Replicate's HTTP API, declared once: the client is derived from it, and the emulator implements it.
 *
 * Source of the routes: the OpenAPI document Replicate publishes at https://api.replicate.com/openapi.json.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as Schema from "effect/Schema"
import { Prediction, PredictionRequest, VersionPredictionRequest } from "./schemas/Prediction.js"
import { PathSegment } from "./schemas/Wire.js"

const createHeaders = Schema.Struct({
  /** `wait` or `wait=n`, n from 1 to 60: how many seconds the answer may be held back until there is output. */
  prefer: Schema.optional(Schema.String),
  /** `30s`, `5m`, `1h30m`: after how long the prediction is stopped, counted from its creation. */
  "cancel-after": Schema.optional(Schema.String)
})

const id = Schema.Struct({ prediction_id: PathSegment })
const model = Schema.Struct({ model_owner: PathSegment, model_name: PathSegment })

const predictions = HttpApiGroup.make("predictions")
  .add(
    HttpApiEndpoint.post("create", "/predictions")
      .setHeaders(createHeaders)
      .setPayload(VersionPredictionRequest)
      .addSuccess(Prediction, { status: 201 })
      .addSuccess(Prediction, { status: 202 })
      // not documented; but what a proxy may make of the others has been paid for as well
      .addSuccess(Prediction, { status: 200 })
  )
  .add(
    HttpApiEndpoint.get("get", "/predictions/:prediction_id")
      .setPath(id)
      .addSuccess(Prediction)
  )
  .add(
    HttpApiEndpoint.post("cancel", "/predictions/:prediction_id/cancel")
      .setPath(id)
      .addSuccess(Prediction)
  )

const models = HttpApiGroup.make("models")
  .add(
    HttpApiEndpoint.post("predict", "/models/:model_owner/:model_name/predictions")
      .setPath(model)
      .setHeaders(createHeaders)
      .setPayload(PredictionRequest)
      .addSuccess(Prediction, { status: 201 })
      .addSuccess(Prediction, { status: 202 })
      // not documented; but what a proxy may make of the others has been paid for as well
      .addSuccess(Prediction, { status: 200 })
  )

/**
 * Replicate's HTTP API.
 *
 * @since 0.1.0
 * @category schemas
 */
export class ReplicateApi extends HttpApi.make("replicate").add(predictions).add(models) {}
