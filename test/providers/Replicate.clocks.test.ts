import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Fallback from "../../src/Fallback.js"
import * as Provider from "../../src/Provider.js"
import { isRetryable, type ProviderError } from "../../src/ProviderError.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as fakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { asked, ownKey, prediction, predictionUrl, server, socket } from "../support/replicateFake.js"

const input = { prompt: "Hello" }
const limited = { timeout: "10 seconds" } as const

describe("a create that nobody answers", () => {
  it.effect("C06, C13: ended by the total clock, may have started something, and is not sent again", () =>
    Effect.gen(function*() {
      const calls = {
        run: Effect.asVoid(Prediction.run(Server.model, input, limited)),
        stream: Stream.runDrain(Prediction.stream(Server.model, input, limited)),
        watch: Stream.runDrain(Prediction.watch(Server.model, input, limited))
      }
      for (const [name, call] of Object.entries(calls)) {
        const fake = Server.make({ create: [Server.silent] })
        const again = Effect.retry(call, { while: isRetryable, times: 2 })
        const error = yield* Server.timed(Effect.flip(again)).pipe(Effect.provide(fake.layer))
        assert.deepInclude(error, { _tag: "Timeout", clock: "total", mayHaveStarted: true }, name)
        assert.include(error.message, "may have been started", name)
        assert.strictEqual(fake.count("create"), 1, name)
      }
    }))

  it.effect("C13: one that was answered has started what is canceled, and may be tried again", () =>
    Effect.gen(function*() {
      const fake = Server.make({ get: [Server.gives({ status: "processing" })] })
      const error = yield* Server.timed(Effect.flip(Prediction.run(Server.model, input, limited))).pipe(
        Effect.provide(fake.layer)
      )
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.isTrue(isRetryable(error))
      assert.strictEqual(fake.count("cancel"), 1)
    }))

  it.effect("R16, B19: a Fallback tries again what was canceled, and not what may still run", () =>
    Effect.gen(function*() {
      for (const [status, creates] of [[200, 3], [500, 1]] as const) {
        const fake = server({
          stream: () => socket().response,
          cancel: () => fakeHttp.json(prediction({ status: "canceled" }), { status })
        })
        const fallback = Fallback.layer([fake.provider()], {
          retries: Schedule.recurs(2),
          settings: { Replicate: { idleTimeout: "5 seconds" } }
        })
        const error = yield* Server.timed(Effect.flip(Provider.text(asked))).pipe(Effect.provide(fallback))
        assert.strictEqual(isRetryable(error), status === 200)
        assert.strictEqual(fake.seen("create").length, creates)
      }
    }))

  it.effect("R16, B19: a Fallback that tries again sends it once", () =>
    Effect.gen(function*() {
      const fake = server({ create: () => Effect.never })
      const fallback = Fallback.layer([fake.provider()], {
        retries: Schedule.recurs(2),
        settings: { Replicate: { timeout: "5 seconds" } }
      })
      const error = yield* Server.timed(Effect.flip(Provider.text(asked))).pipe(Effect.provide(fallback))
      assert.isFalse(isRetryable(error))
      assert.lengthOf(fake.requests, 1)
    }))

  it.effect("R16, R25: one that is answered late is canceled before the call fails", () =>
    Effect.gen(function*() {
      const fake = server({
        create: () => Effect.as(Effect.sleep("13 seconds"), fakeHttp.json(prediction(), { status: 201 }))
      })
      const error = yield* Server.timed(Effect.flip(Provider.text({ ...asked, ...limited }))).pipe(
        Effect.provide(fake.provider())
      )
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.deepStrictEqual(fake.requests.map(({ url }) => url.endsWith("/cancel")), [false, true])
    }))
})

