import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { isRetryable } from "../../src/ProviderError.js"
import * as CallSettings from "../../src/replicate/CallSettings.js"
import type * as ModelRef from "../../src/replicate/ModelRef.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import { sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { done, event } from "../support/replicateFake.js"

const create = Prediction.create(Server.model, { prompt: "hi" })

const failsWith = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flip(Server.timed(effect))

describe("a create", () => {
  const { version } = Server
  const owned = { owner: "acme", name: "llama" }

  it.effect.each<{ what: string; refs: ReadonlyArray<ModelRef.Input> }>([
    { what: "texts", refs: [Server.model, `${Server.model}:${version}`, version] },
    {
      what: "references",
      refs: [{ _tag: "Model", ...owned }, { _tag: "Version", ...owned, version }, { _tag: "Version", version }]
    }
  ])("C04, C10: of $what goes to the model's route, or to the version's", ({ refs }) =>
    Effect.gen(function*() {
      const server = Server.make()
      yield* Effect.forEach(refs, (model) => Server.timed(Prediction.create(model, { prompt: "hi" }))).pipe(
        Effect.provide(server.layer)
      )
      const input = { prompt: "hi" }
      assert.deepStrictEqual(server.calls.map(({ body, url }) => ({ body, url })), [
        { url: "https://api.replicate.com/v1/models/acme/llama/predictions", body: { input } },
        { url: "https://api.replicate.com/v1/predictions", body: { input, version: `acme/llama:${version}` } },
        { url: "https://api.replicate.com/v1/predictions", body: { input, version } }
      ])
      for (const { headers, method } of server.calls) {
        assert.strictEqual(method, "POST")
        assert.strictEqual(headers["authorization"], "Bearer r8_test")
        assert.strictEqual(headers["accept"], "application/json")
        assert.strictEqual(headers["user-agent"], "effect-providers")
      }
    }))

  it.effect.each([408, 409, 425, 500, 502, 503, 504, 520, 522, 524])(
    "C06: answered by %i is sent once",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.status(status, { detail: "no" }, { "retry-after": "1" })] })
        const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
        assert.deepInclude(error, { _tag: "ResponseError", reason: "status", status, method: "POST" })
        assert.strictEqual(server.count("create"), 1)
        assert.lengthOf(server.calls, 1)
      })
  )

  it.effect.each([
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "UND_ERR_SOCKET",
    "UND_ERR_HEADERS_TIMEOUT",
    "never heard of it"
  ])(
    "C06: cut off by %s is sent once",
    (code) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.breaks(code)] })
        const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
        assert.deepInclude(error, { _tag: "ResponseError", reason: "network" })
        assert.strictEqual(server.count("create"), 1)
      })
  )

  it.effect("C06: that gets no answer is sent once, and fails by the connect clock", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.silent] }, { connectTimeout: "7 seconds" })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "Timeout", clock: "connect" })
      assert.strictEqual(yield* TestClock.currentTimeMillis, 7000)
      yield* Server.elapse(600)
      assert.strictEqual(server.count("create"), 1)
    }))

  it.effect("C06: whose answer cannot be read is sent once", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.status(201, "{\"id\":", { "content-type": "application/json" })] })
      yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("create"), 1)
    }))

  it.effect.each([
    { what: "broke off", answer: Server.breaks("ECONNRESET") },
    { what: "was answered by 502", answer: Server.status(502, "") },
    { what: "got no answer", answer: Server.silent },
    { what: "got 500", answer: Server.status(500, "{}") },
    { what: "got half an answer", answer: Server.status(201, "{\"id\":", { "content-type": "application/json" }) },
    { what: "got half an answer under 203", answer: Server.status(203, "{\"id\":") },
    { what: "got something else under 203", answer: Server.status(203, { detail: "ok" }) },
    { what: "got nothing but 204", answer: () => new Response(null, { status: 204 }) }
  ])(
    "C06: that $what may have started, and is not to be retried by others either",
    ({ answer }) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [answer, Server.gives()] }, { connectTimeout: "7 seconds" })
        const retried = Effect.retry(create, { while: isRetryable, times: 2 })
        const error = yield* failsWith(retried).pipe(Effect.provide(server.layer))
        assert.propertyVal(error, "mayHaveStarted", true)
        assert.include(error.message, "look before starting it again")
        assert.strictEqual(server.count("create"), 1)
      })
  )

  it.effect.each([
    { what: "refused by 422", answer: Server.status(422, "{}") },
    { what: "never connected", answer: Server.breaks("ECONNREFUSED") }
  ])("C06: that was $what has started nothing", ({ answer }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [answer] }, { maxRetries: 0 })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.notProperty(error, "mayHaveStarted")
    }))

  it.effect.each([200, 203, 206])(
    "C06: that was answered under %s is the prediction it made",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.gives({}, status)] }, { maxRetries: 0 })
        const { id } = yield* create.pipe(Effect.provide(server.layer))
        assert.strictEqual(id, Server.id)
        assert.strictEqual(server.count("create"), 1)
      })
  )

  it.effect("C06: a read under a status that no read has is malformed", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.gives({}, 203)] }, { maxRetries: 0 })
      const error = yield* failsWith(Prediction.get(Server.id)).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", status: 203 })
    }))

  it.effect("C24: a read that broke off says nothing of the kind", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.breaks("ECONNRESET")] }, { maxRetries: 0 })
      const error = yield* failsWith(Prediction.get(Server.id)).pipe(Effect.provide(server.layer))
      assert.isTrue(isRetryable(error))
    }))

  it.effect("the hold that was asked for is no part of the connect clock", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(12, Server.gives())] }, { connectTimeout: "3 seconds" })
      yield* Server.timed(Prediction.create(Server.model, {}, { wait: "10 seconds" })).pipe(
        Effect.provide(server.layer)
      )
      assert.strictEqual(yield* TestClock.currentTimeMillis, 12_000)
    }))

  it.effect("the hold is a minute where no number is asked for", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(62, Server.gives())] }, { connectTimeout: "3 seconds" })
      const create = Effect.flatMap(ReplicateClient.ReplicateClient, ({ api }) =>
        api.predictions.create({ headers: { prefer: "wait" }, payload: { version: Server.version, input: {} } }))
      yield* Server.timed(create).pipe(Effect.provide(server.layer))
      assert.strictEqual(yield* TestClock.currentTimeMillis, 62_000)
      assert.strictEqual(server.calls[0]?.headers["prefer"], "wait")
    }))

  const limited = (body: unknown, headers: Record<string, string> = {}) => Server.status(429, body, headers)

  it.effect.each([
    { hint: "the body", answer: limited({ detail: "Request was throttled.", retry_after: 7 }) },
    { hint: "Retry-After", answer: limited({ detail: "Request was throttled." }, { "retry-after": "7" }) },
    { hint: "a date", answer: limited({}, { "retry-after": "Thu, 01 Jan 1970 00:00:07 GMT" }) },
    { hint: "ratelimit-reset", answer: limited({}, { "ratelimit-reset": "7" }) },
    { hint: "a sentence", answer: limited({ detail: "Request was throttled. Your rate limit resets in ~7s." }) },
    {
      hint: "the older sentence",
      answer: limited({ detail: "Request was throttled. Expected available in 7 seconds." })
    },
    {
      hint: "the body before the headers",
      answer: limited({ retry_after: 7 }, { "retry-after": "20", "ratelimit-reset": "30" })
    },
    {
      hint: "Retry-After before ratelimit-reset",
      answer: limited({ detail: "resets in ~40s" }, { "retry-after": "7", "ratelimit-reset": "30" })
    }
  ])("C23: refused by 429 is sent again after the wait of $hint", ({ answer }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [answer, Server.gives()] })
      const prediction = yield* Server.timed(create).pipe(Effect.provide(server.layer))
      assert.strictEqual(prediction.id, Server.id)
      const [first = NaN, second = NaN] = server.times("create")
      assert.isAtLeast(second - first, 7000)
      assert.isAtMost(second - first, 7000 * 1.25)
      assert.strictEqual(server.count("create"), 2)
    }))

  it.effect.each([0, 1, 3])(
    "C01, C23: is refused by 429 and sent again %i times at most",
    (maxRetries) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [limited({ detail: "slow", retry_after: 2 })] }, { maxRetries })
        const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
        assert(error._tag === "RateLimited")
        assert.strictEqual(error.attempts ?? 1, maxRetries + 1)
        assert.strictEqual(Duration.toSeconds(error.retryAfter ?? 0), 2)
        assert.strictEqual(server.count("create"), maxRetries + 1)
      })
  )

  it.effect("a 429 that asks for longer than is waited for fails at once", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [limited({}, { "retry-after": "3600" })] })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert(error._tag === "RateLimited")
      assert.strictEqual(Duration.toSeconds(error.retryAfter ?? 0), 3600)
      assert.strictEqual(server.count("create"), 1)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
    }))

  it.effect("C06: that was never connected is sent again, with backoff", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.breaks("ECONNREFUSED")] })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "connect", code: "ECONNREFUSED", attempts: 4 })
      const times = server.times("create")
      assert.lengthOf(times, 4)
      for (const [index, backoff] of [500, 1000, 2000].entries()) {
        const pause = (times[index + 1] ?? NaN) - (times[index] ?? NaN)
        assert.isAtLeast(pause, backoff * 0.8 - 1)
        assert.isAtMost(pause, backoff * 1.2 + 1)
      }
    }))

  it.effect("C06: refused, then cut off, is not sent a third time", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [limited({ retry_after: 1 }), Server.breaks("ECONNRESET"), Server.gives()] })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "network", attempts: 2 })
      assert.strictEqual(server.count("create"), 2)
    }))

  it.effect.each([400, 401, 402, 403, 404, 413, 422])(
    "answered by %i is sent once",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.status(status)] })
        yield* failsWith(create).pipe(Effect.provide(server.layer))
        assert.strictEqual(server.count("create"), 1)
      })
  )

  it.effect("C28: refused by 422 names the fields", () =>
    Effect.gen(function*() {
      const detail = "- input: prompt is required\n"
      const body = {
        title: "Input validation failed",
        detail,
        status: 422,
        invalid_fields: [{ type: "required", field: "input.prompt", description: "prompt is required" }]
      }
      const server = Server.make({ create: [Server.status(422, body)] })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert(error._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map(({ field, message }) => ({ field, message })), [
        { field: "input.prompt", message: "prompt is required" }
      ])
    }))

  it.effect("R17: of a model that is not there is ModelNotFound", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.status(404, { detail: "gone", status: 404 })] })
      const error = yield* failsWith(create).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ModelNotFound", model: Server.model, status: 404 })
    }))
})

