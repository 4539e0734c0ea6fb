import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { type Clocks, pushed, timeoutFail, withClocks } from "../../src/internal/clocks.js"
import * as Pull from "../../src/internal/pull.js"
import type * as Push from "../../src/internal/push.js"
import type { Inside } from "../../src/internal/work.js"
import { settle } from "../support/replicate-server.js"

interface RanOut {
  readonly clock: "idle" | "total"
  readonly duration: Duration.Duration
}

const ranOut = (clock: RanOut["clock"], duration: Duration.Duration): Either.Either<void, RanOut> =>
  Either.left({ clock, duration })

const clocked = <A, E>(self: Stream.Stream<A, E>, clocks: Partial<Clocks>): Stream.Stream<A, E | RanOut> =>
  withClocks(self, { idle: undefined, total: undefined, ...clocks }, (clock, duration) => ({ clock, duration }))

/** Starts reading; tells what came so far, chunk by chunk, and how it ended. */
const reading = Effect.fnUntraced(function*<A, E>(self: Stream.Stream<A, E>) {
  const chunks = yield* Ref.make<ReadonlyArray<ReadonlyArray<A>>>([])
  const fiber = yield* Effect.fork(Effect.either(
    Stream.runForEachChunk(self, (chunk) => Ref.update(chunks, (all) => [...all, Chunk.toReadonlyArray(chunk)]))
  ))
  return { chunks: Ref.get(chunks), fiber }
})

const at = (delays: ReadonlyArray<number>) =>
  Stream.mapEffect(Stream.fromIterable(delays), (seconds) => Effect.as(Effect.sleep(seconds * 1000), seconds))

const idle = Duration.seconds(10)

