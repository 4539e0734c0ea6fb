/**
 * The lists of Replicate's API, as a stream of items or page by page.
 *
 * A page is fetched when it is asked for, and not before. Its links are followed as the API gave them, but never to
 * another origin than the API's own.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Str from "effect/String"
import * as Failure from "../http/Failure.js"
import { type ProviderError, ResponseError } from "../ProviderError.js"
import { PredictionPageFromJson, TrainingPageFromJson } from "./internal/fromJson.js"
import { provider } from "./internal/http.js"
import { invalid } from "./internal/invalid.js"
import { makeTrail } from "./internal/trail.js"
import * as ModelRef from "./ModelRef.js"
import { ReplicateClient, type Service } from "./ReplicateClient.js"
import { CollectionItem } from "./schemas/Collection.js"
import { Deployment } from "./schemas/Deployment.js"
import { FileResource } from "./schemas/File.js"
import { Model } from "./schemas/Model.js"
import { ModelVersion } from "./schemas/ModelVersion.js"
import * as WirePage from "./schemas/Page.js"
import type { Prediction } from "./schemas/Prediction.js"
import type { Training } from "./schemas/Training.js"

/**
 * A page of a list.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page<A> {
  readonly results: ReadonlyArray<A>
  /** Fetches the page after this one; none after the last. */
  readonly next: Option.Option<Effect.Effect<Page<A>, ProviderError, ReplicateClient>>
  /** Fetches the page before this one; none before the first. */
  readonly previous: Option.Option<Effect.Effect<Page<A>, ProviderError, ReplicateClient>>
  /** Where these pages are: `List.at` takes up from there, in another process as well. */
  readonly links: { readonly next: Option.Option<string>; readonly previous: Option.Option<string> }
}

/**
 * A list of the API, of which nothing was fetched yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface List<A> {
  /** Every item, or as many as the `limit`. The next page is fetched when its first item is asked for. */
  readonly items: Stream.Stream<A, ProviderError, ReplicateClient>
  /** Fetches the first page, of as many items as the API gives: usually 100. */
  readonly first: Effect.Effect<Page<A>, ProviderError, ReplicateClient>
  /** Fetches the page a link of another page leads to. */
  readonly at: (link: string) => Effect.Effect<Page<A>, ProviderError, ReplicateClient>
}

/**
 * Options of every list.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many items `items` gives at most. */
  readonly limit?: number | undefined
}

/**
 * Options of the list of predictions. The times are anything `DateTime` is made from.
 *
 * @since 0.1.0
 * @category models
 */
export interface PredictionOptions extends Options {
  /** Only those created then or later. */
  readonly createdAfter?: DateTime.DateTime.Input | undefined
  /** Only those created earlier. */
  readonly createdBefore?: DateTime.DateTime.Input | undefined
  /** Only those made on the website, in the last 14 days. */
  readonly source?: "web" | undefined
}

/**
 * Options of the list of models.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelOptions extends Options {
  /** By `latest_version_created_at` when absent. */
  readonly sortBy?: "model_created_at" | "latest_version_created_at" | undefined
  /** Newest first when absent. */
  readonly sortDirection?: "asc" | "desc" | undefined
}

interface MakeOptions extends Options {
  readonly request?: ((link: string) => HttpClientRequest.HttpClientRequest) | undefined
}

type Wire<A> = Effect.Effect<Schema.Schema.Type<ReturnType<typeof WirePage.Page<A, unknown, never>>>, ProviderError>

const circular = (link: string) =>
  new ResponseError({
    provider,
    url: Failure.publicUrl(link),
    reason: "malformed",
    detail: "the page leads back to one that was read before"
  })

const list = <A, I>(
  wire: Schema.Schema<Effect.Effect.Success<Wire<A>>, I>,
  first: (client: Service) => Wire<A>,
  options: MakeOptions
): List<A> => {
  const { limit, request = HttpClientRequest.get } = options

  const follow = (link: string) => (client: Service): Wire<A> => {
    const { baseUrl } = client.config
    const url = URL.canParse(link, baseUrl) ? new URL(link, baseUrl).href : link
    return client.send(request(url), wire)
  }

  const fetch = (page: (client: Service) => Wire<A>, at?: string): List<A>["first"] =>
    Effect.map(Effect.flatMap(ReplicateClient, page), ({ next, previous, results }) => ({
      results,
      // a page that leads to itself would be read for ever
      next: Option.map(next, (link) => link === at ? Effect.fail(circular(link)) : fetchAt(link)),
      previous: Option.map(previous, fetchAt),
      links: { next, previous }
    }))

  const fetchAt = (link: string) => fetch(follow(link), link)

  const items = Stream.suspend(() => {
    const isNew = makeTrail()
    return Stream.paginateChunkEffect(fetch(first), (page) =>
      Effect.map(page, ({ links, next, results }) => {
        // pages that lead in a circle would be read for ever
        const circle = Option.filterMap(links.next, (link) => isNew(link) ? Option.none() : Option.some(circular(link)))
        return [Chunk.unsafeFromArray(results), Option.orElse(Option.map(circle, Effect.fail), () => next)] as const
      }))
  })

  const isLimit = limit === undefined || (Number.isInteger(limit) && limit >= 0)

  return {
    items: !isLimit
      ? Stream.fail(invalid("limit", "expected a whole number from 0"))
      : limit === undefined
      ? items
      : Stream.take(items, limit),
    first: fetch(first),
    at: fetchAt
  }
}

