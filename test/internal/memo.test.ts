import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Hash from "effect/Hash"
import * as TestClock from "effect/TestClock"
import * as Memo from "../../src/internal/memo.js"

/** A lookup whose answers are in the hand of the test, and a count of how often it was asked. */
const lookups = Effect.gen(function*() {
  const answer = yield* Deferred.make<string, string>()
  const asked: Array<string> = []
  const get = Memo.make((key: string) => {
    asked.push(key)
    return Deferred.await(answer)
  }, "5 minutes")
  return { answer, asked, get }
})

const counted = (lookup: (key: string, n: number) => Effect.Effect<string, string>) => {
  let count = 0
  const get = Memo.make((key: string) => lookup(key, ++count), "5 minutes")
  return { get, count: () => count }
}

describe("memo", () => {
  it.effect("looks up once for all who ask at the same time, and for who asks later", () =>
    Effect.gen(function*() {
      const { answer, asked, get } = yield* lookups
      const fiber = yield* Effect.fork(
        Effect.all(Array.from({ length: 20 }, () => get("a")), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(0)
      yield* Deferred.succeed(answer, "A")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Array.from({ length: 20 }, () => "A"))
      assert.strictEqual(yield* get("a"), "A")
      assert.deepStrictEqual(asked, ["a"])
    }))

  it.effect("keys are told apart by their value", () =>
    Effect.gen(function*() {
      let count = 0
      const get = Memo.make(({ name }: { readonly name: string }) => Effect.sync(() => `${name}${++count}`), 1000)
      const read = (name: string) => get(Data.struct({ name }))
      assert.deepStrictEqual(yield* Effect.all([read("a"), read("b"), read("a"), read("b")]), ["a1", "b2", "a1", "b2"])
    }))

  it.effect("looks up again after its time, counted from the answer", () =>
    Effect.gen(function*() {
      const { count, get } = counted((key, n) => Effect.delay(Effect.succeed(`${key}${n}`), "1 minute"))
      const first = yield* Effect.fork(get("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(first), "a1")
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual(yield* get("a"), "a1")
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.fork(get("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(second), "a2")
      assert.strictEqual(count(), 2)
    }))

  it.effect("a failure is that of all who wait, and is not kept", () =>
    Effect.gen(function*() {
      const { count, get } = counted((key, n) =>
        Effect.delay(n === 1 ? Effect.fail("no") : Effect.succeed(`${key}${n}`), "1 second")
      )
      const fiber = yield* Effect.fork(
        Effect.all([get("a"), get("a"), get("a")], { concurrency: "unbounded", mode: "either" })
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(fiber)).every((result) => result._tag === "Left" && result.left === "no"))
      assert.strictEqual(count(), 1)
      const later = yield* Effect.fork(get("a"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(later), "a2")
    }))

  it.effect("a lookup that dies is not kept either, and leaves nobody waiting", () =>
    Effect.gen(function*() {
      const { get } = counted((key, n) => {
        if (n === 1) throw new Error("thrown")
        return n === 2 ? Effect.dieMessage("died") : Effect.succeed(`${key}${n}`)
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get("a"))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get("a"))))
      assert.strictEqual(yield* get("a"), "a3")
    }))

  it.effect("an interruption is of the one who is interrupted: another who waits looks up", () =>
    Effect.gen(function*() {
      let stopped = 0
      const { count, get } = counted((key, n) =>
        Effect.onInterrupt(Effect.delay(Effect.succeed(`${key}${n}`), "1 second"), () => Effect.sync(() => stopped++))
      )
      const [first, second, third] = yield* Effect.all([
        Effect.fork(get("a")),
        Effect.fork(get("a")),
        Effect.fork(get("a"))
      ])
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(third)
      assert.strictEqual(stopped, 0)
      yield* Fiber.interrupt(first)
      assert.strictEqual(stopped, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "a2")
      assert.strictEqual(count(), 2)
    }))

  it.effect("forgets what has expired, so that it does not grow", () =>
    Effect.gen(function*() {
      let compared = 0
      // all in one bucket, where each new one is compared with all that are kept
      const key = (name: number) => {
        const self = {
          name,
          [Hash.symbol]: () => 0,
          [Equal.symbol]: (that: unknown): boolean => {
            compared++
            return that === self
          }
        }
        return self
      }
      const get = Memo.make(({ name }: ReturnType<typeof key>) => Effect.succeed(name), "5 minutes")
      for (let n = 0; n < 50; n++) yield* get(key(n))
      yield* TestClock.adjust("5 minutes")
      yield* get(key(50))
      compared = 0
      assert.strictEqual(yield* get(key(51)), 51)
      // with each of the fifty it would be many times as often
      assert.isBelow(compared, 10)
    }))
})
