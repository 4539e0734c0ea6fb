/**
 * Text and image models behind replicate.com's home page, without a key, as a `Provider`; with a key, the same models
 * through Replicate's API.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as BrowserSession from "../http/BrowserSession.js"
import * as Polling from "../http/Polling.js"
import { isPresent } from "../internal/token.js"
import * as ModelCatalog from "../ModelCatalog.js"
import * as Parameters from "../Parameters.js"
import * as Provider from "../Provider.js"
import { CallSettings } from "../replicate/CallSettings.js"
import { configured } from "../replicate/internal/configured.js"
import * as Prediction from "../replicate/Prediction.js"
import * as ReplicateClient from "../replicate/ReplicateClient.js"
import * as ReplicateConfig from "../replicate/ReplicateConfig.js"
import * as homeModels from "./internal/homeModels.js"
import { outputsOf } from "./internal/homeOutputs.js"
import { predict } from "./internal/homePredictions.js"
import { inName } from "./internal/inName.js"
import { promptOf, unlessIgnored } from "./internal/requestChecks.js"

/**
 * What is known of the home page without calling it.
 *
 * @since 0.1.0
 * @category models
 */
export const info: Provider.Info = {
  name: "ReplicateHome",
  url: "https://replicate.com",
  working: false,
  needsAuth: false,
  supportsStream: false,
  supportsSystemMessage: false,
  supportsMessageHistory: false,
  parent: "Replicate"
}

/**
 * Where the home page creates predictions, below `prediction`, and looks at them, below `poll`.
 *
 * @since 0.1.0
 * @category models
 */
export const endpoint = "https://homepage.replicate.com/api"

/**
 * A model, what it makes, and the ids of its versions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Model extends homeModels.HomeModel {}

/**
 * The models the home page had last.
 *
 * @since 0.1.0
 * @category models
 */
export const models: ReadonlyArray<Model> = homeModels.models

/**
 * Models the home page had before: give them as `models`, alone or beside the others, to use them.
 *
 * @since 0.1.0
 * @category models
 */
export const historicModels: ReadonlyArray<Model> = homeModels.historicModels

const namesOf = (models: ReadonlyArray<Model>, kind: Model["kind"]): ReadonlyArray<string> =>
  models.filter((model) => model.kind === kind).map(({ name }) => name)

const preferred = (name: string, names: ReadonlyArray<string>): string | undefined =>
  names.find((candidate) => candidate === name) ?? names[0]

/**
 * Makes the catalog of some models. The default is the usual one if it is among them, else the first of its kind.
 *
 * @since 0.1.0
 * @category constructors
 */
export const catalogOf = (models: ReadonlyArray<Model>): ModelCatalog.ModelCatalog => {
  const text = namesOf(models, "text")
  const image = namesOf(models, "image")
  return ModelCatalog.make({
    default: preferred("google-deepmind/gemma-2b-it", text),
    defaultImage: preferred("stability-ai/stable-diffusion-3", image),
    text,
    image,
    aliases: Object.fromEntries(models.flatMap(({ aliases, name }) => aliases.map((alias) => [alias, name])))
  })
}

/**
 * The models taken, unless others are given.
 *
 * @since 0.1.0
 * @category models
 */
export const catalog: ModelCatalog.ModelCatalog = catalogOf(models)

/**
 * Options of the provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Calls the site although it is known not to answer; otherwise each call without a key is an `InvalidRequest`. */
  readonly ignoreWorking?: boolean | undefined
  /** Which default is meant when a request names no model. Default `text`. */
  readonly kind?: "text" | "image" | undefined
  /** Default: those the home page had last. */
  readonly models?: ReadonlyArray<Model> | undefined
  /** The version of whatever model is asked for; one of the model's own, by chance, when absent. */
  readonly version?: string | undefined
  /** With a key, calls go to Replicate's API. An empty key counts as absent. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** Default `endpoint`. */
  readonly baseUrl?: string | URL | undefined
  /** Default `https://api.replicate.com`. */
  readonly apiUrl?: string | URL | undefined
  /** When a prediction is looked at. Default: 30 times, 5 seconds apart; with a key, each 500 ms. */
  readonly polling?: Polling.Policy | undefined
  /** Total clock. Default 5 minutes; with a key, 3. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Idle clock. Default none; nothing arrives before the end. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** Connect clock of each request. Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Changes the HTTP client beneath. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** What it accepts, with the clocks it runs. */
const parametersOf = (
  { apiKey, connectTimeout = "30 seconds", idleTimeout, timeout = isPresent(apiKey) ? "3 minutes" : "5 minutes" }:
    Options
): ReadonlyArray<Parameters.Parameter> =>
  Parameters.fromSchema(Provider.Request, {
    pick: [
      "model",
      "messages",
      "prompt",
      "system",
      "maxTokens",
      "stop",
      "extra",
      "apiKey",
      "timeout",
      "idleTimeout",
      "connectTimeout"
    ],
    defaults: { connectTimeout, idleTimeout, timeout }
  })

