/**
 * Trainings: create, run, run many, watch, wait, cancel. They live as predictions do, and are run by the same engine.
 *
 * A create that may have reached the server is never sent again. Whoever stops waiting for a training that was started
 * for them, by interruption, by a clock or by ending a stream early, cancels it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { ProviderError } from "../ProviderError.js"
import * as engine from "./internal/engine.js"
import { trainings } from "./internal/jobs.js"
import { prepareTraining } from "./internal/prepare.js"
import type * as ModelRef from "./ModelRef.js"
import type * as PredictionOptions from "./PredictionOptions.js"
import { ReplicateClient } from "./ReplicateClient.js"
import { Training } from "./schemas/Training.js"

export {
  /**
   * A training.
   *
   * @since 0.1.0
   * @category schemas
   */
  Training
} from "./schemas/Training.js"

/**
 * What is trained, with what.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  /** The model that gets the trained version: `owner/name`, or its page. It has to exist. */
  readonly destination: ModelRef.Input
  /** The trainer's input, as its own schema describes it. */
  readonly input: PredictionOptions.Input
}

/**
 * How a training is created.
 *
 * @since 0.1.0
 * @category models
 */
export interface CreateOptions extends Pick<PredictionOptions.CreateOptions, "webhook" | "webhookEventsFilter"> {}

/**
 * How a training is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitOptions extends PredictionOptions.WaitOptions {}

/**
 * How a training is followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface FollowOptions extends PredictionOptions.FollowOptions {}

/**
 * How a training is run. The total clock is the client's when `timeout` is absent, 10 minutes unless it was set: many
 * trainings take longer.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions extends CreateOptions, WaitOptions {}

/**
 * One of many trainings. What it says of itself counts before what is said of all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job extends Request, RunOptions {
  readonly version: ModelRef.Input
}

/**
 * How many trainings are run; the options of a run are for each of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunAllOptions extends RunOptions, Pick<PredictionOptions.RunAllOptions, "concurrency" | "mode"> {}

/**
 * How a training is watched.
 *
 * @since 0.1.0
 * @category models
 */
export interface WatchOptions extends CreateOptions, FollowOptions {}

/**
 * Creates a training and gives it as it is then, usually `starting`: it goes on in the background.
 *
 * `version` is what is trained from: `owner/name:version`, or the page of a version. Anything else is an
 * `InvalidRequest` before any I/O; a destination that does not exist is a `ResponseError` with status 404. Interrupted
 * while it is under way, it cancels what it created.
 *
 * @example
 * ```ts
 * import { Training } from "effect-providers/replicate"
 *
 * const created = Training.create(
 *   "ostris/flux-dev-lora-trainer:26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2",
 *   { destination: "acme/llama-lora", input: { input_images: "https://example.com/llamas.zip" } },
 *   { webhook: "https://example.com/hooks/replicate", webhookEventsFilter: ["completed"] }
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const create = Effect.fn("Training.create")(
  function*(version: ModelRef.Input, request: Request, options: CreateOptions = {}) {
    const client = yield* ReplicateClient
    return yield* engine.create(trainings(client), prepareTraining(client, version, request, options))
  }
)

/**
 * Reads a training.
 *
 * @since 0.1.0
 * @category combinators
 */
export const get = Effect.fn("Training.get")(function*(id: string) {
  return yield* trainings(yield* ReplicateClient).get(id)
})

/**
 * Cancels a training and gives it as it is then, which may still be on its way to `canceled`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const cancel = Effect.fn("Training.cancel")(function*(id: string) {
  return yield* trainings(yield* ReplicateClient).cancel(id)
})

/**
 * Waits until a training, or the one with an id, is final and gives it, when it succeeded. Fails with `PredictionFailed`,
 * `PredictionCanceled`, or `Timeout` of the total clock. The training goes on when the waiting stops.
 *
 * @since 0.1.0
 * @category combinators
 */
export const wait = Effect.fn("Training.wait")(function*(training: Training | string, options: WaitOptions = {}) {
  return yield* engine.wait(trainings(yield* ReplicateClient), training, options)
})

