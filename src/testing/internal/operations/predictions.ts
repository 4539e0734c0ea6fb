import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type PredictionRequest, VersionPredictionRequest } from "../../../replicate/schemas/Prediction.js"
import { invalidFields } from "../model.js"
import type { Version } from "../models.js"
import { paginate } from "../paginate.js"
import { readBody, readHold, readLifetime, webhookIssues } from "../predictionRequest.js"
import { hold, type Prediction } from "../predictions.js"
import { invalid, notFound, problem } from "../problem.js"
import { Api, json, originsOf, type State } from "../state.js"
import * as Wire from "../wire.js"

interface CreateHeaders {
  readonly prefer?: string | undefined
  readonly "cancel-after"?: string | undefined
}

interface Target {
  readonly version: Version
  /** What the prediction says its version is: that of an official model is hidden. */
  readonly shown?: string | undefined
  readonly deployment?: string | undefined
}

/**
 * Creates a prediction of what the request's body is for.
 *
 * @internal
 */
export const create = Effect.fnUntraced(
  function*<A extends typeof PredictionRequest.Type, I>(
    state: State,
    request: HttpServerRequest.HttpServerRequest,
    headers: CreateHeaders,
    schema: Schema.Schema<A, I>,
    target: (payload: A) => Effect.Effect<Target, HttpServerResponse.HttpServerResponse>
  ) {
    const payload = yield* readBody(request, schema)
    const { deployment, shown, version } = yield* target(payload)
    const issues = [...webhookIssues(payload.webhook), ...invalidFields(version.model, payload.input)]
    if (issues.length > 0) return yield* Effect.fail(invalid(issues))
    const seconds = yield* readHold(headers.prefer)
    const lifetime = yield* readLifetime(headers["cancel-after"])

    const prediction = yield* state.predictions.create({
      ...originsOf(state, request),
      model: version.model,
      version: shown ?? version.id,
      deployment,
      input: payload.input,
      stream: payload.stream,
      webhook: payload.webhook,
      webhookEventsFilter: payload.webhook_events_filter,
      lifetime
    })
    yield* state.webhooks.follow(prediction)
    const preference = headers.prefer === undefined ? {} : { "preference-applied": headers.prefer }
    const answer = (body: object, status: number) =>
      HttpServerResponse.unsafeJson(body, { status, headers: preference })
    if (seconds === undefined) return answer(yield* Wire.encode(prediction, "created"), 201)
    if (yield* hold(prediction, seconds)) return answer(yield* Wire.encode(prediction, "held"), 201)
    const partial = yield* state.faults.take(request, "PartialHold")
    return partial === undefined
      ? answer(yield* Wire.encode(prediction, "created"), 202)
      : answer({ output: null, ...(yield* Wire.encode(prediction, "held")) }, 202)
  },
  Effect.merge
)

const respond = (prediction: Prediction | undefined) =>
  prediction === undefined ? Effect.succeed(notFound) : json(Wire.encode(prediction, "read"))

/** @internal */
export const predictions = (state: State) =>
  HttpApiBuilder.group(Api, "predictions", (handlers) =>
    handlers
      .handle("list", ({ request, urlParams: { created_after: after, created_before: before, source } }) =>
        Effect.gen(function*() {
          const from = after === undefined ? -Infinity : DateTime.toEpochMillis(after)
          const to = before === undefined ? Infinity : DateTime.toEpochMillis(before)
          // whatever is created here is created by the API
          const all = source === "web" ? [] : yield* state.predictions.list
          const found = all.filter(({ createdAt }) => from <= createdAt && createdAt < to)
          return yield* paginate(request, found, ({ id }) =>
            id, (prediction) => Wire.encode(prediction, "read"))
        }))
      .handleRaw("create", ({ headers, request }) =>
        create(state, request, headers, VersionPredictionRequest, ({ version: reference }) =>
          Effect.flatMap(state.models.version(reference), (version) =>
            version !== undefined
              ? Effect.succeed({ version })
              : Effect.fail(
                reference.includes("/") && !reference.includes(":")
                  ? notFound
                  : problem(422, "Invalid version or not permitted")
              ))))
      .handle("get", ({ path }) =>
        respond(state.predictions.byId(path.prediction_id)))
      .handle("cancel", ({ path }) => {
        const prediction = state.predictions.byId(path.prediction_id)
        return prediction === undefined
          ? Effect.succeed(notFound)
          : Effect.zipRight(state.predictions.cancel(prediction), respond(prediction))
      }))
