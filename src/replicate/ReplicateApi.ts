/**
 * Replicate's HTTP API, declared once: the client is derived from it, and the emulator implements it.
 *
 * Source of the routes: the OpenAPI document Replicate publishes at https://api.replicate.com/openapi.json. The one
 * operation that is not here is the search by `QUERY /models`, a method that `HttpApi` does not know: see `Models`.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import {
  PredictionFromJson,
  PredictionPageFromJson,
  TrainingFromJson,
  TrainingPageFromJson
} from "./internal/fromJson.js"
import { Account } from "./schemas/Account.js"
import { Collection, CollectionItem } from "./schemas/Collection.js"
import { Deployment, DeploymentRequest, DeploymentUpdate } from "./schemas/Deployment.js"
import { FileResource, FileUpload } from "./schemas/File.js"
import { Hardware } from "./schemas/Hardware.js"
import { Model, ModelRequest, ModelUpdate } from "./schemas/Model.js"
import { ModelVersion } from "./schemas/ModelVersion.js"
import { Page } from "./schemas/Page.js"
import { PredictionRequest, VersionPredictionRequest } from "./schemas/Prediction.js"
import { SearchResult } from "./schemas/Search.js"
import { Secret } from "./schemas/Secret.js"
import { TrainingRequest } from "./schemas/Training.js"
import { PathSegment } from "./schemas/Wire.js"

const createHeaders = Schema.Struct({
  /** `wait` or `wait=n`, n from 1 to 60: how many seconds the answer may be held back until there is output. */
  prefer: Schema.optional(Schema.String),
  /** `30s`, `5m`, `1h30m`: after how long the prediction is stopped, counted from its creation. */
  "cancel-after": Schema.optional(Schema.String)
})

const collection = Schema.Struct({ collection_slug: PathSegment })
const deployment = Schema.Struct({ deployment_owner: PathSegment, deployment_name: PathSegment })
const file = Schema.Struct({ file_id: PathSegment })
const model = Schema.Struct({ model_owner: PathSegment, model_name: PathSegment })
const version = Schema.Struct({ ...model.fields, version_id: PathSegment })
const prediction = Schema.Struct({ prediction_id: PathSegment })
const training = Schema.Struct({ training_id: PathSegment })

/** What a create answers with, under any status: also where it is not the documented one, it has been paid for. */
const created = <A, I, R>(schema: Schema.Schema<A, I, R>) => {
  const under = (status: number) => schema.annotations(HttpApiSchema.annotations({ status }))
  return Schema.Union(under(201), under(202), under(200))
}

const account = HttpApiGroup.make("account")
  .add(HttpApiEndpoint.get("get", "/account").addSuccess(Account))

const collections = HttpApiGroup.make("collections")
  .add(HttpApiEndpoint.get("list", "/collections").addSuccess(Page(CollectionItem)))
  .add(HttpApiEndpoint.get("get", "/collections/:collection_slug").setPath(collection).addSuccess(Collection))

const deployments = HttpApiGroup.make("deployments")
  .add(HttpApiEndpoint.get("list", "/deployments").addSuccess(Page(Deployment)))
  .add(HttpApiEndpoint.post("create", "/deployments").setPayload(DeploymentRequest).addSuccess(Deployment))
  .add(
    HttpApiEndpoint.get("get", "/deployments/:deployment_owner/:deployment_name")
      .setPath(deployment)
      .addSuccess(Deployment)
  )
  .add(
    HttpApiEndpoint.patch("update", "/deployments/:deployment_owner/:deployment_name")
      .setPath(deployment)
      .setPayload(DeploymentUpdate)
      .addSuccess(Deployment)
  )
  .add(
    HttpApiEndpoint.del("delete", "/deployments/:deployment_owner/:deployment_name")
      .setPath(deployment)
      .addSuccess(HttpApiSchema.NoContent)
  )
  .add(
    HttpApiEndpoint.post("predict", "/deployments/:deployment_owner/:deployment_name/predictions")
      .setPath(deployment)
      .setHeaders(createHeaders)
      .setPayload(PredictionRequest)
      .addSuccess(created(PredictionFromJson))
  )

const files = HttpApiGroup.make("files")
  .add(HttpApiEndpoint.get("list", "/files").addSuccess(Page(FileResource)))
  .add(HttpApiEndpoint.post("create", "/files").setPayload(FileUpload).addSuccess(FileResource, { status: 201 }))
  .add(HttpApiEndpoint.get("get", "/files/:file_id").setPath(file).addSuccess(FileResource))
  .add(HttpApiEndpoint.del("delete", "/files/:file_id").setPath(file).addSuccess(HttpApiSchema.NoContent))
  .add(
    HttpApiEndpoint.get("download", "/files/:file_id/download")
      .setPath(file)
      .setUrlParams(Schema.Struct({
        owner: Schema.String,
        /** When the link stops to work, in seconds since 1970. */
        expiry: Schema.NumberFromString.pipe(Schema.int()),
        /** HMAC-SHA256 of `owner id expiry` by the secret for files, in base64. */
        signature: Schema.String
      }))
      .addSuccess(HttpApiSchema.Uint8Array())
  )

