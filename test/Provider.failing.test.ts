import { assert, describe, it } from "@effect/vitest"
import { Fallback, ModelCatalog, Output, Provider, ProviderError } from "effect-providers"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"

const provider = (run: Provider.MakeOptions["run"]) =>
  Provider.make({
    info: { name: "Odd", url: "https://odd.example" },
    catalog: ModelCatalog.make({ default: "odd-1", text: ["odd-1"] }),
    parameters: [],
    run
  })

/** One that runs an Effect for itself. */
const promised = (answer: Effect.Effect<string, ProviderError.ProviderError>) =>
  provider(async function*() {
    yield await Effect.runPromise(answer)
  })

describe("Provider.make: what throws is a typed error, and only its kind is told", () => {
  const thrown = () => {
    throw new RangeError("the key sk-123 is wrong")
  }
  it.effect.each([
    { what: "run", run: thrown },
    { what: "the making of an iterator", run: () => ({ [Symbol.asyncIterator]: thrown }) },
    { what: "an iterator", run: () => ({ [Symbol.asyncIterator]: () => ({ next: thrown }) }) }
  ])("B01: $what", ({ run }) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(provider(run).stream({ prompt: "Hi" })))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", detail: "the provider threw RangeError" })
      assert.strictEqual(ProviderError.isRetryable(error), false)
      assert.notInclude(inspect(error, { depth: 10 }), "sk-123")
    }))

  it.effect("B01: an error of ours stays what it is", () =>
    Effect.gen(function*() {
      const own = new ProviderError.RateLimited({ provider: "Odd" })
      const error = yield* Effect.flip(Stream.runDrain(
        provider(() => {
          throw own
        }).stream({ prompt: "Hi" })
      ))
      assert.strictEqual(error._tag, "RateLimited")
    }))

  it.effect("B01: an error of ours stays what it is, out of an Effect that ran as a promise as well", () =>
    Effect.gen(function*() {
      const own = new ProviderError.RateLimited({ provider: "Other" })
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(promised(own).stream({ prompt: "Hi" }))), own)
    }))
})

/** An error as a platform or an SDK makes it. */
const errorOf = (message: string, fields: object, Kind: new(message: string) => Error = Error) =>
  Object.assign(new Kind(message), fields)

class Unreadable extends Error {
  get status(): never {
    throw new Error("sk-123")
  }
}

const refuse = () => {
  throw new Error("sk-123")
}

const unreadable = new Proxy(new Error("no"), { get: refuse, has: refuse, getPrototypeOf: refuse })

/** How each of the three ways to throw ends. */
const endsOf = (thrown: unknown) =>
  Effect.forEach(
    [
      () => {
        throw thrown
      },
      async function*() {
        yield await Promise.reject(thrown)
      },
      async function*() {
        yield ""
        throw thrown
      }
    ] as const,
    (run) => Effect.flip(Stream.runDrain(provider(run).stream({ prompt: "Hi" })))
  )