describe("a call that is safe to repeat", () => {
  const calls = { get: Prediction.get(Server.id), cancel: Prediction.cancel(Server.id) }
  const kinds = ["get", "cancel"] as const

  it.effect.each(
    kinds.flatMap((kind) =>
      [
        ...[429, 500, 502, 503, 504, 520].map((status) => ({ what: String(status), answer: Server.status(status) })),
        ...["ECONNRESET", "ECONNREFUSED"].map((code) => ({ what: code, answer: Server.breaks(code) })),
        { what: "silence", answer: Server.silent }
      ].map((failure) => ({ kind, ...failure }))
    )
  )("C24: $kind is sent again after $what", ({ answer, kind }) =>
    Effect.gen(function*() {
      const server = Server.make({ [kind]: [answer, answer, Server.gives({ status: "processing" })] })
      const prediction = yield* Server.timed(calls[kind]).pipe(Effect.provide(server.layer))
      assert.strictEqual(prediction.status, "processing")
      assert.strictEqual(server.count(kind), 3)
    }))

  it.effect.each(kinds)("C24: %s gives up with the number of attempts", (kind) =>
    Effect.gen(function*() {
      const server = Server.make({ [kind]: [Server.status(503)] }, { maxRetries: 2 })
      const error = yield* failsWith(calls[kind]).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ResponseError", status: 503, attempts: 3 })
      assert.strictEqual(server.count(kind), 3)
    }))

  it.effect("C24: a hint counts for any answer that may be tried again", () =>
    Effect.gen(function*() {
      for (const status of [500, 503, 429]) {
        const server = Server.make({ get: [Server.status(status, {}, { "retry-after": "7" }), Server.gives()] })
        yield* Server.timed(calls.get).pipe(Effect.provide(server.layer))
        const [first = NaN, second = NaN] = server.times("get")
        assert.isTrue(second - first >= 7000 && second - first <= 8400, `${status}: ${second - first}`)
      }
    }))

  it.effect("C06: the waits are those of the policy that is given, 2, 4, 8 and then 10 seconds if so wished", () =>
    Effect.gen(function*() {
      const retry = { base: "2 seconds", cap: "10 seconds", maxRetries: 5 } as const
      const server = Server.make({ get: [Server.status(503)] }, { retry })
      const error = yield* failsWith(calls.get).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "ResponseError", status: 503, attempts: 6 })
      assert.include(error.message, "6 attempts")
      const times = server.times("get")
      const pauses = times.slice(1).map((at, i) => at - (times[i] ?? NaN))
      assert.lengthOf(pauses, 5)
      for (const [i, planned] of [2000, 4000, 8000, 10_000, 10_000].entries()) {
        assert.isAtLeast(pauses[i] ?? NaN, planned * 0.8 - 1)
        assert.isAtMost(pauses[i] ?? NaN, planned * 1.2 + 1)
      }
    }))

  it.effect("C06: maxRetries wins over the one of the policy, and the rest of the policy stays", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.status(503)] }, {
        maxRetries: 1,
        retry: { maxRetries: 9, base: "1 hour" }
      })
      const error = yield* failsWith(calls.get).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { attempts: 2 })
      const [first = NaN, second = NaN] = server.times("get")
      assert.isTrue(second - first >= 8000 && second - first <= 12_000)
    }))

  it.effect.each([["0", 1], ["1", 2], [undefined, 4]] as const)(
    "C01, C06: with %s as REPLICATE_MAX_RETRIES there are %i tries",
    ([maxRetries, tries]) =>
      Effect.gen(function*() {
        const variables = { REPLICATE_API_TOKEN: "r8_env", ...(maxRetries && { REPLICATE_MAX_RETRIES: maxRetries }) }
        const server = Server.make({ get: [Server.status(503)], create: [Server.status(429)] })
        const layer = Layer.provide(ReplicateClient.layerConfig(), server.http)
        for (const call of [calls.get, create]) {
          const error = yield* failsWith(call).pipe(
            Effect.provide(layer),
            Effect.withConfigProvider(ConfigProvider.fromJson(variables))
          )
          assert.strictEqual("attempts" in error ? error.attempts ?? 1 : 1, tries)
        }
        assert.strictEqual(server.count("get"), tries)
        assert.strictEqual(server.count("create"), tries)
      })
  )

  it.effect.each(kinds)("%s is not repeated when it cannot succeed", (kind) =>
    Effect.gen(function*() {
      for (const status of [400, 401, 402, 404]) {
        const server = Server.make({ [kind]: [Server.status(status)] })
        yield* failsWith(calls[kind]).pipe(Effect.provide(server.layer))
        assert.strictEqual(server.count(kind), 1)
      }
    }))

  it.effect.each(kinds)(
    "C09: %s that is not answered is given up at once when another effect beside it fails",
    (kind) =>
      Effect.gen(function*() {
        const server = Server.make({ [kind]: [Server.silent] })
        const failing = Effect.zipRight(Effect.sleep("1 second"), Effect.fail("no"))
        const both = Effect.all([calls[kind], failing], { concurrency: 2 })
        assert.strictEqual(yield* failsWith(both).pipe(Effect.provide(server.layer)), "no")
        assert.strictEqual(yield* TestClock.currentTimeMillis, 1000)
      })
  )

  it.effect("C19: cancel gives the prediction as it is then", () =>
    Effect.gen(function*() {
      const server = Server.make({ cancel: [Server.gives({ status: "processing" })] })
      const prediction = yield* Server.timed(calls.cancel).pipe(Effect.provide(server.layer))
      assert.strictEqual(prediction.status, "processing")
      assert.deepInclude(server.calls[0], {
        method: "POST",
        url: `https://api.replicate.com/v1/predictions/${Server.id}/cancel`
      })
    }))
})

