import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as CallSettings from "../../src/replicate/CallSettings.js"
import { FileOutput } from "../../src/replicate/FileOutput.js"
import * as Pages from "../../src/replicate/Pages.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import * as Told from "../support/replicate-told.js"

interface Line {
  readonly message: unknown
  readonly level: string
  readonly [annotation: string]: unknown
}

/** A log, as the lines a structured logger would write. */
const makeLog = (level = LogLevel.Debug) => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    const [first] = Array.isArray(message) ? message : [message]
    // the runtime tells of fibers that fail, too
    if (String(first).startsWith("Replicate.")) {
      lines.push({ message: first, level: logLevel.label, ...Object.fromEntries(annotations) })
    }
  })
  return {
    lines,
    layer: Layer.merge(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(level))
  }
}

/** What is logged by an effect before a scripted server, however it ends. */
const logOf = <A, E>(
  effect: Effect.Effect<A, E, Layer.Layer.Success<ReturnType<typeof Server.make>["layer"]>>,
  script: Server.Script = {},
  options: ReplicateConfig.Options = {}
) =>
  Effect.gen(function*() {
    const log = makeLog()
    const server = Server.make(script, options)
    yield* Effect.exit(Server.timed(effect)).pipe(Effect.provide(Layer.merge(server.layer, log.layer)))
    return log.lines
  })

const path = `/v1/predictions/${Server.id}`
const createPath = "/v1/models/acme/llama/predictions"
const told = (status: string) => ({
  "prediction.id": Server.id,
  "prediction.model": Server.model,
  "prediction.status": status
})
const level = "DEBUG"

