import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Fallback from "../src/Fallback.js"
import * as ModelCatalog from "../src/ModelCatalog.js"
import * as Output from "../src/Output.js"
import * as Parameters from "../src/Parameters.js"
import * as Provider from "../src/Provider.js"
import * as ProviderError from "../src/ProviderError.js"
import * as ReplicateHome from "../src/providers/ReplicateHome.js"
import * as MockProvider from "../src/testing/MockProvider.js"
import { printed } from "./support/replicateFake.js"

const mock = (name: string, script: MockProvider.Script, options: MockProvider.Options = {}) =>
  MockProvider.make(script, { ...options, info: { name, ...options.info } })

const providersOf = (mocks: ReadonlyArray<{ readonly provider: Provider.Service }>) =>
  mocks.map(({ provider }) => provider)

const info = (name: string, model: string | undefined = "mock"): Output.Output => ({
  _tag: "ProviderInfo",
  name,
  url: "https://mock.invalid",
  label: undefined,
  model
})
const finish = (reason: Output.Of<"Finish">["reason"] = "stop"): Output.Output => ({ _tag: "Finish", reason })
const usage: Output.Output = { _tag: "Usage", outputTokens: 2 }
const text = Output.textDelta
const failedLog = (name: string, error: ProviderError.ProviderError): Output.Output => ({
  _tag: "Log",
  text: `${name} failed with ${error._tag}: ${error.message}`
})
const limited = new ProviderError.RateLimited({ provider: "Mock" })
const keyless = new ProviderError.MissingAuth({ provider: "Mock", reason: "absent" })
const empty = (provider: string) =>
  new ProviderError.ResponseError({ provider, reason: "malformed", detail: "the answer is empty" })

const collect = (provider: Provider.Service, request: Provider.Request = {}) =>
  Effect.map(Stream.runCollect(provider.stream(request)), Chunk.toReadonlyArray)

/** What was emitted, and how it ended. */
const watch = Effect.fnUntraced(function*(provider: Provider.Service, request: Provider.Request = {}) {
  const outputs: Array<Output.Output> = []
  const exit = yield* provider.stream(request).pipe(
    Stream.runForEach((output) => Effect.sync(() => outputs.push(output))),
    Effect.either
  )
  return { outputs, error: exit._tag === "Left" ? exit.left : undefined }
})

/** The failures of an `AllProvidersFailed`, in order. */
const failuresOf = (error: ProviderError.ProviderError | undefined) => {
  assert(error?._tag === "AllProvidersFailed")
  return error.failures.map((failure) => [failure.provider, failure.error] as const)
}

/** Names of the providers in the order they were tried. */
const triedIn = (outputs: ReadonlyArray<Output.Output>) =>
  outputs.flatMap((output) => output._tag === "ProviderInfo" ? [output.name] : [])

/** Several providers that all fail, as one that tells in which order it tried them. */
const failing = (names: ReadonlyArray<string>, options: Fallback.Options) =>
  Effect.map(
    Effect.flatMap(
      Effect.forEach(names, (name) => mock(name, [limited])),
      (mocks) => Fallback.make(providersOf(mocks), options)
    ),
    (provider) => Effect.map(watch(provider), ({ outputs }) => triedIn(outputs))
  )