/**
 * Gives a training that was created before, also by another program, as it changes, beginning with how it is: what
 * `watch` does for one of its own. Fails like `wait`. The training goes on when the stream is ended early.
 *
 * @since 0.1.0
 * @category combinators
 */
export const changes = (
  training: Training | string,
  options: FollowOptions = {}
): Stream.Stream<Training, ProviderError, ReplicateClient> =>
  Stream.unwrap(Effect.map(ReplicateClient, (client) => engine.changes(trainings(client), training, options)))

/**
 * Trains to the end and gives the whole training: the trained version, logs, metrics. Fails like `create` and `wait`;
 * whatever stops it before the end, a clock and interruption included, cancels the training.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Prediction, Training } from "effect-providers/replicate"
 *
 * const picture = Training.run(
 *   "ostris/flux-dev-lora-trainer:26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2",
 *   { destination: "acme/llama-lora", input: { input_images: "https://example.com/llamas.zip" } },
 *   { timeout: "2 hours" }
 * ).pipe(
 *   Effect.flatMap((training) => Effect.fromNullable(training.trainedVersion)),
 *   Effect.flatMap((version) => Prediction.run(version, { prompt: "a llama on the moon" }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = Effect.fn("Training.run")(
  function*(version: ModelRef.Input, request: Request, options: RunOptions = {}) {
    const client = yield* ReplicateClient
    return yield* engine.run(trainings(client), prepareTraining(client, version, request, options), options)
  }
)

/**
 * Runs many trainings, some at a time, and gives them in the order of the jobs, as `Prediction.runAll` does: the first
 * failure cancels the others, unless `mode` is `"either"`.
 *
 * @example
 * ```ts
 * import { Training } from "effect-providers/replicate"
 *
 * const trainer = "ostris/flux-dev-lora-trainer:26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2"
 *
 * const trainings = Training.runAll(
 *   ["llama", "goat"].map((animal) => ({
 *     version: trainer,
 *     destination: `acme/${animal}-lora`,
 *     input: { input_images: `https://example.com/${animal}s.zip` }
 *   })),
 *   { concurrency: 2, timeout: "2 hours" }
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export function runAll(
  jobs: Iterable<Job>,
  options: RunAllOptions & { readonly mode: "either" }
): Effect.Effect<Array<Either.Either<Training, ProviderError>>, never, ReplicateClient>
export function runAll(
  jobs: Iterable<Job>,
  options?: RunAllOptions & { readonly mode?: "default" | undefined }
): Effect.Effect<Array<Training>, ProviderError, ReplicateClient>
export function runAll(jobs: Iterable<Job>, { concurrency = 5, mode = "default", ...common }: RunAllOptions = {}) {
  const runs = Array.from(
    jobs,
    ({ destination, input, version, ...own }) => run(version, { destination, input }, { ...common, ...own })
  )
  return Effect.withSpan(Effect.all(runs, { concurrency, mode }), "Training.runAll", { captureStackTrace: false })
}

/**
 * Trains and gives the training as it changes, from its creation to its end: for progress displays. Fails like `run`;
 * ending the stream early cancels the training.
 *
 * @example
 * ```ts
 * import { Console, Option, Stream } from "effect"
 * import { Progress, Training } from "effect-providers/replicate"
 *
 * const program = Training.watch(
 *   "ostris/flux-dev-lora-trainer:26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2",
 *   { destination: "acme/llama-lora", input: { input_images: "https://example.com/llamas.zip" } },
 *   { timeout: "2 hours" }
 * ).pipe(
 *   Stream.runForEach((training) => Console.log(Option.getOrNull(Progress.fromLogs(training.logs ?? ""))))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const watch = (
  version: ModelRef.Input,
  request: Request,
  options: WatchOptions = {}
): Stream.Stream<Training, ProviderError, ReplicateClient> =>
  Stream.unwrap(
    Effect.map(ReplicateClient, (client) =>
      engine.watch(trainings(client), prepareTraining(client, version, request, options), options))
  )
