import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as ModelCatalog from "../src/ModelCatalog.js"
import * as Output from "../src/Output.js"
import * as Parameters from "../src/Parameters.js"
import * as Provider from "../src/Provider.js"
import * as ProviderError from "../src/ProviderError.js"
import { printed } from "./support/replicateFake.js"

const catalog = ModelCatalog.make({ default: "echo-1", text: ["echo-1", "echo-2"], aliases: { echo: "echo-2" } })

const make = (run: Provider.MakeOptions["run"], options: Partial<Provider.MakeOptions> = {}): Provider.Service =>
  Provider.make({ info: { name: "Echo", url: "https://echo.example" }, catalog, parameters: [], run, ...options })

const info = (model = "echo-1"): Output.Output => ({
  _tag: "ProviderInfo",
  name: "Echo",
  url: "https://echo.example",
  label: undefined,
  model
})
const finish = (reason: Output.Of<"Finish">["reason"]): Output.Output => ({ _tag: "Finish", reason })
const usage: Output.Output = { _tag: "Usage", outputTokens: 2 }
const hello = Output.textDelta("Hello")

/** All outputs of a request, through the contract. */
const collect = (provider: Provider.Service, request: Provider.Request = {}) =>
  Effect.provideService(Provider.collect(request), Provider.Provider, provider)

const textOf = (provider: Provider.Service, request: Provider.Request = {}) =>
  Effect.provideService(Provider.text(request), Provider.Provider, provider)

/** An answer that counts how often it was asked for. */
const counted = () => {
  const calls: Array<Provider.Resolved> = []
  return { calls, provider: make((request) => (calls.push(request), Stream.make(hello))) }
}

