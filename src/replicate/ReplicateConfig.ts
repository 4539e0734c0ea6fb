/**
 * The settings of the Replicate client, from options or from the environment.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Polling from "../http/Polling.js"
import * as Retry from "../http/Retry.js"
import { isText } from "../internal/sendable.js"
import { isPresent } from "../internal/token.js"
import { durationOf, invalid } from "./internal/invalid.js"

/**
 * How many calls are let out in any minute, by what the API counts apart. The API counts by account, which no token
 * tells: the calls of each token are counted apart.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimits {
  /** Creates of predictions. */
  readonly creates: number
  /** Reads of a prediction, of which polling makes many. */
  readonly reads: number
  /** All other calls. */
  readonly others: number
}

/**
 * The API's own limits: those it documents for creates and other calls, and the one it tells for reads.
 *
 * @since 0.1.0
 * @category models
 */
export const defaultRateLimits: RateLimits = { creates: 600, reads: 60_000, others: 3000 }

/**
 * The settings, complete.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReplicateConfig {
  /** The API token. Without one, each call fails with `MissingAuth` before any I/O. */
  readonly token: Option.Option<Redacted.Redacted<string>>
  /** `false` lets calls go out without a token. */
  readonly needsAuth: boolean
  /** What every route is appended to, version included. */
  readonly baseUrl: string
  /** Connect clock: the wait for response headers, on top of a hold that was asked for. */
  readonly connectTimeout: Duration.Duration
  /** Idle clock of streams, from the creation on; absent, it does not run: a cold model may be silent for minutes. */
  readonly idleTimeout: Duration.Duration | undefined
  /** Total clock of `run`, `wait` and `stream`. */
  readonly timeout: Duration.Duration
  /**
   * How long whoever is interrupted, or stopped by a clock, waits for the remote prediction to be canceled, on top of
   * a hold that was asked for; then that goes on in the background.
   */
  readonly cancelTimeout: Duration.Duration
  /** Clock of a file that is read and uploaded, with all its tries; the connect clock does not run for it. */
  readonly uploadTimeout: Duration.Duration
  /** How calls that are safe to repeat are repeated, and creates that were refused. */
  readonly retry: Retry.Policy
  /** Holds calls back that the API would refuse; `undefined` lets all of them out at once. */
  readonly rateLimit: RateLimits | undefined
  /** When a running prediction is looked at again. */
  readonly polling: Polling.Policy
  /** Whether a model that is named without a version is run by its latest one. */
  readonly latestVersion: boolean
  readonly userAgent: string
  /** Changes the HTTP client beneath: proxies, recording, more retries. */
  readonly transformClient: (client: HttpClient.HttpClient) => HttpClient.HttpClient
}

/**
 * Options of the client; what is left out has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** An empty token counts as absent. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** Default `true`. */
  readonly needsAuth?: boolean | undefined
  /** Default `https://api.replicate.com`; `/v1` is added unless the URL has a path of its own. */
  readonly baseUrl?: string | URL | undefined
  /** Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Default none. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** Default 10 minutes. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Default 5 seconds. */
  readonly cancelTimeout?: Duration.DurationInput | undefined
  /** Default 10 minutes. */
  readonly uploadTimeout?: Duration.DurationInput | undefined
  /** A whole number from 0, or `Infinity`. Default 3. */
  readonly maxRetries?: number | undefined
  /** What is to differ from `Retry.defaultPolicy`; `maxRetries` wins over the one in it. */
  readonly retry?: Partial<Retry.Policy> | undefined
  /** `true` keeps to the API's own limits, numbers of calls a minute to others. Default `false`. */
  readonly rateLimit?: boolean | Partial<RateLimits> | undefined
  /** A fixed interval, or a policy. Default: 500 ms at first, growing to 5 s. */
  readonly polling?: Duration.DurationInput | Polling.Policy | undefined
  /** Default `false`; see `PredictionOptions.CreateOptions`. */
  readonly latestVersion?: boolean | undefined
  /** Default `effect-providers`. */
  readonly userAgent?: string | undefined
  /** Default: no change. What it sets for its fiber, in a FiberRef, is gone with the call. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** The API itself lives under /v1; a base URL with a path of its own is taken as it is. */
const versioned = (baseUrl: string): string => {
  const trimmed = baseUrl.replace(/\/+$/, "")
  return /^[a-z]+:\/\/[^/]+$/i.test(trimmed) ? `${trimmed}/v1` : trimmed
}

/** Browsers complete a URL that is not whole. */
const baseUrlOf = (given: string | URL): string => {
  const url = String(given)
  if (URL.canParse(url) && !/^https?:$/.test(new URL(url).protocol)) {
    throw invalid("baseUrl", "expected an http or https URL")
  }
  return versioned(url)
}

