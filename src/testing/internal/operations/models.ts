import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { ModelRequest, ModelUpdate } from "../../../replicate/schemas/Model.js"
import { PredictionRequest } from "../../../replicate/schemas/Prediction.js"
import type { Entry } from "../models.js"
import { encodeModel, encodeVersion, exampleOf, latestVersionAt, newEntry } from "../modelWire.js"
import { paginate } from "../paginate.js"
import { readBody } from "../predictionRequest.js"
import { invalid, notFound, problem } from "../problem.js"
import { account, Api, isHardware, json, type State } from "../state.js"
import * as Wire from "../wire.js"
import { create } from "./predictions.js"

interface ModelPath {
  readonly model_owner: string
  readonly model_name: string
}

type Answer = Effect.Effect<HttpServerResponse.HttpServerResponse, HttpServerResponse.HttpServerResponse>

const nameOf = ({ name }: Entry): string => name

/**
 * Whether a model is the account's.
 *
 * @internal
 */
export const isOwn = ({ name }: Entry): boolean => name.startsWith(`${account.username}/`)

/**
 * The models that fit a text, best first: by how many of its words are in the name and the description.
 *
 * @internal
 */
export const matching = (entries: ReadonlyArray<Entry>, text: string): ReadonlyArray<Entry> => {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  const score = ({ details, name }: Entry) => {
    const about = `${name} ${details["description"] ?? ""}`.toLowerCase()
    return words.filter((word) => about.includes(word)).length
  }
  return entries.filter((entry) => entry.visibility === "public" && score(entry) > 0)
    .sort((a, b) => score(b) - score(a))
}

/**
 * Answers `QUERY /models`, which no router knows.
 *
 * @internal
 */
export const query = (state: State, request: HttpServerRequest.HttpServerRequest) =>
  Effect.flatMap(
    Effect.orElseSucceed(request.text, () => ""),
    (text) =>
      paginate(request, matching(state.models.list(), text), nameOf, (entry) => encodeModel(state, request, entry))
  )

const createModel = (state: State, request: HttpServerRequest.HttpServerRequest): Answer =>
  Effect.gen(function*() {
    const { hardware, name, owner, visibility, ...details } = yield* readBody(request, ModelRequest)
    if (owner !== account.username) return problem(403, "You can only create models of your own account")
    if (!isHardware(hardware)) {
      return invalid([{ type: "invalid", field: "hardware", description: "Unknown hardware" }])
    }
    if (state.models.byName(`${owner}/${name}`) !== undefined) {
      return problem(409, "A model with that name and owner already exists")
    }
    const entry = yield* newEntry({ name: `${owner}/${name}`, visibility, details })
    state.models.put(entry)
    return yield* json(encodeModel(state, request, entry), 201)
  })

const updateModel = (state: State, request: HttpServerRequest.HttpServerRequest, entry: Entry): Answer =>
  Effect.gen(function*() {
    if (!isOwn(entry)) return problem(403, "You can only change models you own")
    const changes = yield* readBody(request, ModelUpdate)
    const changed = { ...entry, details: { ...entry.details, ...changes } }
    state.models.put(changed)
    return yield* json(encodeModel(state, request, changed))
  })

const removeModel = (state: State, entry: Entry) => {
  if (!isOwn(entry) || entry.visibility !== "private") return problem(403, "You can only delete private models you own")
  if (entry.versions.length > 0) return problem(409, "You can only delete models without versions")
  state.models.remove(entry.name)
  return HttpServerResponse.empty()
}

const removeVersion = Effect.fnUntraced(function*(state: State, entry: Entry, id: string) {
  if (!entry.versions.some((version) => version.id === id)) return notFound
  if (!isOwn(entry) || entry.visibility !== "private") {
    return problem(403, "You can only delete versions of private models you own")
  }
  if ((yield* state.predictions.trainings).some(({ version }) => version === id)) {
    return problem(409, "You cannot delete a version that a training began with")
  }
  if (state.deployments.list().some(({ release }) => release.version === id)) {
    return problem(409, "You cannot delete a version that a deployment uses")
  }
  state.models.put({ ...entry, versions: entry.versions.filter((version) => version.id !== id) })
  state.predictions.removeVersion(id)
  return HttpServerResponse.empty({ status: 202 })
})

/** @internal */
export const models = (state: State) => {
  const onModel = (path: ModelPath, answer: (entry: Entry) => Answer) => {
    const entry = state.models.byName(`${path.model_owner}/${path.model_name}`)
    return entry === undefined ? Effect.succeed(notFound) : Effect.merge(answer(entry))
  }
  const onVersion = (path: ModelPath & { readonly version_id: string }) =>
    onModel(path, (entry) =>
      Effect.map(state.models.versions(entry), (versions) => {
        const version = versions.find(({ id }) => id === path.version_id)
        return version === undefined ? notFound : HttpServerResponse.unsafeJson(encodeVersion(version))
      }))
  return HttpApiBuilder.group(Api, "models", (handlers) =>
    handlers
      .handle("list", ({ request, urlParams: { sort_by, sort_direction } }) =>
        Effect.gen(function*() {
          const all = state.models.list().filter(({ visibility }) => visibility === "public")
          const dated = yield* Effect.forEach(all, (entry) =>
            Effect.map(
              sort_by === "model_created_at" ? Effect.succeed(entry.createdAt) : latestVersionAt(state, entry),
              (at) => ({ entry, at })
            ))
          const oldestFirst = dated.sort((a, b) => a.at - b.at).map(({ entry }) => entry)
          const sorted = sort_direction === "asc" ? oldestFirst : Arr.reverse(oldestFirst)
          return yield* paginate(request, sorted, nameOf, (entry) => encodeModel(state, request, entry))
        }))
      .handleRaw("create", ({ request }) => Effect.merge(createModel(state, request)))
      .handle("get", ({ path, request }) => onModel(path, (entry) => json(encodeModel(state, request, entry))))
      .handleRaw("update", ({ path, request }) => onModel(path, (entry) => updateModel(state, request, entry)))
      .handle("delete", ({ path }) => onModel(path, (entry) => Effect.sync(() => removeModel(state, entry))))
      .handle("examples", ({ path, request }) =>
        onModel(path, (entry) =>
          Effect.flatMap(exampleOf(state, request, entry), (example) =>
            paginate(
              request,
              example === undefined ? [] : [example],
              ({ id }) =>
                id,
              (one) => Wire.encode(one, "read")
            ))))
      .handleRaw("predict", ({ headers, path, request }) =>
        onModel(path, (entry) =>
          create(state, request, headers, PredictionRequest, () => {
            const [version] = entry.versions
            return version === undefined || !entry.isOfficial
              ? Effect.fail(notFound)
              : Effect.succeed({ version, shown: "hidden" })
          })))
      .handle("readme", ({ path }) =>
        onModel(path, ({ details }) =>
          Effect.succeed(
            details["readme"] === undefined ? notFound : HttpServerResponse.text(details["readme"])
          )))
      .handle("versions", ({ path, request }) =>
        onModel(path, (entry) =>
          Effect.flatMap(state.models.versions(entry), (versions) =>
            paginate(request, versions, ({ id }) =>
              id, (version) =>
              Effect.succeed(encodeVersion(version))))))
      .handle("getVersion", ({ path }) =>
        onVersion(path))
      .handle("deleteVersion", ({ path }) =>
        onModel(path, (entry) =>
          removeVersion(state, entry, path.version_id))))
}