describe("Provider.make: the frame", () => {
  it.effect("B02: what answers is released before the end is told, as many read no further", () =>
    Effect.gen(function*() {
      let isOpen = true
      const provider = make(() => Stream.ensuring(Stream.make(hello), Effect.sync(() => (isOpen = false))))
      const seen: Array<readonly [tag: string, isOpen: boolean]> = []
      const see = ({ _tag }: Output.Output) => Effect.sync(() => seen.push([_tag, isOpen]))
      yield* Stream.runForEach(Stream.rechunk(provider.stream({}), 1), see)
      assert.deepStrictEqual(seen, [["ProviderInfo", true], ["TextDelta", true], ["Finish", false]])
    }))

  it.effect("B01: a stream, one text and an async iterable make the same provider", () =>
    Effect.gen(function*() {
      const stream = make(() => Stream.make(hello, Output.textDelta("!")))
      const effect = make(() => Effect.succeed("Hello!"))
      const iterable = make(async function*() {
        yield "Hello"
        yield Output.textDelta("!")
      })
      for (const provider of [stream, effect, iterable]) {
        assert.strictEqual(yield* textOf(provider), "Hello!")
        const outputs = yield* collect(provider)
        assert.deepStrictEqual(outputs[0], info())
        assert.deepStrictEqual(outputs.at(-1), finish(provider === effect ? "stop" : "unknown"))
      }
    }))

  it.effect("B01: a text is whole: its Finish says `stop`, unless it was cut here", () =>
    Effect.gen(function*() {
      const provider = make(() => Effect.succeed("Hello, you"))
      const ends: ReadonlyArray<[request: Provider.Request, text: string, reason: "stop"]> = [
        [{}, "Hello, you", "stop"],
        [{ stop: "none of it" }, "Hello, you", "stop"],
        [{ stop: "," }, "Hello", "stop"],
        [{ maxTokens: 1 }, "Hello, you", "stop"],
        [{ timeout: "1 minute", maxTokens: 2 }, "Hello, you", "stop"]
      ]
      for (const [request, text, reason] of ends) {
        assert.deepStrictEqual(yield* collect(provider, request), [info(), Output.textDelta(text), finish(reason)])
      }
    }))

  it.effect("B01: a generator that is not async makes a provider, too", () =>
    Effect.gen(function*() {
      function* answer() {
        yield hello
        yield usage
      }
      const outputs = yield* collect(make(() => Stream.fromIterable(answer())))
      assert.deepStrictEqual(outputs, [info(), hello, usage, finish("unknown")])
    }))

  it.effect("B02: one provider gives outputs as they come, all of them, or the text", () =>
    Effect.gen(function*() {
      const provider = make(() => Stream.make(hello, usage, finish("stop")))
      const streamed = yield* Provider.stream({}).pipe(
        Stream.runCollect,
        Effect.provideService(Provider.Provider, provider)
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(streamed), [info(), hello, usage, finish("stop")])
      assert.deepStrictEqual(yield* collect(provider), Chunk.toReadonlyArray(streamed))
      assert.strictEqual(yield* textOf(provider), "Hello")
    }))

  it.effect("B02: all of them is all of them, also where chunks are slices of others", () =>
    Effect.gen(function*() {
      const texts = (...texts: ReadonlyArray<string>) => Chunk.unsafeFromArray(texts.map(Output.textDelta))
      const answer = Stream.fromChunks(texts("a", "b", "c"), Chunk.take(texts("d", "e", "f"), 1), texts("g"))
      const provider: Provider.Service = { ...make(() => Stream.empty), stream: () => answer }
      assert.deepStrictEqual(yield* collect(provider), ["a", "b", "c", "d", "g"].map(Output.textDelta))
    }))

  it.effect("B03: nothing is given of a text that fails on the way", () =>
    Effect.gen(function*() {
      const error = new ProviderError.RateLimited({ provider: "Echo" })
      const provider = make(() => Stream.concat(Stream.make(hello), Stream.fail(error)))
      assert.strictEqual(yield* Effect.flip(textOf(provider)), error)
      assert.strictEqual(yield* Effect.flip(collect(provider)), error)
    }))

  it.effect("the model in ProviderInfo is the resolved one, and so is the request's", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      assert.deepStrictEqual((yield* collect(provider, { model: "echo" }))[0], info("echo-2"))
      assert.deepStrictEqual((yield* collect(provider, { model: "" }))[0], info("echo-1"))
      assert.deepStrictEqual(calls.map((request) => request.model), ["echo-2", "echo-1"])
    }))

  it.effect("ProviderInfo comes before anything is waited for", () =>
    Effect.gen(function*() {
      const first = yield* Stream.runHead(make(() => Stream.never).stream({}))
      assert.deepStrictEqual(first, Option.some(info()))
    }))

  it.effect("an answer without any output has a frame", () =>
    Effect.map(
      collect(make(() => Stream.empty)),
      (outputs) => assert.deepStrictEqual(outputs, [info(), finish("unknown")])
    ))

  it.effect("Finish is not said twice", () =>
    Effect.map(
      collect(make(() => Stream.make(hello, finish("length")))),
      (outputs) => assert.deepStrictEqual(outputs, [info(), hello, finish("length")])
    ))

  it.effect("Finish is the last output and said once, also when usage follows it", () =>
    Effect.gen(function*() {
      const together = yield* collect(make(() => Stream.make(hello, finish("stop"), usage)))
      assert.deepStrictEqual(together, [info(), hello, usage, finish("stop")])
      const apart = yield* collect(make(() => Stream.rechunk(Stream.make(hello, finish("stop"), usage), 1)))
      assert.deepStrictEqual(apart, [info(), hello, usage, finish("stop")])
    }))

  it.effect("an empty chunk after Finish changes nothing", () =>
    Effect.gen(function*() {
      const answer = Stream.fromChunks(Chunk.make(hello, finish("stop")), Chunk.empty<Output.Output>())
      assert.deepStrictEqual(yield* collect(make(() => answer)), [info(), hello, finish("stop")])
    }))

  it.effect("a stream that fails has no Finish", () =>
    Effect.gen(function*() {
      const error = new ProviderError.RateLimited({ provider: "Echo" })
      const seen: Array<Output.Output> = []
      yield* make(() => Stream.concat(Stream.make(hello), Stream.fail(error))).stream({}).pipe(
        Stream.runForEach((output) => Effect.sync(() => seen.push(output))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [info(), hello])
    }))

  it.effect("one stream can be run twice", () =>
    Effect.gen(function*() {
      const stream = make(() => Stream.make(hello, finish("stop"))).stream({})
      assert.deepStrictEqual(yield* Stream.runCollect(stream), yield* Stream.runCollect(stream))
    }))

  it.effect("chunks stay whole, with and without clocks", () =>
    Effect.gen(function*() {
      const thousand = Chunk.makeBy(1000, (n): Output.Output => Output.textDelta(String(n)))
      for (const clocks of [undefined, { idle: "1 minute", total: "1 hour" }] as const) {
        const provider = make(() => Stream.fromChunk(thousand), { clocks })
        const chunks = yield* Stream.runCollect(Stream.chunks(provider.stream({})))
        assert.deepStrictEqual(Chunk.toReadonlyArray(chunks).map((chunk) => chunk.length), [1, 1000, 1])
      }
    }))

  it("B05: what every provider made takes is among its parameters, with the clocks it runs; its own word comes first", () => {
    const names = (provider: Provider.Service) =>
      provider.parameters.map((parameter) => [parameter.name, parameter.default])
    assert.deepStrictEqual(names(make(() => Stream.empty)), [
      ["model", undefined],
      ["maxTokens", undefined],
      ["stop", undefined],
      ["timeout", undefined],
      ["idleTimeout", undefined]
    ])
    const parameters = Parameters.fromSchema(Provider.Request, {
      pick: ["prompt", "timeout", "stop"],
      defaults: { timeout: "3 minutes" }
    })
    const clocks = { total: "3 minutes", idle: "5 seconds" } as const
    assert.deepStrictEqual(names(make(() => Stream.empty, { parameters, clocks })), [
      ["prompt", undefined],
      ["timeout", "3 minutes"],
      ["stop", undefined],
      ["model", undefined],
      ["maxTokens", undefined],
      ["idleTimeout", "5 seconds"]
    ])
    assert.deepInclude(
      Parameters.toJson(make(() => Stream.empty, { clocks: { total: "1 minute" } }).parameters, {
        name: "Echo",
        supportsStream: true,
        supportsSystemMessage: false
      }),
      { timeout: 60 }
    )
  })

  it("B07: flags not given have defaults, and those given stay", () => {
    assert.deepStrictEqual(make(() => Stream.empty).info, {
      name: "Echo",
      url: "https://echo.example",
      working: true,
      needsAuth: false,
      supportsStream: true,
      supportsSystemMessage: false,
      supportsMessageHistory: false
    })
    const given: Provider.Info = {
      name: "Other",
      url: "https://other.example",
      label: "The other",
      loginUrl: "https://other.example/keys",
      working: false,
      needsAuth: true,
      supportsStream: false,
      supportsSystemMessage: true,
      supportsMessageHistory: true,
      parent: "Echo"
    }
    assert.deepStrictEqual(make(() => Stream.empty, { info: given }).info, given)
  })

  it("B07: a flag given as undefined has its default", () => {
    const info = {
      name: "Echo",
      url: "https://echo.example",
      working: undefined,
      needsAuth: undefined,
      supportsStream: undefined,
      supportsSystemMessage: undefined,
      supportsMessageHistory: undefined
    }
    assert.deepStrictEqual(make(() => Stream.empty, { info }).info, make(() => Stream.empty).info)
  })
})

