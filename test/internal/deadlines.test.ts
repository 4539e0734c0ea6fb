import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { after } from "../../src/internal/deadlines.js"

/** Lets what was put off to the next turn come. */
const nextTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** A clock that stands still until it is moved, and tells of its sleepers. */
const makeClock = () => {
  let nanos = 1_000_000_000n
  const sleepers: Array<{ readonly millis: number; readonly wake: () => void; isOver: boolean }> = []
  const clock: Clock.Clock = {
    ...Clock.make(),
    // the time of day was set back
    unsafeCurrentTimeMillis: () => 0,
    unsafeCurrentTimeNanos: () => nanos,
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { millis: Duration.toMillis(duration), wake: () => resume(Effect.void), isOver: false }
        sleepers.push(sleeper)
        return Effect.sync(() => {
          sleeper.isOver = true
        })
      })
  }
  const move = (millis: number) => {
    nanos += BigInt(Math.round(millis * 1e6))
  }
  return { clock, move, sleepers }
}

describe("deadlines", () => {
  it.effect("ring at their time, in its order, and not before", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const rung: Array<number> = []
      for (const seconds of [3, 1, 2, 1]) after(clock, Duration.seconds(seconds), () => rung.push(seconds))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(rung, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(rung, [1, 1])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(rung, [1, 1, 2, 3])
    }))

  it.effect("that are taken back do not ring, nor do those without an end", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const rung: Array<string> = []
      const cancel = after(clock, Duration.seconds(1), () => rung.push("taken back"))
      after(clock, Duration.infinity, () => rung.push("endless"))
      after(clock, Duration.seconds(2), () => rung.push("kept"))
      cancel()
      cancel()
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual(rung, ["kept"])
    }))

  it.effect("may set others when they ring", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const done = yield* Deferred.make<number>()
      const again = (times: number): void => {
        if (times === 3) Deferred.unsafeDone(done, Effect.succeed(times))
        else after(clock, Duration.seconds(1), () => again(times + 1))
      }
      again(0)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Deferred.await(done), 3)
    }))

  it.effect("of one clock share one sleeper, which sleeps until the first", () =>
    Effect.gen(function*() {
      const { clock, move, sleepers } = makeClock()
      const rung: Array<number> = []
      for (let n = 0; n < 100; n++) after(clock, Duration.millis(1000 + n), () => rung.push(n))
      yield* nextTurn
      assert.deepStrictEqual(sleepers.map(({ millis }) => millis), [1000])
      after(clock, Duration.millis(10), () => rung.push(-1))
      yield* nextTurn
      assert.deepStrictEqual(sleepers.map(({ isOver, millis }) => [millis, isOver]), [[1000, true], [10, false]])
      move(10)
      sleepers[1]?.wake()
      yield* nextTurn
      assert.deepStrictEqual(rung, [-1])
      assert.strictEqual(sleepers[2]?.millis, 990)
      // a timer that is early
      move(989.5)
      sleepers[2]?.wake()
      yield* nextTurn
      assert.deepStrictEqual(rung, [-1, 0])
      assert.strictEqual(sleepers[3]?.millis, 1.5)
    }))

  it.effect("that are over when the sleeper wakes late ring in their order", () =>
    Effect.gen(function*() {
      const { clock, move, sleepers } = makeClock()
      const rung: Array<number> = []
      for (const seconds of [1, 3, 2]) after(clock, Duration.seconds(seconds), () => rung.push(seconds))
      yield* nextTurn
      move(5000)
      for (const n of [0, 1]) {
        sleepers[n]?.wake()
        yield* nextTurn
      }
      assert.deepStrictEqual(rung, [1, 2, 3])
    }))

  it.effect("ring also where sleeping takes no time", () =>
    Effect.gen(function*() {
      const clock = { ...makeClock().clock, sleep: () => Effect.void }
      const rung: Array<number> = []
      for (const seconds of [2, 1]) after(clock, Duration.seconds(seconds), () => rung.push(seconds))
      yield* nextTurn
      assert.deepStrictEqual(rung, [1, 2])
    }))

  it.effect("leave no sleeper behind when they are taken back, and keep it for the next that comes at once", () =>
    Effect.gen(function*() {
      const { clock, sleepers } = makeClock()
      const cancel = after(clock, Duration.seconds(1), () => {})
      yield* nextTurn
      cancel()
      for (let n = 0; n < 3; n++) after(clock, Duration.seconds(2), () => {})()
      assert.deepStrictEqual(sleepers.map(({ isOver }) => isOver), [false])
      yield* nextTurn
      assert.deepStrictEqual(sleepers.map(({ isOver }) => isOver), [true])
      after(clock, Duration.seconds(1), () => {})
      yield* nextTurn
      assert.strictEqual(sleepers.length, 2)
    }))

  it.effect("may be later than a timer can be", () =>
    Effect.gen(function*() {
      const { clock, move, sleepers } = makeClock()
      let rung = false
      after(clock, Duration.days(30), () => {
        rung = true
      })
      yield* nextTurn
      const first = sleepers[0]?.millis ?? Infinity
      assert.isBelow(first, 2 ** 31)
      move(first)
      sleepers[0]?.wake()
      yield* nextTurn
      assert.isFalse(rung)
      move(Duration.toMillis("30 days") - first)
      sleepers[1]?.wake()
      yield* nextTurn
      assert.isTrue(rung)
    }))
})
