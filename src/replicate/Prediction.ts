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
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Polling from "../http/Polling.js"
import { withClocks } from "../internal/clocks.js"
import type * as Output from "../Output.js"
import { type ProviderError, Timeout } from "../ProviderError.js"
import { provider } from "./internal/http.js"
import { outcome } from "./internal/outcome.js"
import { prepare } from "./internal/prepare.js"
import * as remote from "./internal/remote.js"
import { predictionStream } from "./internal/stream.js"
import type { CreateOptions, Input, RunOptions, StreamOptions, WaitOptions } from "./PredictionOptions.js"
import { ReplicateClient, type Service } from "./ReplicateClient.js"
import { Prediction } from "./schemas/Prediction.js"

export type * from "./PredictionOptions.js"

export {
  /**
   * A prediction.
   *
   * @since 0.1.0
   * @category schemas
   */
  Prediction
} from "./schemas/Prediction.js"

const totalClock = (client: Service, options: WaitOptions) =>
  options.timeout === undefined ? client.config.timeout : Duration.decode(options.timeout)

/** Fails with `Timeout` when the total clock runs out. */
const deadline = (duration: Duration.Duration) =>
  Effect.timeoutFail({ duration, onTimeout: () => new Timeout({ provider, clock: "total", duration }) })

const polling = (client: Service, prediction: Prediction, options: WaitOptions) => ({
  get: client.api.predictions.get({ path: { prediction_id: prediction.id } }),
  until: (prediction: Prediction) => prediction.isTerminal,
  policy: options.polling ?? client.config.polling,
  exhausted: () => new Timeout({ provider, clock: "total", duration: totalClock(client, options) })
})

/** Reads a prediction until it is final, whatever it ended with. */
const untilFinal = (client: Service, prediction: Prediction, options: WaitOptions) =>
  prediction.isTerminal ? Effect.succeed(prediction) : Polling.poll(polling(client, prediction, options))

/** Makes a stream of the client in use, with the idle and the total clock on it. */
const clocked = <A>(
  options: StreamOptions,
  make: (client: Service) => Stream.Stream<A, ProviderError>
): Stream.Stream<A, ProviderError, ReplicateClient> =>
  Stream.unwrap(Effect.map(ReplicateClient, (client) => {
    const idle = options.idleTimeout === undefined ? client.config.idleTimeout : Duration.decode(options.idleTimeout)
    return withClocks(
      make(client),
      { idle, total: totalClock(client, options) },
      (clock, duration) => new Timeout({ provider, clock, duration })
    )
  }))

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
export const create = Effect.fn("Prediction.create")(
  function*(model: string, input: Input, options: CreateOptions = {}) {
    const client = yield* ReplicateClient
    const call = yield* prepare(client, model, input, options)
    return yield* Effect.uninterruptibleMask((restore) => remote.create(client, call, restore, options.wait))
  }
)

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
  return yield* outcome(client.config, final)
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
  const hold = options.wait ?? "5 seconds"
  const call = yield* prepare(client, model, input, { ...options, wait: hold })
  const final = yield* Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(remote.create(client, call, restore, hold), (prediction) =>
      Effect.onError(
        restore(untilFinal(client, prediction, options)),
        () => remote.abandon(client, prediction.id)
      ))
  ).pipe(deadline(totalClock(client, options)))
  return yield* outcome(client.config, final)
})

/** Whether nothing that a model tells about itself has changed. */
const isSame = (a: Prediction, b: Prediction): boolean =>
  a.status === b.status && a.logs === b.logs && a.text === b.text && a.files.length === b.files.length

/**
 * Runs a model and gives the prediction as it changes, from its creation to its end: for progress displays. Fails like `wait`; ending the stream early cancels the prediction.
 *
 * @example
 * ```ts
 * import { Console, Option, Stream } from "effect"
 * import { Prediction, Progress } from "effect-providers/replicate"
 *
 * const program = Prediction.watch("black-forest-labs/flux-schnell", { prompt: "a llama" }).pipe(
 *   Stream.runForEach((prediction) => Console.log(Option.getOrNull(Progress.fromLogs(prediction.logs ?? ""))))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const watch = (
  model: string,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<Prediction, ProviderError, ReplicateClient> =>
  clocked(options, (client) =>
    Stream.unwrapScoped(Effect.uninterruptibleMask((restore): Effect.Effect<
      Stream.Stream<Prediction, ProviderError>,
      ProviderError,
      Scope.Scope
    > =>
      Effect.gen(function*() {
        const call = yield* restore(prepare(client, model, input, options))
        const { prediction, release } = yield* remote.createScoped(client, call, restore)
        const changes = Stream.tap(
          Polling.changes({ ...polling(client, prediction, options), equivalence: isSame }),
          (current) => {
            if (!current.isTerminal) return Effect.void
            release()
            return outcome(client.config, current)
          }
        )
        return Stream.concat(Stream.succeed(prediction), prediction.isTerminal ? Stream.empty : changes)
      })
    )))

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
  clocked(options, (client) =>
    predictionStream(client, prepare(client, model, input, { ...options, stream: true }), {
      model,
      unstreamable: options.unstreamable ?? "fail",
      untilFinal: (prediction) => untilFinal(client, prediction, options)
    }))