describe("Fallback: moving on", () => {
  it.effect("B19: the first provider that answers is the only one asked", () =>
    Effect.gen(function*() {
      const first = yield* mock("A", ["Hel", "lo", usage, finish("stop")])
      const second = yield* mock("B", ["never"])
      const provider = yield* Fallback.make(providersOf([first, second]))
      assert.deepStrictEqual(yield* collect(provider), [info("A"), text("Hel"), text("lo"), usage, finish("stop")])
      assert.strictEqual((yield* second.requests).length, 0)
    }))

  it.effect("B19: a failure before content is logged, and the next provider answers", () =>
    Effect.gen(function*() {
      const provider = yield* Fallback.make(providersOf([yield* mock("A", [keyless]), yield* mock("B", ["Hi"])]))
      assert.deepStrictEqual(yield* collect(provider), [
        info("A"),
        failedLog("A", keyless),
        info("B"),
        text("Hi"),
        finish()
      ])
    }))

  it.effect("B19: whatever the failure is, before content it moves on", () =>
    Effect.gen(function*() {
      const prediction = new ProviderError.PredictionSummary({ id: "p1", status: "failed" })
      const errors: ReadonlyArray<ProviderError.ProviderError> = [
        keyless,
        limited,
        new ProviderError.PaymentRequired({ provider: "A" }),
        new ProviderError.Blocked({ provider: "A", by: "cloudflare" }),
        new ProviderError.ModelNotFound({ provider: "A", model: "m", known: [] }),
        new ProviderError.InvalidRequest({ provider: "A", issues: [] }),
        new ProviderError.ResponseError({ provider: "A", reason: "network" }),
        new ProviderError.Timeout({ provider: "A", clock: "idle", duration: Duration.seconds(1) }),
        new ProviderError.PredictionFailed({
          provider: "A",
          prediction,
          transient: false,
          moderation: true,
          outOfMemory: false
        }),
        new ProviderError.PredictionCanceled({ provider: "A", prediction, status: "canceled" }),
        new ProviderError.StreamInterrupted({ provider: "A", events: 0, characters: 0, resumable: false }),
        new ProviderError.AllProvidersFailed({ failures: [] })
      ]
      for (const error of errors) {
        const provider = yield* Fallback.make(providersOf([yield* mock("A", [error]), yield* mock("B", ["Hi"])]))
        assert.deepStrictEqual((yield* collect(provider)).slice(-2), [text("Hi"), finish()], error._tag)
      }
    }))

  const contents: ReadonlyArray<Output.Output> = [
    text(" "),
    { _tag: "ReasoningDelta", text: "Hm" },
    { _tag: "Image", url: "https://mock.invalid/a.webp" },
    { _tag: "Audio", url: "https://mock.invalid/a.mp3" },
    { _tag: "Video", url: "https://mock.invalid/a.mp4" },
    { _tag: "File", url: "https://mock.invalid/a.bin" },
    { _tag: "Json", value: null },
    { _tag: "ToolCall", id: "1", name: "now", params: {} }
  ]
  for (const content of contents) {
    it.effect(`B19: after content (${content._tag}) a failure is final`, () =>
      Effect.gen(function*() {
        const second = yield* mock("B", ["never"])
        const provider = yield* Fallback.make(providersOf([yield* mock("A", [content, limited]), second]))
        const { error, outputs } = yield* watch(provider)
        assert.strictEqual(error, limited)
        assert.deepStrictEqual(outputs, [info("A"), content])
        assert.strictEqual((yield* second.requests).length, 0)
      }))
  }

  const notContents: ReadonlyArray<Output.Output> = [
    text(""),
    { _tag: "ReasoningDelta", text: "", status: "Searching" },
    usage,
    { _tag: "Finish", reason: "length" },
    { _tag: "Conversation", provider: "A", data: { id: 1 } },
    { _tag: "Sources", sources: [{ url: "https://mock.invalid" }] },
    { _tag: "Title", title: "Llamas" },
    { _tag: "Suggestions", suggestions: ["More?"] },
    { _tag: "Preview", url: "https://mock.invalid/small.webp" }
  ]
  for (const output of notContents) {
    it.effect(`B19: ${output._tag} without content is dropped, whether the answer ends or fails`, () =>
      Effect.gen(function*() {
        const ended = yield* mock("A", [output])
        const broken = yield* mock("B", [output, limited])
        const provider = yield* Fallback.make(providersOf([ended, broken, yield* mock("C", ["Hi"])]))
        assert.deepStrictEqual(yield* collect(provider), [
          info("A"),
          failedLog("A", empty("A")),
          info("B"),
          failedLog("B", limited),
          info("C"),
          text("Hi"),
          finish()
        ])
      }))
  }

  /** Answers with nothing in them, in each way a provider can give one. */
  const empties: ReadonlyArray<[what: string, run: Provider.MakeOptions["run"]]> = [
    ["a stream that ends at once", () => Stream.empty],
    ["a stream of empty chunks", () => Stream.fromChunks(Chunk.empty<Output.Output>(), Chunk.empty())],
    ["a Finish alone", () => Stream.make(finish("stop"))],
    ["a Finish of the content filter", () => Stream.make(finish("content-filter"))],
    ["empty texts", () => Stream.make(text(""), text(""), finish("stop"))],
    ["no images", () => Stream.fromIterable<Output.Output>([])],
    ["no images, and what they took", () => Stream.make(usage, finish("stop"))],
    ["an Effect of the empty text", () => Effect.succeed("")],
    ["an async iterable of nothing", async function*() {}],
    ["an async iterable of the empty text", async function*() {
      yield ""
    }]
  ]
  for (const [what, run] of empties) {
    it.effect(`B19: ${what} is an empty answer, and the next one is asked`, () =>
      Effect.gen(function*() {
        const a = Provider.make({
          info: { name: "A", url: "https://mock.invalid" },
          catalog: ModelCatalog.make({ default: "mock" }),
          parameters: [],
          clocks: { idle: "1 minute", total: "1 hour" },
          run
        })
        const whole = yield* Fallback.make([a, (yield* mock("B", ["Hi"])).provider])
        for (const request of [{}, { stop: "END", maxTokens: 2 }]) {
          assert.deepStrictEqual(yield* collect(whole, request), [
            info("A"),
            failedLog("A", empty("A")),
            info("B"),
            text("Hi"),
            finish()
          ])
        }
        assert.deepStrictEqual([...yield* whole.health], [["A", -2], ["B", 2]])
      }))
  }

  const cuts: ReadonlyArray<[what: string, deltas: ReadonlyArray<string>, request: Provider.Request]> = [
    ["begins with its stop text", ["END", " of it"], { stop: ["END"] }],
    ["begins with its stop text in pieces", ["E", "ND of it"], { stop: "END" }],
    ["begins with its stop text, total clock set", ["END"], { stop: "END", timeout: "1 minute" }]
  ]
  for (const [what, deltas, request] of cuts) {
    it.effect(`B19: an answer that ${what} is an answer, and nobody else is paid for another one`, () =>
      Effect.gen(function*() {
        const second = yield* mock("B", ["never"])
        const first = yield* mock("A", [usage, ...deltas])
        const inner = yield* Fallback.make(providersOf([first, second]))
        for (const provider of [inner, yield* Fallback.make([inner, second.provider])]) {
          const { error, outputs } = yield* watch(provider, request)
          assert.strictEqual(error, undefined)
          assert.deepStrictEqual(outputs, [info("A"), usage, finish("stop")])
        }
        assert.deepStrictEqual([...yield* inner.health], [["A", 2], ["B", 0]])
        assert.strictEqual((yield* second.requests).length, 0)
      }))
  }

  it.effect("B19: an answer without content is empty, whatever limits were asked for", () =>
    Effect.gen(function*() {
      const first = yield* mock("A", [usage, finish("stop")])
      const provider = yield* Fallback.make(providersOf([first, yield* mock("B", [finish("length")])]))
      const { error } = yield* watch(provider, { stop: "END", maxTokens: 1 })
      assert.deepStrictEqual(failuresOf(error), [["A", empty("A")], ["B", empty("B")]])
    }))

  it.effect("what is held back comes before the content, in order, and in its chunk", () =>
    Effect.gen(function*() {
      const title: Output.Output = { _tag: "Title", title: "Llamas" }
      const { provider } = yield* mock("A", [
        usage,
        MockProvider.delay(1),
        title,
        MockProvider.delay(1),
        text(""),
        "Hi",
        "!"
      ])
      const whole = yield* Fallback.make([provider])
      const fiber = yield* Effect.fork(Stream.runCollect(Stream.chunks(whole.stream({}))))
      yield* TestClock.adjust(2)
      const chunks = Chunk.toReadonlyArray(yield* Fiber.join(fiber)).map(Chunk.toReadonlyArray)
      assert.deepStrictEqual(chunks.filter((chunk) => chunk.length > 0), [
        [info("A")],
        [usage, title, text(""), text("Hi"), text("!")],
        [finish()]
      ])
    }))

  it.effect("ProviderInfo, Log and LoginRequest are told at once", () =>
    Effect.gen(function*() {
      const early: ReadonlyArray<Output.Output> = [
        { _tag: "Log", text: "warming up" },
        { _tag: "LoginRequest", label: "Mock", url: "https://mock.invalid/login" }
      ]
      const { provider } = yield* mock("A", [...early, MockProvider.delay("1 day"), "Hi"])
      const whole = yield* Fallback.make([provider])
      const outputs = yield* Stream.runCollect(Stream.take(whole.stream({}), 3))
      assert.deepStrictEqual(Chunk.toReadonlyArray(outputs), [info("A"), ...early])
    }))

  it.effect("after content, chunks are the very same", () =>
    Effect.gen(function*() {
      const thousand = Chunk.makeBy(1000, (n) => text(String(n)))
      const base = (yield* mock("A", [])).provider
      const provider = yield* Fallback.make([{
        ...base,
        stream: () => Stream.fromChunks<Output.Output>(Chunk.of(info("A")), Chunk.of(text("Hi")), thousand)
      }])
      const chunks = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.chunks(provider.stream({}))))
      assert.strictEqual(chunks[2], thousand)
    }))

  it.effect("a provider that does not say who it is, is introduced", () =>
    Effect.gen(function*() {
      const base = (yield* mock("A", [], { info: { label: "The A" } })).provider
      const provider = yield* Fallback.make([{ ...base, stream: () => Stream.make(text("Hi"), finish()) }])
      assert.deepStrictEqual(yield* collect(provider, { model: "m" }), [
        { _tag: "ProviderInfo", name: "A", url: "https://mock.invalid", label: "The A", model: "m" },
        text("Hi"),
        finish()
      ])
    }))

  it.effect("a defect is no failure to move on from", () =>
    Effect.gen(function*() {
      const base = (yield* mock("A", [])).provider
      const second = yield* mock("B", ["never"])
      const provider = yield* Fallback.make([{ ...base, stream: () => Stream.die("bug") }, second.provider])
      const exit = yield* Effect.exit(collect(provider))
      assert.deepStrictEqual(exit, Exit.die("bug"))
      assert.strictEqual((yield* second.requests).length, 0)
    }))

  it.effect("one stream can be run twice", () =>
    Effect.gen(function*() {
      const provider = yield* Fallback.make(providersOf([yield* mock("A", [limited]), yield* mock("B", ["Hi"])]))
      const stream = provider.stream({})
      assert.deepStrictEqual(yield* Stream.runCollect(stream), yield* Stream.runCollect(stream))
    }))

  const fates = { answers: ["Hi"], fails: [limited], empty: [usage], breaks: ["part", limited] } as const
  type Fate = keyof typeof fates
  const Fates = FastCheck.array(FastCheck.constantFrom<Array<Fate>>("answers", "fails", "empty", "breaks"), {
    maxLength: 6
  })
  it.effect.prop(
    "B19: the first with content has the last word; all before it failed, none after it is asked",
    [Fates],
    ([list]) =>
      Effect.gen(function*() {
        const mocks = yield* Effect.forEach(list, (fate, i) => mock(`P${i}`, fates[fate]))
        const { error, outputs } = yield* watch(yield* Fallback.make(providersOf(mocks)))
        const last = list.findIndex((fate) => fate === "answers" || fate === "breaks")
        const tried = last === -1 ? list.length : last + 1
        assert.deepStrictEqual(triedIn(outputs), list.slice(0, tried).map((_, i) => `P${i}`))
        assert.strictEqual(outputs.filter(({ _tag }) => _tag === "Log").length, last === -1 ? list.length : last)
        const asked = yield* Effect.forEach(mocks, ({ requests }) => Effect.map(requests, ({ length }) => length))
        assert.deepStrictEqual(asked, list.map((_, i) => i < tried ? 1 : 0))
        if (last === -1) {
          assert.deepStrictEqual(
            failuresOf(error).map(([name, { _tag }]) => [name, _tag]),
            list.map((fate, i) => [`P${i}`, fate === "fails" ? "RateLimited" : "ResponseError"])
          )
        } else assert.strictEqual(error, list[last] === "breaks" ? limited : undefined)
      })
  )
})