describe("Provider.make: the checks", () => {
  /** What a caller without types may pass. */
  const untyped = (json: string): Provider.Request => JSON.parse(json)

  const refused: ReadonlyArray<[what: string, field: string, request: Provider.Request]> = [
    ["a temperature of NaN", "temperature", { temperature: Number.NaN }],
    ["an endless topP", "topP", { topP: Number.POSITIVE_INFINITY }],
    ["a negative maxTokens", "maxTokens", { maxTokens: -1 }],
    ["a broken maxTokens", "maxTokens", { maxTokens: 1.5 }],
    ["content that is a number", "messages.0.content", untyped(`{"messages":[{"role":"user","content":1}]}`)],
    ["messages that are text", "messages", untyped(`{"messages":"Hi"}`)],
    ["a timeout that is no duration", "timeout", untyped(`{"timeout":"soon"}`)],
    ["a model that is a number", "model", untyped(`{"model":7}`)]
  ]
  for (const [what, field, request] of refused) {
    it.effect(`${what} is an InvalidRequest, and nothing runs`, () =>
      Effect.gen(function*() {
        const { calls, provider } = counted()
        const error = yield* Effect.flip(collect(provider, request))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.provider, "Echo")
        assert.strictEqual(error.issues[0]?.field, field)
        assert.strictEqual(error.status, undefined)
        assert.strictEqual(calls.length, 0)
      }))
  }

  it.effect("a bad duration is told what one is", () =>
    Effect.gen(function*() {
      for (const field of ["timeout", "idleTimeout", "connectTimeout"]) {
        for (const value of [`"Infinity"`, `"soon"`, "true", "{}"]) {
          const request = untyped(`{"${field}":${value}}`)
          const error = yield* Effect.flip(collect(counted().provider, request))
          assert(error._tag === "InvalidRequest")
          assert.deepStrictEqual(error.issues.map((issue) => ({ ...issue })), [
            { field, message: "expected a duration: milliseconds, or text such as 30 seconds" }
          ])
        }
      }
    }))

  it.effect.each(
    [
      [`{"maxTokens":0}`, "expected a whole number & at least 1"],
      [`{"seed":1.5}`, "expected a whole number"],
      [`{"temperature":1e999}`, "expected a finite number"],
      [`{"apiKey":"r8_secret"}`, "expected a key made by Redacted.make"],
      [
        `{"messages":[{"role":"user","content":3}]}`,
        "expected string or a content part or ReadonlyArray<a content part> or null"
      ]
    ] as const
  )("C14: %s is told what it may be, by no name of a Schema", ([request, message]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(collect(counted().provider, untyped(request)))
      assert(error._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map((issue) => issue.message), [message])
    }))

  it.effect("a clock of the provider that is no duration is told by each call, unless the request has one", () =>
    Effect.gen(function*() {
      for (const [field, clocks] of [["timeout", { total: "soon" }], ["idleTimeout", { idle: -1 }]] as const) {
        const provider = make(() => Stream.make(hello), { clocks: clocks as never })
        const error = yield* Effect.flip(collect(provider, {}))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map((issue) => issue.field), [field])
        assert.strictEqual((yield* collect(provider, { [field]: "1 minute" })).length, 3)
      }
    }))

  it.effect("an apiKey that is a bare string is refused, and never printed", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      const error = yield* Effect.flip(collect(provider, untyped(`{"apiKey":"r8_secret"}`)))
      assert(error._tag === "InvalidRequest")
      assert.strictEqual(error.issues[0]?.field, "apiKey")
      assert.notInclude(printed(error), "r8_secret")
      assert.strictEqual(calls.length, 0)
    }))

  it.effect("a request that is none at all is an InvalidRequest", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(collect(counted().provider, untyped("null")))
      assert.strictEqual(error._tag, "InvalidRequest")
    }))

  it.effect("R26: fields it has never heard of do no harm", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      assert.strictEqual(yield* textOf(provider, untyped(`{"prompt":"Hi","frobnicate":{"a":1}}`)), "Hello")
      assert.strictEqual(calls[0]?.prompt, "Hi")
    }))

  it.effect("a key is handed on as it is", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      yield* collect(provider, { apiKey: Redacted.make("r8_secret") })
      assert.strictEqual(Redacted.value(calls[0]?.apiKey ?? Redacted.make("")), "r8_secret")
    }))

  it.effect("B10: an unknown model is a ModelNotFound that lists the known ones, and nothing runs", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      const error = yield* Effect.flip(collect(provider, { model: "echo-3" }))
      assert(error._tag === "ModelNotFound")
      assert.strictEqual(error.model, "echo-3")
      assert.deepStrictEqual(error.known, ["echo-1", "echo-2", "echo"])
      assert.strictEqual(error.nearest, "echo-1")
      assert.strictEqual(calls.length, 0)
    }))
})