describe("pushed", () => {
  /** Gives numbers away without an Effect, as a network does; tells how many it gave. */
  const counter = (count: number) => {
    const told = { given: 0, isWaiting: false }
    const source: Push.Source<number> = ({ take }) =>
      Effect.async((resume) => {
        const goOn = () => {
          assert.isTrue(told.isWaiting || told.given === 0)
          told.isWaiting = false
          while (told.given < count) {
            const flow = take(Chunk.of(told.given++))
            if (typeof flow === "function") {
              told.isWaiting = true
              return flow(goOn)
            }
          }
          resume(Effect.void)
        }
        goOn()
      })
    return { told, source }
  }

  it.scoped("is given no more than there is room for, in order, and all of it", () =>
    Effect.gen(function*() {
      const { source, told } = counter(1000)
      const pull = yield* pushed(source, { idle }, () => "late")
      yield* settle
      assert.deepStrictEqual(told, { given: 16, isWaiting: true })
      const numbers: Array<number> = []
      yield* Effect.flip(Effect.forever(Effect.map(pull, (chunk) => {
        numbers.push(...chunk)
        assert.isAtMost(told.given - numbers.length, 16)
      })))
      assert.deepStrictEqual(numbers, Array.from({ length: 1000 }, (_, n) => n))
    }))

  it.scoped("the idle clock stands still while there is no room, and begins anew when there is", () =>
    Effect.gen(function*() {
      const source: Push.Source<number> = ({ take }) =>
        Effect.interruptible(Effect.async(() => {
          const goOn = () => {
            const flow = take(Chunk.of(1))
            if (typeof flow === "function") flow(() => {})
            else goOn()
          }
          goOn()
        }))
      const pull = yield* pushed(source, { idle }, (clock) => clock)
      // no number of idle times
      yield* TestClock.adjust("3605 seconds")
      for (let n = 0; n < 16; n++) assert.deepStrictEqual(yield* pull, Chunk.of(1))
      const end = yield* Effect.fork(Effect.flip(pull))
      yield* TestClock.adjust("9 seconds")
      assert.isNull(end.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(end), Option.some("idle"))
    }))

  it.scoped("the idle clock runs on after a chunk that there was no room for, when nobody waits for room", () =>
    Effect.gen(function*() {
      const source: Push.Source<number> = ({ take }) => {
        for (let n = 0; n < 16; n++) take(Chunk.of(n))
        return Effect.interruptible(Effect.never)
      }
      const pull = yield* pushed(source, { idle }, (clock) => clock)
      const end = yield* Effect.fork(Effect.flip(Effect.forever(pull)))
      yield* TestClock.adjust("9 seconds")
      assert.isNull(end.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(end), Option.some("idle"))
    }))

  it.scoped("a source that a clock stops as it opens is stopped", () =>
    Effect.gen(function*() {
      const stopped = yield* Ref.make(false)
      const source: Push.Source<number> = ({ opened }) =>
        Effect.suspend(() => {
          opened()
          return Effect.onInterrupt(Effect.interruptible(Effect.never), () => Ref.set(stopped, true))
        })
      const clocks = { idle: Duration.zero, idleFromOpening: true }
      const pull = yield* pushed(source, clocks, (clock) => clock)
      assert.deepStrictEqual(yield* Effect.flip(pull), Option.some("idle"))
      yield* settle
      assert.isTrue(yield* Ref.get(stopped))
    }))

  it.scoped("a source that opens after its time is given up all the same", () =>
    Effect.gen(function*() {
      const source: Push.Source<number> = ({ opened }) =>
        Effect.sleep("12 seconds").pipe(Effect.zipRight(Effect.sync(opened)), Effect.zipRight(Effect.sleep("1 hour")))
      const pull = yield* pushed(source, { total: Duration.seconds(10) }, (clock) => clock)
      const end = yield* Effect.fork(Effect.flip(pull))
      yield* TestClock.adjust("12 seconds")
      yield* TestClock.adjust("7 seconds")
      assert.isNull(end.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(end), Option.some("total"))
    }))

  it.effect("a source that opens while it is stopped starts no clock", () =>
    Effect.gen(function*() {
      const late: Array<string> = []
      const source: Push.Source<number> = ({ opened }) =>
        Effect.zipRight(Effect.sleep("2 seconds"), Effect.sync(opened))
      const scope = yield* Scope.make()
      const opening = pushed(source, { idle, idleFromOpening: true }, (clock) => late.push(clock))
      yield* Effect.asVoid(Scope.extend(opening, scope))
      yield* settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(late, [])
    }))

  it.scoped("a defect of the source is the stream's", () =>
    Effect.gen(function*() {
      const pull = yield* pushed(() => Effect.die("bug"), { idle }, () => "late")
      assert.deepStrictEqual(yield* Effect.exit(pull), Exit.die("bug"))
    }))
})