describe("Fallback: nobody answered", () => {
  it.effect("B19: the combined error has each failure, in order", () =>
    Effect.gen(function*() {
      const provider = yield* Fallback.make(
        providersOf([yield* mock("A", [keyless]), yield* mock("B", [usage]), yield* mock("C", [limited])])
      )
      const { error } = yield* watch(provider)
      assert.deepStrictEqual(failuresOf(error), [["A", keyless], ["B", empty("B")], ["C", limited]])
      assert.include(error?.message, "B: ResponseError:")
    }))

  it.effect("B19: the same provider twice keeps both failures", () =>
    Effect.gen(function*() {
      const { provider } = yield* mock("A", (_, n) => [n === 0 ? keyless : limited])
      const { error } = yield* watch(yield* Fallback.make([provider, provider]))
      assert.deepStrictEqual(failuresOf(error), [["A", keyless], ["A", limited]])
    }))

  it.effect("B19: one failure alone is a combined error, too, and the guards see through it", () =>
    Effect.gen(function*() {
      const slow = new ProviderError.RateLimited({ provider: "A", retryAfter: Duration.seconds(7) })
      const { error } = yield* watch(yield* Fallback.make(providersOf([yield* mock("A", [slow])])))
      assert.deepStrictEqual(failuresOf(error), [["A", slow]])
      assert(error !== undefined)
      assert.strictEqual(ProviderError.isRetryable(error), true)
      assert.deepStrictEqual(ProviderError.retryAfter(error), Option.some(Duration.seconds(7)))
    }))

  const nobody: ReadonlyArray<[string, ReadonlyArray<string>, Fallback.Options]> = [
    ["an empty list", [], {}],
    ["an empty list, shuffled", [], { order: "shuffled" }],
    ["an empty list, rotating", [], { order: "rotating" }],
    ["all ignored", ["A", "B"], { ignored: ["B", "A"] }],
    ["none that streams", ["A"], { onlyStreaming: true }]
  ]
  for (const [what, names, options] of nobody) {
    it.effect(`B19: ${what} is the no-provider error`, () =>
      Effect.gen(function*() {
        const mocks = yield* Effect.forEach(names, (name) => mock(name, ["Hi"], { info: { supportsStream: false } }))
        const { error, outputs } = yield* watch(yield* Fallback.make(providersOf(mocks), options))
        assert.deepStrictEqual(failuresOf(error), [])
        assert.deepStrictEqual(outputs, [])
      }))
  }

  it.effect("B19: ignored and unstreaming providers are not asked", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", ["a"])
      const b = yield* mock("B", ["b"], { info: { supportsStream: false } })
      const c = yield* mock("C", ["c"])
      const provider = yield* Fallback.make(providersOf([a, b, c]), { ignored: ["A"], onlyStreaming: true })
      assert.deepStrictEqual(triedIn(yield* collect(provider)), ["C"])
      const without = yield* Fallback.make(providersOf([a, b, c]), { ignored: ["A"] })
      assert.deepStrictEqual(triedIn(yield* collect(without)), ["B"])
    }))

  it.effect("a malformed request is InvalidRequest at once, and nobody is asked", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", ["a"])
      const provider = yield* Fallback.make([a.provider], { name: "Any" })
      for (const json of ["null", `{"messages":"Hi"}`]) {
        const { error, outputs } = yield* watch(provider, JSON.parse(json))
        assert(error?._tag === "InvalidRequest")
        assert.strictEqual(error.provider, "Any")
        assert.deepStrictEqual(outputs, [])
      }
      assert.strictEqual((yield* a.requests).length, 0)
    }))

  it.effect("a log is one line without the key, whatever the service said", () =>
    Effect.gen(function*() {
      const apiKey = Redacted.make("r8_secret_key")
      const detail = `first line\nkey ${Redacted.value(apiKey)} is bad`
      const issues = [new ProviderError.Issue({ field: "prompt", message: detail })]
      const { provider } = yield* mock("A", [new ProviderError.InvalidRequest({ provider: "A", issues })])
      const { outputs } = yield* watch(yield* Fallback.make([provider], { settings: { A: { apiKey } } }))
      const logs = outputs.flatMap((output) => output._tag === "Log" ? [output.text] : [])
      assert.strictEqual(logs.length, 1)
      assert.match(logs[0] ?? "", /^A failed with InvalidRequest: .*first line key <redacted> is bad/)
      assert.notInclude(printed(outputs), "r8_secret_key")
    }))
})

