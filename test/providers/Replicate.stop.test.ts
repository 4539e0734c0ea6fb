import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Provider from "../../src/Provider.js"
import type * as Replicate from "../../src/providers/Replicate.js"
import { json } from "../support/fakeHttp.js"
import { interrupt, settle, timed } from "../support/replicate-server.js"
import * as fake from "../support/replicateFake.js"

const { asked, event, prediction, processing, succeeded, texts } = fake

describe("Replicate: stopping", () => {
  it.effect("R25: stopping early closes the socket and cancels the prediction, once", () =>
    Effect.gen(function*() {
      const socket = fake.socket(event("output", "Hel"), event("output", "lo"))
      const server = fake.server({ stream: () => socket.response })
      const outputs = yield* Provider.stream(asked).pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.provide(server.provider())
      )
      yield* settle
      assert.strictEqual(Chunk.size(outputs), 2)
      assert.strictEqual(socket.state.canceled, 1)
      const [cancel, ...others] = server.seen("cancel")
      assert(cancel !== undefined && others.length === 0)
      assert.strictEqual(cancel.method, "POST")
      assert.strictEqual(cancel.url, `${fake.predictionUrl}/cancel`)
      assert.strictEqual(cancel.headers["authorization"], `Bearer ${fake.secret}`)
    }))

  it.effect("R25: a stop text that the model goes past ends the answer all the same, and the prediction", () =>
    Effect.gen(function*() {
      const socket = fake.socket(event("output", "Hello EN"), event("output", "D and on"), event("output", " and on"))
      const server = fake.server({ stream: () => socket.response })
      const outputs = yield* Provider.collect({ ...asked, stop: "END" }).pipe(Effect.provide(server.provider()))
      yield* settle
      assert.strictEqual(texts(outputs).join(""), "Hello ")
      assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason: "stop" })
      assert.strictEqual(server.seen("cancel").length, 1)
    }))

  it.effect("R25: so does interruption", () =>
    Effect.gen(function*() {
      const socket = fake.socket(event("output", "Hel"))
      const server = fake.server({ stream: () => socket.response })
      const fiber = yield* Effect.fork(Provider.text(asked).pipe(Effect.provide(server.provider())))
      yield* settle
      yield* interrupt(fiber)
      assert.notStrictEqual(fiber.unsafePoll(), null)
      assert.strictEqual(socket.state.canceled, 1)
      assert.strictEqual(server.seen("cancel").length, 1)
    }))

  it.effect("R25: a call's own key cancels what it created", () =>
    Effect.gen(function*() {
      const server = fake.server({ stream: () => fake.socket(event("output", "Hel")).response })
      yield* Provider.stream({ ...asked, apiKey: fake.ownKey }).pipe(
        Stream.take(2),
        Stream.runDrain,
        Effect.provide(server.provider())
      )
      yield* settle
      assert.deepStrictEqual(server.seen("cancel").map((request) => request.headers["authorization"]), [
        "Bearer r8_own_secret"
      ])
    }))

  it.effect("R25: interrupted while the create is under way, it cancels what was created", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<void>()
      const server = fake.server({
        create: () => Effect.as(Deferred.await(answer), json(prediction(), { status: 201 }))
      })
      const fiber = yield* Effect.fork(Provider.text(asked).pipe(Effect.provide(server.provider())))
      yield* settle
      assert.strictEqual(server.seen("create").length, 1)
      yield* Fiber.interruptFork(fiber)
      yield* settle
      assert.strictEqual(server.seen("cancel").length, 0)
      yield* Deferred.succeed(answer, undefined)
      yield* settle
      assert.notStrictEqual(fiber.unsafePoll(), null)
      assert.deepStrictEqual(server.requests.map((request) => request.url), [
        fake.createUrl,
        `${fake.predictionUrl}/cancel`
      ])
    }))

  it.effect("R25: taking all there is cancels nothing", () =>
    Effect.gen(function*() {
      const server = fake.server()
      yield* Provider.stream(asked).pipe(Stream.take(4), Stream.runDrain, Effect.provide(server.provider()))
      yield* settle
      assert.strictEqual(server.seen("cancel").length, 0)
    }))

  it.effect("R25: asking for nothing but who answers starts nothing", () =>
    Effect.gen(function*() {
      const server = fake.server()
      yield* Provider.stream(asked).pipe(Stream.take(1), Stream.runDrain, Effect.provide(server.provider()))
      yield* settle
      assert.deepStrictEqual(server.requests, [])
    }))

  const silences: ReadonlyArray<[what: string, request: Provider.Request, clock: "idle" | "total", seconds: number]> = [
    ["180 seconds for all, unless told otherwise", {}, "total", 180],
    ["a total clock of the call", { timeout: "7 seconds" }, "total", 7],
    ["a total clock longer than the default", { timeout: "10 minutes" }, "total", 600],
    ["an idle clock of the call", { idleTimeout: "5 seconds" }, "idle", 5]
  ]
  for (const [what, request, clock, seconds] of silences) {
    it.effect(`R16: ${what}`, () =>
      Effect.gen(function*() {
        const socket = fake.socket(event("output", "Hel"))
        const server = fake.server({ stream: () => socket.response })
        const fiber = yield* Provider.text({ ...asked, ...request }).pipe(
          Effect.flip,
          Effect.provide(server.provider()),
          Effect.fork
        )
        yield* settle
        yield* TestClock.adjust(Duration.subtract(Duration.seconds(seconds), "1 millis"))
        yield* settle
        assert.strictEqual(fiber.unsafePoll(), null)
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "Timeout")
        assert.strictEqual(error.clock, clock)
        assert.deepStrictEqual(error.duration, Duration.seconds(seconds))
        assert.strictEqual(socket.state.canceled, 1)
        assert.strictEqual(server.seen("cancel").length, 1)
      }))
  }

  it.effect("R16: the clocks of the layer", () =>
    Effect.gen(function*() {
      const fails = (options: Replicate.Options, seconds: number) =>
        Effect.gen(function*() {
          const server = fake.server({ stream: () => fake.socket().response })
          const fiber = yield* Effect.fork(
            Effect.flip(Provider.text(asked)).pipe(
              Effect.provide(server.provider(options))
            )
          )
          yield* settle
          yield* TestClock.adjust(Duration.seconds(seconds))
          const error = yield* Fiber.join(fiber)
          return error._tag === "Timeout" ? [error.clock, Duration.toSeconds(error.duration)] : error
        })
      assert.deepStrictEqual(yield* fails({ timeout: "20 seconds" }, 20), ["total", 20])
      assert.deepStrictEqual(yield* fails({ timeout: "20 seconds", idleTimeout: "3 seconds" }, 3), ["idle", 3])
    }))

  it.effect("R16: the connect clock of the call runs until the create is answered", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: () => Effect.never })
      const fiber = yield* Effect.fork(
        Effect.flip(Provider.text({ ...asked, connectTimeout: "4 seconds" })).pipe(Effect.provide(server.provider()))
      )
      yield* settle
      yield* TestClock.adjust("3999 millis")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, "connect")
      assert.deepStrictEqual(error.duration, Duration.seconds(4))
      assert.strictEqual(server.seen("create").length, 1)
    }))
})

