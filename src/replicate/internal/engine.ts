import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Polling from "../../http/Polling.js"
import * as Clocks from "../../internal/clocks.js"
import * as Pull from "../../internal/pull.js"
import * as Push from "../../internal/push.js"
import * as Underway from "../../internal/underway.js"
import { type ProviderError, Timeout } from "../../ProviderError.js"
import type { FollowOptions, WaitOptions } from "../PredictionOptions.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import type { Prediction } from "../schemas/Prediction.js"
import { provider } from "./http.js"
import { durationOf, invalid } from "./invalid.js"
import type { Jobs } from "./jobs.js"
import { outcome } from "./outcome.js"
import * as remote from "./remote.js"

/**
 * What is to be created: all that comes before the create, and gives it, may be interrupted and costs nothing.
 *
 * @internal
 */
export type Prepared<A> = Effect.Effect<Effect.Effect<A, ProviderError>, ProviderError>

type ClockOptions = Omit<FollowOptions, "polling">

const clockOf = (field: keyof ClockOptions, given: Duration.DurationInput | undefined) =>
  given === undefined ? Either.right(undefined) : durationOf(field, given)

/** Refuses clocks that are none, before anything is started. */
const checkClocks = ({ idleTimeout, polling, timeout }: FollowOptions) =>
  Either.all([
    clockOf("timeout", timeout),
    clockOf("idleTimeout", idleTimeout),
    polling === undefined || Polling.isPolicy(polling)
      ? Either.void
      : Either.left(invalid("polling", "expected a Schedule, such as Polling.fixed(\"1 second\")"))
  ])

const given = (duration: Duration.DurationInput | undefined) =>
  duration === undefined ? undefined : Option.getOrUndefined(Duration.decodeUnknown(duration))

const totalClock = (config: ReplicateConfig, { timeout }: ClockOptions) => given(timeout) ?? config.timeout

/**
 * How long, in milliseconds, the API may hold its answer to a create back, so that what is fast needs no look: no longer
 * than there is time.
 *
 * @internal
 */
export const defaultHold = (config: ReplicateConfig, options: ClockOptions): number =>
  // it is rounded up to whole seconds, of which the API takes one at the least
  Math.min(5000, Duration.toMillis(totalClock(config, options))) || 1

/**
 * Fails with `Timeout` when the total clock runs out. The effect is interrupted only where it says that it can be; `hold`
 * is how much longer than usual a create in it may take.
 */
const deadline =
  (config: ReplicateConfig, options: ClockOptions, hold?: Duration.DurationInput) =>
  <A, R>(self: Effect.Effect<A, ProviderError, R>) =>
    Underway.counting((calls, inside) => {
      const duration = totalClock(config, options)
      const onTimeout = () => new Timeout({ provider, clock: "total", duration, ...Underway.doubt(calls) })
      const patience = Duration.sum(config.cancelTimeout, given(hold) ?? Duration.zero)
      return Clocks.timeoutFail(self, { duration, onTimeout, inside, patience })
    })

const polling = <A extends Prediction>({ config, get }: Jobs<A>, id: string, options: WaitOptions) => ({
  get: get(id),
  until: (job: A) => job.isTerminal,
  policy: options.polling ?? config.polling,
  exhausted: () => new Timeout({ provider, clock: "total", duration: totalClock(config, options) })
})

/**
 * Reads a stream under the total clock from the beginning, and under the idle clock once it is open: a model that was
 * not asked yet is not silent. The source is interrupted only where it says that it can be.
 *
 * @internal
 */
export const clocked = <A>(
  source: Push.Source<A, ProviderError>,
  config: ReplicateConfig,
  options: FollowOptions
): Pull.Source<A, ProviderError> =>
  Effect.flatMap(checkClocks(options), () =>
    Clocks.pushed(
      source,
      {
        idle: given(options.idleTimeout) ?? config.idleTimeout,
        total: totalClock(config, options),
        idleFromOpening: true,
        patience: config.cancelTimeout
      },
      (clock, duration, doubt) => new Timeout({ provider, clock, duration, ...doubt })
    ))

/**
 * Reads a job until it is final, whatever it ended with.
 *
 * @internal
 */
export const untilFinal = <A extends Prediction>(
  jobs: Jobs<A>,
  job: A,
  options: WaitOptions
): Effect.Effect<A, ProviderError> =>
  job.isTerminal ? Effect.succeed(job) : Polling.poll(polling(jobs, job.id, options))

