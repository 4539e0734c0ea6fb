/**
 * The prediction engine: create, run, stream, wait, cancel.
 *
 * A create that may have reached the server is never sent again. Whoever stops waiting for a prediction that was
 * started for them, by interruption, by a clock or by ending a stream early, cancels it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Polling from "../http/Polling.js"
import { withClocks } from "../internal/clocks.js"
import { outcome } from "./internal/outcome.js"
import { predictionStream } from "./internal/stream.js"
import * as remote from "./internal/remote.js"
import { provider } from "./internal/http.js"
import type * as Output from "../Output.js"
import { InvalidRequest, Issue, ModelNotFound, type ProviderError, Timeout } from "../ProviderError.js"
import * as ModelRef from "./ModelRef.js"
import { ReplicateClient, type Service } from "./ReplicateClient.js"
import { Prediction, type WebhookEvent } from "./schemas/Prediction.js"

export {
  /**
   * A prediction.
   *
   * @since 0.1.0
   * @category schemas
   */
  Prediction
} from "./schemas/Prediction.js"

/**
 * A model's input, as its own schema describes it.
 *
 * @since 0.1.0
 * @category models
 */
export type Input = Readonly<Record<string, unknown>>

/**
 * How a prediction is created.
 *
 * @since 0.1.0
 * @category models
 */
export interface CreateOptions {
  /** How long the server may hold back its answer until there is output: 1 to 60 seconds, in whole seconds. */
  readonly wait?: Duration.DurationInput | undefined
  /** The prediction is stopped by the server this long after its creation: 5 seconds or more, in whole seconds. */
  readonly cancelAfter?: Duration.DurationInput | undefined
  /** URL the server calls with the prediction as it changes. */
  readonly webhook?: string | URL | undefined
  /** The changes to be called for; the server's choice when absent. */
  readonly webhookEventsFilter?: ReadonlyArray<typeof WebhookEvent.Type> | undefined
}

/**
 * How a prediction is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitOptions {
  /** Total clock; the client's when absent. */
  readonly timeout?: Duration.DurationInput | undefined
  /** When the prediction is looked at again; the client's policy when absent. */
  readonly polling?: Polling.Policy | undefined
}

/**
 * How a prediction is run. The hold of the create is 5 seconds when `wait` is absent: an interruption waits for it,
 * and polling is as good after it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions extends CreateOptions, WaitOptions {}

/**
 * How a prediction is streamed.
 *
 * @since 0.1.0
 * @category models
 */
export interface StreamOptions extends Omit<CreateOptions, "wait">, WaitOptions {
  /** Idle clock; the client's when absent. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** For models that cannot stream: `fail` (and cancel) with `InvalidRequest`, or `poll` and give all at the end. */
  readonly unstreamable?: "fail" | "poll" | undefined
}

const invalid = (field: string, message: string) =>
  new InvalidRequest({ provider, issues: [new Issue({ field, message })] })

/** Whole seconds, rounded up, within bounds. */
const wholeSeconds = (
  field: string,
  input: Duration.DurationInput,
  least: number,
  most: number
): Effect.Effect<number, InvalidRequest> => {
  const seconds = Math.ceil(Duration.toSeconds(input))
  return seconds >= least && seconds <= most
    ? Effect.succeed(seconds)
    : Effect.fail(invalid(field, most === Infinity ? `at least ${least} seconds` : `${least} to ${most} seconds`))
}

/** The call that creates a prediction, checked. */
const prepare = Effect.fnUntraced(function*(client: Service, model: string, input: Input, options: CreateOptions) {
  const ref = yield* Effect.mapError(ModelRef.parse(model), (reason) => invalid("model", reason))
  const webhook = options.webhook === undefined ? undefined : String(options.webhook)
  if (webhook !== undefined && !URL.canParse(webhook)) return yield* invalid("webhook", "expected a URL")
  const headers = {
    ...(options.wait === undefined ? {} : { prefer: `wait=${yield* wholeSeconds("wait", options.wait, 1, 60)}` }),
    ...(options.cancelAfter === undefined
      ? {}
      : { "cancel-after": `${yield* wholeSeconds("cancelAfter", options.cancelAfter, 5, Infinity)}s` })
  }
  const payload = {
    input,
    ...(webhook === undefined ? {} : { webhook }),
    ...(options.webhookEventsFilter === undefined ? {} : { webhook_events_filter: options.webhookEventsFilter })
  }
  if (ref._tag === "Version") {
    return client.api.predictions.create({ headers, payload: { ...payload, version: ModelRef.format(ref) } })
  }
  return Effect.catchTag(
    client.api.models.predict({ path: { model_owner: ref.owner, model_name: ref.name }, headers, payload }),
    "ResponseError",
    (error) =>
      Effect.fail(
        error.status === 404
          ? new ModelNotFound({ provider, model, known: [], url: error.url, status: 404, detail: error.detail })
          : error
      )
  )
})

