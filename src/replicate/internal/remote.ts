import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { endedWithin } from "../../internal/clocks.js"
import { fork, interruptible } from "../../internal/fork.js"
import type { Prediction } from "../schemas/Prediction.js"
import { attend, type Attended } from "./attend.js"
import type { Jobs } from "./jobs.js"

/**
 * Gives back the interruption that the region around took away.
 *
 * @internal
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * A call that creates a job, once for each time that it is run.
 *
 * @internal
 */
export type Create<A, E> = (attended: Attended<A>) => Effect.Effect<A, E>

/** Runs an effect to whatever end, but waits for it no longer than `limit`: the rest goes on in the background. */
const within = <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.Duration): Effect.Effect<void, never, R> =>
  Effect.flatMap(Effect.runtime<R>(), (runtime) =>
    // a finalizer's region cannot be interrupted, which would keep the clocks of the effect from stopping it
    endedWithin(fork(interruptible(runtime), effect), limit))

/**
 * Cancels a job that nobody waits for any more. That it could not be canceled is told to the log only: the one who
 * would want to know is gone.
 *
 * @internal
 */
export const abandon = <A extends Prediction>(jobs: Jobs<A>, id: string): Effect.Effect<void> =>
  within(
    Effect.catchAll(
      jobs.cancel(id),
      (error) => Effect.logDebug(`${jobs.name} ${id} could not be canceled: ${error.message}`)
    ),
    jobs.config.cancelTimeout
  )

/**
 * Runs a create so that no job is lost sight of. Interrupted while the create waits for its next try, nothing
 * is sent any more; interrupted while its answer is on the way, the answer is waited for and what it created is
 * canceled. To be called in an uninterruptible region, with the `restore` of that region.
 *
 * @internal
 */
export const create = <A extends Prediction, E>(
  jobs: Jobs<A>,
  call: Create<A, E>,
  restore: Restore
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    // a create that failed has nothing to cancel
    let stop = Effect.void
    const called = call({
      [attend]: (answer, hold) => {
        const canceled = Effect.flatMap(answer, ([{ id }]) => abandon(jobs, id))
        stop = within(canceled, Duration.sum(jobs.config.cancelTimeout, hold))
      }
    })
    return Effect.tapErrorCause(restore(called), () => stop)
  })

/**
 * As `create`, for a stream: the job is canceled when the scope closes before `release` was called.
 *
 * @internal
 */
export const createScoped = Effect.fnUntraced(function*<A extends Prediction, E>(
  jobs: Jobs<A>,
  call: Create<A, E>,
  restore: Restore
) {
  const job = yield* create(jobs, call, restore)
  let released = job.isTerminal
  yield* Effect.addFinalizer(() => released ? Effect.void : abandon(jobs, job.id))
  const release = () => {
    released = true
  }
  return { job, release }
})
