import * as Schema from "effect/Schema"
import { Account } from "../schemas/Account.js"
import { Collection, CollectionItem } from "../schemas/Collection.js"
import { Deployment, DeploymentRequest, DeploymentUpdate } from "../schemas/Deployment.js"
import { FileResource } from "../schemas/File.js"
import { Hardware } from "../schemas/Hardware.js"
import { Model, ModelRequest, ModelUpdate } from "../schemas/Model.js"
import { ModelVersion } from "../schemas/ModelVersion.js"
import { Page } from "../schemas/Page.js"
import { PredictionRequest, VersionPredictionRequest } from "../schemas/Prediction.js"
import { SearchResult } from "../schemas/Search.js"
import { Secret } from "../schemas/Secret.js"
import { TrainingRequest } from "../schemas/Training.js"
import { PathSegment } from "../schemas/Wire.js"
import { PredictionFromJson, PredictionPageFromJson, TrainingFromJson, TrainingPageFromJson } from "./fromJson.js"
import { bytes, del, Form, get, json, none, patch, post, text } from "./route.js"

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
const created = <S extends Schema.Schema.AnyNoContext>(schema: S) => json(schema, 201, 202, 200)

const account = {
  get: get("/account", { success: json(Account) })
}

const collections = {
  list: get("/collections", { success: json(Page(CollectionItem)) }),
  get: get("/collections/:collection_slug", { pathParams: collection, success: json(Collection) })
}

const deployments = {
  list: get("/deployments", { success: json(Page(Deployment)) }),
  create: post("/deployments", { payload: DeploymentRequest, success: json(Deployment) }),
  get: get("/deployments/:deployment_owner/:deployment_name", { pathParams: deployment, success: json(Deployment) }),
  update: patch("/deployments/:deployment_owner/:deployment_name", {
    pathParams: deployment,
    payload: DeploymentUpdate,
    success: json(Deployment)
  }),
  delete: del("/deployments/:deployment_owner/:deployment_name", { pathParams: deployment, success: none(204) }),
  predict: post("/deployments/:deployment_owner/:deployment_name/predictions", {
    pathParams: deployment,
    headers: createHeaders,
    payload: PredictionRequest,
    success: created(PredictionFromJson)
  })
}

const files = {
  list: get("/files", { success: json(Page(FileResource)) }),
  /** What the form holds is told by `FileUpload`. */
  create: post("/files", { payload: Form, success: json(FileResource, 201) }),
  get: get("/files/:file_id", { pathParams: file, success: json(FileResource) }),
  delete: del("/files/:file_id", { pathParams: file, success: none(204) }),
  download: get("/files/:file_id/download", {
    pathParams: file,
    urlParams: Schema.Struct({
      owner: Schema.String,
      /** When the link stops to work, in seconds since 1970. */
      expiry: Schema.NumberFromString.pipe(Schema.int()),
      /** HMAC-SHA256 of `owner id expiry` by the secret for files, in base64. */
      signature: Schema.String
    }),
    success: bytes
  })
}

const hardware = {
  list: get("/hardware", { success: json(Schema.Array(Hardware)) })
}

const models = {
  list: get("/models", {
    urlParams: Schema.Struct({
      sort_by: Schema.optional(Schema.Literal("model_created_at", "latest_version_created_at")),
      sort_direction: Schema.optional(Schema.Literal("asc", "desc"))
    }),
    success: json(Page(Model))
  }),
  create: post("/models", { payload: ModelRequest, success: json(Model, 201) }),
  get: get("/models/:model_owner/:model_name", { pathParams: model, success: json(Model) }),
  update: patch("/models/:model_owner/:model_name", { pathParams: model, payload: ModelUpdate, success: json(Model) }),
  delete: del("/models/:model_owner/:model_name", { pathParams: model, success: none(204) }),
  examples: get("/models/:model_owner/:model_name/examples", {
    pathParams: model,
    success: json(PredictionPageFromJson)
  }),
  predict: post("/models/:model_owner/:model_name/predictions", {
    pathParams: model,
    headers: createHeaders,
    payload: PredictionRequest,
    success: created(PredictionFromJson)
  }),
  readme: get("/models/:model_owner/:model_name/readme", { pathParams: model, success: text }),
  versions: get("/models/:model_owner/:model_name/versions", { pathParams: model, success: json(Page(ModelVersion)) }),
  getVersion: get("/models/:model_owner/:model_name/versions/:version_id", {
    pathParams: version,
    success: json(ModelVersion)
  }),
  deleteVersion: del("/models/:model_owner/:model_name/versions/:version_id", {
    pathParams: version,
    success: none(202)
  })
}

const predictions = {
  list: get("/predictions", {
    urlParams: Schema.Struct({
      /** Inclusive. */
      created_after: Schema.optional(Schema.DateTimeUtc),
      /** Exclusive. */
      created_before: Schema.optional(Schema.DateTimeUtc),
      /** Only those made on the website, of the last 14 days. */
      source: Schema.optional(Schema.Literal("web"))
    }),
    success: json(PredictionPageFromJson)
  }),
  create: post("/predictions", {
    headers: createHeaders,
    payload: VersionPredictionRequest,
    success: created(PredictionFromJson)
  }),
  get: get("/predictions/:prediction_id", { pathParams: prediction, success: json(PredictionFromJson) }),
  cancel: post("/predictions/:prediction_id/cancel", {
    pathParams: prediction,
    success: json(PredictionFromJson),
    isSafe: true
  })
}

const search = {
  query: get("/search", {
    urlParams: Schema.Struct({
      query: Schema.String,
      /** From 1 to 50, 20 when absent. */
      limit: Schema.optional(Schema.NumberFromString.pipe(Schema.int()))
    }),
    success: json(SearchResult)
  })
}

const trainings = {
  list: get("/trainings", { success: json(TrainingPageFromJson) }),
  create: post("/models/:model_owner/:model_name/versions/:version_id/trainings", {
    pathParams: version,
    payload: TrainingRequest,
    success: created(TrainingFromJson)
  }),
  get: get("/trainings/:training_id", { pathParams: training, success: json(TrainingFromJson) }),
  cancel: post("/trainings/:training_id/cancel", {
    pathParams: training,
    success: json(TrainingFromJson),
    isSafe: true
  })
}

const webhooks = {
  secret: get("/webhooks/default/secret", { success: json(Secret) })
}

/**
 * The operations of Replicate's API by group: the client is derived from them, and `ReplicateApi` is built of them.
 *
 * Source: the OpenAPI document Replicate publishes at https://api.replicate.com/openapi.json. The one operation that is
 * not here is the search by `QUERY /models`, a method that `HttpApi` does not know: see `Models`.
 */
export const routes = {
  account,
  collections,
  deployments,
  files,
  hardware,
  models,
  predictions,
  search,
  trainings,
  webhooks
}