describe("Fallback: the order", () => {
  const names = ["A", "B", "C", "D"]

  it.effect("B19: shuffled is another order for each call, and the same for the same seed", () =>
    Effect.gen(function*() {
      const run = yield* failing(names, { order: "shuffled" })
      const ten = Effect.replicateEffect(run, 10)
      const orders = yield* Effect.withRandom(ten, Random.make("seed"))
      assert.deepStrictEqual(yield* Effect.withRandom(ten, Random.make("seed")), orders)
      assert.isAbove(new Set(orders.map((order) => order.join())).size, 1)
      for (const order of orders) assert.deepStrictEqual([...order].sort(), names)
    }))

  it.effect("B19: in the order given, chance changes nothing", () =>
    Effect.gen(function*() {
      const run = yield* failing(names, {})
      for (const order of yield* Effect.replicateEffect(run, 5)) assert.deepStrictEqual(order, names)
    }))

  it.effect("B21: rotating is shuffled once; each attempt moves the start of the next call", () =>
    Effect.gen(function*() {
      const mocks = yield* Effect.forEach(names, (name) => mock(name, [name]))
      const provider = yield* Effect.withRandom(
        Fallback.make(providersOf(mocks), { order: "rotating" }),
        Random.make("seed")
      )
      const tried = (yield* Effect.replicateEffect(collect(provider), 8)).flatMap(triedIn)
      assert.deepStrictEqual(tried.slice(0, 4).sort(), names)
      assert.deepStrictEqual(tried.slice(4), (yield* Effect.replicateEffect(collect(provider), 4)).flatMap(triedIn))
    }))

  it.effect("B21: seeds make different rotations", () =>
    Effect.gen(function*() {
      const orders = yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (seed) =>
        Effect.withRandom(Effect.flatten(failing(names, { order: "rotating" })), Random.make(seed)))
      assert.isAbove(
        new Set(orders.map((order) =>
          order.join()
        )).size,
        1
      )
    }))

  it.effect("B21: failed attempts move the index as well, and a call goes round at most once", () =>
    Effect.gen(function*() {
      const mocks = yield* Effect.forEach(names, (name, i) => mock(name, i === 0 ? [name] : [limited]))
      const provider = yield* Fallback.make(providersOf(mocks), { order: "rotating" })
      const first = triedIn(yield* collect(provider))
      assert.strictEqual(first.at(-1), "A")
      assert.strictEqual(new Set(first).size, first.length)
      // the next call begins behind A, and comes back to it after the three others
      const second = triedIn(yield* collect(provider))
      assert.strictEqual(second.length, 4)
      assert.strictEqual(second.at(-1), "A")
      assert.deepStrictEqual(triedIn(yield* collect(provider)), second)
    }))

  it.effect("B21: when all fail, the round ends with the combined error", () =>
    Effect.gen(function*() {
      const run = yield* failing(names, { order: "rotating" })
      const first = yield* run
      assert.deepStrictEqual([...first].sort(), names)
      assert.deepStrictEqual(yield* run, first)
    }))

  it.effect("B21: calls at the same time share the index, and none asks a provider twice", () =>
    Effect.gen(function*() {
      const mocks = yield* Effect.forEach(names, (name) => mock(name, [MockProvider.delay("1 second"), limited]))
      const provider = yield* Fallback.make(providersOf(mocks), { order: "rotating" })
      const fiber = yield* Effect.fork(
        Effect.all(Effect.replicate(watch(provider), 2), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("4 seconds")
      const calls = (yield* Fiber.join(fiber)).map(({ outputs }) => triedIn(outputs))
      assert.strictEqual(new Set(calls.map((call) => call[0])).size, 2)
      for (const call of calls) assert.deepStrictEqual([...call].sort(), names)
    }))

  it.effect("B21: a complete answer raises the health of its provider, each failure lowers it", () =>
    Effect.gen(function*() {
      const broken = yield* mock("A", [limited])
      const silent = yield* mock("B", [usage])
      const flaky = yield* mock("C", (_, n) => n === 2 ? ["part", limited] : ["Hi"])
      const provider = yield* Fallback.make(providersOf([broken, silent, flaky]))
      const health = Effect.map(provider.health, (counts) => Object.fromEntries(counts))
      assert.deepStrictEqual(yield* health, { A: 0, B: 0, C: 0 })
      yield* Effect.replicateEffect(collect(provider), 2)
      assert.deepStrictEqual(yield* health, { A: -2, B: -2, C: 2 })
      yield* watch(provider)
      assert.deepStrictEqual(yield* health, { A: -3, B: -3, C: 1 })
    }))

  it.effect("B21: the layer gives the health of its members beside the provider", () =>
    Effect.gen(function*() {
      const text = yield* Provider.text({})
      const { health, members } = yield* Fallback.Fallback
      assert.strictEqual(text, "Hi")
      assert.deepStrictEqual([...yield* health], [["A", -1], ["B", 1]])
      assert.deepStrictEqual(members.map(({ info }) => info.name), ["A", "B"])
    }).pipe(
      Effect.provide(
        Effect.map(Effect.all([mock("A", [limited]), mock("B", ["Hi"])]), (mocks) => Fallback.layer(providersOf(mocks)))
          .pipe(Layer.unwrapEffect)
      )
    ))
})

describe("Fallback: trying again", () => {
  it.effect("B20: a provider is tried again after the pauses of the schedule", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", (_, n) => n < 2 ? [limited] : ["Hi"])
      const b = yield* mock("B", ["never"])
      const retries = Schedule.intersect(Schedule.exponential("1 second"), Schedule.recurs(2))
      const provider = yield* Fallback.make(providersOf([a, b]), { retries })
      const fiber = yield* Effect.fork(collect(provider))
      const asked = Effect.map(a.requests, ({ length }) => length)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* asked, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* asked, 2)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [
        info("A"),
        failedLog("A", limited),
        info("A"),
        failedLog("A", limited),
        info("A"),
        text("Hi"),
        finish()
      ])
      assert.strictEqual((yield* b.requests).length, 0)
    }))

  it.effect("B20: a single provider is tried as often as allowed, and fails with its last error", () =>
    Effect.gen(function*() {
      const { provider, requests } = yield* mock("A", [limited])
      const { error } = yield* watch(yield* Fallback.make([provider], { retries: Schedule.recurs(2) }))
      assert.strictEqual((yield* requests).length, 3)
      assert.deepStrictEqual(failuresOf(error), [
        ["A", new ProviderError.RateLimited({ provider: "Mock", attempts: 3 })]
      ])
    }))

  // the clock of tests has work of its own for each pause
  it.live("B20: a retry costs no more than the one before", () =>
    Effect.gen(function*() {
      const { provider } = yield* mock("A", (_, n) => n < 2000 ? [limited] : ["Hi"])
      const { outputs } = yield* watch(yield* Fallback.make([provider], { retries: Schedule.forever }))
      assert.strictEqual(outputs.length, 2 * 2000 + 3)
      assert.deepStrictEqual(outputs.slice(-3), [info("A"), text("Hi"), finish()])
    }), 30_000)

  it.effect("B20: the schedule begins anew for each provider and each call", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", [limited])
      const b = yield* mock("B", [limited])
      const provider = yield* Fallback.make(providersOf([a, b]), { retries: Schedule.recurs(1) })
      yield* Effect.replicateEffect(watch(provider), 2)
      assert.strictEqual((yield* a.requests).length, 4)
      assert.strictEqual((yield* b.requests).length, 4)
    }))

  it.effect("B20: after content nothing is tried again, so that no text comes twice", () =>
    Effect.gen(function*() {
      const { provider, requests } = yield* mock("A", ["part", limited])
      const { error, outputs } = yield* watch(yield* Fallback.make([provider], { retries: Schedule.recurs(3) }))
      assert.strictEqual(error, limited)
      assert.deepStrictEqual(outputs, [info("A"), text("part")])
      assert.strictEqual((yield* requests).length, 1)
    }))

  it.effect("B20: what will not pass is not tried again", () =>
    Effect.gen(function*() {
      for (const script of [[keyless], [usage]]) {
        const a = yield* mock("A", script)
        const b = yield* mock("B", ["Hi"])
        yield* collect(yield* Fallback.make(providersOf([a, b]), { retries: Schedule.recurs(3) }))
        assert.strictEqual((yield* a.requests).length, 1)
      }
    }))

  const started: ReadonlyArray<ProviderError.ProviderError> = [
    new ProviderError.Timeout({
      provider: "A",
      clock: "connect",
      duration: Duration.seconds(1),
      mayHaveStarted: true
    }),
    new ProviderError.ResponseError({ provider: "A", reason: "network", mayHaveStarted: true }),
    new ProviderError.StreamInterrupted({
      provider: "A",
      predictionId: "p1",
      events: 0,
      characters: 0,
      resumable: true
    })
  ]
  for (const error of started) {
    it.effect(`B20, C10: a member that may have started something (${error._tag}) is not asked again, also within a fallback`, () =>
      Effect.gen(function*() {
        const a = yield* mock("A", [error])
        const b = yield* mock("B", [limited])
        const inner = yield* Fallback.make(providersOf([a, b]), { name: "Inner" })
        const outer = yield* Fallback.make([inner], { retries: Schedule.recurs(3) })
        assert.strictEqual((yield* watch(outer)).error?._tag, "AllProvidersFailed")
        assert.strictEqual((yield* a.requests).length, 1)
        assert.strictEqual((yield* b.requests).length, 1)
        yield* watch(yield* Fallback.make([a.provider], { retries: Schedule.recurs(3) }))
        assert.strictEqual((yield* a.requests).length, 2)
      }))
  }

  it.effect("B20: a fallback that started nothing is asked again as a whole", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", [keyless])
      const b = yield* mock("B", (_, n) => n === 0 ? [limited] : ["Hi"])
      const inner = yield* Fallback.make(providersOf([a, b]), { name: "Inner" })
      const { error } = yield* watch(yield* Fallback.make([inner], { retries: Schedule.recurs(3) }))
      assert.isUndefined(error)
      assert.strictEqual((yield* a.requests).length, 2)
    }))

  it.effect("B20: the schedule sees the errors", () =>
    Effect.gen(function*() {
      const broken = new ProviderError.ResponseError({ provider: "A", reason: "connect" })
      const a = yield* mock("A", (_, n) => [n === 0 ? broken : limited])
      const retries = Schedule.recurWhile<ProviderError.ProviderError>((error) => error._tag === "ResponseError")
      yield* watch(yield* Fallback.make([a.provider], { retries }))
      assert.strictEqual((yield* a.requests).length, 2)
    }))
})

