/**
 * The client of Replicate's API, derived from its routes: the token, the clocks, the retries and the mapping of errors
 * are put on once, for every operation.
 *
 * @since 0.1.0
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Simplify } from "effect/Types"
import type { ProviderError } from "../ProviderError.js"
import { type Download, Downloader } from "./FileOutput.js"
import { configured } from "./internal/configured.js"
import { derive } from "./internal/derive.js"
import { makeHttp } from "./internal/http.js"
import { type Latest, makeLatest } from "./internal/latestVersion.js"
import { makeLimits } from "./internal/limits.js"
import type { Part, Route } from "./internal/route.js"
import type { routes } from "./internal/routes.js"
import { makeSend } from "./internal/send.js"
import type { ModelRef } from "./ModelRef.js"
import * as ReplicateConfig from "./ReplicateConfig.js"

type Call<R extends Route> = (
  request: Simplify<
    HttpApiEndpoint.HttpApiEndpoint.ClientRequest<
      Part<R, "pathParams">,
      Part<R, "urlParams">,
      Part<R, "payload">,
      Part<R, "headers">,
      false
    >
  >
) => Effect.Effect<R["success"]["schema"]["Type"], ProviderError>

type Calls<Routes extends Readonly<Record<string, Route>>> = { readonly [Name in keyof Routes]: Call<Routes[Name]> }

/**
 * Every operation of the API, by group: `api.predictions.get({ path: { prediction_id } })`.
 *
 * Calls that are safe to repeat (GET, DELETE, cancel) are repeated while the error is retryable. Any other call is
 * repeated only when it was refused before it could do anything: a create that may have reached the server is never
 * sent again, because Replicate has no idempotency key and each prediction is paid for.
 *
 * @since 0.1.0
 * @category models
 */
export type Api = { readonly [Group in keyof typeof routes]: Calls<(typeof routes)[Group]> }

/**
 * How a call is sent that no operation is for.
 *
 * @since 0.1.0
 * @category models
 */
export interface SendOptions {
  /** Names the span: `Replicate.send` when absent. */
  readonly name?: string | undefined
  /**
   * After which errors the call is sent again, for one that does no harm when it is sent twice or given up half-way.
   * GET, HEAD and QUERY are such calls anyway; any other is sent again only when it was refused, and waited for when
   * it is interrupted.
   */
  readonly while?: ((error: ProviderError) => boolean) | undefined
  /** How much longer than the connect clock allows the answer may take. */
  readonly hold?: Duration.Duration | undefined
}

/**
 * The client of Replicate's API.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly config: ReplicateConfig.ReplicateConfig
  readonly api: Api
  /**
   * Sends what no operation of `api` is for, as a call of the API, and reads the JSON it answers. The URL is a path of
   * the API, or whole: a link the API gave. One to another origin is a `ResponseError`, and nothing is sent.
   */
  readonly send: <A, I>(
    request: HttpClientRequest.HttpClientRequest,
    answer: Schema.Schema<A, I>,
    options?: SendOptions
  ) => Effect.Effect<A, ProviderError>
  /**
   * What is run for a model that is named without a version: its latest one, or the model itself where it is an
   * official one or has none. Known for 5 minutes, to the token that it was read with.
   */
  readonly latestVersion: (
    model: { readonly owner: string; readonly name: string }
  ) => Effect.Effect<ModelRef, ProviderError>
  /** The same, with whether it streams. @internal */
  readonly latest: (model: { readonly owner: string; readonly name: string }) => Effect.Effect<Latest, ProviderError>
  /** The HTTP client for everything that is not the API itself, such as stream hosts. It never carries the token. */
  readonly web: HttpClient.HttpClient
  /** The bytes behind a URL or data URI; the token goes along only to the API's own origin. */
  readonly download: (url: string) => Stream.Stream<Uint8Array, ProviderError>
  /** The same, with the media type. */
  readonly open: (url: string) => Effect.Effect<Download, ProviderError>
}

/**
 * The client of Replicate's API.
 *
 * @since 0.1.0
 * @category context
 */
export class ReplicateClient
  extends Context.Tag("effect-providers/replicate/ReplicateClient")<ReplicateClient, Service>()
{}

/**
 * Makes a client. Options that are malformed, such as a duration that is none, are a defect: the `InvalidRequest` that
 * `ReplicateConfig.make` throws. `layerConfig` fails with a `ConfigError` instead.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Effect, Redacted } from "effect"
 * import { ReplicateClient } from "effect-providers/replicate"
 *
 * const prediction = ReplicateClient.make({ token: Redacted.make("r8_example") }).pipe(
 *   Effect.flatMap((client) => client.api.predictions.get({ path: { prediction_id: "abc" } })),
 *   Effect.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: ReplicateConfig.Options = {}): Effect.Effect<Service, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const config = ReplicateConfig.make(options)
    const limits = makeLimits(config)
    const http = yield* makeHttp(config, limits)
    const api = derive(config, limits, http.api)
    const latest = makeLatest(config, api)
    return {
      config,
      api,
      send: makeSend(config, limits, http.api),
      latest,
      latestVersion: (model) => Effect.map(latest(model), ({ ref }) => ref),
      web: http.web,
      download: http.download,
      open: http.open
    }
  })

/**
 * Provides the client, and the `Downloader` that file outputs are read with. Malformed options are a defect, as with
 * `make`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer, Redacted } from "effect"
 * import { ReplicateClient } from "effect-providers/replicate"
 *
 * const live = ReplicateClient.layer({ token: Redacted.make("r8_example") }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: ReplicateConfig.Options = {}
): Layer.Layer<ReplicateClient | Downloader, never, HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (client) => Context.make(ReplicateClient, client).pipe(Context.add(Downloader, client)))
  )

/**
 * Provides the client with the settings of the environment, or of any other `Config`. A missing token is no failure
 * here: each call fails with `MissingAuth`. A malformed setting is.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer } from "effect"
 * import { ReplicateClient } from "effect-providers/replicate"
 *
 * const live = ReplicateClient.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<ReplicateConfig.Options> = ReplicateConfig.fromEnv
): Layer.Layer<ReplicateClient | Downloader, ConfigError.ConfigError, HttpClient.HttpClient> =>
  configured(config, ReplicateConfig.make, layer)
