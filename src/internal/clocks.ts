import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"

/** Chunks read ahead of the consumer before the source has to wait for it. */
const capacity = 16

/** @internal */
export interface Clocks {
  readonly idle: Duration.Duration | undefined
  readonly total: Duration.Duration | undefined
}

/**
 * Fails a stream when no chunk came for `idle`, or when it is not done after `total`.
 *
 * One fiber reads the source and one watches the time, so that a chunk costs no timer: `Stream.timeoutFail` and
 * `Stream.interruptWhen` fork for every pull. The idle clock stands still while the source waits for the consumer.
 * What arrived before a clock ran out is emitted before the failure.
 *
 * @internal
 */
export const withClocks = <A, E, R, E2>(
  self: Stream.Stream<A, E, R>,
  clocks: Clocks,
  onTimeout: (clock: "idle" | "total", duration: Duration.Duration) => E2
): Stream.Stream<A, E | E2, R> => {
  const idle = clocks.idle === undefined ? Infinity : Duration.toMillis(clocks.idle)
  const total = clocks.total === undefined ? Infinity : Duration.toMillis(clocks.total)
  if (idle === Infinity && total === Infinity) return self
  return Stream.unwrapScoped(Effect.gen(function*() {
    const clock = yield* Effect.clock
    const mailbox = yield* Mailbox.make<Chunk.Chunk<A>, E | E2>({ capacity })
    const startedAt = clock.unsafeCurrentTimeMillis()
    let activeAt = startedAt
    let waitsForConsumer = false

    const read = Stream.runForEachChunk(self, (chunk) => {
      activeAt = clock.unsafeCurrentTimeMillis()
      if (mailbox.unsafeOffer(chunk)) return Effect.void
      waitsForConsumer = true
      return Effect.map(mailbox.offer(chunk), () => {
        waitsForConsumer = false
        activeAt = clock.unsafeCurrentTimeMillis()
      })
    })
    const reader = yield* Effect.forkScoped(Effect.onExit(read, (exit) => mailbox.done(exit)))

    // the work is stopped at once, also while the consumer is busy with what came before
    const giveUp = (clock: "idle" | "total", millis: number) =>
      Effect.zipRight(mailbox.fail(onTimeout(clock, Duration.millis(millis))), Fiber.interrupt(reader))

    const watch = Effect.suspend(function loop(): Effect.Effect<unknown> {
      const now = clock.unsafeCurrentTimeMillis()
      const idleAt = (waitsForConsumer ? now : activeAt) + idle
      if (now >= startedAt + total) return giveUp("total", total)
      if (now >= idleAt) return giveUp("idle", idle)
      return Effect.flatMap(Effect.sleep(Math.min(idleAt, startedAt + total) - now), loop)
    })
    yield* Effect.forkScoped(watch)
    return Stream.flattenChunks(Mailbox.toStream(mailbox))
  }))
}

/**
 * Fails an effect when it is not done after `duration`, as `Effect.timeoutFail` does. That one waits where it cannot be
 * interrupted, and relies on its children being so: which they are not in `Effect.all` and `Effect.forEach`, where it
 * would go on until its time is up although another has failed.
 *
 * @internal
 */
export const timeoutFail = <E2>(options: {
  readonly duration: Duration.Duration
  readonly onTimeout: () => E2
}) =>
<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
  Effect.raceFirst(
    self,
    // also where the effect is not to be interrupted, the clock has to be
    Effect.flatMap(Effect.interruptible(Effect.sleep(options.duration)), () => Effect.fail(options.onTimeout()))
  )
