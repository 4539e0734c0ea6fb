import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRefs from "effect/FiberRefs"
import * as Runtime from "effect/Runtime"
import * as Scheduler from "effect/Scheduler"

interface Deadline {
  /** In milliseconds of the clock. */
  readonly at: number
  readonly ring: () => void
}

/** Timers do not know a longer time. */
const longestSleep = 2 ** 31 - 1

/**
 * In milliseconds. Not the time of day, which may be set.
 *
 * @internal
 */
export const now = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/**
 * The deadlines of all that use one clock. One fiber sleeps until the earliest: a timer for each would be a fiber for
 * each, that is made, interrupted and thrown away for every call, almost always unused.
 */
class Deadlines {
  private readonly clock: Clock.Clock
  private readonly pending = new Set<Deadline>()
  private sleeper: Fiber.RuntimeFiber<void> | undefined
  private wakesAt = Infinity

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  add(deadline: Deadline): void {
    this.pending.add(deadline)
    if (deadline.at < this.wakesAt) this.sleep(deadline.at)
  }

  remove(deadline: Deadline): void {
    if (!this.pending.delete(deadline) || this.pending.size > 0) return
    // the next call often begins where this one ends; but a timer that nobody waits for would keep a program alive
    Scheduler.defaultScheduler.scheduleTask(() => {
      if (this.pending.size === 0) this.stop()
    }, 0)
  }

  private sleep(until: number): void {
    this.stop()
    const time = now(this.clock)
    const end = Math.min(Math.max(until, time), time + longestSleep)
    // not at once: there are clocks by which a sleep takes no time
    const options = { immediate: false }
    const sleeper = Runtime.runFork(Runtime.defaultRuntime, this.clock.sleep(Duration.millis(end - time)), options)
    this.sleeper = sleeper
    this.wakesAt = until
    sleeper.addObserver(() => {
      if (this.sleeper === sleeper) this.wake(end)
    })
  }

  /** That the sleep is over counts, also where the clock is behind: by a rounding, or because it stands still. */
  private wake(time: number): void {
    this.sleeper = undefined
    this.wakesAt = Infinity
    const due = [...this.pending].filter(({ at }) => at <= time).sort((a, b) => a.at - b.at)
    for (const deadline of due) if (this.pending.delete(deadline)) deadline.ring()
    let next = Infinity
    for (const { at } of this.pending) next = Math.min(next, at)
    if (next < this.wakesAt) this.sleep(next)
  }

  private stop(): void {
    const { sleeper } = this
    this.sleeper = undefined
    this.wakesAt = Infinity
    sleeper?.unsafeInterruptAsFork(FiberId.none)
  }
}

const deadlines = new WeakMap<Clock.Clock, Deadlines>()

/** @internal */
export const clockOf = ({ fiberRefs }: Runtime.Runtime<never>): Clock.Clock =>
  Context.get(FiberRefs.getOrDefault(fiberRefs, DefaultServices.currentServices), Clock.Clock)

/**
 * Calls `ring` when a time is over by a clock, unless what this gives is called before. An infinite time
 * is never over.
 *
 * @internal
 */
export const after = (
  clock: Clock.Clock,
  duration: Duration.Duration,
  ring: () => void
): () => void => {
  if (!Duration.isFinite(duration)) return () => {}
  let own = deadlines.get(clock)
  if (own === undefined) deadlines.set(clock, own = new Deadlines(clock))
  const deadline = { at: now(clock) + Duration.toMillis(duration), ring }
  own.add(deadline)
  return () => own.remove(deadline)
}
