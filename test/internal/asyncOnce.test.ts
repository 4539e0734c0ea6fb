import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { asyncOnce } from "../../src/internal/asyncOnce.js"

describe("asyncOnce", () => {
  it.effect("waits for what it is resumed with, each time it is run", () =>
    Effect.gen(function*() {
      let runs = 0
      const later = asyncOnce<number>((resume) => {
        const run = ++runs
        queueMicrotask(() => resume(Effect.succeed(run)))
      })
      assert.deepStrictEqual(yield* Effect.all([later, later, later]), [1, 2, 3])
    }))

  it.effect("gives failures, also such as come at once", () =>
    Effect.gen(function*() {
      const failed = asyncOnce<never, string>((resume) => resume(Effect.fail("no")))
      assert.strictEqual(yield* Effect.flip(failed), "no")
      assert.strictEqual(yield* Effect.flip(failed), "no")
    }))

  it.effect("can be interrupted while it waits", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(asyncOnce<never>(() => {}))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))
})
