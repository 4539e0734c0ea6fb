/**
 * Every way a provider call can fail, as data.
 *
 * One tag is one decision for the caller; everything else is a field. Errors hold what is needed to decide and to
 * report (provider, method, URL without query, status, a bounded detail) and never the request, its headers, its
 * input, or the platform error beneath: those would print the credentials.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Where a failure happened: common to every error that came out of one HTTP call. */
const call = {
  /** Name of the provider that failed, e.g. `Replicate`. */
  provider: Schema.String,
  /** HTTP method of the failed call. */
  method: Schema.optional(Schema.String),
  /** URL of the failed call, without user info, query and fragment; of a stream, its host only. */
  url: Schema.optional(Schema.String),
  /** HTTP status of the answer, if one arrived. */
  status: Schema.optional(Schema.Number),
  /** What the service said, cut to a readable length. */
  detail: Schema.optional(Schema.String),
  /** How often the call was tried, when it was tried more than once. */
  attempts: Schema.optional(Schema.Number)
}

/** What a call says that was to start something. */
const started = {
  /**
   * The call may have reached the service and started what it was to start: the same call again may start it, and be
   * paid for, twice. Look at what is there before.
   */
  mayHaveStarted: Schema.optional(Schema.Boolean)
}

const lookFirst = (why = "It may have been started") => `${why}: look before starting it again.`

const where = (e: { readonly method?: string | undefined; readonly url?: string | undefined }) =>
  e.url === undefined ? "" : ` (${e.method === undefined ? "" : `${e.method} `}${e.url})`

const tries = (e: { readonly attempts?: number | undefined }) =>
  e.attempts === undefined || e.attempts < 2 ? "" : ` after ${e.attempts} attempts`

const because = (e: { readonly detail?: string | undefined }) =>
  e.detail === undefined || e.detail === "" ? "" : `: ${e.detail.replace(/\s+/g, " ").replace(/[.\s]+$/, "")}`

/**
 * The credentials are absent, or the service rejected them. With `reason: "absent"` no request was made.
 *
 * @since 0.1.0
 * @category errors
 */
export class MissingAuth extends Schema.TaggedError<MissingAuth>("effect-providers/ProviderError/MissingAuth")(
  "MissingAuth",
  {
    ...call,
    reason: Schema.Literal("absent", "rejected"),
    /** Page where a user gets credentials. */
    loginUrl: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    const what = this.reason === "absent" ? "has no API key" : `rejected the API key${because(this)}`
    return `${this.provider} ${what}${where(this)}.${
      this.loginUrl === undefined ? "" : ` Get one at ${this.loginUrl}.`
    }`
  }
}

/**
 * The account has not enough credit for the call.
 *
 * @since 0.1.0
 * @category errors
 */
export class PaymentRequired
  extends Schema.TaggedError<PaymentRequired>("effect-providers/ProviderError/PaymentRequired")("PaymentRequired", call)
{
  override get message(): string {
    return `${this.provider} asks for payment${because(this)}${where(this)}. Add credit to the account.`
  }
}

/**
 * The service refused the call because too many were made. Nothing was started, so trying again is safe.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-providers/ProviderError/RateLimited")(
  "RateLimited",
  {
    ...call,
    /** How long the service asked to wait; absent when it did not say. */
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  override get message(): string {
    const wait = this.retryAfter === undefined ? "later" : `in ${Duration.format(this.retryAfter)}`
    return `${this.provider} limits the rate of calls${tries(this)}${because(this)}${where(this)}. Try again ${wait}.`
  }
}

/**
 * Something in front of the service (Cloudflare, a bot challenge) blocked the call.
 *
 * @since 0.1.0
 * @category errors
 */
export class Blocked extends Schema.TaggedError<Blocked>("effect-providers/ProviderError/Blocked")("Blocked", {
  ...call,
  by: Schema.Literal("cloudflare", "bot-challenge")
}) {
  override get message(): string {
    const by = this.by === "cloudflare" ? "Cloudflare" : "A bot challenge"
    return `${by} blocked the call to ${this.provider}${where(this)}. Try another network, or another provider.`
  }
}

/**
 * The provider does not know the model, or does not serve it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>("effect-providers/ProviderError/ModelNotFound")(
  "ModelNotFound",
  {
    ...call,
    model: Schema.String,
    /** Names that would have been accepted; empty when the provider does not list them. */
    known: Schema.Array(Schema.String),
    /** The accepted name nearest to the one asked for. */
    nearest: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    const hint = this.nearest !== undefined
      ? ` Did you mean ${this.nearest}?`
      : this.known.length > 0
      ? ` Known models: ${this.known.slice(0, 10).join(", ")}${this.known.length > 10 ? ", …" : ""}.`
      : ""
    return `${this.provider} has no model ${JSON.stringify(this.model)}${because(this)}${where(this)}.${hint}`
  }
}

