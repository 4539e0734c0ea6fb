/**
 * Replicate for programs that know promises only: run a model, stream its text, read its files.
 *
 * What rejects is a typed error of this library (`error._tag` says which), never a wrapper. An `AbortSignal` stops a
 * call and cancels the prediction that was started for it; the rejection, with the signal's reason, comes after that.
 *
 * @since 0.1.0
 */
/// <reference lib="esnext.disposable" preserve="true" />
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Promised from "./internal/promised.js"
import { isPresent } from "./internal/token.js"
import * as Output from "./Output.js"
import { InvalidRequest, Issue } from "./ProviderError.js"
import { FileOutput } from "./replicate/FileOutput.js"
import type * as ModelRef from "./replicate/ModelRef.js"
import * as Prediction from "./replicate/Prediction.js"
import type { PredictionEvent } from "./replicate/PredictionEvent.js"
import * as ReplicateClient from "./replicate/ReplicateClient.js"
import * as ReplicateConfig from "./replicate/ReplicateConfig.js"

/**
 * Options of a client; what is left out is taken from the environment, as `ReplicateConfig.fromEnv` reads it, or has
 * a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ReplicateConfig.Options, "token"> {
  /** An empty token counts as absent. */
  readonly token?: string | Redacted.Redacted<string> | undefined
  /** How HTTP is spoken, such as through a proxy; by `fetch` when absent. */
  readonly httpClient?: Layer.Layer<HttpClient.HttpClient> | undefined
}

/**
 * How a call is stopped.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /** Aborted before the call, nothing is sent. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Replicate, by promises.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /**
   * Runs a model to its end and gives the whole prediction: `output`, `text`, `files`, `logs`. `model` is
   * `owner/name`, `owner/name:version`, a version id, `deployments/owner/name`, or the page of one of them.
   */
  readonly run: (
    model: ModelRef.Input,
    input: Prediction.Input,
    options?: Prediction.RunOptions & CallOptions
  ) => Promise<Prediction.Prediction>
  /**
   * Runs a text model and gives the text as it is produced, piece by piece. Nothing is sent before it is read, and it
   * is read once; leaving the loop early closes the connection and cancels the prediction.
   */
  readonly stream: (
    model: ModelRef.Input,
    input: Prediction.Input,
    options?: Prediction.StreamOptions & CallOptions
  ) => AsyncIterableIterator<string>
  /** As `stream`, with all there is: text or files, log lines, then `Done` with the finished prediction. */
  readonly events: (
    model: ModelRef.Input,
    input: Prediction.Input,
    options?: Prediction.StreamOptions & CallOptions
  ) => AsyncIterableIterator<PredictionEvent>
  /** As `stream`, with the files only, each as it comes: for `download`. An output without any file rejects. */
  readonly files: (
    model: ModelRef.Input,
    input: Prediction.Input,
    options?: Prediction.StreamOptions & CallOptions
  ) => AsyncIterableIterator<FileOutput>
  /** Creates a prediction, which goes on in the background. */
  readonly create: (
    model: ModelRef.Input,
    input: Prediction.Input,
    options?: Prediction.CreateOptions & CallOptions
  ) => Promise<Prediction.Prediction>
  /** Reads a prediction. */
  readonly get: (id: string, options?: CallOptions) => Promise<Prediction.Prediction>
  /** Waits until a prediction, or the one with an id, has succeeded. It goes on when the waiting is stopped. */
  readonly wait: (
    prediction: Prediction.Prediction | string,
    options?: Prediction.WaitOptions & CallOptions
  ) => Promise<Prediction.Prediction>
  /**
   * Gives the text of a prediction that was created before, from its beginning; of a stream that was cut, which
   * rejected with `StreamInterrupted`, the rest. The prediction goes on when the loop is left early.
   */
  readonly follow: (
    prediction: Prediction.Followed,
    options?: Prediction.FollowOptions & CallOptions
  ) => AsyncIterableIterator<string>
  /** Cancels a prediction. */
  readonly cancel: (id: string, options?: CallOptions) => Promise<Prediction.Prediction>
  /** The bytes of a file in an output, or behind a URL. */
  readonly download: (file: FileOutput | string, options?: CallOptions) => Promise<Uint8Array>
  /** Stops what is still going on, and cancels its predictions. The client is of no use after it. */
  readonly dispose: () => Promise<void>
  /** `dispose`, for `await using`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Not every browser has it yet. */
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")

