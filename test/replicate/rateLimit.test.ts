import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as CallSettings from "../../src/replicate/CallSettings.js"
import { FileOutput } from "../../src/replicate/FileOutput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import { ReplicateClient } from "../../src/replicate/ReplicateClient.js"
import * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

const create = Prediction.create(Server.model, { prompt: "hi" })
const get = Prediction.get(Server.id)
const other = Effect.flatMap(ReplicateClient, ({ api }) => api.account.get())
const account = () => FakeHttp.json({ type: "user", username: "ada" })

const many = <A, E, R>(count: number, call: Effect.Effect<A, E, R>) =>
  Effect.fork(Effect.replicateEffect(call, count, { concurrency: "unbounded" }))

/** A prediction, with what the server says is left. */
const left = (calls: number, reset: number): Server.Answer => () =>
  FakeHttp.json(Server.prediction(), {
    headers: { "ratelimit-remaining": String(calls), "ratelimit-reset": String(reset) }
  })

const limited = (headers: Record<string, string> = {}) => Server.status(429, { detail: "slow down" }, headers)

const seconds = (times: ReadonlyArray<number>) => times.map((at) => Math.floor(at / 1000))

describe("rateLimit", () => {
  it("C23: is off, the API's own, or what is given of it", () => {
    const of = (rateLimit: ReplicateConfig.Options["rateLimit"]) => ReplicateConfig.make({ rateLimit }).rateLimit
    assert.isUndefined(of(undefined))
    assert.isUndefined(of(false))
    assert.deepStrictEqual(of(true), { creates: 600, reads: 60_000, others: 3000 })
    assert.deepStrictEqual(of({ creates: 6 }), { creates: 6, reads: 60_000, others: 3000 })
    assert.deepStrictEqual(of({ reads: 1, others: 2 }), { creates: 600, reads: 1, others: 2 })
  })

  it.effect("C23: 600 creates go out at once, and the next when the first is a minute old", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: true })
      const all = yield* Effect.provide(many(601, create), server.layer)
      yield* Server.elapse(59.9)
      assert.strictEqual(server.count("create"), 600)
      yield* Server.elapse(0.1)
      assert.strictEqual(server.count("create"), 601)
      yield* Fiber.join(all)
    }))

  it.effect("C23: creates, reads and other calls are counted apart", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [account] }, { rateLimit: { creates: 2, reads: 4, others: 3 } })
      yield* Effect.all([many(9, create), many(9, get), many(9, Prediction.cancel(Server.id)), many(9, other)]).pipe(
        Effect.provide(server.layer)
      )
      yield* Server.elapse(59)
      assert.strictEqual(server.count("create"), 2)
      assert.strictEqual(server.count("get"), 4)
      assert.strictEqual(server.count("cancel") + server.count("other"), 3)
    }))

  it.effect("C23: creates by every route are creates", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 } })
      const client = yield* Effect.provide(ReplicateClient, server.layer)
      const payload = { input: {} }
      yield* many(1, client.api.predictions.create({ headers: {}, payload: { ...payload, version: "v" } }))
      yield* many(1, client.api.models.predict({ path: { model_owner: "a", model_name: "b" }, headers: {}, payload }))
      yield* many(
        1,
        client.api.deployments.predict({ path: { deployment_owner: "a", deployment_name: "b" }, headers: {}, payload })
      )
      const request = HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post("/predictions"), payload)
      yield* many(1, client.send(request, Schema.Unknown))
      yield* Server.elapse(200)
      assert.deepStrictEqual(seconds(server.times("create")), [0, 60, 120, 180])
    }))

  it.effect("C23: files of the API are other calls, and files elsewhere are no calls of it", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [() => new Response("x")] }, { rateLimit: { others: 1 } })
      const own = new FileOutput("https://api.replicate.com/v1/files/a/download").bytes
      const foreign = new FileOutput("https://replicate.delivery/a").bytes
      yield* Effect.all([many(3, own), many(3, foreign)]).pipe(Effect.provide(server.layer))
      yield* Server.settle
      assert.strictEqual(server.count("other"), 4)
    }))

  it.effect("C23: each try takes a place", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.status(503), Server.status(503), Server.gives()] }, {
        rateLimit: { reads: 2 }
      })
      yield* Server.timed(get).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(seconds(server.times("get")), [0, 0, 60])
    }))

  it.effect("C23: the wait is no part of the connect clock", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 }, connectTimeout: "3 seconds" })
      yield* Server.timed(Effect.all([create, create])).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(seconds(server.times("create")), [0, 60])
    }))

  it.effect("C13, C23: the wait is part of the total clock, and what runs out while it waits sends nothing", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 } })
      yield* Effect.gen(function*() {
        yield* Server.timed(create)
        const run = Prediction.run(Server.model, {}, { timeout: "10 seconds" })
        const error = yield* Effect.flip(Server.timed(run))
        assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
        yield* Server.elapse(49)
        yield* many(2, create)
        yield* Server.elapse(1)
      }).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(seconds(server.times("create")), [0, 60])
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect("C23: a create that is interrupted while it waits is not sent, and its place is the next one's", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 } })
      yield* Effect.gen(function*() {
        yield* Server.timed(create)
        const [first] = [yield* Effect.fork(create), yield* many(1, create)]
        yield* Server.settle
        yield* Server.interrupt(first)
        assert.isTrue(yield* Server.isDone(first))
        yield* Server.elapse(60)
      }).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(seconds(server.times("create")), [0, 60])
    }))

  it.effect.each([
    { answer: "a refusal", create: limited({ "retry-after": "30" }) },
    {
      answer: "what is left",
      create: Server.status(201, Server.prediction(), { "ratelimit-remaining": "0", "ratelimit-reset": "30" })
    }
  ])("C23: $answer counts also when nobody waits for it any more", (given) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(4, given.create), Server.gives()] }, { rateLimit: true })
      yield* Effect.gen(function*() {
        const first = yield* Effect.fork(create)
        yield* Server.elapse(1)
        yield* Server.interrupt(first)
        yield* Server.elapse(4)
        const second = yield* Effect.fork(create)
        yield* Server.elapse(60)
        yield* Fiber.join(second)
      }).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(seconds(server.times("create")), [0, 34])
    }))

  it.effect("C23: no more go out than an answer says are left, until it resets", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [left(2, 30)] }, { rateLimit: true })
      yield* Effect.gen(function*() {
        yield* Server.timed(get)
        yield* many(5, get)
        yield* many(1, create)
        yield* Server.elapse(29)
        assert.strictEqual(server.count("get"), 3)
        assert.strictEqual(server.count("create"), 1)
        yield* Server.elapse(1)
      }).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("get"), 6)
    }))

  it.effect.each([
    { hint: "Retry-After", answer: limited({ "retry-after": "20" }) },
    { hint: "ratelimit-reset", answer: limited({ "ratelimit-remaining": "0", "ratelimit-reset": "20" }) },
    { hint: "the body", answer: Server.status(429, { detail: "slow down", retry_after: 20 }) },
    { hint: "a sentence", answer: Server.status(429, { detail: "Your rate limit resets in ~20s." }) }
  ])("C23: one refusal holds the others back for as long as $hint says", ({ answer }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [answer, Server.gives()] }, { rateLimit: true })
      yield* Effect.gen(function*() {
        const first = yield* Effect.fork(create)
        yield* Server.elapse(1)
        const others = yield* many(3, create)
        yield* many(1, get)
        yield* Server.elapse(18)
        assert.strictEqual(server.count("create"), 1)
        assert.strictEqual(server.count("get"), 1)
        yield* Server.elapse(10)
        yield* Fiber.join(first)
        yield* Fiber.join(others)
      }).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("create"), 5)
      assert.isTrue(server.times("create").slice(1).every((at) => at >= 20_000))
    }))

  it.effect("C23: a wait that is longer than is waited for is told by each call, not waited for", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [limited({ "retry-after": "3600" })], get: [left(0, 3600)] }, {
        rateLimit: true
      })
      yield* Effect.gen(function*() {
        for (let i = 0; i < 2; i++) {
          const error = yield* Effect.flip(Server.timed(create))
          assert(error._tag === "RateLimited")
          assert.strictEqual(Duration.toSeconds(error.retryAfter ?? 0), 3600)
          yield* Server.timed(get)
        }
      }).pipe(Effect.provide(server.layer))
      assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
    }))

  it.effect("C23, R31: each token has its own limits, whoever brings it", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { creates: 1 } })
      const as = (token: string) => CallSettings.withSettings(create, { token: Redacted.make(token) })
      yield* Effect.all([many(2, as("r8_a")), many(2, as("r8_b")), many(1, as("r8_test")), many(1, create)]).pipe(
        Effect.provide(server.layer)
      )
      const sent = () => server.calls.map(({ headers }) => headers["authorization"]).sort()
      const once = ["Bearer r8_a", "Bearer r8_b", "Bearer r8_test"]
      yield* Server.elapse(59)
      assert.deepStrictEqual(sent(), once)
      yield* Server.elapse(1)
      assert.deepStrictEqual(sent(), [...once, ...once].sort())
    }))

  it.effect("C23: of more than a thousand tokens, the one that was used longest ago is forgotten", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { rateLimit: { reads: 1 } })
      const as = (token: string) => CallSettings.withSettings(get, { token: Redacted.make(token) })
      yield* Effect.gen(function*() {
        yield* as("r8_first")
        yield* Effect.forEach(Array.from({ length: 999 }, (_, n) => n), (n) => as(`r8_${n}`), { discard: true })
        yield* Effect.all([many(1, as("r8_first")), many(1, as("r8_998"))])
        yield* Server.settle
        assert.strictEqual(server.count("get"), 1000)
        yield* as("r8_new")
        yield* as("r8_0")
        yield* many(1, as("r8_first"))
        yield* Server.settle
        assert.strictEqual(server.count("get"), 1002)
      }).pipe(Effect.provide(server.layer))
    }))
})