describe("Fallback: what a request carries to whom", () => {
  const keyOf = (request: Provider.Resolved | undefined) =>
    request?.apiKey === undefined ? undefined : Redacted.value(request.apiKey)
  const model = (name: string) => ModelCatalog.make({ default: `${name}-default`, text: [`${name}-1`, "shared"] })

  it.effect("B22: each provider resolves the model; one that does not know it is passed over", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", ["a"], { catalog: model("a") })
      const b = yield* mock("B", ["b"], { catalog: model("b") })
      const provider = yield* Fallback.make(providersOf([a, b]))
      const outputs = yield* collect(provider, { model: "b-1" })
      assert.deepStrictEqual(outputs.filter(({ _tag }) => _tag === "ProviderInfo"), [
        info("A", "b-1"),
        info("B", "b-1")
      ])
      assert.strictEqual((yield* a.requests).length, 0)
      const { error } = yield* watch(provider, { model: "none" })
      assert.deepStrictEqual(failuresOf(error).map(([name, { _tag }]) => [name, _tag]), [
        ["A", "ModelNotFound"],
        ["B", "ModelNotFound"]
      ])
      yield* collect(provider)
      assert.strictEqual((yield* a.requests)[0]?.model, "a-default")
    }))

  it.effect("B22: settings are of one provider, and replace the request's fields", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", [limited])
      const b = yield* mock("B", [limited])
      const key = Redacted.make("key of A")
      const provider = yield* Fallback.make(providersOf([a, b]), {
        settings: { A: { model: "m-a", apiKey: key, temperature: 0 } }
      })
      yield* watch(provider, { model: "m", temperature: 1, prompt: "Hi" })
      const [toA] = yield* a.requests
      const [toB] = yield* b.requests
      assert.deepStrictEqual([toA?.model, toA?.temperature, toA?.prompt], ["m-a", 0, "Hi"])
      assert.strictEqual(keyOf(toA), "key of A")
      assert.deepStrictEqual([toB?.model, toB?.temperature, toB?.prompt], ["m", 1, "Hi"])
      assert.strictEqual(keyOf(toB), undefined)
    }))

  it.effect("B22: a parent's key serves its children, its other settings do not", () =>
    Effect.gen(function*() {
      const child = yield* mock("Child", ["Hi"], { info: { parent: "Parent" } })
      const apiKey = Redacted.make("key of Parent")
      const provider = yield* Fallback.make([child.provider], { settings: { Parent: { apiKey, temperature: 0 } } })
      yield* collect(provider)
      assert.strictEqual(keyOf((yield* child.requests)[0]), "key of Parent")
      assert.strictEqual((yield* child.requests)[0]?.temperature, undefined)
    }))

  it.effect("B22: the request's key reaches the provider that needs one, and no other", () =>
    Effect.gen(function*() {
      const needsAuth = { info: { needsAuth: true } }
      const open = yield* mock("Open", [limited])
      const keyed = yield* mock("Keyed", [limited], needsAuth)
      const child = yield* mock("Child", [limited], { info: { needsAuth: true, parent: "Keyed" } })
      const apiKey = Redacted.make("key of Keyed")
      yield* watch(yield* Fallback.make(providersOf([open, keyed, child])), { apiKey })
      const keys = yield* Effect.forEach([open, keyed, child], ({ requests }) => requests)
      assert.deepStrictEqual(keys.map(([request]) => keyOf(request)), [undefined, "key of Keyed", "key of Keyed"])

      const other = yield* mock("Other", ["never"], needsAuth)
      const { error, outputs } = yield* watch(yield* Fallback.make(providersOf([keyed, other])), { apiKey })
      assert(error?._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map(({ field }) => field), ["apiKey"])
      assert.deepStrictEqual(outputs, [])
      assert.strictEqual((yield* other.requests).length, 0)
      assert.notInclude(printed(error), "key of Keyed")
    }))

  it.effect("B22: a blank key is none, so nobody has to be told whose it is", () =>
    Effect.gen(function*() {
      const mocks = { A: yield* mock("A", [limited], { info: needy }), B: yield* mock("B", ["Hi"], { info: needy }) }
      const { error } = yield* watch(yield* nest(["A", "B"], mocks), { apiKey: Redacted.make(" ") })
      assert.strictEqual(error, undefined)
      yield* watch(yield* nest(["A"], mocks), { apiKey: Redacted.make(" ") })
      assert.deepStrictEqual((yield* mocks.A.requests).map(keyOf), [undefined, undefined])
    }))

  it.effect("B22: a conversation goes back only to the provider it came from", () =>
    Effect.gen(function*() {
      const conversation: Output.Output = { _tag: "Conversation", provider: "B", data: { id: 7 } }
      const a = yield* mock("A", [limited])
      const b = yield* mock("B", ["Hi", conversation])
      const provider = yield* Fallback.make(providersOf([a, b]))
      const told = (yield* collect(provider)).find(({ _tag }) => _tag === "Conversation")
      assert.deepStrictEqual(told, conversation)
      yield* collect(provider, { conversation: told })
      yield* collect(provider, { conversation: { id: "nobody's" } })
      const given = (requests: ReadonlyArray<Provider.Resolved>) => requests.map((request) => request.conversation)
      assert.deepStrictEqual(given(yield* a.requests), [undefined, undefined, undefined])
      assert.deepStrictEqual(given(yield* b.requests), [undefined, conversation, undefined])
    }))

  const keyOnly = Parameters.fromSchema(Provider.Request, { pick: ["prompt", "apiKey"] })
  const noKey = Parameters.fromSchema(Provider.Request, { pick: ["prompt"] })

  /** Mocks by name, in the lists they are given in: a list is a fallback, and so is one within. */
  type Nested = ReadonlyArray<string | Nested>
  const nest = (
    tree: Nested,
    mocks: Readonly<Record<string, { readonly provider: Provider.Service }>>,
    options: Fallback.Options = {}
  ): Effect.Effect<Fallback.Service> =>
    Effect.flatMap(
      Effect.forEach(tree, (member) =>
        typeof member === "string"
          ? Effect.fromNullable(mocks[member]?.provider).pipe(Effect.orDie)
          : nest(member, mocks, { name: `of ${member.flat().join("")}` })),
      (members) => Fallback.make(members, options)
    )

  /** Which key each of the mocks got, by name. */
  const keysOf = <K extends string>(
    mocks: Readonly<Record<K, { readonly requests: Effect.Effect<ReadonlyArray<Provider.Resolved>> }>>
  ) => Effect.forEach(Record.keys(mocks), (name) => Effect.map(mocks[name].requests, ([first]) => [name, keyOf(first)]))

  it.effect("B22: settings by name reach the members of a fallback within, whose own come first", () =>
    Effect.gen(function*() {
      const mocks = { A: yield* mock("A", [limited]), B: yield* mock("B", [limited]), C: yield* mock("C", [limited]) }
      const inner = yield* Fallback.make(providersOf([mocks.A, mocks.B]), {
        name: "Inner",
        settings: { B: { temperature: 0.5 } }
      })
      const keys = { A: Redacted.make("key of A"), C: Redacted.make("key of C") }
      const whole = yield* Fallback.make([inner, mocks.C.provider], {
        settings: {
          A: { apiKey: keys.A, model: "a" },
          B: { temperature: 0, seed: 1 },
          C: { apiKey: keys.C },
          Inner: { topK: 3 }
        }
      })
      yield* watch(whole, { model: "m", temperature: 1 })
      assert.deepStrictEqual(yield* keysOf(mocks), [["A", "key of A"], ["B", undefined], ["C", "key of C"]])
      const [a, b, c] = (yield* Effect.forEach(Object.values(mocks), ({ requests }) => requests)).map((
        [request]
      ) => [request?.model, request?.temperature, request?.seed, request?.topK])
      assert.deepStrictEqual([a, b, c], [["a", 1, undefined, 3], ["m", 0.5, 1, 3], ["m", 1, undefined, undefined]])
    }))

  it.effect("B22: what is `undefined` in settings replaces nothing", () =>
    Effect.gen(function*() {
      const { provider, requests } = yield* mock("A", ["Hi"], { info: { needsAuth: true } })
      const settings = { A: { apiKey: undefined, model: undefined } }
      yield* collect(yield* Fallback.make([provider], { settings }), { apiKey: Redacted.make("key"), model: "m" })
      const [asked] = yield* requests
      assert.deepStrictEqual([keyOf(asked), asked?.model], ["key", "m"])
    }))

  it.effect("B22: a conversation reaches its provider in a fallback within", () =>
    Effect.gen(function*() {
      const conversation: Output.Output = { _tag: "Conversation", provider: "B", data: { id: 7 } }
      const mocks = { A: yield* mock("A", [limited]), B: yield* mock("B", [limited]), C: yield* mock("C", [limited]) }
      yield* watch(yield* nest(["A", ["C", ["B"]]], mocks), { conversation })
      const given = yield* Effect.forEach(Object.values(mocks), ({ requests }) => requests)
      assert.deepStrictEqual(given.map(([request]) => request?.conversation), [undefined, conversation, undefined])
    }))

  const needy = { needsAuth: true }
  const keyCases: ReadonlyArray<
    [what: string, tree: Nested, keys: ReadonlyArray<string> | "refused"]
  > = [
    ["the one that needs it, and its relatives that take one", ["Needs", "Child", "Blind", "Takes"], [
      "Needs",
      "Child"
    ]],
    ["where none needs one, the one that takes it", ["Takes", "Open"], ["Takes"]],
    ["a relative alone", ["Child", "Open"], ["Child"]],
    ["nobody where nobody takes one", ["Open", ["Login"]], []],
    ["a provider two fallbacks deep", ["Open", ["Takes", ["Needs"]]], ["Needs"]],
    ["relatives at every depth", ["Child", ["Needs", "Takes"]], ["Needs", "Child"]],
    ["relatives in a fallback where no one needs it", ["Needs", ["Child", "Takes"]], ["Needs", "Child"]],
    ["none, when two need one", ["Needs", "Other"], "refused"],
    ["none, when two need one and the second is in a fallback within", ["Needs", ["Open", "Other"]], "refused"],
    ["none, when none needs one and two take one", [["Takes"], ["Child"]], "refused"]
  ]
  for (const [what, tree, expected] of keyCases) {
    it.effect(`B22: the request's key goes to ${what}`, () =>
      Effect.gen(function*() {
        const all = {
          Needs: yield* mock("Needs", [limited], { info: needy }),
          Other: yield* mock("Other", [limited], { info: needy }),
          Child: yield* mock("Child", [limited], { info: { parent: "Needs" } }),
          Takes: yield* mock("Takes", [limited]),
          Open: yield* mock("Open", [limited]),
          Blind: yield* mock("Blind", [limited], { info: { parent: "Needs" } }),
          Login: yield* mock("Login", [limited], { info: needy })
        }
        const mocks = Record.map(all, (mock, name) => ({
          ...mock,
          provider: { ...mock.provider, parameters: ["Open", "Blind", "Login"].includes(name) ? noKey : keyOnly }
        }))
        const { error } = yield* watch(yield* nest(tree, mocks), { apiKey: Redacted.make("the key") })
        const given = (yield* keysOf(mocks)).flatMap(([name, key]) => key === undefined ? [] : [name])
        assert.deepStrictEqual<ReadonlyArray<string | undefined>>(given, expected === "refused" ? [] : expected)
        assert.strictEqual(error?._tag, expected === "refused" ? "InvalidRequest" : "AllProvidersFailed")
      }))
  }

  it.effect("B22: the keyed home page of Replicate takes Replicate's key, in a fallback without Replicate as well", () =>
    Effect.gen(function*() {
      const tokens: Array<string | undefined> = []
      const client = HttpClient.make(({ headers }) => {
        tokens.push(headers["authorization"])
        return Effect.dieMessage("far enough")
      })
      const home = yield* Effect.provideService(ReplicateHome.make(), HttpClient.HttpClient, client)
      const whole = yield* Fallback.make([home])
      yield* Effect.exit(collect(whole, { prompt: "Hi", apiKey: Redacted.make("r8_of_the_request") }))
      assert.deepStrictEqual(tokens, ["Bearer r8_of_the_request"])
    }))

  it.effect("B22: a provider that uses a fallback for itself does not hand on what its caller gave", () =>
    Effect.gen(function*() {
      const own = yield* mock("A", ["Hi"])
      const agent = yield* Fallback.make([own.provider])
      const base = (yield* mock("Agent", [])).provider
      const another = yield* mock("A", ["never"])
      const whole = yield* Fallback.make(
        [{ ...base, stream: () => agent.stream({ prompt: "mine" }) }, another.provider],
        { ignored: ["A"], settings: { A: { apiKey: Redacted.make("key of A") } } }
      )
      yield* collect(whole)
      assert.strictEqual(keyOf((yield* own.requests)[0]), undefined)
    }))

  it.effect("B22: no log holds a key, whosever it is", () =>
    Effect.gen(function*() {
      const apiKey = Redacted.make("r8_secret_key")
      const echo = new ProviderError.Blocked({ provider: "r8_secret_key", by: "cloudflare" })
      const mocks = { A: yield* mock("A", [echo]), B: yield* mock("B", ["Hi"]) }
      const outputs = yield* collect(yield* nest([["A"], "B"], mocks, { settings: { A: { apiKey } } }))
      assert.strictEqual(outputs.filter(({ _tag }) => _tag === "Log").length, 2)
      assert.notInclude(printed(outputs), "r8_secret_key")
    }))
})