describe("Provider.make: a broken connection is no bug", () => {
  const refused = errorOf("connect ECONNREFUSED 127.0.0.1:1", { code: "ECONNREFUSED", syscall: "connect" })
  const reset = errorOf("read ECONNRESET", { code: "ECONNRESET", syscall: "read" })
  const network: ReadonlyArray<[what: string, thrown: unknown, expected: object]> = [
    ["Node's fetch, refused", errorOf("fetch failed", { cause: refused }, TypeError), {
      reason: "connect",
      code: "ECONNREFUSED"
    }],
    ["Node's fetch, reset", errorOf("fetch failed", { cause: reset }, TypeError), {
      reason: "network",
      code: "ECONNRESET"
    }],
    [
      "Node's fetch, all addresses",
      errorOf("fetch failed", { cause: new AggregateError([refused, refused]) }, TypeError),
      {
        reason: "connect"
      }
    ],
    ["Node's fetch, no cause", errorOf("fetch failed", {}, TypeError), { reason: "network" }],
    [
      "Node's fetch, body cut",
      errorOf("terminated", { cause: errorOf("other side closed", { code: "UND_ERR_SOCKET" }) }),
      {
        reason: "network",
        code: "UND_ERR_SOCKET"
      }
    ],
    ["Chrome", new TypeError("Failed to fetch"), { reason: "network" }],
    ["Chrome, body", new TypeError("network error"), { reason: "network" }],
    ["Firefox", new TypeError("NetworkError when attempting to fetch resource."), { reason: "network" }],
    ["Safari", new TypeError("Load failed"), { reason: "network" }],
    ["Deno", new TypeError("error sending request for url (https://odd.example/): ..."), { reason: "network" }],
    ["Bun", errorOf("Unable to connect. Is the computer able to access the url?", { code: "ConnectionRefused" }), {
      reason: "network"
    }],
    ["Workers", new Error("Network connection lost."), { reason: "network" }],
    ["an SDK around it", errorOf("Connection error.", { cause: new TypeError("Failed to fetch") }), {
      reason: "network"
    }],
    ["a socket", errorOf("socket hang up", { code: "ECONNRESET" }), { reason: "network", code: "ECONNRESET" }],
    ["an abort", new DOMException("This operation was aborted", "AbortError"), { reason: "network" }],
    ["a time out", new DOMException("The operation timed out", "TimeoutError"), { reason: "network" }],
    ["Node's abort", errorOf("aborted", { name: "AbortError", code: "ABORT_ERR" }), { reason: "network" }]
  ]
  for (const [what, thrown, expected] of network) {
    it.effect(`B01: ${what} may be tried again`, () =>
      Effect.gen(function*() {
        for (const error of yield* endsOf(thrown)) {
          assert.deepInclude(error, { _tag: "ResponseError", provider: "Odd", ...expected })
          assert.strictEqual(ProviderError.isRetryable(error), true)
        }
      }))
  }

  const bugs: ReadonlyArray<[what: string, thrown: unknown, kind: string]> = [
    ["a bug", new TypeError("Cannot read properties of undefined (reading 'fetch')"), "TypeError"],
    ["a bug found by Node", errorOf("The \"url\" argument", { code: "ERR_INVALID_ARG_TYPE" }, TypeError), "TypeError"],
    ["a URL that is none", errorOf("Invalid URL", { code: "ERR_INVALID_URL" }, TypeError), "TypeError"],
    ["a file that is not there", errorOf("no such file", { code: "ENOENT", syscall: "open" }), "Error"],
    ["what cannot be cloned", new DOMException("could not be cloned", "DataCloneError"), "DataCloneError"],
    ["a text that is not JSON", new SyntaxError("Unexpected token"), "SyntaxError"],
    ["an error of its own", errorOf("no", { name: "Odd error sk-123" }), "Error"],
    ["a text", "sk-123", "what is no error"],
    ["nothing", undefined, "what is no error"],
    ["an error whose name is no text", errorOf("no", { name: { toString: () => "Sk" } }), "Error"],
    ["an error with getters that throw", new Unreadable("no"), "what cannot be read"],
    ["a proxy that cannot be read", unreadable, "what cannot be read"],
    [
      "an error that refers to itself",
      (() => {
        const error = new Error("again")
        return Object.assign(error, { cause: error })
      })(),
      "Error"
    ],
    [
      "an error at the top of 100,000 causes",
      Array.from({ length: 100_000 }).reduce<Error>((cause) => new Error("again", { cause }), new Error("first")),
      "Error"
    ],
    [
      "an error that refers to itself many times",
      (() => {
        const error = new Error("again")
        return Object.assign(error, { cause: Array.from({ length: 12 }, () => error) })
      })(),
      "Error"
    ],
    [
      "an error of many errors that refer to it",
      (() => {
        const error = new Error("again")
        return Object.assign(error, { errors: Array.from({ length: 12 }, () => error) })
      })(),
      "Error"
    ]
  ]
  for (const [what, thrown, kind] of bugs) {
    it.effect(`B01: ${what} is not tried again`, () =>
      Effect.gen(function*() {
        for (const error of yield* endsOf(thrown)) {
          assert.deepInclude(error, { reason: "malformed", detail: `the provider threw ${kind}` })
          assert.strictEqual(ProviderError.isRetryable(error), false)
          assert.notInclude(inspect(error, { depth: 10 }), "sk-123")
        }
      }))
  }

  const statuses: ReadonlyArray<[thrown: object, tag: string, retryable: boolean]> = [
    [errorOf("429 sk-123", { status: 429 }), "RateLimited", true],
    [errorOf("401 sk-123", { status: 401 }), "MissingAuth", false],
    [errorOf("402 sk-123", { statusCode: 402 }), "PaymentRequired", false],
    [errorOf("400 sk-123", { status: 400, code: "ECONNRESET" }), "InvalidRequest", false],
    [errorOf("503 sk-123", { status: 503 }), "ResponseError", true],
    [errorOf("200 sk-123", { status: 200 }), "ResponseError", false]
  ]
  for (const [thrown, tag, retryable] of statuses) {
    it.effect(`B01: what an SDK throws is told by its status: ${tag}, ${retryable}`, () =>
      Effect.gen(function*() {
        for (const error of yield* endsOf(thrown)) {
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(ProviderError.isRetryable(error), retryable)
          assert.notInclude(inspect(error, { depth: 10 }), "sk-123")
        }
      }))
  }
})