describe("an id", () => {
  const routeOf = (url: string) => new URL(url).pathname.split("/")

  it.effect.each([
    "../account",
    "a/b",
    "a/../../account",
    "%2e%2e",
    "%2E%2E/x",
    "a?x=1",
    "a#x",
    "a\\b",
    "ü𝒳",
    "a b",
    "...",
    "..;",
    "$&"
  ])(
    "%j cannot reach another route",
    (id) =>
      Effect.gen(function*() {
        const server = Server.make()
        yield* Server.timed(Effect.all([Prediction.get(id), Prediction.cancel(id)])).pipe(Effect.provide(server.layer))
        const [get, cancel] = server.calls.map(({ url }) => url)
        assert.deepStrictEqual(routeOf(get ?? ""), ["", "v1", "predictions", encodeURIComponent(id)])
        assert.deepStrictEqual(routeOf(cancel ?? ""), ["", "v1", "predictions", encodeURIComponent(id), "cancel"])
        assert.isTrue([get, cancel].every((url) => new URL(url ?? "").search === ""))
      })
  )

  it.effect.each(["", " ", "\t\n", ".", "..", "\ud800"])(
    "%j is refused before any request",
    (id) =>
      Effect.gen(function*() {
        const server = Server.make()
        for (const call of [Prediction.get(id), Prediction.cancel(id)]) {
          const error = yield* failsWith(call).pipe(Effect.provide(server.layer))
          assert.strictEqual(error._tag, "InvalidRequest")
          assert.strictEqual(
            error.message,
            "Replicate cannot take this request: prediction_id: expected an id or a name, neither empty nor a relative path. " +
              "Correct it and call again."
          )
        }
        assert.lengthOf(server.calls, 0)
      })
  )

  it.effect.prop(
    "whatever it is, reaches its own route or none",
    [FastCheck.string16bits()],
    ([id]) =>
      Effect.gen(function*() {
        const server = Server.make()
        const result = yield* Effect.either(Prediction.get(id)).pipe(Effect.provide(server.layer))
        if (result._tag === "Left") {
          assert.strictEqual(result.left._tag, "InvalidRequest")
          assert.lengthOf(server.calls, 0)
        } else {
          assert.deepStrictEqual(routeOf(server.calls[0]?.url ?? ""), ["", "v1", "predictions", encodeURIComponent(id)])
        }
      })
  )
})