/**
 * One thing that is wrong with a request: the field, as a path, and what was expected of it. Never the value. Where the
 * field is empty it is no matter of one, and the message says what to do.
 *
 * @since 0.1.0
 * @category models
 */
export class Issue extends Schema.Class<Issue>("effect-providers/ProviderError/Issue")({
  field: Schema.String,
  message: Schema.String
}) {}

/**
 * The request cannot be carried out as it stands. Either it was refused before any I/O (no `status`), or the
 * service refused it.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-providers/ProviderError/InvalidRequest")(
  "InvalidRequest",
  { ...call, issues: Schema.Array(Issue) }
) {
  override get message(): string {
    const issues = this.issues.map((issue) => issue.field === "" ? issue.message : `${issue.field}: ${issue.message}`)
    const why = issues.length > 0 ? `: ${issues.join("; ")}` : because(this)
    // what is wrong with no field is said with what to do about it, unless a service said it
    const says = this.status === undefined && issues.length > 0 && this.issues.every(({ field }) => field === "")
    return `${this.provider} cannot take this request${why}${where(this)}.${says ? "" : " Correct it and call again."}`
  }
}

/**
 * The call did not give a usable answer.
 *
 * `reason` says how far it came: `connect` (nothing was sent, so nothing was started), `network` (the connection
 * broke on the way: the service may have acted), `status` (an error status), `malformed` (an answer that could not be
 * understood).
 *
 * @since 0.1.0
 * @category errors
 */
export class ResponseError extends Schema.TaggedError<ResponseError>("effect-providers/ProviderError/ResponseError")(
  "ResponseError",
  {
    ...call,
    ...started,
    reason: Schema.Literal("connect", "network", "status", "malformed"),
    /** The system's or the service's own short code, e.g. `ECONNREFUSED`. */
    code: Schema.optional(Schema.String),
    /** Host and port of the proxy that could not be reached, or refused: nothing is known of the service. */
    proxy: Schema.optional(Schema.String),
    /** How long the service asked to wait. */
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  override get message(): string {
    const what = this.proxy !== undefined
      ? `was not called: the proxy at ${this.proxy} ${
        this.code?.startsWith("ERR_PROXY_") === true ? "refused the connection" : "could not be reached"
      }`
      : this.reason === "connect"
      ? "could not be reached"
      : this.reason === "network"
      ? "could not be reached, or broke the connection"
      : this.reason === "status"
      ? `answered ${this.status ?? "with an error"}`
      : "gave an answer that could not be understood"
    const code = this.code === undefined ? "" : ` [${this.code}]`
    const then = this.mayHaveStarted === true
      ? lookFirst()
      : isRetryable(this)
      ? "Try again later."
      : "Trying again will not help."
    return `${this.provider} ${what}${code}${tries(this)}${because(this)}${where(this)}. ${then}`
  }
}

/**
 * One of the three clocks ran out: `connect` (no response headers), `idle` (no next output), `total` (the deadline).
 *
 * @since 0.1.0
 * @category errors
 */
export class Timeout extends Schema.TaggedError<Timeout>("effect-providers/ProviderError/Timeout")("Timeout", {
  ...call,
  ...started,
  clock: Schema.Literal("connect", "idle", "total"),
  /** What the clock was set to. */
  duration: Schema.Duration,
  /** A prediction that may still run: it was to be canceled when the time was up, which was not confirmed. */
  predictionId: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const what = this.clock === "connect"
      ? "did not answer"
      : this.clock === "idle"
      ? "sent nothing"
      : "was not done"
    const then = this.mayHaveStarted === true
      ? lookFirst(this.predictionId && `Prediction ${this.predictionId} may still run`)
      : "Try again, or allow more time."
    return `${this.provider} ${what} within ${Duration.format(this.duration)} (${this.clock} clock)${tries(this)}${
      where(this)
    }. ${then}`
  }
}

/**
 * What is known of a prediction when an error about it is raised. Its input is left out on purpose; its output can be
 * read with its id.
 *
 * @since 0.1.0
 * @category models
 */
export class PredictionSummary
  extends Schema.Class<PredictionSummary>("effect-providers/ProviderError/PredictionSummary")({
    id: Schema.String,
    model: Schema.optional(Schema.String),
    status: Schema.String,
    /** The service's error text. */
    error: Schema.optional(Schema.String),
    /** The last part of the logs, cut to a readable length. */
    logs: Schema.optional(Schema.String),
    /** Page of the prediction for a person to look at. */
    url: Schema.optional(Schema.String)
  })
{}

/**
 * The model ran and failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class PredictionFailed
  extends Schema.TaggedError<PredictionFailed>("effect-providers/ProviderError/PredictionFailed")("PredictionFailed", {
    provider: Schema.String,
    prediction: PredictionSummary,
    /** The service's code for the failure, e.g. `E1001`, when its text carries one. */
    code: Schema.optional(Schema.String),
    /** The same input may succeed when run again. */
    transient: Schema.Boolean,
    /** The input or the output was refused by a content filter. */
    moderation: Schema.Boolean,
    /** The model ran out of memory: a smaller input may succeed. */
    outOfMemory: Schema.Boolean
  })
{
  override get message(): string {
    const then = this.moderation
      ? "A content filter refused it: change the input."
      : this.outOfMemory
      ? "It ran out of memory: try a smaller input."
      : this.transient
      ? "Running it again may help."
      : "Check the input and the logs."
    return `${this.provider} prediction ${this.prediction.id} failed${
      because({ detail: this.prediction.error })
    }. ${then}`
  }
}

