import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { enforce } from "../../src/internal/textLimits.js"
import * as Output from "../../src/Output.js"
import type { Request } from "../../src/Request.js"

const both = { stop: true, maxTokens: true }
const finish = (reason: Output.Of<"Finish">["reason"]): Output.Output => ({ _tag: "Finish", reason })
const log: Output.Output = { _tag: "Log", text: "a line" }
const deltas = (...texts: ReadonlyArray<string>): ReadonlyArray<Output.Output> => texts.map(Output.textDelta)

/** A stream of chunks as they are. */
const chunked = (...chunks: ReadonlyArray<ReadonlyArray<Output.Output>>): Stream.Stream<Output.Output> =>
  Stream.fromChunks(...chunks.map(Chunk.unsafeFromArray))

const collect = <E>(
  self: Stream.Stream<Output.Output, E>,
  request: Pick<Request, "stop" | "maxTokens">,
  which = both
) => Effect.map(Stream.runCollect(enforce(self, request, which)), Chunk.toReadonlyArray)

/** A source that goes on for ever, and tells how it ended. */
const endless = Effect.gen(function*() {
  const ends = yield* Ref.make<ReadonlyArray<string>>([])
  const pulls = yield* Ref.make(0)
  const self = Stream.repeatEffect(Effect.as(Ref.update(pulls, (n) => n + 1), Output.textDelta("again "))).pipe(
    Stream.ensuringWith((exit) => Ref.update(ends, (all) => [...all, exit._tag]))
  )
  return { self, ends: Ref.get(ends), pulls: Ref.get(pulls) }
})

describe("enforce: stop", () => {
  it.effect("the answer ends before the stop text, with Finish, and the source is stopped", () =>
    Effect.gen(function*() {
      const source = yield* endless
      const outputs = yield* collect(source.self, { stop: ["in ag"] })
      assert.deepStrictEqual(outputs, [...deltas("aga"), finish("stop")])
      assert.deepStrictEqual(yield* source.ends, ["Success"])
      assert.strictEqual(yield* source.pulls, 2)
    }))

  it.effect("a source that waits is interrupted when the stop text has come", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const silent = Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
      const outputs = yield* collect(Stream.merge(chunked(deltas("one. two")), silent), { stop: ". " })
      assert.deepStrictEqual(outputs, [...deltas("one"), finish("stop")])
      assert.strictEqual(yield* Deferred.isDone(interrupted), true)
    }))

  it.effect("without a stop text in it, the answer stays what it is, Finish included", () =>
    Effect.gen(function*() {
      const outputs = [...deltas("one", " two"), log, finish("length")]
      assert.deepStrictEqual(yield* collect(chunked(outputs), { stop: ["three"] }), outputs)
    }))

  it.effect("what is held back comes out when the stream ends, and before its failure", () =>
    Effect.gen(function*() {
      const stop = ["stop"]
      assert.deepStrictEqual(yield* collect(chunked(deltas("one s")), { stop }), deltas("one ", "s"))

      const seen: Array<Output.Output> = []
      const broken = Stream.concat(chunked(deltas("one s")), Stream.fail("broken"))
      const error = yield* enforce(broken, { stop }, both).pipe(
        Stream.runForEach((output) => Effect.sync(() => seen.push(output))),
        Effect.flip
      )
      assert.strictEqual(error, "broken")
      assert.deepStrictEqual(seen, deltas("one ", "s"))
    }))

  it.effect("what cannot be a stop text does not wait for more", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<Output.Output>()
      const seen: Array<Output.Output> = []
      const fiber = yield* enforce(Stream.fromQueue(queue, { maxChunkSize: 1 }), { stop: ["stop"] }, both).pipe(
        Stream.runForEach((output) => Effect.sync(() => seen.push(output))),
        Effect.fork
      )
      const after = Effect.fnUntraced(function*(output: Output.Output) {
        yield* Queue.offer(queue, output)
        yield* Effect.repeatN(Effect.yieldNow(), 20)
        return seen.splice(0)
      })
      assert.deepStrictEqual(yield* after(Output.textDelta("one s")), deltas("one "))
      assert.deepStrictEqual(yield* after(log), [log])
      assert.deepStrictEqual(yield* after(Output.textDelta("t")), [])
      assert.deepStrictEqual(yield* after(Output.textDelta("ars")), deltas("st", "ar"))
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("a defect of the source stays a defect", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(collect(Stream.die("bug"), { stop: "stop" }))
      assert.strictEqual(Exit.isFailure(exit) && Cause.isDie(exit.cause), true)
    }))

  it.effect("chunks stay whole", () =>
    Effect.gen(function*() {
      const source = Stream.fromChunks(
        Chunk.makeBy(1000, () => Output.textDelta("one")),
        Chunk.makeBy(3, () => Output.textDelta("two"))
      )
      const chunks = yield* Stream.runCollect(Stream.chunks(enforce(source, { stop: "three", maxTokens: 5000 }, both)))
      assert.deepStrictEqual(Chunk.toReadonlyArray(chunks).map((chunk) => chunk.length), [1000, 3])
    }))

  it.effect("each run begins anew", () =>
    Effect.gen(function*() {
      const self = enforce(chunked(deltas("one s")), { stop: "stop", maxTokens: 3 }, both)
      assert.deepStrictEqual(yield* Stream.runCollect(self), yield* Stream.runCollect(self))
    }))
})