describe("Provider.make: the clocks", () => {
  const silent = (before: ReadonlyArray<Output.Output> = []) => Stream.concat(Stream.fromIterable(before), Stream.never)

  const after = (duration: Duration.DurationInput, clock: "idle" | "total", request: Provider.Request, options = {}) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.flip(collect(make(() => silent(), options), request)))
      yield* TestClock.adjust(Duration.subtract(duration, "1 millis"))
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "Timeout")
      assert.strictEqual(error.provider, "Echo")
      assert.strictEqual(error.clock, clock)
      assert.deepStrictEqual(error.duration, Duration.decode(duration))
    })

  it.effect("B18: silence is a Timeout of the idle clock", () =>
    after("5 seconds", "idle", { idleTimeout: "5 seconds" }))

  it.effect("B04: the deadline is a Timeout of the total clock", () => after("7 seconds", "total", { timeout: 7000 }))

  it.effect("the provider's clocks run when the request sets none", () =>
    Effect.zipRight(
      after("3 seconds", "idle", {}, { clocks: { idle: "3 seconds", total: "1 minute" } }),
      after("4 seconds", "total", {}, { clocks: { total: "4 seconds" } })
    ))

  it.effect("the request's clocks replace the provider's", () =>
    after("9 seconds", "idle", { idleTimeout: "9 seconds" }, { clocks: { idle: "3 seconds" } }))

  it.effect("without clocks, nothing runs out", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(collect(make(() => silent())))
      yield* TestClock.adjust("30 days")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("B18: the idle clock begins anew at each output, what arrived comes first, the source stops", () =>
    Effect.gen(function*() {
      const stopped = yield* Deferred.make<void>()
      const slow = Stream.mapEffect(
        Stream.make("a", "b", "c"),
        (text) => Effect.delay(Effect.succeed(Output.textDelta(text)), "4 seconds")
      )
      const answer = Stream.concat(
        slow,
        Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined)))
      )
      const seen: Array<Output.Output> = []
      const fiber = yield* make(() => answer).stream({ idleTimeout: "5 seconds" }).pipe(
        Stream.runForEach((output) => Effect.sync(() => seen.push(output))),
        Effect.flip,
        Effect.fork
      )
      yield* TestClock.adjust("16 seconds")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
      assert.deepStrictEqual(seen, [info(), ...["a", "b", "c"].map(Output.textDelta)])
      assert.strictEqual(yield* Deferred.isDone(stopped), true)
    }))
})