/**
 * Makes a list of what fetches its first page, and of how its items and its further pages are read. A link is asked
 * for as the first page was: with `request`, a GET when absent.
 *
 * @example
 * ```ts
 * import { Pages } from "effect-providers/replicate"
 * import { Hardware } from "effect-providers/replicate/schemas/Hardware"
 * import { Page } from "effect-providers/replicate/schemas/Page"
 * import { HttpClientRequest } from "@effect/platform"
 *
 * const list = Pages.make(Hardware, (client) => client.send(HttpClientRequest.get("/hardware/pages"), Page(Hardware)))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I>(
  item: Schema.Schema<A, I>,
  first: (client: Service) => Wire<A>,
  options: MakeOptions = {}
): List<A> => list(WirePage.Page(item), first, options)

const utc = (field: string, input: DateTime.DateTime.Input | undefined) =>
  input === undefined
    ? Effect.succeed({})
    : Option.match(DateTime.make(input), {
      onNone: () => Effect.fail(invalid(Str.snakeToCamel(field), "expected a time")),
      onSome: (time) => Effect.succeed({ [field]: DateTime.toUtc(time) })
    })

/**
 * Lists the predictions of the account, newest first.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import { Pages } from "effect-providers/replicate"
 *
 * const program = Pages.predictions({ createdAfter: "2026-01-01", limit: 250 }).items.pipe(
 *   Stream.runForEach((prediction) => Console.log(prediction.id, prediction.status))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const predictions = (options: PredictionOptions = {}): List<Prediction> =>
  list(PredictionPageFromJson, (client) =>
    Effect.gen(function*() {
      const after = yield* utc("created_after", options.createdAfter)
      const before = yield* utc("created_before", options.createdBefore)
      const source = options.source === undefined ? {} : { source: options.source }
      return yield* client.api.predictions.list({ urlParams: { ...after, ...before, ...source } })
    }), options)

/**
 * Lists the trainings of the account, newest first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const trainings = (options: Options = {}): List<Training> =>
  list(TrainingPageFromJson, (client) => client.api.trainings.list(), options)

/**
 * Lists the deployments of the account, newest first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const deployments = (options: Options = {}): List<Deployment> =>
  make(Deployment, (client) => client.api.deployments.list(), options)

/**
 * Lists the files the account uploaded, newest first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const files = (options: Options = {}): List<FileResource> =>
  make(FileResource, (client) => client.api.files.list(), options)

/**
 * Lists the public models and those of the account.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Pages } from "effect-providers/replicate"
 *
 * const newest = Stream.runCollect(Pages.models({ sortBy: "model_created_at", limit: 20 }).items)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const models = ({ sortBy, sortDirection, ...options }: ModelOptions = {}): List<Model> =>
  make(
    Model,
    (client) => client.api.models.list({ urlParams: { sort_by: sortBy, sort_direction: sortDirection } }),
    options
  )

/**
 * Lists the collections of models.
 *
 * @since 0.1.0
 * @category constructors
 */
export const collections = (options: Options = {}): List<CollectionItem> =>
  make(CollectionItem, (client) => client.api.collections.list(), options)

/** Reads `owner/name`, and whatever else names a model. */
const modelPath = (model: string) =>
  Either.match(ModelRef.parse(model), {
    onLeft: (reason) => Effect.fail(invalid("model", reason)),
    onRight: ({ _tag, name, owner }) =>
      // a deployment has a name of its own, which is that of no model
      _tag === "Deployment" || owner === undefined || name === undefined
        ? Effect.fail(invalid("model", "expected owner/name"))
        : Effect.succeed({ path: { model_owner: owner, model_name: name } })
  })

/**
 * Lists the versions of a model, which is `owner/name` or its page, newest first.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Pages } from "effect-providers/replicate"
 *
 * const latest = Stream.runHead(Pages.versions("stability-ai/sdxl", { limit: 1 }).items)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const versions = (model: string, options: Options = {}): List<ModelVersion> =>
  make(ModelVersion, (client) => Effect.flatMap(modelPath(model), client.api.models.versions), options)

/**
 * Lists the predictions that a model, which is `owner/name` or its page, shows as examples.
 *
 * @since 0.1.0
 * @category constructors
 */
export const examples = (model: string, options: Options = {}): List<Prediction> =>
  list(PredictionPageFromJson, (client) => Effect.flatMap(modelPath(model), client.api.models.examples), options)