describe("enforce: maxTokens", () => {
  it.effect("the answer ends after so many deltas, with Finish, and the source is stopped", () =>
    Effect.gen(function*() {
      const source = yield* endless
      const outputs = yield* collect(source.self, { maxTokens: 2 })
      assert.deepStrictEqual(outputs, [...deltas("again ", "again "), finish("length")])
      assert.deepStrictEqual(yield* source.ends, ["Success"])
      assert.strictEqual(yield* source.pulls, 2)
    }))

  it.effect("only text counts: no other output, no delta without text", () =>
    Effect.gen(function*() {
      const thought: Output.Output = { _tag: "ReasoningDelta", text: "hm" }
      const outputs = [thought, ...deltas("", "one"), log, ...deltas("two")]
      assert.deepStrictEqual(
        yield* collect(chunked([...outputs, log, ...deltas("three")]), { maxTokens: 2 }),
        [...outputs, finish("length")]
      )
    }))

  it.effect("a shorter answer stays what it is", () =>
    Effect.gen(function*() {
      const outputs = [...deltas("one", "two"), finish("stop")]
      assert.deepStrictEqual(yield* collect(chunked(outputs), { maxTokens: 3 }), outputs)
    }))

  it.effect("an answer that is seen to end by itself with the last token ends for its own reason", () =>
    Effect.gen(function*() {
      const whole = [...deltas("one", "two"), log, ...deltas(""), finish("stop")]
      assert.deepStrictEqual(yield* collect(chunked([...whole, log]), { maxTokens: 2 }), whole)
      assert.deepStrictEqual(yield* collect(chunked(deltas("one"), whole.slice(1)), { maxTokens: 2 }), whole)
      const cut = [...deltas("one", "two"), finish("length")]
      const longer = [...deltas("one", "two", "three"), finish("stop")]
      assert.deepStrictEqual(yield* collect(chunked(longer), { maxTokens: 2 }), cut)
      // nobody waits for what may not come
      assert.deepStrictEqual(yield* collect(chunked(deltas("one", "two"), [finish("stop")]), { maxTokens: 2 }), cut)
    }))

  it.prop(
    "however the deltas are chunked, the first ones come out",
    [FastCheck.array(FastCheck.nat(4), { maxLength: 8 }), FastCheck.integer({ min: 1, max: 12 })],
    ([sizes, maxTokens]) => {
      let count = 0
      const chunks = sizes.map((size) => Array.from({ length: size }, () => Output.textDelta(`${++count} `)))
      const all = chunks.flat()
      const expected = all.length < maxTokens ? all : [...all.slice(0, maxTokens), finish("length")]
      assert.deepStrictEqual(Effect.runSync(collect(chunked(...chunks), { maxTokens })), expected)
    },
    { fastCheck: { numRuns: 300 } }
  )
})

describe("enforce: which", () => {
  it.effect("whichever limit is reached first ends the answer", () =>
    Effect.gen(function*() {
      const source = chunked(deltas("one", " two", " three"))
      const early = yield* collect(source, { stop: "wo", maxTokens: 3 })
      assert.deepStrictEqual(early, [...deltas("one", " t"), finish("stop")])
      const late = yield* collect(source, { stop: "three", maxTokens: 2 })
      assert.deepStrictEqual(late, [...deltas("one", " two"), finish("length")])
    }))

  it.effect("deltas are counted as they came, not as the stop texts cut them", () =>
    Effect.gen(function*() {
      const outputs = yield* collect(chunked(deltas("one s"), deltas("et"), deltas(" two")), {
        stop: "stop",
        maxTokens: 3
      })
      assert.deepStrictEqual(outputs, [...deltas("one ", "s", "et", " two"), finish("length")])
    }))

  it.effect("text that is held back when the tokens are used up comes before Finish", () =>
    Effect.gen(function*() {
      const outputs = yield* collect(chunked(deltas("one", " s", "top")), { stop: "stop", maxTokens: 2 })
      assert.deepStrictEqual(outputs, [...deltas("one", " s"), finish("length")])
    }))

  it("with nothing to enforce, the stream is left as it is", () => {
    const self = chunked(deltas("one"))
    const all = { stop: ["stop"], maxTokens: 2 }
    assert.strictEqual(enforce(self, all, { stop: false, maxTokens: false }), self)
    for (const stop of [undefined, "", [], [""]]) assert.strictEqual(enforce(self, { stop }, both), self)
  })

  it.effect("each limit can be left to the service", () =>
    Effect.gen(function*() {
      const source = chunked(deltas("one", " two", " three"))
      const request = { stop: "two", maxTokens: 1 }
      assert.deepStrictEqual(
        yield* collect(source, request, { stop: true, maxTokens: false }),
        [...deltas("one", " "), finish("stop")]
      )
      assert.deepStrictEqual(
        yield* collect(source, request, { stop: false, maxTokens: true }),
        [...deltas("one"), finish("length")]
      )
    }))
})
