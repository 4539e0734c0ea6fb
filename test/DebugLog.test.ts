import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Fallback from "../src/Fallback.js"
import * as ModelCatalog from "../src/ModelCatalog.js"
import type * as Output from "../src/Output.js"
import * as Parameters from "../src/Parameters.js"
import * as Provider from "../src/Provider.js"
import * as ProviderError from "../src/ProviderError.js"
import * as MockProvider from "../src/testing/MockProvider.js"
import { json } from "./support/fakeHttp.js"
import { settle } from "./support/replicate-server.js"
import * as fake from "./support/replicateFake.js"

/** A call of the library that has something to tell, and only to the debug log. */
const call = Effect.gen(function*() {
  const server = fake.server({
    stream: () => fake.socket(fake.event("output", "Hel"), fake.event("output", "lo")).response,
    cancel: () => json({ detail: `no such prediction, Bearer ${fake.secret}` }, { status: 404 })
  })
  yield* Provider.stream(fake.asked).pipe(Stream.take(2), Stream.runDrain, Effect.provide(server.provider()))
  yield* settle
  assert.strictEqual(server.seen("cancel").length, 1)
})

const handler = (lines: Array<string>) =>
  Logger.make(({ logLevel, message }) => lines.push(`${logLevel.label} ${message}`))

const model = "meta/meta-llama-3-70b-instruct"

/** What the call above tells, each once and beside the calls of the API, and nothing that is secret. */
const assertTold = (lines: ReadonlyArray<string>) => {
  const told = [
    `Replicate: stream of "${model}" with prompt`,
    "prediction p1 could not be canceled",
    `Replicate: stream of "${model}" was stopped early, outputs: 1, milliseconds: 0`
  ]
  const plain = lines.map((line) => line.replaceAll("\\", ""))
  for (const text of told) assert.lengthOf(plain.filter((line) => line.includes(text)), 1, text)
  assert.notInclude(lines.join(), fake.secret)
}

describe("debug logging", () => {
  it.effect("B33: it is off unless it is switched on", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* Effect.provide(call, Logger.replace(Logger.defaultLogger, handler(lines)))
      assert.deepStrictEqual(lines, [])
    }))

  it.effect("B33: a layer is the switch, another the handler", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const debug = Layer.merge(
        Logger.minimumLogLevel(LogLevel.Debug),
        Logger.replace(Logger.defaultLogger, handler(lines))
      )
      yield* Effect.provide(call, debug)
      assertTold(lines)
      for (const line of lines) assert.match(line, /^DEBUG /)
    }))

  it.effect("B33: switched on for one call, the program's own debug lines stay off", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const program = Effect.gen(function*() {
        yield* Effect.logDebug("before")
        yield* Logger.withMinimumLogLevel(call, LogLevel.Debug)
        yield* Effect.logDebug("after")
      })
      yield* Effect.provide(program, Logger.replace(Logger.defaultLogger, handler(lines)))
      assertTold(lines)
      for (const line of lines) assert.notMatch(line, /before|after/)
    }))

  it.effect("B33: the handler may be an effect, which gets the lines in batches", () =>
    Effect.gen(function*() {
      const handled = yield* Ref.make<ReadonlyArray<string>>([])
      const batches = Logger.batched(Logger.logfmtLogger, "1 second", (lines) =>
        Ref.update(handled, (all) => [...all, ...lines]))
      const debug = Layer.merge(
        Logger.minimumLogLevel(LogLevel.Debug),
        Logger.replaceScoped(Logger.defaultLogger, batches)
      )
      yield* Effect.provide(call, debug)
      assertTold(yield* Ref.get(handled))
    }))
})