/**
 * The prediction was stopped before it was done: `canceled` by somebody or by its deadline, or `aborted` before it
 * started (which costs nothing).
 *
 * @since 0.1.0
 * @category errors
 */
export class PredictionCanceled
  extends Schema.TaggedError<PredictionCanceled>("effect-providers/ProviderError/PredictionCanceled")(
    "PredictionCanceled",
    {
      provider: Schema.String,
      prediction: PredictionSummary,
      status: Schema.Literal("canceled", "aborted"),
      /** It was its deadline that stopped it, as far as the prediction tells. */
      overdue: Schema.optional(Schema.Boolean)
    }
  )
{
  override get message(): string {
    const what = this.status === "canceled" ? "was canceled" : "was aborted before it started"
    const then = this.overdue === true
      ? ", as its deadline came. Run it again with a later one"
      : ". Run it again if it was not meant to stop"
    return `${this.provider} prediction ${this.prediction.id} ${what}${then}.`
  }
}

/**
 * A stream was cut before its end and could not be completed. What arrived has been emitted already.
 *
 * @since 0.1.0
 * @category errors
 */
export class StreamInterrupted
  extends Schema.TaggedError<StreamInterrupted>("effect-providers/ProviderError/StreamInterrupted")(
    "StreamInterrupted",
    {
      ...call,
      /** The prediction behind the stream: its output can still be read with its id. */
      predictionId: Schema.optional(Schema.String),
      /** Events that arrived. */
      events: Schema.Number,
      /** Characters of output that arrived. */
      characters: Schema.Number,
      /** Files that arrived. */
      files: Schema.optional(Schema.Number),
      /** Hash of the text that arrived: what is read on has to begin with it. */
      hash: Schema.optional(Schema.Number),
      /** Id of the last event that arrived. */
      lastEventId: Schema.optional(Schema.String),
      /**
       * What is missing may still be read on. Where what arrived is not how the output begins it is `false`: reading on
       * would fail again, but the prediction can be read from its beginning, with its id.
       */
      resumable: Schema.Boolean
    }
  )
{
  override get message(): string {
    const then = this.resumable && this.predictionId !== undefined
      ? `Read the rest from prediction ${this.predictionId}.`
      : "It cannot be read on."
    return `${this.provider} cut the stream after ${this.events} events${tries(this)}${because(this)}${
      where(this)
    }. ${then}`
  }
}

/**
 * A local file could not be read or written. Raised only by what touches files.
 *
 * @since 0.1.0
 * @category errors
 */
export class FileError extends Schema.TaggedError<FileError>("effect-providers/ProviderError/FileError")("FileError", {
  path: Schema.String,
  operation: Schema.Literal("read", "write"),
  /** The system's reason, e.g. `PermissionDenied`. */
  reason: Schema.String
}) {
  override get message(): string {
    return `The file ${this.path} could not be ${this.operation === "read" ? "read" : "written"}: ${this.reason}.`
  }
}

/**
 * Every provider that was tried failed; `failures` holds them in the order they were tried.
 *
 * @since 0.1.0
 * @category errors
 */
