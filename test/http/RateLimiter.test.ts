import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as RateLimiter from "../../src/http/RateLimiter.js"

/** A limiter, and when each of its calls started, in the order in which they asked. */
const setup = Effect.fnUntraced(function*(options: RateLimiter.Options) {
  const limiter = yield* RateLimiter.make(options)
  const times: Array<readonly [name: number, at: number]> = []
  let asked = 0
  const call = Effect.suspend(() => {
    const name = asked++
    return Effect.flatMap(
      Effect.zipRight(limiter.take, Clock.currentTimeMillis),
      (at) => Effect.sync(() => times.push([name, at]))
    )
  })
  const calls = (count: number) => Effect.fork(Effect.replicateEffect(call, count, { concurrency: "unbounded" }))
  return { limiter, call: Effect.fork(call), calls, times, names: () => times.map(([name]) => name) }
})

const settle = TestClock.adjust(0)

describe("RateLimiter", () => {
  it.effect("C23: as many as the limit start at once, the next one when the interval is over", () =>
    Effect.gen(function*() {
      const { calls, times } = yield* setup({ limit: 600, interval: "1 minute" })
      yield* calls(2401)
      yield* settle
      for (const started of [600, 1200, 1800, 2400, 2401]) {
        assert.lengthOf(times, started)
        yield* TestClock.adjust(59_999)
        assert.lengthOf(times, started)
        yield* TestClock.adjust(1)
      }
    }))

  it.effect("C23: a place is free an interval after it was taken, not before", () =>
    Effect.gen(function*() {
      const { calls, times } = yield* setup({ limit: 2, interval: "10 seconds" })
      yield* calls(1)
      yield* TestClock.adjust("4 seconds")
      yield* calls(3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(times, [[0, 0], [1, 4000], [2, 10_000], [3, 14_000]])
    }))

  it.effect.prop(
    "C23: in no span of an interval do more start than the limit, and none waits without need",
    [FastCheck.integer({ min: 1, max: 5 }), FastCheck.array(FastCheck.nat({ max: 3000 }), { maxLength: 40 })],
    ([limit, gaps]) =>
      Effect.gen(function*() {
        const { call, times } = yield* setup({ limit, interval: "1 second" })
        const asked: Array<number> = []
        for (const gap of gaps) {
          yield* TestClock.adjust(gap)
          asked.push(yield* Clock.currentTimeMillis)
          yield* call
        }
        yield* TestClock.adjust("1 hour")
        // the simplest limiter there is: in order, and an interval after the one a limit before
        const expected: Array<number> = []
        for (const [i, at] of asked.entries()) {
          expected.push(Math.max(at, expected[i - 1] ?? 0, (expected[i - limit] ?? -Infinity) + 1000))
        }
        assert.deepStrictEqual(times, expected.map((at, name) => [name, at] as const))
      }),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect("C23: who asks first starts first, also before one who comes when a place is free", () =>
    Effect.gen(function*() {
      const { calls, names } = yield* setup({ limit: 3, interval: "1 second" })
      for (let i = 0; i < 10; i++) {
        yield* calls(2)
        yield* TestClock.adjust("300 millis")
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(names(), Array.from({ length: 20 }, (_, i) => i))
    }))

  it.effect("C23: interrupted, it gives its place to the next and uses nothing up", () =>
    Effect.gen(function*() {
      const { call, calls, times } = yield* setup({ limit: 1, interval: "10 seconds" })
      yield* calls(1)
      yield* settle
      const first = yield* call
      const second = yield* call
      yield* call
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(times, [[0, 0], [3, 10_000]])
      yield* calls(1)
      yield* settle
      assert.deepStrictEqual(times.at(-1), [4, 63_000])
    }))

  it.effect("C23: a pause holds everyone, who came before and who comes later", () =>
    Effect.gen(function*() {
      const { call, calls, limiter, times } = yield* setup({ limit: 2, interval: "1 second" })
      yield* calls(3)
      yield* settle
      yield* limiter.pause("30 seconds")
      yield* limiter.pause("5 seconds")
      yield* call
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(times, [[0, 0], [1, 0], [2, 30_000], [3, 30_000]])
    }))

  it.effect("C23: a pause of months is one", () =>
    Effect.gen(function*() {
      const { call, limiter, times } = yield* setup({ limit: 2, interval: "1 second" })
      yield* limiter.pause("60 days")
      yield* call
      yield* settle
      // a timer of more than 24 days never fires
      assert.deepStrictEqual([...yield* TestClock.sleeps()], [Duration.toMillis("1 day")])
      yield* TestClock.adjust("59 days")
      assert.lengthOf(times, 0)
      yield* TestClock.adjust("1 day")
      assert.lengthOf(times, 1)
    }))

  const learn = (limiter: RateLimiter.RateLimiter, calls: number, reset: Duration.DurationInput) =>
    limiter.learn({ calls, reset: Duration.decode(reset) })

  it.effect("C23: no more start than the service says are left, until it resets", () =>
    Effect.gen(function*() {
      const { calls, limiter, times } = yield* setup({ limit: 600, interval: "1 minute" })
      yield* learn(limiter, 2, "20 seconds")
      yield* calls(5)
      yield* TestClock.adjust(19_999)
      assert.lengthOf(times, 2)
      yield* TestClock.adjust(1)
      assert.lengthOf(times, 5)
    }))

  it.effect("C23: what is left never raises the limit", () =>
    Effect.gen(function*() {
      const { calls, limiter, times } = yield* setup({ limit: 3, interval: "1 minute" })
      yield* learn(limiter, 60_000, "1 second")
      yield* calls(5)
      yield* TestClock.adjust("59 seconds")
      assert.lengthOf(times, 3)
    }))

  it.effect("C23: answers of one window that come late raise nothing, and those of the next one count", () =>
    Effect.gen(function*() {
      const { calls, limiter, times } = yield* setup({ limit: 100, interval: "1 second" })
      yield* learn(limiter, 1, "10 seconds")
      yield* calls(1)
      yield* TestClock.adjust(600)
      // counted before the one above, and rounded up another way
      yield* learn(limiter, 5, "10 seconds")
      yield* calls(8)
      yield* TestClock.adjust("9 seconds")
      assert.lengthOf(times, 1)
      yield* learn(limiter, 4, "60 seconds")
      yield* TestClock.adjust("50 seconds")
      assert.lengthOf(times, 5)
      yield* TestClock.adjust("20 seconds")
      assert.lengthOf(times, 9)
    }))

  it.effect("C23: those who wait are woken when the service says that the wait is over earlier", () =>
    Effect.gen(function*() {
      const { calls, limiter, times } = yield* setup({ limit: 100, interval: "1 second" })
      yield* learn(limiter, 0, "60 seconds")
      yield* calls(3)
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(times, 0)
      yield* learn(limiter, 0, "5 seconds")
      yield* TestClock.adjust("4999 millis")
      assert.lengthOf(times, 0)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(times.map(([, at]) => at), [15_000, 15_000, 15_000])
    }))

  it.effect("C23: who begins to wait as the service speaks does not miss it", () =>
    Effect.gen(function*() {
      for (let turns = 0; turns < 10; turns++) {
        const { call, limiter, times } = yield* setup({ limit: 100, interval: "1 second" })
        yield* learn(limiter, 0, "60 seconds")
        yield* call
        // one of these is when the caller has looked at the time to wait, and is not yet there to be woken
        yield* Effect.repeatN(Effect.yieldNow(), turns)
        yield* learn(limiter, 0, "5 seconds")
        yield* TestClock.adjust("5 seconds")
        assert.lengthOf(times, 1, `after ${turns} turns`)
      }
    }))

  it.effect("C23: what is said later makes those who wait, wait longer", () =>
    Effect.gen(function*() {
      const { calls, limiter, times } = yield* setup({ limit: 100, interval: "1 second" })
      yield* learn(limiter, 0, "10 seconds")
      yield* calls(1)
      yield* TestClock.adjust("5 seconds")
      yield* limiter.pause("20 seconds")
      yield* TestClock.adjust("19 seconds")
      assert.lengthOf(times, 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(times.map(([, at]) => at), [25_000])
    }))

  it.effect("C23: a time of day that is set, back or forth, changes no wait", () =>
    Effect.gen(function*() {
      const monotonic = yield* Effect.clock
      let set = 0
      const timeOfDay = () => monotonic.unsafeCurrentTimeMillis() + set
      const clock: Clock.Clock = {
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        unsafeCurrentTimeMillis: timeOfDay,
        currentTimeMillis: Effect.sync(timeOfDay),
        unsafeCurrentTimeNanos: () => monotonic.unsafeCurrentTimeNanos(),
        currentTimeNanos: monotonic.currentTimeNanos,
        sleep: (duration) => monotonic.sleep(duration)
      }
      const underIt = Effect.withClock(clock)
      for (const jump of [-3_600_000, 3_600_000]) {
        const { calls, limiter, times } = yield* setup({ limit: 1, interval: "10 seconds" })
        yield* underIt(calls(3))
        yield* settle
        set += jump
        yield* TestClock.adjust("9 seconds")
        assert.lengthOf(times, 1)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(times, 2)
        yield* underIt(limiter.pause("20 seconds"))
        yield* underIt(learn(limiter, 0, "30 seconds"))
        set += jump
        yield* TestClock.adjust("29 seconds")
        assert.lengthOf(times, 2)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(times, 3)
      }
    }))

  it.effect("a limit that is none lets one start at a time, and one without end all", () =>
    Effect.gen(function*() {
      for (const [limit, started] of [[0, 1], [-3, 1], [Number.NaN, 1], [2.9, 2], [Infinity, 50]] as const) {
        const { calls, times } = yield* setup({ limit, interval: "1 minute" })
        yield* calls(50)
        yield* settle
        assert.lengthOf(times, started)
      }
    }))
})

describe("RateLimiter.remaining", () => {
  const read = (headers: Record<string, string>) =>
    Option.getOrUndefined(
      Option.map(RateLimiter.remaining(Headers.fromInput(headers)), ({ calls, reset }) => [
        calls,
        Duration.toSeconds(reset)
      ])
    )

  it("C23: needs both headers, and whole numbers in them", () => {
    assert.deepStrictEqual(read({ "ratelimit-remaining": "599", "ratelimit-reset": "42" }), [599, 42])
    assert.deepStrictEqual(read({ "RateLimit-Remaining": " 0 ", "RateLimit-Reset": "0" }), [0, 0])
    for (const text of ["", "-1", "1.5", "1e3", "many", "NaN", "9".repeat(30)]) {
      assert.isUndefined(read({ "ratelimit-remaining": text, "ratelimit-reset": "42" }), text)
      assert.isUndefined(read({ "ratelimit-remaining": "599", "ratelimit-reset": text }), text)
    }
    assert.isUndefined(read({ "ratelimit-remaining": "599" }))
    assert.isUndefined(read({ "ratelimit-reset": "42" }))
  })

  it("C23: a reset that is a time since 1970, or in more than 30 days, is none", () => {
    const days = 30 * 24 * 3600
    assert.deepStrictEqual(read({ "ratelimit-remaining": "0", "ratelimit-reset": `${days}` }), [0, days])
    for (const reset of [`${days + 1}`, "1763800000"]) {
      assert.isUndefined(read({ "ratelimit-remaining": "0", "ratelimit-reset": reset }))
    }
  })
})
