/**
 * Text models of Replicate, streamed, as a `Provider`.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Pull from "../internal/pull.js"
import { stopsOf } from "../internal/textLimits.js"
import { isPresent } from "../internal/token.js"
import * as Message from "../Message.js"
import * as ModelCatalog from "../ModelCatalog.js"
import type * as Output from "../Output.js"
import * as Parameters from "../Parameters.js"
import * as Provider from "../Provider.js"
import type { InvalidRequest } from "../ProviderError.js"
import { CallSettings } from "../replicate/CallSettings.js"
import { configured } from "../replicate/internal/configured.js"
import { viewed } from "../replicate/internal/viewed.js"
import { outputs, type View } from "../replicate/internal/views.js"
import type * as Prediction from "../replicate/Prediction.js"
import * as ReplicateClient from "../replicate/ReplicateClient.js"
import * as ReplicateConfig from "../replicate/ReplicateConfig.js"
import { promptOf } from "./internal/requestChecks.js"

/**
 * What is known of Replicate without calling it.
 *
 * @since 0.1.0
 * @category models
 */
export const info: Provider.Info = {
  name: "Replicate",
  url: "https://replicate.com",
  loginUrl: "https://replicate.com/account/api-tokens",
  working: true,
  needsAuth: true,
  supportsStream: true,
  supportsSystemMessage: false,
  supportsMessageHistory: false
}

/**
 * The models taken without `anyModel`.
 *
 * @since 0.1.0
 * @category models
 */
export const catalog: ModelCatalog.ModelCatalog = ModelCatalog.make({
  default: "meta/meta-llama-3-70b-instruct",
  text: ["meta/meta-llama-3-70b-instruct"],
  aliases: { "meta-llama/Meta-Llama-3-70B-Instruct": "meta/meta-llama-3-70b-instruct" }
})

/**
 * Options of the provider; those of the client beneath can be given too.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ReplicateConfig.Options, "token"> {
  /** Without a key, each call fails with `MissingAuth` before any I/O. An empty key counts as absent. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /** `false` lets calls without a key go to the web endpoint of replicate.com, which takes none. */
  readonly needsAuth?: boolean | undefined
  /** Takes any `owner/name`, not only the catalog's models. */
  readonly anyModel?: boolean | undefined
  /** What to do with a model that cannot stream; see `Prediction.StreamOptions`. Default `fail`. */
  readonly unstreamable?: Prediction.StreamOptions["unstreamable"]
}

const defaultTimeout = "3 minutes"