describe("withClocks", () => {
  it("a stream without clocks is left as it is", () => {
    const self = Stream.make(1)
    assert.strictEqual<unknown>(clocked(self, {}), self)
    assert.strictEqual<unknown>(clocked(self, { idle: Duration.infinity, total: Duration.infinity }), self)
  })

  it.effect("with no time at all, nothing is begun", () =>
    Effect.gen(function*() {
      let begun = false
      const begin = Stream.fromEffect(Effect.sync(() => {
        begun = true
      }))
      const { fiber } = yield* reading(clocked(begin, { total: Duration.zero }))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", Duration.zero))
      assert.isFalse(begun)
    }))

  it.effect("a stream that does not even open is stopped", () =>
    Effect.gen(function*() {
      const stopped = yield* Ref.make(false)
      const opening = Effect.onInterrupt(Effect.never, () => Ref.set(stopped, true))
      const { fiber } = yield* reading(clocked(Pull.toStream(opening), { idle }))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("idle", idle))
      assert.isTrue(yield* Ref.get(stopped))
    }))

  it.effect("a stream that is over leaves no timer behind", () =>
    Effect.gen(function*() {
      let sleeping = 0
      let slept = false
      const sleep = Effect.acquireUseRelease(
        Effect.sync(() => {
          sleeping++
          slept = true
        }),
        () => Effect.async<void>(() => {}),
        () => Effect.sync(() => sleeping--)
      )
      const clock = Object.assign(Clock.make(), { sleep: () => sleep })
      for (const self of [Stream.make(1), Stream.fail("no"), Stream.take(Stream.make(1, 2), 1)]) {
        yield* Effect.withClock(Effect.exit(Stream.runDrain(clocked(self, { idle, total: idle }))), clock)
      }
      yield* settle
      assert.deepStrictEqual({ slept, sleeping }, { slept: true, sleeping: 0 })
    }))

  it.effect("B18: the idle clock begins anew at each chunk", () =>
    Effect.gen(function*() {
      const { chunks, fiber } = yield* reading(clocked(at([9, 9, 9, 11]), { idle }))
      yield* TestClock.adjust("36 seconds")
      assert.strictEqual(fiber.unsafePoll(), null)
      assert.deepStrictEqual(yield* chunks, [[9], [9], [9]])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("idle", idle))
      assert.deepStrictEqual(yield* chunks, [[9], [9], [9]])
    }))

  it.effect.each([{ by: "forward", hours: 1 }, { by: "back", hours: -1 }])(
    "B18: a time of day that is set $by neither ends a stream nor lets it go on",
    ({ hours }) =>
      Effect.gen(function*() {
        const clock = yield* Effect.clock
        let set = 0
        const unsafeCurrentTimeMillis = () => clock.unsafeCurrentTimeMillis() + set
        const unsafeCurrentTimeNanos = () => clock.unsafeCurrentTimeNanos()
        const moved = Object.assign(Object.create(clock), { unsafeCurrentTimeMillis, unsafeCurrentTimeNanos })
        const { chunks, fiber } = yield* Effect.withClock(
          reading(clocked(at([9, 9, 9]), { idle, total: Duration.seconds(20) })),
          moved
        )
        yield* TestClock.adjust("10 seconds")
        set = hours * 3_600_000
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(yield* chunks, [[9], [9]])
        assert.strictEqual(fiber.unsafePoll(), null)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", Duration.seconds(20)))
      })
  )

  it.effect("B18: a stream that is never silent for long ends as it would", () =>
    Effect.gen(function*() {
      const { chunks, fiber } = yield* reading(clocked(at([9, 9, 9]), { idle }))
      yield* TestClock.adjust("27 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Either.void)
      assert.deepStrictEqual(yield* chunks, [[9], [9], [9]])
    }))

  it.effect("the total clock runs from the start, however busy the stream is", () =>
    Effect.gen(function*() {
      const total = Duration.seconds(30)
      const { chunks, fiber } = yield* reading(clocked(at([9, 9, 9, 9]), { idle, total }))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* chunks).length, 3)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", total))
    }))

  it.effect("the idle clock stands still while the source waits for the consumer", () =>
    Effect.gen(function*() {
      const source = Stream.rechunk(Stream.range(1, 60), 1)
      const taken = yield* Ref.make(0)
      const slow = Stream.runForEachChunk(
        clocked(source, { idle }),
        (chunk) => Effect.delay(Ref.update(taken, (n) => n + chunk.length), "15 seconds")
      )
      const fiber = yield* Effect.fork(Effect.either(slow))
      yield* TestClock.adjust("15 minutes")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Either.void)
      assert.strictEqual(yield* Ref.get(taken), 60)
    }))

  it.effect("the idle clock runs again once the consumer has caught up", () =>
    Effect.gen(function*() {
      const source = Stream.concat(Stream.rechunk(Stream.range(1, 20), 1), Stream.never)
      const slow = Stream.runForEachChunk(clocked(source, { idle }), () => Effect.sleep("1 second"))
      const fiber = yield* Effect.fork(Effect.either(slow))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("idle", idle))
    }))

  it.effect("what arrived before a clock ran out comes before the failure", () =>
    Effect.gen(function*() {
      const source = Stream.concat(Stream.make("a", "b"), Stream.never)
      const seen = yield* Ref.make<ReadonlyArray<string>>([])
      const slow = Stream.runForEach(
        clocked(source, { total: Duration.seconds(5) }),
        (text) => Effect.delay(Ref.update(seen, (all) => [...all, text]), "4 seconds")
      )
      const fiber = yield* Effect.fork(Effect.either(slow))
      yield* TestClock.adjust("8 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", Duration.seconds(5)))
      assert.deepStrictEqual(yield* Ref.get(seen), ["a", "b"])
    }))

  it.effect("the source is interrupted when a clock runs out", () =>
    Effect.gen(function*() {
      const interrupted = yield* Ref.make(0)
      const source = Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Ref.update(interrupted, (n) => n + 1)))
      const { fiber } = yield* reading(clocked(source, { idle }))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* Ref.get(interrupted), 0)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* Ref.get(interrupted), 1)
    }))

  it.effect("the source is released when the consumer stops early", () =>
    Effect.gen(function*() {
      const released = yield* Ref.make(0)
      const source = Stream.concat(Stream.make(1, 2), Stream.never).pipe(
        Stream.ensuring(Ref.update(released, (n) => n + 1))
      )
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(clocked(source, { idle }), 1))),
        [1]
      )
      assert.strictEqual(yield* Ref.get(released), 1)
    }))

  it.effect("a failure of the source stays what it is, after what came before it", () =>
    Effect.gen(function*() {
      const source = Stream.concat(Stream.make(1, 2), Stream.fail("broken"))
      const { chunks, fiber } = yield* reading(clocked(source, { idle, total: Duration.minutes(1) }))
      assert.deepStrictEqual(yield* Fiber.join(fiber), Either.left("broken"))
      assert.deepStrictEqual(yield* chunks, [[1, 2]])
    }))

  it.effect("a defect of the source stays a defect", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Stream.runDrain(clocked(Stream.die("bug"), { idle })))
      assert.strictEqual(Exit.isFailure(exit) && Cause.isDie(exit.cause), true)
    }))

  it.effect("chunks stay whole", () =>
    Effect.gen(function*() {
      const source = Stream.fromChunks(Chunk.range(1, 1000), Chunk.range(1, 3), Chunk.empty(), Chunk.of(7))
      const { chunks, fiber } = yield* reading(clocked(source, { idle }))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual((yield* chunks).map((chunk) => chunk.length).filter((n) => n > 0), [1000, 3, 1])
    }))

  it.effect("a chunk costs no timer", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<number>()
      const { chunks } = yield* reading(clocked(Stream.fromQueue(queue, { maxChunkSize: 1 }), { idle }))
      yield* Effect.forEach(Chunk.range(1, 500), (n) => Effect.zipRight(Queue.offer(queue, n), Effect.yieldNow()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* chunks).length, 500)
      assert.strictEqual((yield* TestClock.sleeps()).length, 1)
    }))

  it.effect("the source is stopped when the total clock runs out, also while the consumer is busy", () =>
    Effect.gen(function*() {
      const stopped = yield* Ref.make(false)
      const source = Stream.ensuring(Stream.forever(at([1])), Ref.set(stopped, true))
      const fiber = yield* Effect.fork(
        Effect.either(Stream.runForEach(clocked(source, { total: idle }), () => Effect.sleep("1 hour")))
      )
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(yield* Ref.get(stopped))
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* Ref.get(stopped))
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("20 hours")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", idle))
    }))

  /** Work that nobody can interrupt, ten minutes long, which tells when it is done. */
  const stubborn = Effect.gen(function*() {
    const done = yield* Ref.make(false)
    const released = yield* Ref.make(false)
    const work = Effect.uninterruptible(Effect.zipRight(Effect.sleep("10 minutes"), Ref.set(done, true)))
    const source = Stream.unwrapScoped(Effect.as(
      Effect.addFinalizer(() => Ref.set(released, true)),
      Stream.concat(Stream.make("a"), Stream.execute(work))
    ))
    return { done: Ref.get(done), released: Ref.get(released), source, work }
  })

  it.effect.each([{ clock: "idle" as const }, { clock: "total" as const }])(
    "B04, B18: the $clock clock is not held up by work that cannot be interrupted, which is released when it is done",
    ({ clock }) =>
      Effect.gen(function*() {
        const { done, released, source } = yield* stubborn
        const { chunks, fiber } = yield* reading(clocked(source, { [clock]: idle }))
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(fiber.unsafePoll(), null)
        yield* TestClock.adjust("1 millis")
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut(clock, idle))
        assert.deepStrictEqual(yield* chunks, [["a"]])
        assert.isFalse((yield* done) || (yield* released))
        yield* TestClock.adjust("10 minutes")
        assert.isTrue((yield* done) && (yield* released))
      })
  )

  it.effect("B04: nor is it by an acquisition, or by a clock within that is the longer one", () =>
    Effect.gen(function*() {
      const { work } = yield* stubborn
      const source = Stream.acquireRelease(work, () => Effect.void)
      const within = clocked(source, { total: Duration.minutes(5) })
      const { fiber } = yield* reading(clocked(within, { total: idle }))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("total", idle))
    }))

  it.effect("what a clock stops is released before the failure, if it takes no longer than ten seconds", () =>
    Effect.gen(function*() {
      const released = yield* Ref.make(false)
      const release = Effect.zipRight(Effect.sleep("9999 millis"), Ref.set(released, true))
      const { fiber } = yield* reading(clocked(Stream.ensuring(Stream.never, release), { idle }))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("9999 millis")
      assert.isTrue(yield* Ref.get(released))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("idle", idle))
    }))

  it.effect("where nothing can be interrupted, the clock ends with the source", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.uninterruptible(Stream.runDrain(clocked(Stream.make("a"), { idle }))))
      yield* TestClock.adjust("1 millis")
      assert.isNotNull(fiber.unsafePoll())
    }))

  it.effect("who stops early waits for work that cannot be interrupted: no clock ran out", () =>
    Effect.gen(function*() {
      const { done, source } = yield* stubborn
      const fiber = yield* Effect.fork(Stream.runHead(clocked(source, { total: Duration.hours(1) })))
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.isTrue(yield* done)
    }))

  it.effect("the idle clock begins anew when a consumer that was behind has caught up", () =>
    Effect.gen(function*() {
      // more than is read ahead, then silence
      const source = Stream.concat(Stream.rechunk(Stream.range(1, 20), 1), Stream.never)
      const taken = yield* Ref.make(0)
      const fiber = yield* Effect.fork(Effect.either(Stream.runForEach(
        clocked(source, { idle }),
        () => Effect.zipRight(Ref.update(taken, (n) => n + 1), Effect.sleep("30 seconds"))
      )))
      yield* TestClock.adjust("119 seconds")
      assert.isBelow(yield* Ref.get(taken), 5)
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ranOut("idle", idle))
      assert.strictEqual(yield* Ref.get(taken), 20)
    }))

  // each of two fibers looks, and then waits: it may have to yield in between, and miss that it is woken
  const yielding = (at: number) => {
    const operations = new Map<unknown, number>()
    /** Has this fiber yield, so many operations after now. */
    const fromHere = Effect.withFiberRuntime<void>((fiber) => Effect.sync(() => void operations.set(fiber, 0)))
    const scheduler: Scheduler.Scheduler = {
      shouldYield: (fiber) => {
        const count = (operations.get(fiber) ?? NaN) + 1
        operations.set(fiber, count)
        return count === at ? 1 : false
      },
      // whoever yields goes on when nobody else can
      scheduleTask: (task, priority) => priority === 1 ? void setImmediate(task) : queueMicrotask(task)
    }
    const ends = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>) {
      const fiber = yield* Effect.fork(Effect.withScheduler(effect, scheduler))
      yield* settle
      assert.notStrictEqual(fiber.unsafePoll(), null, `it yields at operation ${at}`)
    })
    return { fromHere, ends }
  }

  const pause = Stream.drain(Stream.fromEffect(Effect.yieldNow()))

  it.effect.each([
    { what: "a chunk", next: Stream.concat(Stream.make(2), Stream.never), chunks: 2 },
    { what: "the end", next: Stream.empty, chunks: 3 }
  ])(
    "$what is not missed, wherever the consumer yields",
    ({ chunks, next }) =>
      Effect.forEach(Chunk.range(1, 100), (at) => {
        const { ends, fromHere } = yielding(at)
        const source = Stream.concat(Stream.make(1), Stream.concat(pause, next))
        const read = Stream.tap(clocked(source, { idle }), () => fromHere)
        return ends(Stream.runDrain(Stream.take(read, chunks)))
      })
  )

  it.effect("room for more is not missed, wherever the source yields", () =>
    Effect.forEach(Chunk.range(1, 300), (at) => {
      const { ends, fromHere } = yielding(at)
      const source = Stream.concat(Stream.drain(Stream.fromEffect(fromHere)), Stream.rechunk(Stream.range(1, 40), 1))
      return ends(Stream.runDrain(clocked(source, { idle })))
    }))
})

