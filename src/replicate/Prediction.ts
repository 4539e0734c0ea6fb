/**
 * The prediction engine: create, run, stream, wait, cancel.
 *
 * A create that may have reached the server is never sent again. Whoever stops waiting for a prediction that was
 * started for them, by interruption, by a clock or by ending a stream early, cancels it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Pull from "../internal/pull.js"
import type * as Output from "../Output.js"
import type { ProviderError } from "../ProviderError.js"
import * as FileOutput from "./FileOutput.js"
import * as engine from "./internal/engine.js"
import { predictions } from "./internal/jobs.js"
import { prepare } from "./internal/prepare.js"
import { followedBy, viewed } from "./internal/viewed.js"
import * as views from "./internal/views.js"
import * as ModelRef from "./ModelRef.js"
import type { PredictionEvent } from "./PredictionEvent.js"
import type {
  CreateOptions,
  Followed,
  FollowOptions,
  Input,
  Job,
  OutputOptions,
  RunAllOptions,
  RunOptions,
  StreamOptions,
  WaitOptions
} from "./PredictionOptions.js"
import { ReplicateClient } from "./ReplicateClient.js"
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

/**
 * Creates a prediction and gives it as it is then, usually `starting`: it goes on in the background.
 *
 * `model` is a `ModelRef`, or its text: `owner/name`, `owner/name:version`, a version id, `deployments/owner/name`, or
 * the page of one of them. Interrupted while it is under way, it cancels what it created.
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
  function*(model: ModelRef.Input, input: Input, options: CreateOptions = {}) {
    const client = yield* ReplicateClient
    return yield* engine.create(predictions(client), prepare(client, model, input, options), options.wait)
  }
)

/**
 * Reads a prediction.
 *
 * @since 0.1.0
 * @category combinators
 */
export const get = Effect.fn("Prediction.get")(function*(id: string) {
  return yield* predictions(yield* ReplicateClient).get(id)
})

/**
 * Cancels a prediction and gives it as it is then, which may still be on its way to `canceled`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const cancel = Effect.fn("Prediction.cancel")(function*(id: string) {
  return yield* predictions(yield* ReplicateClient).cancel(id)
})

/**
 * Waits until a prediction, or the one with an id, is final and gives it, when it succeeded. Fails with
 * `PredictionFailed`, `PredictionCanceled`, or `Timeout` of the total clock. The prediction goes on when the waiting
 * stops.
 *
 * @since 0.1.0
 * @category combinators
 */
export const wait = Effect.fn("Prediction.wait")(function*(prediction: Prediction | string, options: WaitOptions = {}) {
  return yield* engine.wait(predictions(yield* ReplicateClient), prediction, options)
})

/**
 * Gives a prediction that was created before, also by another program, as it changes, beginning with how it is: what
 * `watch` does for one of its own. Fails like `wait`. The prediction goes on when the stream is ended early.
 *
 * @example
 * ```ts
 * import { Console, Option, Stream } from "effect"
 * import { Prediction, Progress } from "effect-providers/replicate"
 *
 * const progress = (id: string) =>
 *   Prediction.changes(id).pipe(
 *     Stream.runForEach((prediction) => Console.log(Option.getOrNull(Progress.fromLogs(prediction.logs ?? ""))))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const changes = (
  prediction: Prediction | string,
  options: FollowOptions = {}
): Stream.Stream<Prediction, ProviderError, ReplicateClient> =>
  Stream.unwrap(Effect.map(ReplicateClient, (client) => engine.changes(predictions(client), prediction, options)))

/**
 * Streams the output of a prediction that was created before, also by another program, from its beginning: what `stream`
 * does for one of its own. Given a stream that was cut and is `resumable`, it gives what is missing, and nothing twice.
 *
 * What is over, or has no stream, gives its output at its end. Fails like `stream`. The prediction goes on when the
 * stream is ended early.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Output } from "effect-providers"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const ofAnother = (id: string) => Output.text(Prediction.follow(id, { timeout: "5 minutes" }))
 *
 * const unbroken = Prediction.stream("meta/meta-llama-3-70b-instruct", { prompt: "Hello" }).pipe(
 *   Stream.catchTag("StreamInterrupted", (cut) => Prediction.follow(cut))
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const follow = (
  prediction: Followed,
  options: FollowOptions = {}
): Stream.Stream<Output.Output, ProviderError, ReplicateClient> =>
  Pull.toStream(followedBy(views.outputs, prediction, options))

/**
 * As `follow`, with the events as Replicate has them: what `events` does for a prediction of its own.
 *
 * @since 0.1.0
 * @category combinators
 */
export const followEvents = (
  prediction: Followed,
  options: FollowOptions = {}
): Stream.Stream<PredictionEvent, ProviderError, ReplicateClient> =>
  Pull.toStream(followedBy(views.events, prediction, options))

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
export const run = Effect.fn("Prediction.run")(
  function*(model: ModelRef.Input, input: Input, options: RunOptions = {}) {
    const client = yield* ReplicateClient
    const wait = options.wait ?? engine.defaultHold(client.config, options)
    const prepared = prepare(client, model, input, { ...options, wait })
    return yield* engine.run(predictions(client), prepared, options, wait)
  }
)