/** HTTP clients throw errors of their own for other characters, which say that the call may have been sent. */
const userAgentOf = (text: string): string => {
  if (!isText(text)) throw invalid("userAgent", "expected a header value")
  return text
}

const rateLimits = (given: Options["rateLimit"] = false): RateLimits | undefined => {
  if (given === false) return undefined
  const { creates, others, reads } = given === true ? {} : given
  return {
    creates: creates ?? defaultRateLimits.creates,
    reads: reads ?? defaultRateLimits.reads,
    others: others ?? defaultRateLimits.others
  }
}

const clock = (field: keyof Options, duration: Duration.DurationInput): Duration.Duration =>
  Either.getOrThrowWith(durationOf(field, duration), (error) => error)

const retryOf = ({ maxRetries, retry }: Options): Retry.Policy => {
  const retries = maxRetries ?? retry?.maxRetries ?? Retry.defaultPolicy.maxRetries
  if (retries !== Infinity && !(Number.isInteger(retries) && retries >= 0)) {
    throw invalid("maxRetries", "expected a whole number from 0")
  }
  return { ...Retry.defaultPolicy, ...retry, maxRetries: retries }
}

/**
 * Completes options with the defaults. Throws an `InvalidRequest` for a duration that is none, `maxRetries` that are no
 * whole number from 0 or `Infinity`, a `baseUrl` of another scheme than HTTP, and a `userAgent` no header can carry.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { ReplicateConfig } from "effect-providers/replicate"
 *
 * const config = ReplicateConfig.make({ token: Redacted.make("r8_example"), timeout: "2 minutes" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): ReplicateConfig => ({
  token: Option.filter(Option.fromNullable(options.token), isPresent),
  needsAuth: options.needsAuth ?? true,
  baseUrl: baseUrlOf(options.baseUrl ?? "https://api.replicate.com"),
  connectTimeout: clock("connectTimeout", options.connectTimeout ?? "30 seconds"),
  idleTimeout: options.idleTimeout === undefined ? undefined : clock("idleTimeout", options.idleTimeout),
  timeout: clock("timeout", options.timeout ?? "10 minutes"),
  cancelTimeout: clock("cancelTimeout", options.cancelTimeout ?? "5 seconds"),
  uploadTimeout: clock("uploadTimeout", options.uploadTimeout ?? "10 minutes"),
  retry: retryOf(options),
  rateLimit: rateLimits(options.rateLimit),
  polling: options.polling === undefined
    ? Polling.adaptive()
    : Polling.isPolicy(options.polling)
    ? options.polling
    : Polling.fixed(clock("polling", options.polling)),
  latestVersion: options.latestVersion ?? false,
  userAgent: userAgentOf(options.userAgent ?? "effect-providers"),
  transformClient: options.transformClient ?? identity
})

/** A variable that is blank counts as absent. */
const variable = (name: string) =>
  Config.map(Config.option(Config.string(name)), (text) => Option.filter(Option.map(text, trim), (text) => text !== ""))

const trim = (text: string) => text.trim()

const parsed = <A>(name: string, expected: string, parse: (text: string) => Option.Option<A>) =>
  Config.mapOrFail(variable(name), (text) =>
    Option.isNone(text)
      ? Either.right(undefined)
      : Either.fromOption(
        Option.map(parse(text.value), (value): A | undefined => value),
        () => ConfigError.InvalidData([], `${name}: expected ${expected}`)
      ))

const seconds = (name: string) =>
  parsed(name, "a number of seconds greater than 0", (text) =>
    Option.map(
      Option.liftPredicate(Number(text), (n) => /^\d+(\.\d+)?$/.test(text) && n > 0),
      Duration.seconds
    ))

/**
 * Reads the environment: `REPLICATE_API_TOKEN`, else `REPLICATE_API_KEY`; `REPLICATE_BASE_URL`;
 * `REPLICATE_MAX_RETRIES`; `REPLICATE_TIMEOUT` and `REPLICATE_POLL_INTERVAL` in seconds. Empty counts as absent; a
 * malformed value is a `ConfigError` that names the variable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEnv: Config.Config<Options> = Config.all({
  token: Config.map(
    Config.all([variable("REPLICATE_API_TOKEN"), variable("REPLICATE_API_KEY")]),
    ([token, key]) => Option.getOrUndefined(Option.map(Option.orElse(token, () => key), Redacted.make))
  ),
  baseUrl: parsed(
    "REPLICATE_BASE_URL",
    "a valid http or https URL",
    (text) => Option.liftPredicate(text, (url) => /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""))
  ),
  maxRetries: parsed(
    "REPLICATE_MAX_RETRIES",
    "a whole number from 0",
    (text) => Option.map(Option.liftPredicate(text, (s) => /^\d{1,9}$/.test(s)), Number)
  ),
  timeout: seconds("REPLICATE_TIMEOUT"),
  polling: seconds("REPLICATE_POLL_INTERVAL")
})