describe("Replicate: models that cannot stream", () => {
  const created = () => json(prediction({ urls: { get: fake.predictionUrl } }), { status: 201 })

  it.effect("R20: an InvalidRequest, and what was created is canceled once", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: created })
      const error = yield* Effect.flip(Provider.text(asked)).pipe(Effect.provide(server.provider()))
      assert(error._tag === "InvalidRequest")
      assert.strictEqual(error.issues[0]?.field, "model")
      assert.include(error.message, "meta/meta-llama-3-70b-instruct")
      yield* settle
      assert.deepStrictEqual(server.requests.map((request) => [request.method, request.url]), [
        ["POST", fake.createUrl],
        ["POST", `${fake.predictionUrl}/cancel`]
      ])
    }))

  it.effect("R20: no urls at all is the same", () =>
    Effect.gen(function*() {
      const { urls: _, ...bare } = prediction()
      const server = fake.server({ create: () => json(bare, { status: 201 }) })
      const error = yield* Effect.flip(Provider.text(asked)).pipe(Effect.provide(server.provider()))
      assert.strictEqual(error._tag, "InvalidRequest")
      yield* settle
      assert.strictEqual(server.seen("cancel").length, 1)
    }))

  it.effect("R20: on demand, it is waited for and its text given whole", () =>
    Effect.gen(function*() {
      const server = fake.server({
        create: created,
        read: (_, n) => n < 2 ? processing() : succeeded(["Hel", "lo"], { metrics: { predict_time: 2 } })()
      })
      const outputs = yield* timed(Provider.collect(asked)).pipe(
        Effect.provide(server.provider({ unstreamable: "poll", polling: "1 second" }))
      )
      assert.deepStrictEqual(outputs.slice(1).map(({ _tag }) => _tag), ["TextDelta", "Usage", "Finish"])
      assert.deepStrictEqual(texts(outputs), ["Hello"])
      assert.strictEqual(server.seen("read").length, 3)
      assert.strictEqual(server.seen("stream").length, 0)
      assert.strictEqual(server.seen("cancel").length, 0)
    }))

  it.effect("R20: waited for, its failure is told", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: created, read: () => json(prediction({ status: "failed", error: "boom" })) })
      const error = yield* timed(Effect.flip(Provider.text(asked))).pipe(
        Effect.provide(server.provider({ unstreamable: "poll" }))
      )
      assert.strictEqual(error._tag, "PredictionFailed")
    }))
})