describe("Fallback: the clocks", () => {
  const inTime = Effect.fnUntraced(function*(
    provider: Provider.Service,
    request: Provider.Request,
    time: Duration.DurationInput
  ) {
    const fiber = yield* Effect.fork(watch(provider, request))
    yield* TestClock.adjust(time)
    assert.notStrictEqual(fiber.unsafePoll(), null)
    return yield* Fiber.join(fiber)
  })
  const late = (name: string, duration: Duration.DurationInput) => mock(name, [MockProvider.delay(duration), "Hi"])
  const timeout = (provider: string, duration: Duration.DurationInput, clock: "total" | "idle" = "total") =>
    new ProviderError.Timeout({ provider, clock, duration: Duration.decode(duration) })

  it.effect("the request's total clock is for the whole: when it runs out, nobody else is asked", () =>
    Effect.gen(function*() {
      const slow = yield* late("A", "1 hour")
      const never = yield* mock("B", ["never"])
      const whole = yield* Fallback.make(providersOf([slow, never]), { name: "Whole" })
      const { error, outputs } = yield* inTime(whole, { timeout: "5 seconds" }, "5 seconds")
      assert.deepStrictEqual(error, timeout("Whole", "5 seconds"))
      assert.deepStrictEqual(outputs, [info("A")])
      assert.strictEqual((yield* never.requests).length, 0)
      assert.deepStrictEqual([...yield* whole.health], [["A", 0], ["B", 0]])
    }))

  it.effect("attempts share the total clock", () =>
    Effect.gen(function*() {
      const first = yield* mock("A", [MockProvider.delay("3 seconds"), limited])
      const inTimeStill = yield* Fallback.make(providersOf([first, yield* late("B", "1 second")]))
      const { error, outputs } = yield* inTime(inTimeStill, { timeout: "5 seconds" }, "4 seconds")
      assert.strictEqual(error, undefined)
      assert.deepStrictEqual(outputs.slice(-2), [text("Hi"), finish()])
      const tooLate = yield* Fallback.make(providersOf([first, yield* late("C", "3 seconds")]), { name: "Whole" })
      const cut = yield* inTime(tooLate, { timeout: "5 seconds" }, "5 seconds")
      assert.deepStrictEqual(cut.error, timeout("Whole", "5 seconds"))
      assert.deepStrictEqual(triedIn(cut.outputs), ["A", "C"])
    }))

  it.effect("the total clock ends pauses between tries, and answers that have begun", () =>
    Effect.gen(function*() {
      const pausing = yield* Fallback.make(providersOf([yield* mock("A", [limited])]), {
        retries: Schedule.spaced("1 hour")
      })
      const paused = yield* inTime(pausing, { timeout: "5 seconds" }, "5 seconds")
      assert.deepStrictEqual(paused.error, timeout("Fallback", "5 seconds"))
      const begun = yield* Fallback.make(providersOf([yield* mock("A", ["part", MockProvider.delay("1 day")])]))
      const cut = yield* inTime(begun, { timeout: "5 seconds" }, "5 seconds")
      assert.deepStrictEqual(cut.error, timeout("Fallback", "5 seconds"))
      assert.deepStrictEqual(cut.outputs.at(-1), text("part"))
    }))

  it.effect("a provider's own total clock does not cut what the request gives more time for", () =>
    Effect.gen(function*() {
      const { provider } = yield* mock("A", [MockProvider.delay("4 seconds"), "Hi"], { clocks: { total: "1 second" } })
      const { error } = yield* inTime(yield* Fallback.make([provider]), { timeout: "5 seconds" }, "4 seconds")
      assert.strictEqual(error, undefined)
    }))

  it.effect("the idle clock, and total clocks of settings and of providers, run for each attempt", () =>
    Effect.gen(function*() {
      const hour = [MockProvider.delay("1 hour"), "late"]
      const whole = yield* Fallback.make(
        providersOf([
          yield* mock("A", hour),
          yield* mock("B", hour),
          yield* mock("C", hour, { clocks: { idle: "1 day", total: "4 seconds" } })
        ]),
        { settings: { A: { idleTimeout: "2 seconds" }, B: { timeout: "3 seconds" } } }
      )
      const { error } = yield* inTime(whole, {}, "9 seconds")
      assert.deepStrictEqual(failuresOf(error), [
        ["A", timeout("A", "2 seconds", "idle")],
        ["B", timeout("B", "3 seconds")],
        ["C", timeout("C", "4 seconds")]
      ])
      const idle = yield* Fallback.make(providersOf([yield* mock("A", hour), yield* mock("B", hour)]))
      const failures = failuresOf((yield* inTime(idle, { idleTimeout: "2 seconds" }, "4 seconds")).error)
      assert.deepStrictEqual(failures, [
        ["A", timeout("A", "2 seconds", "idle")],
        ["B", timeout("B", "2 seconds", "idle")]
      ])
    }))

  it.effect("the total clock of settings for a fallback within is that one's whole", () =>
    Effect.gen(function*() {
      const inner = yield* Fallback.make(providersOf([yield* late("A", "1 hour"), yield* mock("B", ["never"])]), {
        name: "Inner"
      })
      const whole = yield* Fallback.make([inner, (yield* mock("C", ["Hi"])).provider], {
        settings: { Inner: { timeout: "3 seconds" } }
      })
      const { error, outputs } = yield* inTime(whole, { timeout: "5 seconds" }, "3 seconds")
      assert.strictEqual(error, undefined)
      assert.deepStrictEqual(triedIn(outputs), ["A", "C"])
    }))
})

