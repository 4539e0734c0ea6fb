/**
 * How predictions are created, waited for, run and streamed.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Polling from "../http/Polling.js"
import type { StreamInterrupted } from "../ProviderError.js"
import type * as ModelRef from "./ModelRef.js"
import type { Prediction, WebhookEvent } from "./schemas/Prediction.js"

/**
 * A model's input, as its own schema describes it. It can hold files anywhere: see `FileInput`.
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
  /** The prediction is stopped by the server this long after its creation: 5 seconds to 365 days, in whole seconds. */
  readonly cancelAfter?: Duration.DurationInput | undefined
  /** URL the server calls with the prediction as it changes. */
  readonly webhook?: string | URL | undefined
  /** The changes to be called for; the server's choice when absent. */
  readonly webhookEventsFilter?: ReadonlyArray<typeof WebhookEvent.Type> | undefined
  /**
   * Runs the latest version of a model that is named without one, where the API itself runs official models only. To
   * know it, the model is read before the create, once in 5 minutes. The client's choice when absent: `false`, unless
   * it was set.
   */
  readonly latestVersion?: boolean | undefined
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
 * A prediction that is there already: itself, its id, or its stream that was cut.
 *
 * @since 0.1.0
 * @category models
 */
export type Followed = Prediction | string | StreamInterrupted

/**
 * How a prediction that is there already is followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface FollowOptions extends WaitOptions {
  /** Idle clock, which runs once the prediction is there; the client's when absent. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * How a prediction is run. The hold of the create is 5 seconds when `wait` is absent, or the total clock where that is
 * less: an interruption waits for it, and polling is as good after it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunOptions extends CreateOptions, WaitOptions {}

/**
 * How a prediction is run for its output.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutputOptions extends RunOptions {
  /** `false` leaves files in the output as they are: URLs and data URIs. Default `true`. */
  readonly useFileOutput?: boolean | undefined
}

/**
 * How a prediction is streamed.
 *
 * @since 0.1.0
 * @category models
 */
export interface StreamOptions extends Omit<CreateOptions, "wait">, FollowOptions {
  /**
   * For models that cannot stream: `fail` with `InvalidRequest` and cancel the prediction; `refuse`, which reads the
   * model before, and fails without a prediction where its schema says so; or `poll`, and give all at the end. `fail`
   * when absent.
   */
  readonly unstreamable?: "fail" | "refuse" | "poll" | undefined
}

/**
 * One of many runs. What it says of itself counts before what is said of all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job extends RunOptions {
  readonly model: ModelRef.Input
  readonly input: Input
}

/**
 * How many predictions are run; the options of a run are for each of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunAllOptions extends RunOptions {
  /** How many run at the same time. 5 when absent. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * What a failure does: it fails the whole, which interrupts the runs under way and begins no other (`default`); or it
   * is the result of its own run only (`either`).
   */
  readonly mode?: "default" | "either" | undefined
}