describe("timeoutFail", () => {
  it.effect("leaves no deadline behind, whatever it ends with", () =>
    Effect.gen(function*() {
      let sleepers = 0
      let slept = 0
      const clock: Clock.Clock = {
        ...Clock.make(),
        unsafeCurrentTimeNanos: () => 0n,
        sleep: () =>
          Effect.async<void>(() => {
            slept++
            sleepers++
            return Effect.sync(() => {
              sleepers--
            })
          })
      }
      const nextTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const limited = timeoutFail({ duration: Duration.minutes(10), onTimeout: () => "late" })
      const ends = [limited(Effect.promise(() => Promise.resolve())), limited(Effect.fail("no")), limited(Effect.never)]
      for (const end of ends) {
        const fiber = yield* Effect.fork(Effect.withClock(end, clock))
        yield* nextTurn
        yield* Fiber.interrupt(fiber)
        yield* nextTurn
        assert.strictEqual(sleepers, 0)
      }
      assert.isAbove(slept, 0)
    }))

  it.effect("keeps what a finalizer died of", () =>
    Effect.gen(function*() {
      const interrupted = Effect.withFiberRuntime<never>((fiber) => {
        fiber.unsafeInterruptAsFork(fiber.id())
        return Effect.never
      })
      const dying = Effect.onInterrupt(interrupted, () => Effect.die("boom"))
      const exit = yield* Effect.exit(timeoutFail(dying, { duration: Duration.minutes(1), onTimeout: () => "late" }))
      assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.dieOption(exit.cause)))
    }))

  const timed = timeoutFail({ duration: Duration.seconds(10), onTimeout: () => "too long" })

  const watched = Effect.gen(function*() {
    const stopped = yield* Ref.make(false)
    return { stopped: Ref.get(stopped), never: Effect.onInterrupt(Effect.never, () => Ref.set(stopped, true)) }
  })

  it.effect("fails and stops the effect when the time is up, not before", () =>
    Effect.gen(function*() {
      const { never, stopped } = yield* watched
      const fiber = yield* Effect.fork(Effect.flip(timed(never)))
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(fiber.unsafePoll(), null)
      assert.isFalse(yield* stopped)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "too long")
      assert.isTrue(yield* stopped)
    }))

  it.effect("ends as the effect does and when it does, also where nothing can be interrupted", () =>
    Effect.gen(function*() {
      const causes = [Cause.fail("no"), Cause.die("broken")]
      for (const cause of causes) {
        const exit = yield* Effect.exit(timed(Effect.failCause(cause)))
        assert.isTrue(Exit.isFailure(exit) && Cause.contains(exit.cause, cause))
      }
      assert.strictEqual(yield* timed(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.uninterruptible(timed(Effect.succeed(2))), 2)
    }))

  it.effect("where nothing can be interrupted, what came late is worth more than that it did", () =>
    Effect.gen(function*() {
      const slow = Effect.as(Effect.sleep("30 seconds"), "done")
      const fiber = yield* Effect.fork(Effect.uninterruptible(timed(slow)))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    }))

  it.effect("what the effect sets for its fiber stays set", () =>
    Effect.gen(function*() {
      const ref = FiberRef.unsafeMake(0)
      yield* timed(FiberRef.set(ref, 1))
      assert.strictEqual(yield* FiberRef.get(ref), 1)
    }))

  it.effect("what the effect has inside is its own, and so is what it sets there", () =>
    Effect.gen(function*() {
      class Place extends Context.Tag("effect-providers/test/internal/clocks.test/Place")<Place, string>() {}
      const ref = FiberRef.unsafeMake(0)
      const inside: Inside<Place> = (runtime) =>
        Runtime.setFiberRef(Runtime.provideService(runtime, Place, "inside"), ref, 1)
      const work = Effect.zip(Place, FiberRef.getAndSet(ref, 2))
      for (const duration of [Duration.seconds(10), Duration.infinity]) {
        const seen = yield* timeoutFail(work, { duration, onTimeout: () => "too long", inside })
        assert.deepStrictEqual(seen, ["inside", 1])
      }
      assert.strictEqual(yield* FiberRef.get(ref), 0)
      assert.isTrue(Option.isNone(yield* Effect.serviceOption(Place)))
    }))

  it.effect("unattended, comes to its end or that of its time, whoever is interrupted", () =>
    Effect.gen(function*() {
      const done = yield* Ref.make(0)
      const unattended = (work: Effect.Effect<unknown>) =>
        timeoutFail(Effect.zipRight(work, Ref.updateAndGet(done, (n) => n + 1)), {
          duration: idle,
          onTimeout: () => "too long",
          unattended: true
        })
      const fiber = yield* Effect.fork(unattended(Effect.sleep("5 seconds")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interruptFork(fiber)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Ref.get(done), 1)
      const late = yield* Effect.fork(unattended(Effect.sleep("11 seconds")))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Effect.flip(Fiber.join(late)), "too long")
      assert.strictEqual(yield* Ref.get(done), 1)
    }))

  it.effect("unattended, ends with its time also where nothing can be interrupted", () =>
    Effect.gen(function*() {
      const options = { duration: idle, onTimeout: () => "too long", unattended: true }
      const fiber = yield* Effect.fork(Effect.uninterruptible(timeoutFail(Effect.never, options)))
      yield* TestClock.adjust(idle)
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "too long")
    }))

  it.effect("without an end, never fails", () =>
    Effect.gen(function*() {
      const endless = timeoutFail({ duration: Duration.infinity, onTimeout: () => "too long" })
      const fiber = yield* Effect.fork(endless(Effect.as(Effect.sleep("1000 days"), "done")))
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    }))

  it.effect("beside an effect that fails, is interrupted at once", () =>
    Effect.gen(function*() {
      for (const concurrency of [2, "unbounded"] as const) {
        const { never, stopped } = yield* watched
        const failing = Effect.zipRight(Effect.sleep("1 second"), Effect.fail("no"))
        const fiber = yield* Effect.fork(Effect.flip(Effect.all([timed(never), failing], { concurrency })))
        yield* TestClock.adjust("1 second")
        assert.isTrue(yield* stopped)
        assert.strictEqual(yield* Fiber.join(fiber), "no")
      }
    }))

  it.effect("what cannot be interrupted is waited for", () =>
    Effect.gen(function*() {
      const slow = Effect.uninterruptible(Effect.sleep("30 seconds"))
      const fiber = yield* Effect.fork(Effect.flip(timed(slow)))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "too long")
    }))
})