describe("Fallback: names in its options", () => {
  const layers = Effect.gen(function*() {
    const a = yield* mock("Alpha", ["a"])
    const b = yield* mock("Beta", ["b"], { info: { supportsStream: false } })
    const c = yield* mock("Gamma", ["c"], { info: { parent: "Greek" } })
    return { a, b, c, inner: yield* Fallback.make(providersOf([b, c]), { name: "Inner" }) }
  })
  /** Whom a call asked, when each of them fails; and the error, if the call came to nobody. */
  const askedOf = (options: Fallback.Options) =>
    Effect.gen(function*() {
      const { a, inner } = yield* layers
      return yield* watch(yield* Fallback.make([inner, a.provider], options), { apiKey: Redacted.make(" ") })
    })

  const unknown: ReadonlyArray<[what: string, options: Fallback.Options, field: string, message: string]> = [
    ["ignored", { ignored: ["Alpha", "Nobody"] }, "options.ignored", "no provider is named \"Nobody\"; there are"],
    ["ignored", { ignored: ["Bet"] }, "options.ignored", "no provider is named \"Bet\"; did you mean Beta? There are"],
    ["settings", { settings: { alpha: {} } }, "options.settings", "named \"alpha\"; did you mean Alpha? There are"],
    [
      "settings",
      { settings: { constructor: {} } },
      "options.settings",
      "no provider is named \"constructor\"; there are"
    ]
  ]
  for (const [what, options, field, message] of unknown) {
    it.effect(`B19, B22: a name in ${what} that nobody has is refused at each call: ${message}`, () =>
      Effect.gen(function*() {
        const { error, outputs } = yield* askedOf(options)
        assert(error?._tag === "InvalidRequest")
        assert.strictEqual(error.provider, "Fallback")
        assert.lengthOf(error.issues, 1)
        assert.strictEqual(error.issues[0]?.field, field)
        assert.include(error.issues[0]?.message, message)
        const names = field === "options.settings" ? "Inner, Beta, Gamma, Alpha, Greek" : "Inner, Beta, Gamma, Alpha"
        assert.isTrue(error.issues[0]?.message.endsWith(`here are ${names}`), error.issues[0]?.message)
        assert.deepStrictEqual(outputs, [])
      }))
  }

  it.effect("B19, B22: every name that nobody has is told, and one without any provider says so", () =>
    Effect.gen(function*() {
      const { error } = yield* askedOf({ ignored: ["X", "Y"], settings: { Z: {} } })
      assert(error?._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map(({ field }) => field), [
        "options.ignored",
        "options.ignored",
        "options.settings"
      ])
      const nobody = (yield* watch(yield* Fallback.make([], { ignored: ["X"] }))).error
      assert.include(nobody?.message, "no provider is named \"X\"; there are none")
    }))

  it.effect("B22: settings that are no part of a request are refused, and a key in them is not printed", () =>
    Effect.gen(function*() {
      const settings = { Alpha: JSON.parse(`{"temperature":"hot","apiKey":"r8_secret"}`) }
      const { error } = yield* askedOf({ settings })
      assert(error?._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map(({ field }) => field), [
        "options.settings.Alpha.temperature",
        "options.settings.Alpha.apiKey"
      ])
      assert.notInclude(printed(error), "r8_secret")
    }))

  it.effect("B22: known are also the ignored, those within, and the owners of keys", () =>
    Effect.gen(function*() {
      const { error, outputs } = yield* askedOf({
        ignored: ["Beta"],
        settings: { Inner: {}, Beta: {}, Gamma: {}, Alpha: {}, Greek: {} }
      })
      assert.strictEqual(error, undefined)
      assert.deepStrictEqual(triedIn(outputs), ["Gamma"])
    }))

  const reach: ReadonlyArray<[what: string, options: Fallback.Options, asked: ReadonlyArray<string>]> = [
    ["nothing left out", {}, ["Beta"]],
    ["a provider within is ignored", { ignored: ["Beta"] }, ["Gamma"]],
    ["a provider within does not stream", { onlyStreaming: true }, ["Gamma"]],
    ["all within are ignored", { ignored: ["Beta", "Gamma"] }, ["Alpha"]],
    ["one within is ignored, the other does not stream", { ignored: ["Gamma"], onlyStreaming: true }, ["Alpha"]],
    ["the fallback within is ignored", { ignored: ["Inner"] }, ["Alpha"]]
  ]
  for (const [what, options, expected] of reach) {
    for (const order of ["given", "rotating"] as const) {
      it.effect(`B19: what is left out is so at every depth (${order}): ${what}`, () =>
        Effect.gen(function*() {
          const { a, b, c } = yield* layers
          // in a wrapping of one's own, and one deeper
          const inner = yield* Fallback.make(providersOf([b, c]), { name: "Inner", order })
          const middle = yield* Fallback.make([inner], { name: "Middle" })
          const whole = yield* Fallback.make([{ ...middle }, a.provider], options)
          const { outputs } = yield* watch(whole)
          const names = order === "given" ? expected : expected[0] === "Alpha" ? expected : ["Beta", "Gamma"]
          for (const name of triedIn(outputs)) assert.include(names, name)
          if (order === "given") assert.deepStrictEqual(triedIn(outputs), expected)
          const asked = yield* Effect.forEach([b, c], ({ requests }) => requests)
          const left = (name: string) => options.ignored?.includes(name) === true
          if (left("Beta") || options.onlyStreaming === true) assert.lengthOf(asked[0] ?? [], 0)
          if (left("Gamma")) assert.lengthOf(asked[1] ?? [], 0)
        }))
    }
  }

  it.effect("B19: what is left out within is left out of what is known of the whole as well", () =>
    Effect.gen(function*() {
      const { a, inner } = yield* layers
      const b = yield* mock("Beta", ["b"], {
        info: { supportsStream: false, needsAuth: true },
        catalog: ModelCatalog.make({ default: "only-b", text: ["only-b"] })
      })
      const c = yield* mock("Gamma", ["c"], { catalog: ModelCatalog.make({ default: "only-c", text: ["only-c"] }) })
      const within = yield* Fallback.make(providersOf([b, c]), { name: "Inner" })
      const whole = yield* Fallback.make([within], { ignored: ["Beta"] })
      assert.deepStrictEqual(whole.catalog.text, ["only-c"])
      assert.strictEqual(whole.info.supportsStream, true)
      assert.deepStrictEqual(whole.members[0]?.members?.map(({ info }) => info.name), ["Gamma"])
      assert.strictEqual(whole.members[0]?.info.name, "Inner")
      // the one within is what it was for others, and the same one where nothing is left out
      assert.deepStrictEqual(within.members.map(({ info }) => info.name), ["Beta", "Gamma"])
      assert.strictEqual((yield* Fallback.make([inner, a.provider])).members[0], inner)
    }))

  it.effect("B22: a blank key in settings is none: the request's key is used, and the parent's", () =>
    Effect.gen(function*() {
      const blank = Redacted.make("  ")
      const a = yield* mock("A", [limited], { info: { needsAuth: true } })
      const child = yield* mock("Child", [limited], { info: { parent: "A" } })
      const whole = yield* Fallback.make(providersOf([a, child]), {
        settings: { A: { apiKey: blank, temperature: 0 }, Child: { apiKey: blank } }
      })
      yield* watch(whole, { apiKey: Redacted.make("the key") })
      const keys = yield* Effect.forEach([a, child], ({ requests }) => requests)
      assert.deepStrictEqual(
        keys.map(([request]) => request?.apiKey === undefined ? undefined : Redacted.value(request.apiKey)),
        ["the key", "the key"]
      )
      yield* watch(whole)
      assert.strictEqual((yield* a.requests)[1]?.apiKey, undefined)
      assert.strictEqual((yield* a.requests)[1]?.temperature, 0)
    }))
})