describe("the log of calls", () => {
  it.effect("C22: a run is a create and its polls, each with path, status, prediction, attempt and duration", () =>
    Effect.gen(function*() {
      const lines = yield* logOf(Prediction.run(Server.model, { prompt: "hi" }), {
        create: [Server.later(2, Server.gives())],
        get: [Server.gives({ status: "processing" }), Server.gives({ status: "succeeded" })]
      })
      assert.deepStrictEqual(lines, [
        {
          message: "Replicate.models.predict",
          level,
          method: "POST",
          path: createPath,
          status: 201,
          ...told("starting"),
          attempt: 1,
          ms: 2000
        },
        ...["processing", "succeeded"].map((status) => ({
          message: "Replicate.predictions.get",
          level,
          method: "GET",
          path,
          status: 200,
          ...told(status),
          attempt: 1,
          ms: 0
        }))
      ])
    }))

  it.effect("C22: each try is told, with the error it ended with, and not the pauses between", () =>
    Effect.gen(function*() {
      const lines = yield* logOf(Prediction.get(Server.id), {
        get: [
          Server.status(503),
          Server.status(429, { detail: "slow" }, { "retry-after": "9" }),
          Server.breaks("ECONNRESET"),
          Server.silent
        ]
      })
      assert.deepStrictEqual(
        lines.map(({ attempt, error, ms, path, status }) => ({ attempt, error, ms, path, status })),
        [
          { attempt: 1, error: "ResponseError", status: 503, ms: 0, path },
          { attempt: 2, error: "RateLimited", status: 429, ms: 0, path },
          { attempt: 3, error: "ResponseError", status: undefined, ms: 0, path },
          { attempt: 4, error: "Timeout", status: undefined, ms: 30_000, path }
        ]
      )
    }))

  it.effect("C22: each call counts its own tries", () =>
    Effect.gen(function*() {
      const lines = yield* logOf(Effect.replicateEffect(Prediction.get(Server.id), 3, { concurrency: 3 }), {
        get: [Server.status(503), Server.gives()]
      })
      assert.deepStrictEqual(lines.map(({ attempt }) => attempt), [1, 1, 1, 2])
    }))

  it.effect("C22: the wait for a place under the rate limit is no part of the duration", () =>
    Effect.gen(function*() {
      const lines = yield* logOf(
        Effect.replicateEffect(Prediction.get(Server.id), 2),
        { get: [Server.later(1, Server.gives())] },
        { rateLimit: { reads: 1 } }
      )
      assert.deepStrictEqual(lines.map(({ ms }) => ms), [1000, 1000])
    }))

  it.effect("C22: what is interrupted is told", () =>
    Effect.gen(function*() {
      const log = makeLog()
      const server = Server.make({ get: [Server.silent] })
      const fiber = yield* Effect.fork(Prediction.get(Server.id)).pipe(
        Effect.provide(Layer.merge(server.layer, log.layer))
      )
      yield* Server.elapse(3)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log.lines.map(({ error, ms }) => ({ error, ms })), [{ error: "interrupted", ms: 3000 }])
    }))

  it.effect.each([
    { answer: Server.gives(), says: { status: 201, ...told("starting") } },
    { answer: Server.status(429), says: { status: 429, error: "RateLimited" } },
    { answer: Server.status(500), says: { status: 500, error: "ResponseError" } },
    { answer: Server.status(201, "{"), says: { error: "ResponseError" } }
  ])(
    "C22: what a create was answered is told, also when nobody waits for it any more: $says",
    ({ answer, says }) =>
      Effect.gen(function*() {
        const log = makeLog()
        const server = Server.make({ create: [Server.later(4, answer)] })
        const fiber = yield* Effect.fork(Prediction.create(Server.model, {})).pipe(
          Effect.provide(Layer.merge(server.layer, log.layer))
        )
        yield* Server.elapse(1)
        yield* Server.interrupt(fiber)
        yield* Server.elapse(60)
        assert.deepInclude(log.lines[0], { message: "Replicate.models.predict", path: createPath, ms: 4000, ...says })
      })
  )

  it.effect("C22: canceling, listing and downloading are told", () =>
    Effect.gen(function*() {
      const page = { next: null, previous: null, results: [Server.prediction()] }
      const lines = yield* logOf(
        Effect.all([
          Prediction.cancel(Server.id),
          Pages.predictions().first,
          new FileOutput("https://user:word@replicate.delivery/a/out.webp?signature=abc").bytes
        ]),
        { other: [() => FakeHttp.json(page), () => new Response("bytes")] }
      )
      assert.deepStrictEqual(lines.map(({ message, method, path, status }) => [message, method, path, status]), [
        ["Replicate.predictions.cancel", "POST", `${path}/cancel`, 200],
        ["Replicate.predictions.list", "GET", "/v1/predictions", 200],
        ["Replicate.download", "GET", "/a/out.webp", 200]
      ])
    }))

  it.effect("C22: above debug nothing is told", () =>
    Effect.gen(function*() {
      const log = makeLog(LogLevel.Info)
      const server = Server.make({ get: [Server.status(500)] })
      yield* Effect.exit(Server.timed(Prediction.run(Server.model, {}))).pipe(
        Effect.provide(Layer.merge(server.layer, log.layer))
      )
      assert.deepStrictEqual(log.lines, [])
    }))

  it.effect("C22: a token that was taken for an id is not told, in the log, the spans or the error", () =>
    Effect.gen(function*() {
      const secret = "r8_SECRETtoken"
      for (const status of [200, 404, 500]) {
        const collected = Told.make()
        const answer = status === 200 ? Server.silent : Server.status(status)
        const server = Server.make({ get: [answer] }, { token: Redacted.make(secret), maxRetries: 0 })
        const call = Prediction.get(secret).pipe(Effect.tapErrorCause((cause) => Effect.logDebug("it failed", cause)))
        const error = yield* Effect.flip(Server.timed(call)).pipe(
          Effect.provide(Layer.merge(server.layer, collected.layer))
        )
        for (const text of [...collected.lines, ...collected.spans, ...Told.forms(error)]) {
          assert.notInclude(text, secret)
        }
        assert.isTrue(collected.lines.some((line) => line.includes("/v1/predictions/<redacted>")))
      }
    }))

  it.effect("C22: nor is the token of a single call", () =>
    Effect.gen(function*() {
      const token = Redacted.make("r8_SECRETofOneCall")
      const lines = yield* logOf(CallSettings.withSettings(Prediction.get(Redacted.value(token)), { token }))
      assert.deepStrictEqual(lines.map(({ path }) => path), ["/v1/predictions/<redacted>"])
    }))
})

describe("the span of a call", () => {
  it.effect("C22: tells which prediction was answered, and how it stands", () =>
    Effect.gen(function*() {
      const spans: Array<readonly [string, Map<string, unknown>]> = []
      const tracer = Tracer.make({
        span: (name, parent, context, links, startTime, kind) => {
          const attributes = new Map<string, unknown>()
          spans.push([name, attributes])
          return {
            _tag: "Span",
            name,
            spanId: name,
            traceId: "trace",
            parent,
            context,
            status: { _tag: "Started", startTime },
            attributes,
            links,
            sampled: true,
            kind,
            end: () => undefined,
            attribute: (key, value) => {
              attributes.set(key, value)
            },
            event: () => undefined,
            addLinks: () => undefined
          }
        },
        context: (run) => run()
      })
      const server = Server.make()
      yield* Server.timed(Prediction.run(Server.model, {})).pipe(
        Effect.provide(Layer.merge(server.layer, Layer.setTracer(tracer)))
      )
      const of = (wanted: string) => Object.fromEntries(spans.find(([name]) => name === wanted)?.[1] ?? [])
      assert.deepInclude(of("Replicate.models.predict"), told("starting"))
      assert.deepInclude(of("Replicate.predictions.get"), told("succeeded"))
    }))
})