describe("Provider.make: a run that gives what is no answer", () => {
  const untyped = (run: () => unknown) => provider(run as Provider.MakeOptions["run"]) // what a caller without types does
  const expected = "expected a Stream of outputs, an Effect of one text, or an async iterable"
  const odd: ReadonlyArray<[what: string, run: () => unknown, detail: string]> = [
    ["a promise", () => Promise.resolve("Hi"), `\`run\` gave a promise, ${expected}`],
    ["a promise that fails", () => Promise.reject(new Error("sk-123")), `\`run\` gave a promise, ${expected}`],
    ["a text", () => "Hi sk-123", `\`run\` gave a string, ${expected}`],
    ["nothing", () => undefined, `\`run\` gave undefined, ${expected}`],
    ["null", () => null, `\`run\` gave null, ${expected}`],
    ["an array", () => ["Hi"], `\`run\` gave an array, ${expected}`],
    ["an object", () => ({ text: "Hi" }), `\`run\` gave an object, ${expected}`],
    ["an Effect of no text", () => Effect.succeed(7), "`run` gave an Effect of a number, expected one of a text"],
    ["an Effect of nothing", () => Effect.void, "`run` gave an Effect of undefined, expected one of a text"],
    [
      "an async iterable of no outputs",
      async function*() {
        yield { content: "sk-123" }
      },
      "the async iterable of `run` gave an object, expected a text or an output"
    ],
    [
      "an async iterator without results",
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(undefined) }) }),
      "`next` of the async iterable gave undefined, expected an object with `done` and `value`"
    ]
  ]
  for (const [what, run, detail] of odd) {
    it.effect(`B01: ${what} is a typed error that says what to give`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Stream.runDrain(untyped(run).stream({ prompt: "Hi" })))
        assert.deepInclude(error, { _tag: "ResponseError", provider: "Odd", reason: "malformed", detail })
        assert.notInclude(inspect(error, { depth: 10 }), "sk-123")
      }))
  }

  it.effect("B19: a fallback goes on with the next one after a bug, and keeps it", () =>
    Effect.gen(function*() {
      const retries = Schedule.recurs(3)
      let calls = 0
      const buggy = untyped(() => {
        calls++
        throw new TypeError("undefined is not a function")
      })
      const none = untyped(() => undefined)
      const good = provider(() => Effect.succeed("Hi"))
      const whole = yield* Fallback.make([buggy, none, good], { retries })
      assert.strictEqual(yield* Stream.mkString(Output.text(whole.stream({}))), "Hi")
      assert.strictEqual(calls, 1)
      const error = yield* Effect.flip(Stream.runDrain((yield* Fallback.make([buggy, none])).stream({})))
      assert(error._tag === "AllProvidersFailed")
      assert.deepStrictEqual(
        error.failures.map(({ error }) => error._tag === "ResponseError" ? error.reason : error._tag),
        ["malformed", "malformed"]
      )
      assert.strictEqual(ProviderError.isRetryable(error), false)
    }))
})
