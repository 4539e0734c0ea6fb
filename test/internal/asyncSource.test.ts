import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { fromAsyncIterable } from "../../src/internal/asyncSource.js"

/** Yields what it is given, and then never answers. */
const stuck = (...values: ReadonlyArray<string>) => {
  const state = { returned: 0 }
  const iterator: AsyncIterator<string> = {
    next: () => {
      const [value] = values.slice(state.returned === 0 ? taken++ : 0)
      return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value })
    },
    return: () => {
      state.returned++
      return new Promise(() => {})
    }
  }
  let taken = 0
  return { state, iterable: { [Symbol.asyncIterator]: () => iterator } }
}

const read = <A>(iterable: AsyncIterable<A>) =>
  fromAsyncIterable(iterable, {
    convert: Effect.succeed,
    onThrown: (error) => `thrown: ${String(error)}`,
    onNoResult: (found) => `no result: ${String(found)}`
  })

describe("fromAsyncIterable", () => {
  it.live("an iterator that never answers does not hold up an interruption", () =>
    Effect.gen(function*() {
      const { iterable, state } = stuck("a")
      const fiber = yield* Effect.fork(Stream.runCollect(read(iterable)))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(state.returned, 1)
    }))

  it.live("an iterator that never answers does not hold up the end of what was wanted", () =>
    Effect.gen(function*() {
      const { iterable, state } = stuck("a", "b")
      const taken = yield* Stream.runCollect(Stream.take(read(iterable), 1))
      assert.deepStrictEqual(Chunk.toReadonlyArray(taken), ["a"])
      assert.strictEqual(state.returned, 1)
    }))

  it.live("what it throws is the error, and what its return throws is not", () =>
    Effect.gen(function*() {
      const iterable = {
        [Symbol.asyncIterator]: (): AsyncIterator<string> => ({
          next: () => Promise.reject(new Error("no more")),
          return: () => Promise.reject(new Error("nor this"))
        })
      }
      const error = yield* Effect.flip(
        Stream.runDrain(read(iterable))
      )
      assert.strictEqual(error, "thrown: Error: no more")
    }))

  it.live.each([undefined, null, 7])("what is no result is an error: %s", (found) =>
    Effect.gen(function*() {
      const next = () => Promise.resolve(found as unknown as IteratorResult<string>) // an iterator without types
      const error = yield* Effect.flip(Stream.runDrain(read({ [Symbol.asyncIterator]: () => ({ next }) })))
      assert.strictEqual(error, `no result: ${found}`)
    }))

  it.live("it ends when the iterator does", () =>
    Effect.gen(function*() {
      const values = (async function*() {
        yield "a"
        yield "b"
      })()
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(yield* Stream.runCollect(read(values))),
        [
          "a",
          "b"
        ]
      )
    }))
})
