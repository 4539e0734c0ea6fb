import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { clockOf } from "../../internal/deadlines.js"
import * as Underway from "../../internal/underway.js"
import { fork, interruptible } from "../../internal/work.js"
import type { Prediction } from "../schemas/Prediction.js"
import type { Jobs } from "./jobs.js"

/**
 * Gives back the interruption that the region around took away.
 *
 * @internal
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Runs an effect to whatever end, but waits for it no longer than `limit`: the rest goes on in the background. */
const within = <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.Duration): Effect.Effect<void, never, R> =>
  Effect.flatMap(Effect.runtime<R>(), (runtime) =>
    // a finalizer's region cannot be interrupted, which would keep the clocks of the effect from stopping it
    Effect.asVoid(fork(interruptible(runtime), effect).endsWithin(clockOf(runtime), limit)))

/**
 * Cancels a job that nobody waits for any more, and calls `over` when it is. That it could not be canceled is told to the
 * log as well: the one who would want to know may be gone.
 *
 * @internal
 */
export const abandon = <A extends Prediction>(jobs: Jobs<A>, id: string, over = () => {}): Effect.Effect<void> =>
  within(
    Effect.matchEffect(jobs.cancel(id), {
      onFailure: (error) => {
        const isGone = error._tag === "ResponseError" && error.status === 404
        if (isGone) over()
        const log = isGone ? Effect.logDebug : Effect.logWarning
        return log(`${jobs.name} ${id} could not be canceled: ${error.message}`)
      },
      onSuccess: () => Effect.sync(over)
    }),
    jobs.config.cancelTimeout
  )

/**
 * Runs a create so that no job is lost sight of. Interrupted while the create waits for its next try, nothing
 * is sent any more; interrupted while its answer is on the way, the answer is waited for and what it created is
 * canceled; `hold` is how much longer than usual that answer may take. To be called in an uninterruptible region, with
 * the `restore` of that region.
 *
 * @internal
 */
export const create = <A extends Prediction, E>(
  jobs: Jobs<A>,
  call: Effect.Effect<A, E>,
  restore: Restore,
  hold: Duration.DurationInput = Duration.zero
): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.runtime(), (runtime) => {
    const work = fork(runtime, call)
    const ended = work.endsWithin(clockOf(runtime), Duration.infinity)
    const waited = Effect.onInterrupt(restore(ended), () => {
      work.interrupt()
      return within(
        Effect.flatMap(ended, () => Effect.flatMap(work.take().exit, ({ id }) => abandon(jobs, id))),
        Duration.sum(jobs.config.cancelTimeout, hold)
      )
    })
    return Effect.flatMap(waited, () => work.take().exit)
  })

/**
 * As `create`, for a stream that is interrupted only where it says that it can be: the job is canceled when the scope
 * closes before `release` was called.
 *
 * @internal
 */
export const createScoped = Effect.fnUntraced(function*<A extends Prediction, E>(
  jobs: Jobs<A>,
  call: Effect.Effect<A, E>
) {
  const job = yield* call
  const over = yield* Underway.begun(job.id)
  let released = false
  const release = () => {
    released = true
    over()
  }
  yield* Effect.addFinalizer(() => released ? Effect.void : abandon(jobs, job.id, over))
  if (job.isTerminal) release()
  return { job, release }
})