describe("debug logging of a provider's streams", () => {
  const secret = "r8_request_secret"
  const request: Provider.Request = {
    model: "alias",
    prompt: "a secret prompt",
    messages: [{ role: "user", content: "a secret message" }],
    apiKey: Redacted.make(secret),
    headers: { authorization: `Bearer ${secret}` },
    extra: { token: secret },
    temperature: undefined,
    stop: ["the secret stop"]
  }

  /** The lines of a call, which is given the provider that plays the script. */
  const linesOf = Effect.fnUntraced(function*<E>(
    script: MockProvider.Script,
    call: (stream: Stream.Stream<Output.Output, ProviderError.ProviderError>) => Effect.Effect<unknown, E>,
    asked: Provider.Request = {}
  ) {
    const lines: Array<string> = []
    const { provider } = yield* MockProvider.make(script, {
      catalog: ModelCatalog.make({ default: "m", text: ["m"], aliases: { alias: "m" } })
    })
    const fiber = yield* call(provider.stream(asked)).pipe(
      Effect.exit,
      Logger.withMinimumLogLevel(LogLevel.Debug),
      Effect.provide(Logger.replace(Logger.defaultLogger, handler(lines))),
      Effect.fork
    )
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(fiber)
    // Effect itself tells of fibers that fail
    return lines.filter((line) => line.includes("Mock"))
  })

  const pause = MockProvider.delay("2 seconds")
  const limited = new ProviderError.RateLimited({ provider: "Mock", detail: secret })
  const ends: ReadonlyArray<[
    how: string,
    script: ReadonlyArray<MockProvider.Step>,
    call: (stream: Stream.Stream<Output.Output, ProviderError.ProviderError>) => Effect.Effect<unknown, unknown>,
    told: string
  ]> = [
    [
      "well",
      ["a", "b", pause, "c", { _tag: "Finish", reason: "stop" }],
      Stream.runDrain,
      "is done, outputs: 3, milliseconds: 2000"
    ],
    [
      "well, for one who reads up to Finish",
      ["a"],
      (stream) => Stream.runDrain(Stream.takeUntil(stream, ({ _tag }) => _tag === "Finish")),
      "is done, outputs: 1, milliseconds: 0"
    ],
    [
      "with an error",
      ["a", pause, limited],
      Stream.runDrain,
      "failed with RateLimited, outputs: 1, milliseconds: 2000"
    ],
    [
      "before its end is wanted",
      ["a", pause, "b"],
      (stream) => Stream.runDrain(Stream.take(stream, 2)),
      "was stopped early, outputs: 1, milliseconds: 0"
    ],
    [
      "by an interruption",
      ["a", pause, "b"],
      (stream) => Effect.timeout(Stream.runDrain(stream), "1 second"),
      "was interrupted, outputs: 1, milliseconds: 1000"
    ],
    [
      "by a failure of its consumer, of which nothing is told",
      ["a", pause, "b"],
      (stream) => Stream.runForEach(stream, () => Effect.fail(secret)),
      "was given up, outputs: 0, milliseconds: 0"
    ]
  ]
  for (const [how, script, call, told] of ends) {
    it.effect(`B33: one line when a stream starts, and one when it ends ${how}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* linesOf(script, call, request), [
          "DEBUG Mock: stream of \"m\" with messages, prompt, stop, apiKey, headers, extra",
          `DEBUG Mock: stream of "m" ${told}`
        ])
      }))
  }

  it.effect("B33: options are told by their names, never their values, and what is no option not at all", () =>
    Effect.gen(function*() {
      const odd = { ...request, [secret]: secret }
      const lines = yield* linesOf(["a"], Stream.runDrain, odd)
      assert.strictEqual(lines.length, 2)
      assert.notInclude(lines.join(), "secret")
      assert.include((yield* linesOf(["a"], Stream.runDrain))[0], "with no options")
    }))

  it.effect("B33: a stream that is not started has no lines", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* linesOf(["a"], Stream.runDrain, { model: "unknown" }), [])
      assert.deepStrictEqual(yield* linesOf(["a"], Stream.runDrain, { maxTokens: -1 }), [])
    }))

  /** The lines about the options of a request, of a provider that takes a prompt and a temperature. */
  const ignoredBy = Effect.fnUntraced(function*(
    asked: Provider.Request,
    make: (provider: Provider.Service) => Effect.Effect<Provider.Service> = Effect.succeed
  ) {
    const lines: Array<string> = []
    const provider = yield* make(Provider.make({
      info: { name: "Own", url: "https://own.example" },
      catalog: ModelCatalog.make({ default: "m" }),
      parameters: Parameters.fromSchema(Provider.Request, { pick: ["prompt", "temperature"] }),
      run: () => Effect.succeed("Hi")
    }))
    yield* Stream.runDrain(provider.stream(asked)).pipe(
      Logger.withMinimumLogLevel(LogLevel.Debug),
      Effect.provide(Logger.replace(Logger.defaultLogger, handler(lines)))
    )
    return lines.filter((line) => line.includes("ignores"))
  })

  it.effect("B33: options that a provider does not take are told, once for each call", () =>
    Effect.gen(function*() {
      const asked: Provider.Request = { prompt: "Hi", seed: 7, n: 2, apiKey: Redacted.make(secret), topK: undefined }
      const line = "DEBUG Own: stream of \"m\" ignores seed, n, apiKey"
      assert.deepStrictEqual(yield* ignoredBy(asked), [line])
      const { apiKey: _, ...open } = asked
      assert.deepStrictEqual(yield* ignoredBy(open, (own) => Fallback.make([own, own])), [line.replace(", apiKey", "")])
    }))

  it.effect("B33: nothing is told of options that are taken, also by what `Provider.make` does for every provider", () =>
    Effect.gen(function*() {
      const taken: Provider.Request = { prompt: "Hi", temperature: 1 }
      const everywhere: Provider.Request = { model: "m", stop: "x", maxTokens: 2, timeout: 1000, idleTimeout: 1000 }
      assert.deepStrictEqual(yield* ignoredBy({ ...taken, ...everywhere }), [])
      assert.lengthOf(yield* ignoredBy({ connectTimeout: 1000 }), 1)
    }))
})
