import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Struct from "effect/Struct"
import type { Field, Model } from "./model.js"
import type { Entry, Version } from "./models.js"
import { originsOf, type State } from "./state.js"
import * as Wire from "./wire.js"

const schemaOf = (fields: Readonly<Record<string, Field>>) => ({
  type: "object",
  title: "Input",
  required: Object.entries(fields).flatMap(([name, { required = false }]) => required ? [name] : []),
  properties: Object.fromEntries(
    Object.entries(fields).map(([name, { type }], order) => [name, { type, title: name, "x-order": order }])
  )
})

const outputSchemas = {
  text: { type: "array", items: { type: "string" } },
  files: { type: "array", items: { type: "string", format: "uri" } },
  file: { type: "string", format: "uri" },
  json: { type: "object" }
}

const outputSchema = ({ kind, streams }: Model) => ({
  ...outputSchemas[kind],
  title: "Output",
  // what streams is an iterator
  ...(kind === "text" && streams !== false ? { "x-cog-array-type": "iterator" } : {})
})

const openApi = (model: Model) => ({
  openapi: "3.0.2",
  info: { title: "Cog", version: "0.1.0" },
  components: {
    schemas: {
      Input: schemaOf(model.input ?? {}),
      Output: outputSchema(model),
      ...(model.training === undefined ? {} : { TrainingInput: schemaOf(model.training.input ?? {}) })
    }
  }
})

/**
 * A version as the service writes it.
 *
 * @internal
 */
export const encodeVersion = ({ createdAt, id, model }: Version) => ({
  id,
  created_at: Wire.timestamp(createdAt, id, 6),
  cog_version: "0.14.0",
  openapi_schema: openApi(model)
})

/**
 * The example that a model shows: a prediction of the website, from before the emulator was.
 *
 * @internal
 */
export const exampleOf = Effect.fnUntraced(function*(
  state: State,
  request: HttpServerRequest.HttpServerRequest,
  entry: Entry
) {
  const [version] = entry.versions
  const input = version?.model.example
  const known = state.examples.get(entry.name)
  if (known !== undefined || version === undefined || input === undefined) return known
  const example = yield* state.predictions.create({
    ...originsOf(state, request),
    model: version.model,
    version: version.id,
    input,
    webhook: undefined,
    webhookEventsFilter: undefined,
    isExample: true,
    createdAt: entry.createdAt - 60_000
  })
  state.examples.set(entry.name, example)
  return example
})

/**
 * A model as the service writes it.
 *
 * @internal
 */
export const encodeModel = Effect.fnUntraced(function*(
  state: State,
  request: HttpServerRequest.HttpServerRequest,
  entry: Entry
) {
  const [owner, name] = entry.name.split("/")
  const [latest] = yield* state.models.versions(entry)
  const example = yield* exampleOf(state, request, entry)
  return {
    url: `https://replicate.com/${entry.name}`,
    owner,
    name,
    description: null,
    visibility: entry.visibility,
    is_official: entry.isOfficial,
    run_count: state.predictions.runs(entry.name),
    created_at: Wire.timestamp(entry.createdAt, entry.name, 6),
    github_url: null,
    paper_url: null,
    weights_url: null,
    license_url: null,
    cover_image_url: null,
    ...Struct.omit(entry.details, "readme"),
    default_example: example === undefined ? null : yield* Wire.encode(example, "read"),
    latest_version: latest === undefined ? null : encodeVersion(latest)
  }
})

/**
 * When the latest version of a model was made, else the model.
 *
 * @internal
 */
export const latestVersionAt = (state: State, entry: Entry): Effect.Effect<number> =>
  Effect.map(state.models.versions(entry), ([latest]) => latest?.createdAt ?? entry.createdAt)

/** @internal */
export const newEntry = Effect.fnUntraced(function*(
  entry: Pick<Entry, "name" | "visibility" | "details">
) {
  const createdAt = yield* Clock.currentTimeMillis
  const made: Entry = { ...entry, createdAt, isOfficial: false, versions: [] }
  return made
})