describe("the clocks of Replicate", () => {
  it.effect("C13, C14: the idle clock begins with the prediction", () =>
    Effect.gen(function*() {
      const busy = fakeHttp.json({ detail: "slow down", retry_after: 20 }, { status: 429 })
      const fake = server({
        create: (_, n) => n === 0 ? busy : fakeHttp.json(prediction(), { status: 201 })
      })
      const text = yield* Server.timed(Provider.text({ ...asked, idleTimeout: "10 seconds" })).pipe(
        Effect.provide(fake.provider())
      )
      assert.isAbove(text.length, 0)
    }))

  it.effect("C14: a polling that is none is refused before anything is sent", () =>
    Effect.gen(function*() {
      // what a caller without types may send
      const options = { polling: "1 second" } as unknown as Prediction.StreamOptions
      const fake = Server.make()
      const calls = [
        Prediction.run(Server.model, input, options),
        Stream.runDrain(Prediction.watch(Server.model, input, options))
      ]
      for (const call of calls) {
        const error: ProviderError = yield* Effect.flip(Effect.asVoid(call)).pipe(Effect.provide(fake.layer))
        assert.deepInclude(error, { _tag: "InvalidRequest" })
        assert.include(error.message, "polling")
      }
      assert.strictEqual(fake.count("create"), 0)
    }))
})

describe("a total clock of Replicate", () => {
  it.effect("C14: one that is none is refused before anything is sent", () =>
    Effect.gen(function*() {
      const fake = server({})
      for (const timeout of [-1, Number.NaN]) {
        const error = yield* Effect.flip(Provider.text({ ...asked, timeout })).pipe(Effect.provide(fake.provider()))
        assert.strictEqual(error._tag, "InvalidRequest", String(timeout))
        assert.include(error.message, "timeout")
      }
      assert.lengthOf(fake.requests, 0)
    }))
})

describe("what goes on in fibers of its own", () => {
  const urls = { get: predictionUrl, cancel: `${predictionUrl}/cancel` }

  it.effect("R06, R31: a model that is polled is polled with the key of the call", () =>
    Effect.gen(function*() {
      for (const apiKey of [undefined, Redacted.make("r8_layer")]) {
        const fake = server({
          create: () => fakeHttp.json(prediction({ urls }), { status: 201 }),
          read: (_, n) =>
            fakeHttp.json(
              prediction(
                n < 2
                  ? { urls, status: "processing" }
                  : { urls, status: "failed", error: `no access for ${Redacted.value(ownKey)}` }
              )
            )
        })
        const error = yield* Server.timed(Effect.flip(Provider.text({ ...asked, apiKey: ownKey }))).pipe(
          Effect.provide(fake.provider({ unstreamable: "poll", apiKey }))
        )
        assert.strictEqual(error._tag, "PredictionFailed")
        assert.include(error.message, "<redacted>")
        assert.notInclude(JSON.stringify(error), Redacted.value(ownKey))
        const keys = new Set(fake.requests.map(({ headers }) => headers["authorization"]))
        assert.deepStrictEqual([...keys], [`Bearer ${Redacted.value(ownKey)}`])
      }
    }))

  it.effect("B33: no end is told as an unhandled failure of a fiber", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const log = Layer.merge(
        Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ cause, message }) => lines.push(`${String(message)} ${Cause.pretty(cause)}`))
        ),
        Logger.minimumLogLevel(LogLevel.Trace)
      )
      const fake = server()
      yield* Server.timed(Provider.text(asked)).pipe(Effect.provide(Layer.merge(fake.provider(), log)))
      const busy = Server.make({ get: [Server.status(503), Server.status(503), Server.gives({ status: "succeeded" })] })
      yield* Server.timed(Prediction.get(Server.id)).pipe(Effect.provide(Layer.merge(busy.layer, log)))
      const refused = Server.make({ create: [Server.status(404)] })
      yield* Server.timed(Effect.flip(Prediction.run(Server.model, input))).pipe(
        Effect.provide(Layer.merge(refused.layer, log))
      )
      assert.isAbove(lines.length, 3)
      assert.deepStrictEqual(lines.filter((line) => /unhandled|terminated/i.test(line)), [])
    }))
})