const totalClock = (client: Service, options: WaitOptions) =>
  options.timeout === undefined ? client.config.timeout : Duration.decode(options.timeout)

/** Fails with `Timeout` when the total clock runs out. */
const deadline = (duration: Duration.Duration) =>
  Effect.timeoutFail({ duration, onTimeout: () => new Timeout({ provider, clock: "total", duration }) })

/** Reads a prediction until it is final, whatever it ended with. */
const untilFinal = (client: Service, prediction: Prediction, options: WaitOptions) =>
  prediction.isTerminal ? Effect.succeed(prediction) : Polling.poll({
    get: client.api.predictions.get({ path: { prediction_id: prediction.id } }),
    until: (prediction) => prediction.isTerminal,
    policy: options.polling ?? client.config.polling,
    exhausted: () => new Timeout({ provider, clock: "total", duration: totalClock(client, options) })
  })

/**
 * Creates a prediction and gives it as it is then, usually `starting`: it goes on in the background.
 *
 * `model` is `owner/name`, `owner/name:version`, a version id, or the model's page. Interrupted while it is under
 * way, it cancels what it created.
 *
 * @example
 * ```ts
 * import { Prediction } from "effect-providers/replicate"
 *
 * const created = Prediction.create("black-forest-labs/flux-schnell", { prompt: "a llama" }, {
 *   webhook: "https://example.com/hooks/replicate",
 *   webhookEventsFilter: ["completed"]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const create = Effect.fn("Prediction.create")(function*(model: string, input: Input, options: CreateOptions = {}) {
  const client = yield* ReplicateClient
  const call = yield* prepare(client, model, input, options)
  return yield* Effect.uninterruptibleMask((restore) => remote.create(client, call, restore))
})

/**
 * Reads a prediction.
 *
 * @since 0.1.0
 * @category combinators
 */
export const get = Effect.fn("Prediction.get")(function*(id: string) {
  const client = yield* ReplicateClient
  return yield* client.api.predictions.get({ path: { prediction_id: id } })
})

/**
 * Cancels a prediction and gives it as it is then, which may still be on its way to `canceled`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const cancel = Effect.fn("Prediction.cancel")(function*(id: string) {
  const client = yield* ReplicateClient
  return yield* client.api.predictions.cancel({ path: { prediction_id: id } })
})

/**
 * Waits until a prediction is final and gives it, when it succeeded. Fails with `PredictionFailed`,
 * `PredictionCanceled`, or `Timeout` of the total clock. The prediction goes on when the waiting stops.
 *
 * @since 0.1.0
 * @category combinators
 */
export const wait = Effect.fn("Prediction.wait")(function*(prediction: Prediction, options: WaitOptions = {}) {
  const client = yield* ReplicateClient
  const final = yield* deadline(totalClock(client, options))(untilFinal(client, prediction, options))
  return yield* outcome(final)
})

/**
 * Runs a model to its end and gives the whole prediction: output, files, logs, metrics. Fails like `wait`; whatever
 * stops it before the end, a clock and interruption included, cancels the prediction.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const urls = Prediction.run("black-forest-labs/flux-schnell", { prompt: "a llama" }).pipe(
 *   Effect.map((prediction) => prediction.files.map((file) => file.url))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = Effect.fn("Prediction.run")(function*(model: string, input: Input, options: RunOptions = {}) {
  const client = yield* ReplicateClient
  const call = yield* prepare(client, model, input, { ...options, wait: options.wait ?? "5 seconds" })
  const final = yield* Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(remote.create(client, call, restore), (prediction) =>
      Effect.onError(
        restore(untilFinal(client, prediction, options)),
        () => remote.abandon(client, prediction.id)
      ))
  ).pipe(deadline(totalClock(client, options)))
  return yield* outcome(final)
})

/**
 * Runs a model and streams its output as it is produced: text deltas or files, log lines, then `Usage` and `Finish`.
 *
 * A connection that is cut is taken up again where it broke, and completed from the finished prediction where that
 * fails: a cut never looks like success. Ending the stream early closes the connection and cancels the prediction.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import { Output } from "effect-providers"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const program = Prediction.stream("meta/meta-llama-3-70b-instruct", { prompt: "Hello" }).pipe(
 *   Output.text,
 *   Stream.runForEach(Console.log)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream = (
  model: string,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<Output.Output, ProviderError, ReplicateClient> =>
  Stream.unwrap(Effect.map(ReplicateClient, (client) => {
    const idle = options.idleTimeout === undefined ? client.config.idleTimeout : Duration.decode(options.idleTimeout)
    return withClocks(
      predictionStream(client, prepare(client, model, input, { ...options, wait: undefined }), {
        model,
        unstreamable: options.unstreamable ?? "fail",
        untilFinal: (prediction) => untilFinal(client, prediction, options)
      }),
      { idle, total: totalClock(client, options) },
      (clock, duration) => new Timeout({ provider, clock, duration })
    )
  }))
