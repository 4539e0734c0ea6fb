import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Struct from "effect/Struct"
import type { Model } from "../model.js"
import { encodeModel } from "../modelWire.js"
import { paginate } from "../paginate.js"
import { notFound, problem } from "../problem.js"
import { account, Api, hardware, type State } from "../state.js"
import { matching } from "./models.js"

const shelves: ReadonlyArray<{
  readonly slug: string
  readonly name: string
  readonly description: string
  readonly kind: Model["kind"]
}> = [
  { slug: "language-models", name: "Language models", description: "Models that write", kind: "text" },
  { slug: "text-to-image", name: "Text to image", description: "Models that draw", kind: "files" },
  { slug: "structured-output", name: "Structured output", description: "Models that answer in JSON", kind: "json" }
]

const modelsOf = (state: State, kind: Model["kind"]) =>
  state.models.list().filter(({ isOfficial, versions }) => isOfficial && versions[0]?.model.kind === kind)

const itemOf = ({ description, name, slug }: (typeof shelves)[number]) => ({ name, slug, description })

const accounts = HttpApiBuilder.group(
  Api,
  "account",
  (handlers) => handlers.handle("get", () => Effect.sync(() => HttpServerResponse.unsafeJson(account)))
)

const collections = (state: State) =>
  HttpApiBuilder.group(Api, "collections", (handlers) =>
    handlers
      .handle(
        "list",
        ({ request }) => paginate(request, shelves, ({ slug }) => slug, (shelf) => Effect.succeed(itemOf(shelf)))
      )
      .handle("get", ({ path, request }) => {
        const shelf = shelves.find(({ slug }) => slug === path.collection_slug)
        if (shelf === undefined) return Effect.succeed(notFound)
        return Effect.map(
          Effect.forEach(modelsOf(state, shelf.kind), (entry) => encodeModel(state, request, entry)),
          (models) =>
            HttpServerResponse.unsafeJson({
              ...itemOf(shelf),
              full_description: `# ${shelf.name}\n\n${shelf.description}.\n`,
              models
            })
        )
      }))

const hardwares = HttpApiBuilder.group(
  Api,
  "hardware",
  (handlers) => handlers.handle("list", () => Effect.sync(() => HttpServerResponse.unsafeJson(hardware)))
)

const search = (state: State) =>
  HttpApiBuilder.group(
    Api,
    "search",
    (handlers) =>
      handlers.handle("query", ({ request, urlParams: { limit = 20, query } }) =>
        Effect.gen(function*() {
          if (limit < 1 || limit > 50) return problem(400, "limit: expected 1 to 50")
          const found = matching(state.models.list(), query).slice(0, limit)
          const models = yield* Effect.forEach(found, (entry, index) =>
            Effect.map(encodeModel(state, request, entry), (model) => ({
              model: Struct.omit(model, "is_official"),
              metadata: { generated_description: null, tags: [], score: 1 / (index + 1) }
            })))
          const asked = query.toLowerCase()
          const named = shelves.filter(({ name }) => name.toLowerCase().includes(asked))
          return HttpServerResponse.unsafeJson({
            query,
            models,
            collections: named.map((shelf) => ({
              ...itemOf(shelf),
              models: modelsOf(state, shelf.kind).map(({ name }) => name)
            })),
            pages: []
          })
        }))
  )

const webhooks = (state: State) =>
  HttpApiBuilder.group(
    Api,
    "webhooks",
    (handlers) =>
      handlers.handle("secret", () =>
        Effect.sync(() => HttpServerResponse.unsafeJson({ key: Redacted.value(state.webhookSecret) })))
  )

/**
 * The groups that are read only.
 *
 * @internal
 */
export const others = (state: State) =>
  Layer.mergeAll(accounts, collections(state), hardwares, search(state), webhooks(state))