describe("Fallback: stopping", () => {
  /** A provider that tells when it starts and when it is stopped, and is silent in between. */
  const silent = (name: string, first: ReadonlyArray<Output.Output>, events: Array<string>) =>
    Effect.gen(function*() {
      const base = (yield* mock(name, [])).provider
      const started = yield* Deferred.make<void>()
      const stream = Stream.acquireRelease(
        Effect.zipRight(Effect.sync(() => events.push(`${name} starts`)), Deferred.succeed(started, undefined)),
        () => Effect.sync(() => events.push(`${name} stops`))
      ).pipe(Stream.flatMap(() => Stream.concat(Stream.fromIterable(first), Stream.never)))
      return { provider: { ...base, stream: () => stream }, started: Deferred.await(started) }
    })

  for (const [phase, first] of [["before", []], ["after", [text("Hi")]]] as const) {
    it.effect(`B19: interruption ${phase} content reaches the running provider, and it alone`, () =>
      Effect.gen(function*() {
        const events: Array<string> = []
        const failed = yield* mock("A", [limited])
        const running = yield* silent("B", first, events)
        const never = yield* silent("C", [], events)
        const provider = yield* Fallback.make(providersOf([failed, running, never]))
        const fiber = yield* Effect.fork(collect(provider))
        yield* running.started
        assert.deepStrictEqual(events, ["B starts"])
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(events, ["B starts", "B stops"])
      }))
  }

  it.effect("B19: who stops early stops the running provider, and asks no other", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const running = yield* silent("A", [text("Hi")], events)
      const never = yield* silent("B", [], events)
      const provider = yield* Fallback.make(providersOf([running, never]))
      yield* Stream.runDrain(Stream.take(provider.stream({}), 2))
      assert.deepStrictEqual(events, ["A starts", "A stops"])
    }))

  it.effect("B20: interruption of the pause between two tries", () =>
    Effect.gen(function*() {
      const { provider, requests } = yield* mock("A", [limited])
      const whole = yield* Fallback.make([provider], { retries: Schedule.spaced("1 minute") })
      const fiber = yield* Effect.fork(collect(whole))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* requests).length, 1)
    }))

  it.effect("a provider is closed before the next one, or its next try, begins", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const base = (yield* mock("A", [])).provider
      const stream = Stream.acquireRelease(
        Effect.sync(() => events.push("starts")),
        () => Effect.sync(() => events.push("stops"))
      ).pipe(Stream.flatMap(() => Stream.fail(limited)))
      const a = { ...base, stream: () => stream }
      yield* watch(yield* Fallback.make([a, a], { retries: Schedule.recurs(1) }))
      assert.deepStrictEqual(events, Array.from({ length: 4 }, () => ["starts", "stops"]).flat())
    }))
})

describe("Fallback: as one provider", () => {
  it.effect("its flags are those all have; it works if one does", () =>
    Effect.gen(function*() {
      const all = { needsAuth: true, supportsSystemMessage: true, supportsMessageHistory: true }
      const a = yield* mock("A", [], { info: { ...all, url: "https://a.invalid", working: false } })
      const b = yield* mock("B", [], { info: { ...all, supportsStream: false, supportsSystemMessage: false } })
      const provider = yield* Fallback.make(providersOf([a, b]), { name: "Both" })
      assert.deepStrictEqual(provider.info, {
        name: "Both",
        url: "https://a.invalid",
        working: true,
        needsAuth: true,
        supportsStream: false,
        supportsSystemMessage: false,
        supportsMessageHistory: true
      })
      assert.strictEqual((yield* Fallback.make([])).info.name, "Fallback")
      assert.strictEqual((yield* Fallback.make([])).info.working, false)
    }))

  it.effect("its catalog is the union, and its parameters are told once each", () =>
    Effect.gen(function*() {
      const a = yield* mock("A", [], {
        catalog: ModelCatalog.make({ default: "t1", text: ["t1", "shared"], vision: ["t1"], aliases: { t: "t1" } })
      })
      const b = yield* mock("B", [], {
        catalog: ModelCatalog.make({ default: "i1", text: ["shared"], image: ["i1"], aliases: { t: ["shared", "t1"] } })
      })
      const provider = yield* Fallback.make(providersOf([a, b]))
      assert.deepStrictEqual(
        provider.catalog,
        ModelCatalog.make({
          default: "t1",
          defaultImage: "i1",
          text: ["t1", "shared"],
          image: ["i1"],
          vision: ["t1"],
          aliases: { t: ["t1", "shared"] }
        })
      )
      assert.deepStrictEqual(provider.parameters, a.provider.parameters)
      const lenient = yield* mock("C", [], { catalog: ModelCatalog.make({ default: "c" }) })
      const any = yield* Fallback.make(providersOf([a, lenient]))
      assert.strictEqual(any.catalog.mode, "lenient")
      assert.deepStrictEqual(any.catalog.text, ["t1", "shared", "c"])
      const open = yield* mock("D", [], { catalog: ModelCatalog.make({ text: ["d"], mode: "lenient" }) })
      assert.strictEqual((yield* Fallback.make(providersOf([a, open]))).catalog.mode, "lenient")
    }))

  it.effect("a fallback can be one of several", () =>
    Effect.gen(function*() {
      const inner = yield* Fallback.make(providersOf([yield* mock("A", [limited])]), { name: "Inner" })
      const provider = yield* Fallback.make([inner, (yield* mock("B", ["Hi"])).provider])
      assert.deepStrictEqual(triedIn(yield* collect(provider)), ["A", "B"])
    }))

  class Other extends Context.Tag("effect-providers/test/Fallback.test/Other")<Other, string>() {}

  it.effect("layer takes services and layers, with what these need and fail with", () =>
    Effect.gen(function*() {
      const service = (yield* mock("A", [keyless])).provider
      const needy = Layer.effect(
        Provider.Provider,
        Effect.flatMap(Other, (name) => Effect.map(mock(name, [limited]), ({ provider }) => provider))
      )
      const configured = Layer.unwrapEffect(
        Effect.map(
          Config.withDefault(Config.string("FALLBACK_TEST"), "C"),
          (name) => MockProvider.layer(["Hi"], { info: { name } })
        )
      )
      const layer: Layer.Layer<Provider.Provider, ConfigError.ConfigError, Other> = Fallback.layer([
        service,
        needy,
        configured
      ])
      const outputs = yield* Provider.collect({}).pipe(
        Effect.provide(Layer.provide(layer, Layer.succeed(Other, "B")))
      )
      assert.deepStrictEqual(triedIn(outputs), ["A", "B", "C"])
    }))

  it.effect("layer closes what its layers opened", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const service = (yield* mock("A", ["Hi"])).provider
      const scoped = Layer.scoped(
        Provider.Provider,
        Effect.acquireRelease(Effect.as(Effect.sync(() => events.push("opened")), service), () =>
          Effect.sync(() => events.push("closed")))
      )
      assert.strictEqual(yield* Effect.provide(Provider.text({}), Fallback.layer([scoped])), "Hi")
      assert.deepStrictEqual(events, ["opened", "closed"])
    }))
})
