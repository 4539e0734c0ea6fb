import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Sse from "effect-providers/http/Sse"
import * as Output from "effect-providers/Output"
import { Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

const api = "https://api.replicate.com/v1"
const llama = "meta/meta-llama-3-70b-instruct"
const input = { prompt: "Say hello" }

const emulated = <A, E>(
  test: (
    emulator: ReplicateEmulator.Service
  ) => Effect.Effect<
    A,
    E,
    ReplicateClient.ReplicateClient | ReplicateEmulator.ReplicateEmulator | HttpClient.HttpClient
  >,
  models: ReadonlyArray<ReplicateEmulator.Model> = []
) =>
  Effect.flatMap(ReplicateEmulator.ReplicateEmulator, test).pipe(
    Effect.provide(
      ReplicateClient.layer({ token: Redacted.make("r8_secret"), maxRetries: 0 }).pipe(
        Layer.provideMerge(ReplicateEmulator.layer({ models }))
      )
    )
  )

const get = (url: string, headers: Record<string, string> = {}) =>
  HttpClient.execute(HttpClientRequest.get(url, { headers: { authorization: "Bearer t", ...headers } }))

const account = get(`${api}/account`)

/** The pieces of a body, and when they came. */
const pieces = <E, R>(body: Stream.Stream<Uint8Array, E, R>) =>
  Stream.runCollect(
    Stream.mapEffect(body, (bytes) =>
      Effect.map(Clock.currentTimeMillis, (at) => [at, new TextDecoder().decode(bytes)] as const))
  ).pipe(Effect.map((chunk) =>
    Array.from(chunk)
  ))

/** The whole effect, with an hour of the test's time to run in. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const events = (url: string, lastEventId?: string) =>
  get(url, lastEventId === undefined ? {} : { "last-event-id": lastEventId }).pipe(
    Effect.map((response) => response.stream),
    Stream.unwrap,
    Sse.decode(),
    Stream.runCollect,
    Effect.map((chunk) => Array.from(chunk))
  )

const finished = Effect.gen(function*() {
  const { urls } = yield* Prediction.create(llama, input)
  yield* TestClock.adjust("1 minute")
  return urls?.stream ?? ""
})

describe("bodies", () => {
  it.effect("SlowBody: so many bytes at a time, and nothing else is different", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const whole = yield* Effect.flatMap(account, ({ text }) => text)
        yield* fail({}, { _tag: "SlowBody", bytes: 50, pause: "2 seconds" })
        const response = yield* account
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers["content-type"], "application/json")
        assert.strictEqual(response.headers["content-length"], String(whole.length))
        const arrived = yield* inTime(pieces(response.stream))
        assert.isAtLeast(arrived.length, 3)
        assert.deepStrictEqual(
          arrived,
          Array.from(
            { length: Math.ceil(whole.length / 50) },
            (_, n) => [n * 2000, whole.slice(n * 50, (n + 1) * 50)] as const
          )
        )
      })
    ))

  it.effect("SlowBody: of a stream, and of an answer that is given instead", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const url = yield* finished
        const all = yield* events(url)
        yield* fail({ path: "/stream" }, { _tag: "SlowBody", bytes: 7, pause: "10 millis" })
        const started = yield* Clock.currentTimeMillis
        const slow = yield* Effect.fork(Effect.zip(events(url), Clock.currentTimeMillis))
        yield* TestClock.adjust("1 hour")
        const [seen, ended] = yield* Fiber.join(slow)
        assert.deepStrictEqual(seen, all)
        assert.isAbove(ended - started, 1000)

        yield* fail({}, { _tag: "Answer", status: 503, body: "busy" })
        yield* fail({}, { _tag: "SlowBody", bytes: 2, pause: "1 second" })
        const response = yield* account
        assert.strictEqual(response.status, 503)
        const now = yield* Clock.currentTimeMillis
        assert.deepStrictEqual(yield* inTime(pieces(response.stream)), [[now, "bu"], [now + 1000, "sy"]])
      })
    ))

  it.effect.each([
    { bytes: undefined, expected: (all: number) => Math.floor(all / 2) },
    { bytes: 0, expected: () => 0 },
    { bytes: 10, expected: () => 10 },
    { bytes: 1_000_000, expected: (all: number) => all }
  ])(
    "CutBody: $bytes bytes, and then the connection is gone",
    ({ bytes, expected }) =>
      emulated(({ fail, predictions }) =>
        Effect.gen(function*() {
          yield* fail({}, { _tag: "CutBody", bytes })
          const response = yield* HttpClient.execute(
            HttpClientRequest.post(`${api}/models/${llama}/predictions`, { headers: { authorization: "Bearer t" } })
              .pipe(
                HttpClientRequest.bodyUnsafeJson({ input })
              )
          )
          const announced = Number(response.headers["content-length"])
          let arrived = 0
          const error = yield* Effect.flip(
            Stream.runForEach(response.stream, (piece) => Effect.sync(() => arrived += piece.length))
          )
          assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "Decode" })
          assert.strictEqual(arrived, expected(announced))
          assert.lengthOf(yield* predictions, 1)
        })
      )
  )

  it.effect("CutBody: in the middle of an event, which is none then", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const url = yield* finished
        const all = yield* events(url)
        yield* fail({}, { _tag: "CutBody", bytes: 60 })
        const seen: Array<Sse.Event> = []
        yield* Effect.flip(Stream.runForEach(
          Stream.unwrap(Effect.map(get(url), ({ stream }) => stream)).pipe(Sse.decode()),
          (event) => Effect.sync(() => seen.push(event))
        ))
        assert.isAtLeast(seen.length, 1)
        assert.isBelow(seen.length, 4)
        assert.deepStrictEqual(seen, all.slice(0, seen.length))
      })
    ))

  it.effect("ContentType: of an answer, of a stream, of what has no body", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const url = yield* finished
        yield* fail({}, { _tag: "ContentType", contentType: "text/html" }, 2)
        const response = yield* account
        assert.strictEqual(response.headers["content-type"], "text/html")
        assert.property(yield* response.json, "username")
        assert.strictEqual((yield* get(url)).headers["content-type"], "text/html")
        assert.strictEqual((yield* account).headers["content-type"], "application/json")
      })
    ))

  it.effect("Answer: with the type it is given, and else that of errors", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const body = { detail: "no" }
        yield* fail({}, { _tag: "Answer", status: 500, body })
        yield* fail({}, { _tag: "Answer", status: 200, body })
        yield* fail({}, { _tag: "Answer", status: 500, body, headers: { "Content-Type": "application/json" } })
        yield* fail({}, { _tag: "Answer", status: 502, body: "<html>", headers: { "content-type": "text/html" } })
        yield* fail({}, { _tag: "Answer", status: 502, body: "bad" })
        const types = yield* Effect.replicateEffect(Effect.map(account, ({ headers }) => headers["content-type"]), 5)
        assert.deepStrictEqual(types, [
          "application/problem+json",
          "application/json",
          "application/json",
          "text/html",
          "text/plain"
        ])
      })
    ))

  it.effect.each([
    { hint: { body: { detail: "slow", retry_after: 7 } }, seconds: 7 },
    { hint: { headers: { "retry-after": "7" } }, seconds: 7 },
    { hint: { headers: { "ratelimit-reset": "7" } }, seconds: 7 },
    { hint: { headers: { "retry-after": "2" } }, seconds: 2 },
    { hint: { body: { detail: "slow down, the limit resets in ~2s" } }, seconds: 2 },
    { hint: {}, seconds: undefined }
  ])(
    "C23: Answer: a 429 with $hint tells to wait $seconds seconds",
    ({ hint, seconds }) =>
      emulated(({ fail }) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(10_000)
          yield* fail({}, { _tag: "Answer", status: 429, ...hint })
          const error = yield* Effect.flip(Prediction.create(llama, input))
          assert(error._tag === "RateLimited")
          assert.strictEqual(error.retryAfter && Duration.toSeconds(error.retryAfter), seconds)
        })
      )
  )
})

describe("streams", () => {
  it.effect("RepeatEvents: what is taken up again comes with some of what was seen", () =>
    emulated(({ fail, faults }) =>
      Effect.gen(function*() {
        const url = yield* finished
        yield* fail({ path: "/stream" }, { _tag: "RepeatEvents", events: 3 })
        const all = yield* events(url)
        assert.lengthOf(yield* faults, 1, "a stream that is opened first repeats nothing")
        assert.deepStrictEqual(yield* events(url, all[9]?.id), all.slice(7))
        assert.lengthOf(yield* faults, 0)
        yield* fail({ path: "/stream" }, { _tag: "RepeatEvents", events: 30 })
        assert.deepStrictEqual(yield* events(url, all[9]?.id), all)
      })
    ))

  it.effect("R22: RepeatEvents: the client drops what it has seen", () =>
    emulated(({ fail, faults, predictions }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "CutStream", events: 6 }, 3)
        yield* fail({}, { _tag: "RepeatEvents", events: 4 }, 3)
        const text = yield* inTime(Prediction.stream(llama, input).pipe(Output.text, Stream.mkString))
        const [prediction] = yield* predictions
        assert.strictEqual(text, Array.isArray(prediction?.output) ? prediction.output.join("") : undefined)
        assert.lengthOf(yield* faults, 0)
      })
    ))

  it.effect("end after 30 seconds on which nothing happens, and can be taken up again", () =>
    emulated(({ streams }) =>
      Effect.gen(function*() {
        const { urls } = yield* Prediction.create("test/cold", input)
        const body = Stream.unwrap(Effect.map(get(urls?.stream ?? ""), ({ stream }) => stream))
        const arrived = yield* Effect.fork(pieces(body))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* Fiber.join(arrived), [[0, ": hi\n\n"], [30_000, ":408: 408 Request Timeout\n\n"]])
        assert.deepInclude((yield* streams)[0], { state: "idle", sent: 0 })

        const again = yield* Effect.fork(pieces(body))
        yield* TestClock.adjust("15 seconds")
        yield* Effect.flatMap(ReplicateEmulator.ReplicateEmulator, ({ predictions }) => predictions).pipe(
          Effect.flatMap(([prediction]) => Prediction.cancel(prediction?.id ?? ""))
        )
        assert.include((yield* Fiber.join(again)).at(-1)?.[1], "canceled")
        assert.deepInclude((yield* streams)[1], { state: "finished", sent: 1 })
      }), [{ name: "test/cold", kind: "text", boot: "2 minutes", script: () => [] }]))

  it.effect("R22: a model that takes long to start is streamed all the same", () =>
    emulated(({ streams }) =>
      Effect.gen(function*() {
        const text = yield* inTime(Prediction.stream("test/cold", input).pipe(Output.text, Stream.mkString))
        assert.strictEqual(text, "awake")
        assert.deepStrictEqual((yield* streams).map(({ state }) => state), ["idle", "idle", "finished"])
      }), [{
      name: "test/cold",
      kind: "text",
      boot: "80 seconds",
      script: () => [{ _tag: "Text", after: 0, text: "awake" }]
    }]))
})

describe("holds", () => {
  const steps: ReplicateEmulator.Model = {
    name: "test/steps",
    kind: "text",
    boot: "1 second",
    script: () => Array.from({ length: 9 }, (_, n) => ({ _tag: "Text", after: "1 second", text: ` ${n}` }) as const)
  }

  it.effect.each<[number, ReadonlyArray<unknown>]>([
    [1, ["processing", null]],
    [3, ["processing", [" 0", " 1"]]],
    [15, ["processing", [" 0", " 1", " 2", " 3", " 4", " 5", " 6", " 7", " 8"]]]
  ])("PartialHold: after %i seconds", ([seconds, expected]) =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "PartialHold" })
        const request = HttpClientRequest.post(`${api}/predictions`, {
          headers: { authorization: "Bearer t", prefer: `wait=${seconds}` }
        }).pipe(HttpClientRequest.bodyUnsafeJson({ version: "test/steps", input }))
        const response = yield* inTime(HttpClient.execute(request))
        const body = yield* response.json
        assert.deepInclude(body, { status: expected[0], output: expected[1] })
        assert.strictEqual(response.status, seconds === 15 ? 201 : 202)
      }), [steps]))

  it.effect("C04: PartialHold: run waits for the end all the same", () =>
    emulated(({ fail, faults }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "PartialHold" })
        const prediction = yield* inTime(Prediction.run("test/steps", input, { wait: "3 seconds" }))
        assert.strictEqual(prediction.status, "succeeded")
        assert.strictEqual(prediction.text, " 0 1 2 3 4 5 6 7 8")
        assert.lengthOf(yield* faults, 0)
      }), [steps]))
})