const hardware = HttpApiGroup.make("hardware")
  .add(HttpApiEndpoint.get("list", "/hardware").addSuccess(Schema.Array(Hardware)))

const models = HttpApiGroup.make("models")
  .add(
    HttpApiEndpoint.get("list", "/models")
      .setUrlParams(Schema.Struct({
        sort_by: Schema.optional(Schema.Literal("model_created_at", "latest_version_created_at")),
        sort_direction: Schema.optional(Schema.Literal("asc", "desc"))
      }))
      .addSuccess(Page(Model))
  )
  .add(HttpApiEndpoint.post("create", "/models").setPayload(ModelRequest).addSuccess(Model, { status: 201 }))
  .add(HttpApiEndpoint.get("get", "/models/:model_owner/:model_name").setPath(model).addSuccess(Model))
  .add(
    HttpApiEndpoint.patch("update", "/models/:model_owner/:model_name")
      .setPath(model)
      .setPayload(ModelUpdate)
      .addSuccess(Model)
  )
  .add(
    HttpApiEndpoint.del("delete", "/models/:model_owner/:model_name")
      .setPath(model)
      .addSuccess(HttpApiSchema.NoContent)
  )
  .add(
    HttpApiEndpoint.get("examples", "/models/:model_owner/:model_name/examples")
      .setPath(model)
      .addSuccess(PredictionPageFromJson)
  )
  .add(
    HttpApiEndpoint.post("predict", "/models/:model_owner/:model_name/predictions")
      .setPath(model)
      .setHeaders(createHeaders)
      .setPayload(PredictionRequest)
      .addSuccess(created(PredictionFromJson))
  )
  .add(
    HttpApiEndpoint.get("readme", "/models/:model_owner/:model_name/readme")
      .setPath(model)
      .addSuccess(HttpApiSchema.Text())
  )
  .add(
    HttpApiEndpoint.get("versions", "/models/:model_owner/:model_name/versions")
      .setPath(model)
      .addSuccess(Page(ModelVersion))
  )
  .add(
    HttpApiEndpoint.get("getVersion", "/models/:model_owner/:model_name/versions/:version_id")
      .setPath(version)
      .addSuccess(ModelVersion)
  )
  .add(
    HttpApiEndpoint.del("deleteVersion", "/models/:model_owner/:model_name/versions/:version_id")
      .setPath(version)
      .addSuccess(HttpApiSchema.Accepted)
  )

const predictions = HttpApiGroup.make("predictions")
  .add(
    HttpApiEndpoint.get("list", "/predictions")
      .setUrlParams(Schema.Struct({
        /** Inclusive. */
        created_after: Schema.optional(Schema.DateTimeUtc),
        /** Exclusive. */
        created_before: Schema.optional(Schema.DateTimeUtc),
        /** Only those made on the website, of the last 14 days. */
        source: Schema.optional(Schema.Literal("web"))
      }))
      .addSuccess(PredictionPageFromJson)
  )
  .add(
    HttpApiEndpoint.post("create", "/predictions")
      .setHeaders(createHeaders)
      .setPayload(VersionPredictionRequest)
      .addSuccess(created(PredictionFromJson))
  )
  .add(HttpApiEndpoint.get("get", "/predictions/:prediction_id").setPath(prediction).addSuccess(PredictionFromJson))
  .add(
    HttpApiEndpoint.post("cancel", "/predictions/:prediction_id/cancel").setPath(prediction).addSuccess(
      PredictionFromJson
    )
  )

const search = HttpApiGroup.make("search")
  .add(
    HttpApiEndpoint.get("query", "/search")
      .setUrlParams(Schema.Struct({
        query: Schema.String,
        /** From 1 to 50, 20 when absent. */
        limit: Schema.optional(Schema.NumberFromString.pipe(Schema.int()))
      }))
      .addSuccess(SearchResult)
  )

const trainings = HttpApiGroup.make("trainings")
  .add(HttpApiEndpoint.get("list", "/trainings").addSuccess(TrainingPageFromJson))
  .add(
    HttpApiEndpoint.post("create", "/models/:model_owner/:model_name/versions/:version_id/trainings")
      .setPath(version)
      .setPayload(TrainingRequest)
      .addSuccess(created(TrainingFromJson))
  )
  .add(HttpApiEndpoint.get("get", "/trainings/:training_id").setPath(training).addSuccess(TrainingFromJson))
  .add(HttpApiEndpoint.post("cancel", "/trainings/:training_id/cancel").setPath(training).addSuccess(TrainingFromJson))

const webhooks = HttpApiGroup.make("webhooks")
  .add(HttpApiEndpoint.get("secret", "/webhooks/default/secret").addSuccess(Secret))

/**
 * Replicate's HTTP API.
 *
 * @since 0.1.0
 * @category schemas
 */
export class ReplicateApi extends HttpApi.make("replicate")
  .add(account)
  .add(collections)
  .add(deployments)
  .add(files)
  .add(hardware)
  .add(models)
  .add(predictions)
  .add(search)
  .add(trainings)
  .add(webhooks)
{}
