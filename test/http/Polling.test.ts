import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Polling from "../../src/http/Polling.js"

/** Counts 1, 2, 3, ... and notes when each look was taken, in milliseconds. */
const counter = () => {
  const looks: Array<number> = []
  const get = Effect.map(Clock.currentTimeMillis, (now) => looks.push(now))
  return { looks, get }
}

/** Runs to the end, whatever time that takes on the test clock, and gives the result. */
const settle = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.either(effect))
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const pauses = (looks: ReadonlyArray<number>) => looks.slice(1).map((at, i) => at - (looks[i] ?? 0))

const exhausted = (last: number) => `exhausted at ${last}`

describe("Polling.poll", () => {
  it.effect("a value that is final at once takes no time", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      const value = yield* Polling.poll({ get, until: () => true, policy: Polling.fixed("5 seconds"), exhausted })
      assert.strictEqual(value, 1)
      assert.deepStrictEqual(looks, [0])
    }))

  it.effect("the first look is immediate, the others a pause apart; the final value is given", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      const policy = Polling.fixed("5 seconds")
      const result = yield* settle(Polling.poll({ get, until: (n) => n === 3, policy, exhausted }))
      assert.deepStrictEqual(result, Either.right(3))
      assert.deepStrictEqual(looks, [0, 5000, 10000])
    }))

  it.effect("30 looks 5 seconds apart give up after 145 seconds, with the last value", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      const polled = Polling.poll({ get, until: () => false, policy: Polling.fixed("5 seconds", 30), exhausted })
      const fiber = yield* Effect.fork(Effect.zip(Effect.flip(polled), Clock.currentTimeMillis))
      yield* TestClock.adjust("145 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["exhausted at 30", 145_000])
      assert.strictEqual(looks.length, 30)
    }))

  it.effect("a schedule that ends by time fails with `exhausted` too", () =>
    Effect.gen(function*() {
      const policy = Schedule.spaced("1 second").pipe(Schedule.upTo("2500 millis"))
      const polled = Polling.poll({ get: counter().get, until: () => false, policy, exhausted })
      assert.deepStrictEqual(yield* settle(polled), Either.left("exhausted at 4"))
    }))

  it.effect("an error of a look ends the polling", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Polling.poll({
        get: Effect.fail("broken"),
        until: () => true,
        policy: Polling.fixed("1 second"),
        exhausted
      }))
      assert.strictEqual(error, "broken")
    }))

  it.effect("each run starts the policy anew", () =>
    Effect.gen(function*() {
      const polled = Polling.poll({
        get: counter().get,
        until: () => false,
        policy: Polling.fixed("1 second", 2),
        exhausted
      })
      yield* settle(polled)
      assert.deepStrictEqual(yield* settle(polled), Either.left("exhausted at 4"))
    }))

  it.effect("interruption stops it", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      const fiber = yield* Effect.fork(
        Polling.poll({ get, until: () => false, policy: Polling.fixed("1 second"), exhausted })
      )
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(looks, [0, 1000, 2000])
    }))
})

describe("Polling policies", () => {
  it.effect("adaptive: pauses grow from 500 ms to 5 s, each 20 % more or less", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      yield* settle(Polling.poll({ get, until: (n) => n === 12, policy: Polling.adaptive(), exhausted }))
      assert.strictEqual(looks.length, 12)
      pauses(looks).forEach((pause, i) => {
        const planned = Math.min(500 * 1.5 ** i, 5000)
        assert.isAtLeast(pause, Math.floor(planned * 0.8))
        assert.isAtMost(pause, Math.ceil(planned * 1.2))
      })
    }))

  it.effect("adaptive: pauses of two pollers differ", () =>
    Effect.gen(function*() {
      const one = counter()
      const two = counter()
      const policy = Polling.adaptive()
      yield* settle(Polling.poll({ get: one.get, until: (n) => n === 8, policy, exhausted }))
      yield* settle(Polling.poll({ get: two.get, until: (n) => n === 8, policy, exhausted }))
      assert.notDeepEqual(pauses(one.looks), pauses(two.looks))
    }))

  it.effect.prop(
    "adaptive: no pause leaves its bounds, whatever the options",
    [
      FastCheck.integer({ min: 1, max: 2000 }),
      FastCheck.integer({ min: 1, max: 5 }),
      FastCheck.integer({
        min: 1,
        max: 5000
      })
    ],
    ([first, factor, cap]) =>
      Effect.gen(function*() {
        const { get, looks } = counter()
        const policy = Polling.adaptive({ first, factor, cap })
        yield* settle(Polling.poll({ get, until: (n) => n === 20, policy, exhausted }))
        assert.strictEqual(looks.length, 20)
        pauses(looks).forEach((pause, i) => {
          const planned = Math.min(first * factor ** i, cap)
          assert.isAtLeast(pause, Math.floor(planned * 0.8) - 1)
          assert.isAtMost(pause, Math.ceil(planned * 1.2) + 1)
        })
      }),
    { fastCheck: { numRuns: 10 } }
  )

  it("isPolicy tells a policy from a duration", () => {
    assert.isTrue(Polling.isPolicy(Polling.adaptive()))
    assert.isTrue(Polling.isPolicy(Schedule.forever))
    for (const input of ["1 second", 1000, Duration.seconds(1), undefined]) assert.isFalse(Polling.isPolicy(input))
  })
})

describe("Polling.changes", () => {
  const states = ["starting", "starting", "processing", "processing", "succeeded"]
  const reader = () => {
    let n = 0
    return Effect.sync(() => states[n++] ?? "gone")
  }
  const options = {
    until: (state: string) => state === "succeeded",
    policy: Polling.fixed("1 second", 5),
    exhausted: (last: string) => last
  }
  const collect = <E>(stream: Stream.Stream<string, E>) =>
    settle(Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)).pipe(Effect.flatten)

  it.effect("emits each value and ends with the final one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* collect(Polling.changes({ ...options, get: reader() })), states)
    }))

  it.effect("emits a value when it is seen, not at the end", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* Effect.fork(
        Stream.runForEach(
          Polling.changes({ ...options, get: reader() }),
          (state) => Effect.sync(() => seen.push(state))
        )
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, states.slice(0, 3))
    }))

  it.effect("an equivalence leaves out what is like the value before, but never the final value", () =>
    Effect.gen(function*() {
      const same = (a: string, b: string) => a === b
      assert.deepStrictEqual(
        yield* collect(Polling.changes({ ...options, get: reader(), equivalence: same })),
        ["starting", "processing", "succeeded"]
      )
      assert.deepStrictEqual(
        yield* collect(Polling.changes({ ...options, get: reader(), equivalence: () => true })),
        ["starting", "succeeded"]
      )
    }))

  it.effect("fails after the last value when the policy ends first, without a pause", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const stream = Polling.changes({ ...options, policy: Polling.fixed("1 second", 3), get: reader() })
      const run = Stream.runForEach(stream, (state) => Effect.sync(() => seen.push(state)))
      const fiber = yield* Effect.fork(Effect.zip(Effect.flip(run), Clock.currentTimeMillis))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["processing", 2000])
      assert.deepStrictEqual(seen, states.slice(0, 3))
    }))

  it.effect("a consumer that stops early stops the looks", () =>
    Effect.gen(function*() {
      const { get, looks } = counter()
      const policy = Polling.fixed("1 second")
      const stream = Polling.changes({ get, until: () => false, policy, exhausted })
      yield* settle(Stream.runDrain(Stream.take(stream, 2)))
      assert.deepStrictEqual(looks, [0, 1000])
    }))
})