/**
 * Creates a job, and gives it as it is then. `hold` is how much longer than usual the create may take.
 *
 * @internal
 */
export const create = <A extends Prediction>(
  jobs: Jobs<A>,
  prepared: Prepared<A>,
  hold?: Duration.DurationInput
): Effect.Effect<A, ProviderError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(prepared), (call) => remote.create(jobs, call, restore, hold))
  )

/**
 * Waits for a job until it is final, and gives it when it succeeded.
 *
 * @internal
 */
export const wait = <A extends Prediction>(
  jobs: Jobs<A>,
  job: A | string,
  options: WaitOptions
): Effect.Effect<A, ProviderError> => {
  const final = typeof job === "string" ? Polling.poll(polling(jobs, job, options)) : untilFinal(jobs, job, options)
  return checkClocks(options).pipe(
    Effect.zipRight(deadline(jobs.config, options)(Effect.interruptible(final))),
    Effect.flatMap((job) => outcome(jobs.config, job))
  )
}

/**
 * Creates a job and waits for it; what stops the waiting cancels it. `hold` is how much longer than usual the create may
 * take.
 *
 * @internal
 */
export const run = <A extends Prediction>(
  jobs: Jobs<A>,
  prepared: Prepared<A>,
  options: WaitOptions,
  hold?: Duration.DurationInput
): Effect.Effect<A, ProviderError> => {
  // what is not interruptible here is the create: it is answered also when nobody waits any more
  const final = Effect.flatMap(
    Effect.flatten(Effect.interruptible(prepared)),
    (job) =>
      job.isTerminal
        ? Effect.succeed(job)
        : Effect.flatMap(Underway.begun(job.id), (over) =>
          Effect.onExit(
            Effect.interruptible(untilFinal(jobs, job, options)),
            (exit) => Exit.isSuccess(exit) ? Effect.sync(over) : remote.abandon(jobs, job.id, over)
          ))
  )
  return checkClocks(options).pipe(
    Effect.zipRight(deadline(jobs.config, options, hold)(final)),
    Effect.flatMap((job) => outcome(jobs.config, job))
  )
}

/** Whether nothing that a model tells about itself has changed. */
const isSame = (a: Prediction, b: Prediction): boolean =>
  a.status === b.status && a.logs === b.logs && a.text === b.text && a.files.length === b.files.length

/** Gives a job each time it changes, beginning with how it is, and fails with what it ended with. */
const changesOf = <A extends Prediction>(jobs: Jobs<A>, job: A | string, options: WaitOptions, release = () => {}) => {
  const polled = (id: string) => Polling.changes(polling(jobs, id, options))
  const known = (job: A) => Stream.concat(Stream.succeed(job), job.isTerminal ? Stream.empty : polled(job.id))
  // what is polled first may be as it was
  const changes = Stream.changesWith(typeof job === "string" ? polled(job) : known(job), isSame)
  return Stream.tap(changes, (current) => {
    if (!current.isTerminal) return Effect.void
    release()
    return outcome(jobs.config, current)
  })
}

/**
 * Creates a job and gives it as it changes; ending the stream early cancels it.
 *
 * @internal
 */
export const watch = <A extends Prediction>(
  jobs: Jobs<A>,
  prepared: Prepared<A>,
  options: FollowOptions
): Stream.Stream<A, ProviderError> => {
  const source: Pull.Source<A, ProviderError> = Effect.gen(function*() {
    const call = yield* Effect.interruptible(prepared)
    const { job, release } = yield* remote.createScoped(jobs, call)
    return yield* Stream.toPull(changesOf(jobs, job, options, release))
  })
  return Pull.toStream(clocked(Push.fromPull(source), jobs.config, options))
}

/**
 * Gives a job that is there as it changes, and does not stop it.
 *
 * @internal
 */
export const changes = <A extends Prediction>(
  jobs: Jobs<A>,
  job: A | string,
  options: FollowOptions
): Stream.Stream<A, ProviderError> => {
  const source: Push.Source<A, ProviderError> = ({ opened, take }) =>
    Effect.interruptible(Push.forEachChunk(changesOf(jobs, job, options), (chunk) => {
      // it is there once there is something to tell of it
      opened()
      return take(chunk)
    }))
  return Pull.toStream(clocked(source, jobs.config, options))
}