/** What it accepts, with the clocks it runs. */
const parametersOf = (
  { connectTimeout = "30 seconds", idleTimeout, timeout = defaultTimeout }: Options
): ReadonlyArray<Parameters.Parameter> =>
  Parameters.fromSchema(Provider.Request, {
    pick: [
      "model",
      "messages",
      "prompt",
      "system",
      "maxTokens",
      "temperature",
      "topP",
      "topK",
      "stop",
      "extra",
      "apiKey",
      "headers",
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

/** Where calls without a key go. */
const keyless = "https://replicate.com/api"

/**
 * Whether there is nothing to do without a text. What other models than the catalog's make of their inputs, only they
 * know.
 */
const needsText = ({ extra = {}, messages = [], model, prompt }: Provider.Resolved): boolean =>
  prompt === undefined && messages.length === 0 ||
  extra["prompt"] === undefined && (catalog.text.includes(model) || Object.keys(extra).length === 0)

const textOf = (request: Provider.Resolved): Effect.Effect<string, InvalidRequest> =>
  needsText(request)
    // the system prompt goes apart
    ? promptOf(info.name, { ...request, system: undefined }, "text")
    : Effect.succeed(request.prompt ?? Message.formatPrompt(request.messages ?? []))

/** The model's input; what is absent is left out, and `extra` has the last word. */
const toInput = (request: Provider.Resolved, prompt: string): Prediction.Input => {
  const stop = stopsOf(request)
  const fields = {
    prompt,
    system_prompt: request.system,
    max_new_tokens: request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop_sequences: stop.length === 0 ? undefined : stop.join(","),
    ...request.extra
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** What is made of the answer to an input. */
const viewOf = ({ max_new_tokens: most }: Prediction.Input): View<Output.Output> => ({
  ...outputs,
  // gpt4free shows an event without text as a line break, and so does this provider; `Prediction.stream` does not
  text: (text) => outputs.text(text === "" ? "\n" : text),
  end: (prediction) => {
    const ended = outputs.end(prediction)
    const isCut = typeof most === "number" && most > 0 &&
      ended.some((output) =>
        output._tag === "Usage" && output.outputTokens !== undefined && output.outputTokens >= most
      )
    // a prediction does not tell why the model stopped
    return isCut ? ended.map((output) => output._tag === "Finish" ? { ...output, reason: "length" } : output) : ended
  }
})

/**
 * Makes the provider. Options that are malformed, such as a duration that is none, are a defect: the `InvalidRequest`
 * that `ReplicateConfig.make` throws. `layerConfig` fails with a `ConfigError` instead.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Effect, Redacted } from "effect"
 * import { Replicate } from "effect-providers"
 *
 * const models = Replicate.make({ apiKey: Redacted.make("r8_example"), anyModel: true }).pipe(
 *   Effect.map((provider) => provider.catalog.text),
 *   Effect.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Provider.Service, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { anyModel, apiKey, needsAuth = true, unstreamable, ...rest } = options
    const withKey = yield* ReplicateClient.make({ ...rest, token: apiKey, needsAuth: true })
    const withoutKey = needsAuth
      ? withKey
      : yield* ReplicateClient.make({ ...rest, baseUrl: rest.baseUrl ?? keyless, needsAuth: false })

    const run = (request: Provider.Resolved) => {
      const own = isPresent(request.apiKey) ? request.apiKey : undefined
      const client = own !== undefined || Option.isSome(withKey.config.token) ? withKey : withoutKey
      const source = Effect.flatMap(textOf(request), (prompt) => {
        const input = toInput(request, prompt)
        return viewed(viewOf(input), request.model, input, {
          unstreamable,
          timeout: request.timeout ?? options.timeout ?? defaultTimeout,
          idleTimeout: request.idleTimeout ?? options.idleTimeout ?? Duration.infinity
        })
      })
      const settings = {
        token: own,
        headers: request.headers,
        connectTimeout: request.connectTimeout === undefined ? undefined : Duration.decode(request.connectTimeout)
      }
      const services = Context.make(CallSettings, settings).pipe(Context.add(ReplicateClient.ReplicateClient, client))
      return Pull.toStream(Effect.provide(source, services))
    }

    return Provider.make({
      info: { ...info, needsAuth },
      catalog: anyModel === true ? { ...catalog, mode: "lenient" } : catalog,
      parameters: parametersOf(options),
      // not every model honours its stop sequences; the idle clock is not to run before there is a prediction
      enforces: ["maxTokens", "timeout", "idleTimeout"],
      run
    })
  })

/**
 * Provides the provider. Malformed options are a defect, as with `make`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer, Redacted } from "effect"
 * import { Replicate } from "effect-providers"
 *
 * const live = Replicate.layer({ apiKey: Redacted.make("r8_example") }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effect(Provider.Provider, make(options))

/**
 * The settings of the environment, as `ReplicateConfig.fromEnv` reads them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEnv: Config.Config<Options> = Config.map(
  ReplicateConfig.fromEnv,
  ({ token, ...rest }) => ({ ...rest, apiKey: token })
)

/**
 * Provides the provider with the settings of the environment, or of any other `Config`. A missing key is no failure
 * here: each call fails with `MissingAuth`. A malformed setting is.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer } from "effect"
 * import { Replicate } from "effect-providers"
 *
 * const live = Replicate.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<Options> = fromEnv
): Layer.Layer<Provider.Provider, ConfigError.ConfigError, HttpClient.HttpClient> =>
  configured(config, ({ apiKey: token, ...rest }) => ReplicateConfig.make({ ...rest, token }), layer)