describe("CallSettings", () => {
  it.effect("R31: calls at the same time never see each other's token or headers", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.later(1, Server.gives())] })
      const call = (n: number) =>
        Prediction.get(`p${n}`).pipe(
          CallSettings.withSettings({ token: Redacted.make(`r8_${n}`), headers: { "x-call": String(n) } })
        )
      const all = Effect.all([call(1), call(2), Prediction.get("p0")], { concurrency: "unbounded" })
      yield* Server.timed(all).pipe(Effect.provide(server.layer))
      const seen = server.calls.map(({ headers, url }) => [url.slice(-2), headers["authorization"], headers["x-call"]])
      assert.deepStrictEqual(seen.sort(), [
        ["p0", "Bearer r8_test", undefined],
        ["p1", "Bearer r8_1", "1"],
        ["p2", "Bearer r8_2", "2"]
      ])
    }))

  it.effect("the connect clock of a call wins over the layer's", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.silent] })
      const call = CallSettings.withSettings(create, { connectTimeout: Duration.seconds(2) })
      const error = yield* failsWith(call).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "Timeout", clock: "connect" })
      assert.strictEqual(yield* TestClock.currentTimeMillis, 2000)
    }))
})

describe("one client for all", () => {
  class First
    extends Context.Tag("effect-providers/test/replicate/ReplicateClient.test/First")<First, ReplicateClient.Service>()
  {}
  class Second extends Context.Tag("effect-providers/test/replicate/ReplicateClient.test/Second")<
    Second,
    ReplicateClient.Service
  >() {}

  /** Two consumers of one layer, and how often its client was made. */
  const setup = () => {
    const made: Array<string> = []
    const server = Server.make({}, {
      transformClient: (client) => {
        made.push("client")
        return client
      }
    })
    const consumers = Layer.merge(
      Layer.effect(First, ReplicateClient.ReplicateClient),
      Layer.effect(Second, ReplicateClient.ReplicateClient)
    )
    return { made, server, consumers: Layer.provide(consumers, server.layer) }
  }
  const clients = Effect.all([First, Second])

  it.effect("C03: those who use the same layer share one client", () =>
    Effect.gen(function*() {
      const { consumers, made } = setup()
      const [first, second] = yield* Effect.provide(clients, consumers)
      assert.strictEqual(first, second)
      assert.lengthOf(made, 1)
    }))

  it.effect("C03, C30: a runtime keeps its client, and a fresh one has a fresh client", () =>
    Effect.gen(function*() {
      const { consumers, made } = setup()
      const runtimes = [ManagedRuntime.make(consumers), ManagedRuntime.make(consumers)] as const
      const seen = yield* Effect.forEach([...runtimes, ...runtimes], (runtime) => Effect.provide(clients, runtime))
      assert.lengthOf(made, 2)
      const [[first], [second]] = [seen[0] ?? [], seen[1] ?? []]
      assert.notStrictEqual(first, second)
      assert.deepStrictEqual(seen.map(([one, other]) => [one === first, other === second]), [
        [true, false],
        [false, true],
        [true, false],
        [false, true]
      ])
      for (const runtime of runtimes) yield* runtime.disposeEffect
    }))

  it.effect("C30: a fresh client has limits, a token and a memory of its own", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 } })
      for (const _ of [1, 2]) {
        const runtime = ManagedRuntime.make(server.layer)
        yield* Server.timed(Effect.provide(create, runtime))
        yield* runtime.disposeEffect
      }
      assert.deepStrictEqual(server.times("create"), [0, 0])
    }))
})