export class AllProvidersFailed
  extends Schema.TaggedError<AllProvidersFailed>("effect-providers/ProviderError/AllProvidersFailed")(
    "AllProvidersFailed",
    {
      failures: Schema.Array(Schema.Struct({
        provider: Schema.String,
        error: Schema.suspend((): Schema.Schema<ProviderError, ProviderErrorEncoded> => ProviderError)
      }))
    }
  )
{
  override get message(): string {
    if (this.failures.length === 0) return "There is no provider to try. Add one, or ignore fewer."
    const each = this.failures.map(({ error, provider }) => `${provider}: ${error._tag}: ${error.message}`)
    return `Every provider failed. ${each.join(" ")}`
  }
}

interface AllProvidersFailedEncoded {
  readonly _tag: "AllProvidersFailed"
  readonly failures: ReadonlyArray<{ readonly provider: string; readonly error: ProviderErrorEncoded }>
}

/**
 * The encoded (JSON) form of a `ProviderError`.
 *
 * @since 0.1.0
 * @category models
 */
export type ProviderErrorEncoded =
  | typeof MissingAuth.Encoded
  | typeof PaymentRequired.Encoded
  | typeof RateLimited.Encoded
  | typeof Blocked.Encoded
  | typeof ModelNotFound.Encoded
  | typeof InvalidRequest.Encoded
  | typeof ResponseError.Encoded
  | typeof Timeout.Encoded
  | typeof PredictionFailed.Encoded
  | typeof PredictionCanceled.Encoded
  | typeof StreamInterrupted.Encoded
  | AllProvidersFailedEncoded

/**
 * Every error a provider call can fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type ProviderError =
  | MissingAuth
  | PaymentRequired
  | RateLimited
  | Blocked
  | ModelNotFound
  | InvalidRequest
  | ResponseError
  | Timeout
  | PredictionFailed
  | PredictionCanceled
  | StreamInterrupted
  | AllProvidersFailed

/**
 * The codec of `ProviderError`, for errors that cross a process boundary.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ProviderError: Schema.Schema<ProviderError, ProviderErrorEncoded> = Schema.Union(
  MissingAuth,
  PaymentRequired,
  RateLimited,
  Blocked,
  ModelNotFound,
  InvalidRequest,
  ResponseError,
  Timeout,
  PredictionFailed,
  PredictionCanceled,
  StreamInterrupted,
  AllProvidersFailed
)

/**
 * Tests whether a value is a `ProviderError`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isProviderError: (u: unknown) => u is ProviderError = Schema.is(ProviderError)

/** Statuses after which the same call may succeed a little later; 52x are Cloudflare's for an origin in trouble. */
const retryableStatuses = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])

/** What was started is to be looked at, or read on, and not to be bought again. */
const mayHaveStarted = (error: ProviderError): boolean =>
  error._tag === "AllProvidersFailed"
    ? error.failures.some((failure) => mayHaveStarted(failure.error))
    : error._tag === "StreamInterrupted"
    ? error.predictionId !== undefined
    : "mayHaveStarted" in error && error.mayHaveStarted === true

/**
 * Says whether the same call may succeed later and can be sent again without harm: not after a call that may have
 * started something that is paid for, such as the prediction behind a stream that was cut. Of several providers, one
 * that may succeed is enough, unless another may have started something. It does not say that trying again is free.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRetryable = (error: ProviderError): boolean => {
  if (mayHaveStarted(error)) return false
  switch (error._tag) {
    case "RateLimited":
    case "StreamInterrupted":
    case "Timeout":
      return true
    case "ResponseError":
      return error.reason === "connect" || error.reason === "network" ||
        (error.reason === "status" && error.status !== undefined && retryableStatuses.has(error.status))
    case "PredictionFailed":
      return error.transient
    case "AllProvidersFailed":
      return error.failures.some((failure) => isRetryable(failure.error))
    default:
      return false
  }
}

/**
 * How long the service asked to wait before the next try, if it said so. Of several providers, the shortest wait.
 *
 * @since 0.1.0
 * @category guards
 */
export const retryAfter = (error: ProviderError): Option.Option<Duration.Duration> => {
  switch (error._tag) {
    case "RateLimited":
    case "ResponseError":
      return Option.fromNullable(error.retryAfter)
    case "AllProvidersFailed":
      return Option.reduceCompact(
        error.failures.map((failure) => retryAfter(failure.error)),
        Option.none<Duration.Duration>(),
        (shortest, wait) => Option.some(Option.isNone(shortest) ? wait : Duration.min(shortest.value, wait))
      )
    default:
      return Option.none()
  }
}
