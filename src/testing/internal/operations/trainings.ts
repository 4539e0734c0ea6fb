import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import { TrainingRequest } from "../../../replicate/schemas/Training.js"
import { invalidFields, type Model } from "../model.js"
import { paginate } from "../paginate.js"
import { readBody, webhookIssues } from "../predictionRequest.js"
import type { Prediction } from "../predictions.js"
import { invalid, notFound, problem } from "../problem.js"
import { Api, json, originsOf, type State } from "../state.js"
import { encodeTraining } from "../wire.js"
import { isOwn } from "./models.js"

const versionId = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 16), 64),
  (digits) => digits.map((digit) => digit.toString(16)).join("")
)

/** A training as a prediction of its own: what the trainer tells, and the weights at the end. */
const trainer = (model: Model, training: NonNullable<Model["training"]>): Model => ({
  name: model.name,
  kind: "files",
  streams: false,
  boot: "1 second",
  script: (input) => [
    ...training.script(input),
    {
      _tag: "File",
      after: "100 millis",
      contentType: "application/x-tar",
      bytes: () => new TextEncoder().encode(JSON.stringify({ trained: model.name, input }))
    }
  ]
})

const create = (
  state: State,
  request: HttpServerRequest.HttpServerRequest,
  reference: string
): Effect.Effect<HttpServerResponse.HttpServerResponse, HttpServerResponse.HttpServerResponse> =>
  Effect.gen(function*() {
    const payload = yield* readBody(request, TrainingRequest)
    const base = yield* state.models.version(reference)
    if (base === undefined) return notFound
    const { training: how } = base.model
    if (how === undefined) return problem(400, "The specified model version does not support training")
    const destination = state.models.byName(payload.destination)
    if (destination === undefined || !isOwn(destination)) {
      return problem(404, "The specified training destination does not exist")
    }
    const issues = [...webhookIssues(payload.webhook), ...invalidFields(how, payload.input)]
    if (issues.length > 0) return invalid(issues)

    const id = yield* versionId
    const training = yield* state.predictions.create({
      ...originsOf(state, request),
      model: trainer(base.model, how),
      version: base.id,
      input: payload.input,
      webhook: payload.webhook,
      webhookEventsFilter: payload.webhook_events_filter,
      trains: { destination: destination.name, version: id }
    })
    yield* state.webhooks.follow(training)
    const { completedAt } = yield* Ref.get(training.timeline)
    const model = { ...base.model, name: destination.name, version: id }
    state.models.put({
      ...destination,
      versions: [{ id, createdAt: completedAt, model, training }, ...destination.versions]
    })
    return yield* json(encodeTraining(training), 201)
  })

const respond = (training: Prediction) => json(encodeTraining(training))

/** @internal */
export const trainings = (state: State) => {
  const onTraining = (
    { training_id }: { readonly training_id: string },
    answer: (training: Prediction) => Effect.Effect<HttpServerResponse.HttpServerResponse>
  ) => {
    const training = state.predictions.byId(training_id)
    return training?.trains === undefined ? Effect.succeed(notFound) : answer(training)
  }
  return HttpApiBuilder.group(Api, "trainings", (handlers) =>
    handlers
      .handle("list", ({ request }) =>
        Effect.flatMap(state.predictions.trainings, (trainings) =>
          paginate(request, trainings, ({ id }) =>
            id, encodeTraining)))
      .handleRaw("create", ({ path, request }) =>
        Effect.merge(create(state, request, `${path.model_owner}/${path.model_name}:${path.version_id}`)))
      .handle("get", ({ path }) =>
        onTraining(path, respond))
      .handle("cancel", ({ path }) =>
        onTraining(path, (training) =>
          Effect.zipRight(state.predictions.cancel(training), respond(training)))))
}