/**
 * What the provider accepts, and the clocks it runs by default.
 *
 * @since 0.1.0
 * @category models
 */
export const parameters: ReadonlyArray<Parameters.Parameter> = parametersOf({})

const headers = {
  accept: "*/*",
  "accept-language": "en-US,en;q=0.9",
  "content-type": "application/json",
  origin: "https://replicate.com",
  referer: "https://replicate.com/",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"
}

/** What concerns the client of the API. It runs no clocks of its own here: it says which of them are malformed. */
const apiOptions = (
  { apiUrl, connectTimeout, idleTimeout, timeout, transformClient }: Options
): ReplicateConfig.Options => ({ baseUrl: apiUrl, connectTimeout, idleTimeout, timeout, transformClient })

/**
 * Makes the provider. Options that are malformed, such as a duration that is none, are a defect: the `InvalidRequest`
 * that `ReplicateConfig.make` throws, whose `baseUrl` is `apiUrl` here. `layerConfig` fails with a `ConfigError` instead.
 * A `baseUrl` that is none fails each call with `InvalidRequest`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Effect, Stream } from "effect"
 * import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
 *
 * const images = ReplicateHome.make({ kind: "image", ignoreWorking: true }).pipe(
 *   Effect.flatMap((provider) => Stream.runCollect(provider.stream({ prompt: "a llama" }))),
 *   Effect.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Provider.Service, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { connectTimeout, kind, transformClient } = options
    const known = options.models ?? models
    const all = catalogOf(known)
    const baseUrl = String(options.baseUrl ?? endpoint).replace(/\/+$/, "")
    const ownKey = isPresent(options.apiKey) ? options.apiKey : undefined

    const http = yield* HttpClient.HttpClient
    const session = yield* Effect.provideService(
      BrowserSession.make({ provider: info.name, site: baseUrl, headers, connectTimeout }),
      HttpClient.HttpClient,
      transformClient === undefined ? http : transformClient(http)
    )
    const replicate = yield* ReplicateClient.make(apiOptions(options))

    const withoutKey = (request: Provider.Resolved, version: string, input: Prediction.Input) =>
      Effect.zipRight(
        unlessIgnored(info.name, options.ignoreWorking),
        predict({
          provider: info.name,
          session,
          baseUrl,
          polling: options.polling ?? Polling.fixed("5 seconds", 30),
          connectTimeout: request.connectTimeout
        }, { model: request.model, version, input })
      )

    const withKey = (
      request: Provider.Resolved,
      version: string,
      input: Prediction.Input,
      token: Redacted.Redacted<string>
    ) =>
      Prediction.run(version, input, {
        polling: options.polling ?? Polling.fixed("500 millis"),
        timeout: request.timeout ?? options.timeout ?? "3 minutes"
      }).pipe(
        Effect.provideService(CallSettings, {
          token,
          connectTimeout: request.connectTimeout === undefined ? undefined : Duration.decode(request.connectTimeout)
        }),
        Effect.provideService(ReplicateClient.ReplicateClient, replicate),
        Effect.mapError(inName(info.name))
      )

    const run = Effect.fnUntraced(function*(request: Provider.Resolved) {
      const model = known.find(({ name }) => name === request.model)
      const kind = model?.kind ?? "text"
      const prompt = yield* promptOf(info.name, request, kind)
      const key = isPresent(request.apiKey) ? request.apiKey : ownKey
      const version = options.version ??
        (model === undefined ? "" : yield* homeModels.chooseVersion(model, key !== undefined))
      const input = { prompt, ...request.extra }
      const { output } = yield* key === undefined
        ? withoutKey(request, version, input)
        : withKey(request, version, input, key)
      return yield* outputsOf(info.name, output, { kind, prompt, key })
    })

    return Provider.make({
      info: { ...info, working: ownKey !== undefined },
      catalog: kind === "image" ? { ...all, default: all.defaultImage } : all,
      parameters: parametersOf(options),
      ignoreWorking: options.ignoreWorking,
      clocks: { idle: options.idleTimeout, total: options.timeout ?? "5 minutes" },
      run: (request) => Stream.unwrap(Effect.map(run(request), Stream.fromIterable))
    })
  })

/**
 * Provides the provider. Malformed options are a defect, as with `make`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer } from "effect"
 * import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
 *
 * const live = ReplicateHome.layer({ ignoreWorking: true }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effect(Provider.Provider, make(options))

/**
 * Provides the provider with the options of a `Config`, if there is one, such as a key of the environment. Malformed
 * options are a `ConfigError`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Config, Layer } from "effect"
 * import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
 *
 * const live = ReplicateHome.layerConfig(Config.all({ apiKey: Config.redacted("REPLICATE_API_TOKEN") })).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<Options> = Config.succeed({})
): Layer.Layer<Provider.Provider, ConfigError.ConfigError, HttpClient.HttpClient> =>
  configured(config, (options) => ReplicateConfig.make(apiOptions(options)), layer)