describe("Provider.make: what runs", () => {
  /** An endless answer that knows whether its end was asked for. */
  const endless = () => {
    const state = { returned: 0 }
    const iterable: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: "again" }),
        return: async () => {
          state.returned++
          return { done: true, value: undefined }
        }
      })
    }
    return { state, provider: make(() => iterable) }
  }

  it.effect("an async iterable is returned when the consumer stops early", () =>
    Effect.gen(function*() {
      const { provider, state } = endless()
      const outputs = yield* Stream.runCollect(Stream.take(provider.stream({}), 3))
      assert.strictEqual(Chunk.size(outputs), 3)
      assert.strictEqual(state.returned, 1)
    }))

  it.effect("an async iterable is returned when the clock runs out", () =>
    Effect.gen(function*() {
      const state = { returned: 0 }
      const provider = make(async function*() {
        try {
          for (let n = 0; n < 1000; n++) yield "again"
        } finally {
          state.returned++
        }
      })
      const slow = provider.stream({ timeout: "3 seconds" }).pipe(
        Stream.runForEach(() => Effect.sleep("1 second")),
        Effect.flip
      )
      const fiber = yield* Effect.fork(slow)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
      assert.strictEqual(state.returned, 1)
    }))

  it.effect("an async iterable whose `return` throws has answered all the same", () =>
    Effect.gen(function*() {
      const texts = ["Hel", "lo"].values()
      const provider = make(() => ({
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve(texts.next()),
          return: () => {
            throw new Error("bug")
          }
        })
      }))
      assert.strictEqual(yield* textOf(provider), "Hello")
    }))

  it.effect.prop(
    "what an async iterable throws becomes a typed error without its text",
    [FastCheck.constantFrom(
      new Error("r8_secret"),
      new TypeError("r8_secret"),
      "r8_secret",
      { key: "r8_secret" },
      null
    )],
    ([thrown]) =>
      Effect.gen(function*() {
        const provider = make(async function*() {
          yield "Hello"
          throw thrown
        })
        const error = yield* Effect.flip(textOf(provider))
        assert(error._tag === "ResponseError")
        assert.strictEqual(error.provider, "Echo")
        assert.strictEqual(
          error.detail,
          `the provider threw ${thrown instanceof Error ? thrown.name : "what is no error"}`
        )
        assert.notInclude(printed(error), "r8_secret")
      })
  )

  it.effect("a typed error that an async iterable throws stays what it is", () =>
    Effect.gen(function*() {
      const limited = new ProviderError.RateLimited({ provider: "Echo", retryAfter: Duration.seconds(7) })
      const provider = make(async function*() {
        yield "Hello"
        throw limited
      })
      assert.strictEqual(yield* Effect.flip(textOf(provider)), limited)
    }))

  it.effect("an effect fails with its own error, and is interrupted when nobody waits", () =>
    Effect.gen(function*() {
      const error = new ProviderError.PaymentRequired({ provider: "Echo" })
      assert.strictEqual(yield* Effect.flip(textOf(make(() => Effect.fail(error)))), error)
      const stopped = yield* Ref.make(false)
      const endless = Effect.onInterrupt(Effect.never, () => Ref.set(stopped, true))
      const fiber = yield* Effect.fork(textOf(make(() => endless)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Ref.get(stopped), true)
    }))

  it.effect("the answer is asked for anew each time, and not before it is wanted", () =>
    Effect.gen(function*() {
      const { calls, provider } = counted()
      const stream = provider.stream({})
      assert.strictEqual(calls.length, 0)
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.strictEqual(calls.length, 2)
    }))
})