/**
 * Runs a model to its end and gives its output alone, with a `FileOutput` in the place of each file. Fails like `wait`.
 *
 * @example
 * ```ts
 * import { Prediction } from "effect-providers/replicate"
 *
 * const url = Prediction.runOutput("acme/upscale", { image: "https://example.com/a.png" }, { useFileOutput: false })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const runOutput = (
  model: ModelRef.Input,
  input: Input,
  { useFileOutput = true, ...options }: OutputOptions = {}
): Effect.Effect<unknown, ProviderError, ReplicateClient> =>
  Effect.map(run(model, input, options), ({ output }) => useFileOutput ? FileOutput.replace(output) : output)

/**
 * Runs many predictions, some at a time, and gives them in the order of the jobs. Each run has a total clock of its own.
 *
 * The first failure is the failure of all: the runs under way are interrupted, which cancels their predictions, and no
 * other begins. With `mode: "either"` every run comes to its own end, so that nothing is lost that was paid for.
 *
 * @example
 * ```ts
 * import { Effect, Either } from "effect"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const prompts = ["a llama", "a goat", "an alpaca"]
 *
 * const files = Prediction.runAll(
 *   prompts.map((prompt) => ({ model: "black-forest-labs/flux-schnell", input: { prompt } })),
 *   { concurrency: 2 }
 * ).pipe(Effect.map((predictions) => predictions.flatMap((prediction) => prediction.files)))
 *
 * const comparison = Prediction.runAll([
 *   { model: "meta/meta-llama-3-70b-instruct", input: { prompt: "Why?" } },
 *   { model: "deployments/acme/llama", input: { prompt: "Why?" }, timeout: "2 minutes" }
 * ], { mode: "either" }).pipe(Effect.map((results) => results.filter(Either.isRight)))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export function runAll(
  jobs: Iterable<Job>,
  options: RunAllOptions & { readonly mode: "either" }
): Effect.Effect<Array<Either.Either<Prediction, ProviderError>>, never, ReplicateClient>
export function runAll(
  jobs: Iterable<Job>,
  options?: RunAllOptions & { readonly mode?: "default" | undefined }
): Effect.Effect<Array<Prediction>, ProviderError, ReplicateClient>
export function runAll(jobs: Iterable<Job>, { concurrency = 5, mode = "default", ...common }: RunAllOptions = {}) {
  const runs = Array.from(jobs, ({ input, model, ...own }) => run(model, input, { ...common, ...own }))
  return Effect.withSpan(Effect.all(runs, { concurrency, mode }), "Prediction.runAll", { captureStackTrace: false })
}

/**
 * Runs a model and gives the prediction as it changes, from its creation to its end: for progress displays. Fails like
 * `wait`; ending the stream early cancels the prediction.
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
  model: ModelRef.Input,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<Prediction, ProviderError, ReplicateClient> =>
  Stream.unwrap(
    Effect.map(ReplicateClient, (client) =>
      engine.watch(predictions(client), prepare(client, model, input, options), options))
  )

/**
 * Runs a model and streams its output as it is produced: text deltas or files, log lines, then `Usage` and `Finish`,
 * whose `id` is the prediction's. `Output.text` keeps the text; `events` has the finished prediction as well, `files`
 * only the files.
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
  model: ModelRef.Input,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<Output.Output, ProviderError, ReplicateClient> =>
  Pull.toStream(viewed(views.outputs, model, input, options))

/**
 * As `stream`, with the events as Replicate has them: output and logs with their ids, then `Done` with the finished
 * prediction.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const program = Prediction.events("meta/meta-llama-3-70b-instruct", { prompt: "Hello" }).pipe(
 *   Stream.runForEach((event) => Console.log(event._tag === "Done" ? event.prediction.metrics : String(event)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const events = (
  model: ModelRef.Input,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<PredictionEvent, ProviderError, ReplicateClient> =>
  Pull.toStream(viewed(views.events, model, input, options))

/**
 * As `stream`, with the files only, each as it comes: also those in a value such as `{"mask":"https://…"}`. An output
 * without a file, so any text, fails with `InvalidRequest` and cancels the prediction.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Prediction } from "effect-providers/replicate"
 *
 * const saved = Prediction.files("black-forest-labs/flux-schnell", { prompt: "a llama", num_outputs: 4 }).pipe(
 *   Stream.zipWithIndex,
 *   Stream.mapEffect(([file, n]) => file.save(`out/llama-${n}.webp`))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const files = (
  model: ModelRef.Input,
  input: Input,
  options: StreamOptions = {}
): Stream.Stream<FileOutput.FileOutput, ProviderError, ReplicateClient> =>
  views.onlyFiles(ModelRef.format(model))(events(model, input, options))
