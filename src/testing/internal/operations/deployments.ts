import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import { DeploymentRequest, DeploymentUpdate } from "../../../replicate/schemas/Deployment.js"
import { PredictionRequest } from "../../../replicate/schemas/Prediction.js"
import { type Deployment, encode } from "../deployments.js"
import type { InvalidField } from "../model.js"
import { paginate } from "../paginate.js"
import { readBody } from "../predictionRequest.js"
import { invalid, notFound, problem } from "../problem.js"
import { Api, isHardware, type State } from "../state.js"
import { create } from "./predictions.js"

interface DeploymentPath {
  readonly deployment_owner: string
  readonly deployment_name: string
}

type Answer = Effect.Effect<HttpServerResponse.HttpServerResponse, HttpServerResponse.HttpServerResponse>

const quiet = Duration.toMillis("15 minutes")

const releaseIssues = Effect.fnUntraced(function*(state: State, release: Deployment["release"]) {
  const issue = (field: string, description: string): InvalidField => ({ type: "invalid", field, description })
  const { hardware, max_instances: most, min_instances: least, model, version } = release
  const found = yield* state.models.version(`${model}:${version}`)
  return [
    ...(found === undefined ? [issue("version", "No such version of the model")] : []),
    ...(isHardware(hardware) ? [] : [issue("hardware", "Unknown hardware")]),
    ...(least > 5 ? [issue("min_instances", "Must be at most 5")] : []),
    ...(most > 20 ? [issue("max_instances", "Must be at most 20")] : []),
    ...(least > most ? [issue("min_instances", "Must not exceed max_instances")] : [])
  ]
})

const release = Effect.fnUntraced(function*(state: State, deployment: Omit<Deployment, "releasedAt">) {
  const issues = yield* releaseIssues(state, deployment.release)
  if (issues.length > 0) return invalid(issues)
  const released = { ...deployment, releasedAt: yield* Clock.currentTimeMillis }
  state.deployments.put(released)
  return HttpServerResponse.unsafeJson(encode(released))
})

/** Whether the deployment may have served a prediction in the last quarter of an hour. */
const isBusy = Effect.fnUntraced(function*(state: State, { name }: Deployment) {
  const now = yield* Clock.currentTimeMillis
  const own = (yield* state.predictions.list).filter(({ deployment }) => deployment === name)
  const ends = yield* Effect.forEach(own, ({ timeline }) => Ref.get(timeline))
  return ends.some(({ completedAt }) => now < completedAt + quiet)
})

/** @internal */
export const deployments = (state: State) => {
  const onDeployment = (path: DeploymentPath, answer: (deployment: Deployment) => Answer) => {
    const deployment = state.deployments.get(path.deployment_owner, path.deployment_name)
    return deployment === undefined ? Effect.succeed(notFound) : Effect.merge(answer(deployment))
  }
  return HttpApiBuilder.group(Api, "deployments", (handlers) =>
    handlers
      .handle("list", ({ request }) =>
        paginate(
          request,
          state.deployments.list(),
          ({ name }) => name,
          (deployment) => Effect.sync(() => encode(deployment))
        ))
      .handleRaw("create", ({ request }) =>
        Effect.merge(Effect.flatMap(readBody(request, DeploymentRequest), ({ name, ...first }) =>
          state.deployments.list().some((deployment) =>
              deployment.name === name
            )
            ? Effect.succeed(problem(409, "A deployment with that name already exists"))
            : release(state, { name, number: 1, release: first }))))
      .handle("get", ({ path }) =>
        onDeployment(path, (deployment) =>
          Effect.sync(() =>
            HttpServerResponse.unsafeJson(encode(deployment))
          )))
      .handleRaw("update", ({ path, request }) =>
        onDeployment(path, ({ name, number, release: last }) =>
          Effect.flatMap(readBody(request, DeploymentUpdate), (changes) =>
            release(state, {
              name,
              number: number + 1,
              release: {
                model: last.model,
                version: changes.version ?? last.version,
                hardware: changes.hardware ?? last.hardware,
                min_instances: changes.min_instances ?? last.min_instances,
                max_instances: changes.max_instances ?? last.max_instances
              }
            }))))
      .handle("delete", ({ path }) =>
        onDeployment(path, (deployment) =>
          Effect.map(isBusy(state, deployment), (busy) => {
            if (busy) {
              return problem(409, "You can only delete deployments that have been offline for 15 minutes")
            }
            state.deployments.remove(deployment.name)
            return HttpServerResponse.empty()
          })))
      .handleRaw("predict", ({ headers, path, request }) =>
        onDeployment(path, ({ name, release }) =>
          create(state, request, headers, PredictionRequest, () =>
            Effect.flatMap(state.models.version(`${release.model}:${release.version}`), (version) =>
              version === undefined
                ? Effect.fail(notFound)
                : Effect.succeed({ version, deployment: name }))))))
}