describe("what becomes of a request", () => {
  /** A client that tells which of its requests were ended. */
  const watched = Effect.fnUntraced(function*(answer: (url: string) => Effect.Effect<Response>) {
    const signals: Array<AbortSignal> = []
    const http = HttpClient.make((request, url, signal) => {
      signals.push(signal)
      return Effect.map(answer(url.pathname), (response) => HttpClientResponse.fromWeb(request, response))
    })
    const client = yield* ReplicateClient.make({ token: Redacted.make("r8_test"), connectTimeout: "10 seconds" }).pipe(
      Effect.provideService(HttpClient.HttpClient, http)
    )
    return { client, aborted: () => signals.map(({ aborted }) => aborted) }
  })

  it.effect("C20: a connection of a stream that gives something else is ended before there is another", () =>
    Effect.gen(function*() {
      const asked: Array<ReadonlyArray<boolean>> = []
      const prediction = { id: "p1", status: "processing", urls: { stream: Server.streamUrl } }
      const { aborted, client } = yield* watched((path) =>
        Effect.sync(() => {
          if (path !== new URL(Server.streamUrl).pathname) return Response.json(prediction)
          asked.push(aborted())
          return asked.length === 1 ? new Response(new ReadableStream()) : sse(event("output", "Hi"), done)
        })
      )
      const stream = Stream.runDrain(Prediction.stream(Server.model, {}, { timeout: "10 seconds" }))
      yield* Server.timed(Effect.exit(Effect.provideService(stream, ReplicateClient.ReplicateClient, client)))
      // the create, the first connection, the look at the prediction, the second connection
      assert.deepStrictEqual(asked[1]?.slice(0, 2), [false, true])
    }))

  it.effect("C06: one that is given up is ended, by the clock as by the caller", () =>
    Effect.gen(function*() {
      const { aborted, client } = yield* watched(() => Effect.never)
      const get = client.api.predictions.get({ path: { prediction_id: "p1" } })
      yield* Server.timed(
        Effect.flip(client.api.predictions.create({ headers: {}, payload: { version: "v", input: {} } }))
      )
      assert.deepStrictEqual(aborted(), [true])
      const fiber = yield* Effect.fork(get)
      yield* Server.settle
      assert.deepStrictEqual(aborted(), [true, false])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(aborted(), [true, true])
    }))

  it.effect("one that failed is ended, and one whose answer has no end; one that was read to its end is not", () =>
    Effect.gen(function*() {
      const answers: Readonly<Record<string, () => Response>> = {
        p1: () => Response.json({ id: "p1", status: "succeeded" }),
        f1: () => new Response(null, { status: 204 }),
        f2: () => new Response(new ReadableStream(), { status: 204 })
      }
      const { aborted, client } = yield* watched((path) =>
        Effect.sync(() => answers[path.slice(-2)]?.() ?? new Response(null, { status: 404 }))
      )
      yield* client.api.predictions.get({ path: { prediction_id: "p1" } })
      yield* Effect.flip(client.api.predictions.get({ path: { prediction_id: "p2" } }))
      yield* client.api.files.delete({ path: { file_id: "f1" } })
      assert.deepStrictEqual(aborted(), [false, true, false])
    }))

  it.effect("one whose answer nobody wants is ended when that does not end", () =>
    Effect.gen(function*() {
      // a status that may have a body
      const body = new ReadableStream()
      const { aborted, client } = yield* watched(() => Effect.succeed(new Response(body, { status: 202 })))
      const path = { model_owner: "acme", model_name: "llama", version_id: Server.version }
      const fiber = yield* Effect.fork(client.api.models.deleteVersion({ path }))
      yield* Server.settle
      assert.deepStrictEqual(aborted(), [false])
      yield* Server.elapse(1)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(aborted(), [true])
    }))

  it.effect("C06: the total clock of a run says that a create was on its way, whatever became of that", () =>
    Effect.gen(function*() {
      const late = Effect.delay(Effect.sync(() => new Response("{}", { status: 502 })), "2 seconds")
      for (const answer of [Effect.never, late]) {
        const { client } = yield* watched(() => answer)
        const run = Prediction.run(Server.model, {}, { timeout: "1 second" }).pipe(
          Effect.provideService(ReplicateClient.ReplicateClient, client)
        )
        const error = yield* Server.timed(Effect.flip(run))
        assert.deepInclude(error, { _tag: "Timeout", clock: "total", mayHaveStarted: true })
        assert.isFalse(isRetryable(error))
      }
    }))

  it.effect("one that cancels a run nobody waits for is ended by its clock", () =>
    Effect.gen(function*() {
      const prediction = { id: "p1", status: "starting", urls: {} }
      const { aborted, client } = yield* watched((path) =>
        path.endsWith("/predictions") ? Effect.sync(() => Response.json(prediction, { status: 201 })) : Effect.never
      )
      const run = Prediction.run(Server.model, {}).pipe(
        Effect.provideService(ReplicateClient.ReplicateClient, client)
      )
      const fiber = yield* Effect.fork(run)
      yield* Server.elapse(0)
      yield* Fiber.interruptFork(fiber)
      yield* Server.elapse(0)
      // the look was ended at once, and the cancel is on its way
      assert.deepStrictEqual(aborted(), [false, true, false])
      yield* Server.elapse(60)
      assert.deepStrictEqual(aborted().slice(0, 3), [false, true, true])
    }))

  it.effect("one that is wrapped by its caller is read as the caller has it", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const http = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ id: "p1", status: "starting" })))
      )
      const client = yield* ReplicateClient.make({
        token: Redacted.make("r8_test"),
        // reads what we read as well, a moment later
        transformClient: HttpClient.tap(({ text }) =>
          Effect.forkDaemon(Effect.delay(Effect.map(text, (text) => told.push(text)), "1 second"))
        )
      }).pipe(Effect.provideService(HttpClient.HttpClient, http))
      yield* client.api.predictions.get({ path: { prediction_id: "p1" } })
      yield* Server.elapse(1)
      assert.deepStrictEqual(told, [JSON.stringify({ id: "p1", status: "starting" })])
    }))

  it.effect("one of one's own that is answered by nothing gives null", () =>
    Effect.gen(function*() {
      const { client } = yield* watched(() => Effect.succeed(new Response(null, { status: 204 })))
      assert.isNull(yield* client.send(HttpClientRequest.get("/nothing"), Schema.Null))
    }))
})