/** The settings given, and what is left out of them from the environment. */
const settings = (
  { token, ...options }: Omit<Options, "httpClient">
): Config.Config<ReplicateConfig.Options> => {
  const secret = typeof token === "string" ? Redacted.make(token) : token
  const given = Object.entries({ ...options, token: isPresent(secret) ? secret : undefined })
  return Config.map(ReplicateConfig.fromEnv, (environment) => ({
    ...environment,
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined))
  }))
}

const malformed = (error: ConfigError.ConfigError) => {
  const message = error._op === "InvalidData" ? error.message : String(error)
  return new InvalidRequest({ provider: "Replicate", issues: [new Issue({ field: "", message })] })
}

/** What is missing in a call of plain JavaScript is told like what is empty. */
const present = <A>(value: A): A | "" => value ?? ""

/**
 * Makes a client with options of its own.
 *
 * @example
 * ```ts
 * import * as Replicate from "effect-providers/promise"
 *
 * const replicate = Replicate.make({ token: "r8_example", timeout: "2 minutes" })
 *
 * const astronaut = async (signal: AbortSignal) => {
 *   const prediction = await replicate.run("black-forest-labs/flux-schnell", { prompt: "an astronaut" }, { signal })
 *   return replicate.download(prediction.files[0] ?? "")
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ httpClient = FetchHttpClient.layer, ...options }: Options = {}): Client => {
  const { dispose, iterate, run } = Promised.make(
    ReplicateClient.layerConfig(settings(options)).pipe(Layer.mapError(malformed), Layer.provide(httpClient))
  )
  return {
    run: (model, input, { signal, ...options } = {}) => run(Prediction.run(model, input, options), signal),
    stream: (model, input, { signal, ...options } = {}) =>
      iterate(Output.text(Prediction.stream(model, input, options)), signal),
    events: (model, input, { signal, ...options } = {}) => iterate(Prediction.events(model, input, options), signal),
    files: (model, input, { signal, ...options } = {}) => iterate(Prediction.files(model, input, options), signal),
    create: (model, input, { signal, ...options } = {}) => run(Prediction.create(model, input, options), signal),
    get: (id, { signal } = {}) => run(Prediction.get(id), signal),
    wait: (prediction, { signal, ...options } = {}) => run(Prediction.wait(present(prediction), options), signal),
    follow: (prediction, { signal, ...options } = {}) =>
      iterate(Output.text(Prediction.follow(present(prediction), options)), signal),
    cancel: (id, { signal } = {}) => run(Prediction.cancel(id), signal),
    download: (file, { signal } = {}) => {
      const given = present(file)
      return run(typeof given === "string" ? new FileOutput(given).bytes : given.bytes, signal)
    },
    dispose,
    [asyncDispose]: dispose
  }
}

let shared: Client | undefined

/** The client of the functions below, made when the first of them is called. */
const client = (): Client => shared ??= make()

/**
 * Runs a model to its end with the settings of the environment. See `Client.run`.
 *
 * @example
 * ```ts
 * import { run } from "effect-providers/promise"
 *
 * const urls = async () => {
 *   const prediction = await run("black-forest-labs/flux-schnell", { prompt: "a llama" })
 *   return prediction.files.map((file) => file.url)
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const run: Client["run"] = (...call) => client().run(...call)

/**
 * Streams the text of a model with the settings of the environment. See `Client.stream`.
 *
 * @example
 * ```ts
 * import { stream } from "effect-providers/promise"
 *
 * const print = async () => {
 *   for await (const text of stream("meta/meta-llama-3-70b-instruct", { prompt: "Hello" })) console.log(text)
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream: Client["stream"] = (...call) => client().stream(...call)

/**
 * Reads a file in an output, or behind a URL, with the settings of the environment.
 *
 * @since 0.1.0
 * @category combinators
 */
export const download: Client["download"] = (...call) => client().download(...call)

/**
 * Stops what `run`, `stream` and `download` are still at. The next of them begins anew, and reads the environment again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const dispose = async (): Promise<void> => {
  const last = shared
  shared = undefined
  await last?.dispose()
}
