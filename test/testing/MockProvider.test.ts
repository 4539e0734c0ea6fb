import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ModelCatalog from "../../src/ModelCatalog.js"
import * as Output from "../../src/Output.js"
import * as Provider from "../../src/Provider.js"
import * as ProviderError from "../../src/ProviderError.js"
import * as MockProvider from "../../src/testing/MockProvider.js"

const limited = new ProviderError.RateLimited({ provider: "Mock" })
const info: Output.Output = {
  _tag: "ProviderInfo",
  name: "Mock",
  url: "https://mock.invalid",
  label: undefined,
  model: "mock"
}
const usage: Output.Output = { _tag: "Usage", outputTokens: 2 }
const finish = (reason: Output.Of<"Finish">["reason"]): Output.Output => ({ _tag: "Finish", reason })

/** The texts that came so far, a list for each chunk. */
const reading = Effect.fnUntraced(function*(script: MockProvider.Script, request: Provider.Request = {}) {
  const seen = yield* Ref.make<ReadonlyArray<ReadonlyArray<string>>>([])
  const { provider } = yield* MockProvider.make(script)
  const fiber = yield* Output.text(provider.stream(request)).pipe(
    Stream.runForEachChunk((texts) =>
      Chunk.isEmpty(texts) ? Effect.void : Ref.update(seen, (all) => [...all, Chunk.toReadonlyArray(texts)])
    ),
    Effect.either,
    Effect.fork
  )
  return { fiber, seen: Ref.get(seen) }
})

describe("MockProvider", () => {
  it.effect("plays texts and outputs in order, within the frame of every provider", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Provider.collect({ prompt: "Hi" }), [
        info,
        Output.textDelta("Hel"),
        Output.textDelta("lo"),
        usage,
        finish("stop")
      ])
      assert.strictEqual(yield* Provider.text({ prompt: "Hi" }), "Hello")
    }).pipe(Effect.provide(MockProvider.layer(["Hel", "lo", usage]))))

  it.effect("a Finish of the script stays the only one", () =>
    Effect.map(
      Provider.collect({}),
      (outputs) => assert.deepStrictEqual(outputs, [info, Output.textDelta("Hi"), finish("length")])
    ).pipe(Effect.provide(MockProvider.layer(["Hi", finish("length")]))))

  it.effect("an empty script is an answer without text", () =>
    Effect.map(Provider.collect({}), (outputs) => assert.deepStrictEqual(outputs, [info, finish("stop")])).pipe(
      Effect.provide(MockProvider.layer([]))
    ))

  it.effect("an error ends the script, after what came before it", () =>
    Effect.gen(function*() {
      const { fiber, seen } = yield* reading(["Once upon", limited, "never said"])
      const result = yield* Fiber.join(fiber)
      assert.strictEqual(result._tag === "Left" && result.left, limited)
      assert.deepStrictEqual(yield* seen, [["Once upon"]])
    }))

  it.effect("an error at the start is all there is", () =>
    Effect.map(Effect.flip(Provider.text({})), (error) => assert.strictEqual(error, limited)).pipe(
      Effect.provide(MockProvider.layer([limited]))
    ))

  it.effect("a pause passes when the test says so, and parts the chunks", () =>
    Effect.gen(function*() {
      const { fiber, seen } = yield* reading(["a", "b", MockProvider.delay("5 seconds"), "c", MockProvider.delay(1000)])
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(yield* seen, [["a", "b"]])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* seen, [["a", "b"], ["c"]])
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Right")
    }))

  it.effect("a pause at the start holds back all but ProviderInfo", () =>
    Effect.gen(function*() {
      const { fiber, seen } = yield* reading([MockProvider.delay("1 minute"), "late"])
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* seen, [])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* seen, [["late"]])
    }))

  it.effect("a pause longer than a clock is a Timeout", () =>
    Effect.gen(function*() {
      const { fiber, seen } = yield* reading(["a", MockProvider.delay("1 hour"), "b"], { idleTimeout: "10 seconds" })
      yield* TestClock.adjust("10 seconds")
      const result = yield* Fiber.join(fiber)
      assert(result._tag === "Left" && result.left._tag === "Timeout")
      assert.strictEqual(result.left.clock, "idle")
      assert.deepStrictEqual(yield* seen, [["a"]])
    }))

  it.effect("the clocks of the options run, too", () =>
    Effect.gen(function*() {
      const script = [MockProvider.delay("1 hour")]
      const { provider } = yield* MockProvider.make(script, { clocks: { total: "1 minute" } })
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(provider.stream({}))))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "Timeout")
      assert.deepStrictEqual(error.duration, Duration.minutes(1))
    }))

  it.effect("a script may be made from the request and its number", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Provider.text({ prompt: "Hi" }), "0: Hi to mock")
      assert.strictEqual(yield* Provider.text({ prompt: "Ho", model: "other" }), "1: Ho to other")
    }).pipe(Effect.provide(MockProvider.layer((request, n) => [`${n}: ${request.prompt} to ${request.model}`]))))

  it.effect("a first failure and then an answer: what a retry needs", () =>
    Effect.gen(function*() {
      const mock = yield* MockProvider.MockProvider
      assert.strictEqual(yield* Effect.retry(Provider.text({ prompt: "Hi" }), { times: 1 }), "Hello")
      assert.strictEqual((yield* mock.requests).length, 2)
    }).pipe(Effect.provide(MockProvider.layer((_, n) => n === 0 ? [limited] : ["Hello"]))))

  it.effect("tells the requests that reached it, with their models resolved", () =>
    Effect.gen(function*() {
      const mock = yield* MockProvider.MockProvider
      assert.deepStrictEqual(yield* mock.requests, [])
      yield* Provider.text({ prompt: "one" })
      yield* Provider.text({ prompt: "two", model: "any/model" })
      yield* Effect.flip(Provider.text({ temperature: Number.NaN }))
      assert.deepStrictEqual(yield* mock.requests, [
        { prompt: "one", model: "mock" },
        { prompt: "two", model: "any/model" }
      ])
    }).pipe(Effect.provide(MockProvider.layer(["Hello"]))))

  it.effect("two layers keep their requests apart", () =>
    Effect.gen(function*() {
      const one = yield* MockProvider.make(["one"])
      const two = yield* MockProvider.make(["two"])
      yield* Stream.runDrain(one.provider.stream({ prompt: "Hi" }))
      assert.strictEqual((yield* one.requests).length, 1)
      assert.strictEqual((yield* two.requests).length, 0)
    }))

  it.effect("what it says of itself may be changed", () =>
    Effect.gen(function*() {
      const provider = yield* Provider.Provider
      assert.strictEqual(provider.info.name, "Other")
      assert.strictEqual(provider.info.url, "https://mock.invalid")
      assert.strictEqual(provider.info.needsAuth, true)
      const error = yield* Effect.flip(Provider.text({ model: "unknown" }))
      assert(error._tag === "ModelNotFound")
      assert.deepStrictEqual(error.known, ["strict-1"])
    }).pipe(Effect.provide(MockProvider.layer(["Hi"], {
      info: { name: "Other", needsAuth: true },
      catalog: ModelCatalog.make({ default: "strict-1", text: ["strict-1"] })
    }))))

  it.effect("accepts every field of a request", () =>
    Effect.map(Provider.Provider, (provider) =>
      assert.deepStrictEqual(
        provider.parameters.map((parameter) => parameter.name),
        Object.keys(Provider.Request.fields)
      )).pipe(Effect.provide(MockProvider.layer([]))))
})
