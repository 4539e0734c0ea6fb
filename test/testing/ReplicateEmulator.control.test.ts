import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Pages, Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { routes } from "../../src/testing/internal/control.js"
import { faultExamples } from "../../src/testing/internal/faultExamples.js"

const origin = "https://api.replicate.com"
const llama = "meta/meta-llama-3-70b-instruct"
const input = { prompt: "Say hello" }

/** What a program does that knows the emulator by its URL only: no token. */
const over = ({ client }: ReplicateEmulator.Service) =>
  Effect.fnUntraced(function*(method: "GET" | "POST" | "DELETE", path: string, body?: unknown) {
    const request = HttpClientRequest.make(method)(`${origin}/__emulator/${path}`)
    const response = yield* client.execute(
      body === undefined ? request : HttpClientRequest.bodyUnsafeJson(request, body)
    )
    const text = yield* response.text
    return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) }
  })

type Over = ReturnType<typeof over>

const emulated = <A, E>(
  test: (
    call: Over,
    emulator: ReplicateEmulator.Service,
    api: ReplicateClient.Api
  ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient>
) =>
  Effect.flatMap(
    Effect.all([ReplicateEmulator.ReplicateEmulator, ReplicateClient.ReplicateClient]),
    ([emulator, { api }]) => test(over(emulator), emulator, api)
  ).pipe(
    Effect.provide(
      ReplicateClient.layer({ token: Redacted.make("r8_secret"), maxRetries: 0 }).pipe(
        Layer.provideMerge(ReplicateEmulator.layer())
      )
    )
  )

/** The same as the emulator itself tells, in the form JSON gives it. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("faults over HTTP", () => {
  it.effect("go wrong where and as often as asked, and are gone then", () =>
    emulated((call) =>
      Effect.gen(function*() {
        const fault = {
          _tag: "Answer",
          status: 429,
          headers: { "retry-after": "7" },
          body: { detail: "slow down", retry_after: 7 }
        }
        const asked = { matcher: { method: "POST", path: { pattern: "predictions$", flags: "" } }, fault, times: 2 }
        const { json, status } = yield* call("POST", "faults", asked)
        assert.deepStrictEqual([status, json], [201, asked])
        assert.deepStrictEqual((yield* call("GET", "faults")).json, [asked])

        yield* Pages.predictions().first
        for (const times of [1, 0]) {
          const error = yield* Effect.flip(Prediction.create(llama, input))
          assert(error._tag === "RateLimited")
          assert.strictEqual(error.detail, "slow down")
          const armed = (yield* call("GET", "faults")).json
          assert.deepStrictEqual(armed, times === 0 ? [] : [{ ...asked, times }])
        }
        yield* Prediction.create(llama, input)
      })
    ))

  it.effect("are for one request of any kind when nothing else is said, and for paths that begin with a text", () =>
    emulated((call) =>
      Effect.gen(function*() {
        yield* call("POST", "faults", { matcher: {}, fault: { _tag: "Answer", status: 500 } })
        yield* call("POST", "faults", { matcher: { path: "/v1/pre" }, fault: { _tag: "DropBefore" } })
        yield* Effect.flip(Pages.files().first)
        yield* Pages.files().first
        yield* Effect.flip(Pages.predictions().first)
        yield* Pages.predictions().first
      })
    ))

  it.effect("are forgotten on demand", () =>
    emulated((call, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail({ path: /x/i }, { _tag: "Delay", duration: "1 minute" }, 3)
        yield* call("POST", "faults", { matcher: {}, fault: { _tag: "Stall" } })
        assert.lengthOf(yield* emulator.faults, 2)
        assert.deepStrictEqual((yield* call("GET", "faults")).json[0], {
          matcher: { path: { pattern: "x", flags: "i" } },
          fault: { _tag: "Delay", duration: 60_000 },
          times: 3
        })
        assert.strictEqual((yield* call("DELETE", "faults")).status, 204)
        assert.deepStrictEqual(yield* emulator.faults, [])
        yield* Pages.predictions().first

        yield* emulator.fail({}, { _tag: "DropBefore" })
        yield* emulator.disarm
        yield* Pages.predictions().first
      })
    ))

  it.effect.each<[ReplicateEmulator.Fault, unknown]>([
    [{ _tag: "Answer", status: 503 }, undefined],
    [{ _tag: "Answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>" }, undefined],
    [{ _tag: "Delay", duration: 2000 }, undefined],
    [{ _tag: "Delay", duration: "2 seconds" }, { _tag: "Delay", duration: 2000 }],
    [{ _tag: "SlowBody", bytes: 10, pause: "1 second" }, { _tag: "SlowBody", bytes: 10, pause: 1000 }],
    [{ _tag: "DropBefore" }, undefined],
    [{ _tag: "DropAfter" }, undefined],
    [{ _tag: "MalformedBody" }, undefined],
    [{ _tag: "CutBody" }, undefined],
    [{ _tag: "CutBody", bytes: 0 }, undefined],
    [{ _tag: "ContentType", contentType: "text/html" }, undefined],
    [{ _tag: "Stall" }, undefined],
    [{ _tag: "CutStream", events: 3 }, undefined],
    [{ _tag: "IgnoreLastEventId" }, undefined],
    [{ _tag: "RepeatEvents", events: 2 }, undefined],
    [{ _tag: "NoEventIds" }, undefined],
    [{ _tag: "PartialHold" }, undefined]
  ])("%j can be asked for", ([fault, told = fault]) =>
    emulated((call) =>
      Effect.gen(function*() {
        const { json, status } = yield* call("POST", "faults", { matcher: {}, fault })
        assert.deepStrictEqual([status, json], [201, { matcher: {}, fault: told, times: 1 }])
      })
    ))

  it.effect.each<[unknown, string]>([
    [{}, "matcher"],
    [{ matcher: {} }, "fault"],
    [{ matcher: {}, fault: { _tag: "Explode" } }, "fault._tag"],
    [{ matcher: {}, fault: {} }, "fault._tag"],
    [{ matcher: {}, fault: { _tag: "Answer" } }, "fault.status"],
    [{ matcher: {}, fault: { _tag: "Answer", status: 99 } }, "fault.status"],
    [{ matcher: {}, fault: { _tag: "Answer", status: 200, headers: { "x y": "1" } } }, "fault.headers.x y"],
    [{ matcher: {}, fault: { _tag: "Answer", status: 200, headers: { "": "1" } } }, "fault.headers."],
    [{ matcher: {}, fault: { _tag: "Answer", status: 200, headers: { "x-a": "1\r\nx-b: 2" } } }, "fault.headers.x-a"],
    [{ matcher: {}, fault: { _tag: "Answer", status: 200, headers: { "x-a": "\u{1F999}" } } }, "fault.headers.x-a"],
    [{ matcher: {}, fault: { _tag: "ContentType", contentType: "text/html\n" } }, "fault.contentType"],
    [{ matcher: {}, fault: { _tag: "Delay", duration: "soon" } }, "fault.duration"],
    [{ matcher: {}, fault: { _tag: "Delay", duration: -1 } }, "fault.duration"],
    [{ matcher: {}, fault: { _tag: "SlowBody", bytes: 0, pause: 1 } }, "fault.bytes"],
    [{ matcher: {}, fault: { _tag: "CutStream", events: "3" } }, "fault.events"],
    [{ matcher: {}, fault: { _tag: "Stall", for: 3 } }, "fault.for"],
    [{ matcher: { path: { pattern: "(" } }, fault: { _tag: "Stall" } }, "matcher.path"],
    [{ matcher: { path: 7 }, fault: { _tag: "Stall" } }, "matcher.path"],
    [{ matcher: {}, fault: { _tag: "Stall" }, times: 0 }, "times"],
    [{ matcher: {}, fault: { _tag: "Stall" }, times: 1.5 }, "times"]
  ])(
    "%j is refused, with the field that is wrong",
    ([body, field]) =>
      emulated((call, { faults }) =>
        Effect.gen(function*() {
          const { headers, json, status } = yield* call("POST", "faults", body)
          assert.deepStrictEqual([status, headers["content-type"]], [422, "application/problem+json"])
          assert.include(json.invalid_fields.map((issue: { readonly field: string }) => issue.field), field)
          assert.lengthOf(yield* faults, 0)
        })
      )
  )
})

describe("the examples of --help", () => {
  it.effect("are taken as they are, one for each fault", () =>
    emulated((call, { faults }) =>
      Effect.gen(function*() {
        for (const [tag, { about, fault }] of Object.entries(faultExamples)) {
          assert.strictEqual(fault._tag, tag)
          assert.isNotEmpty(about)
          assert.strictEqual((yield* call("POST", "faults", { matcher: {}, fault: asJson(fault) })).status, 201)
        }
        assert.lengthOf(yield* faults, Object.keys(faultExamples).length)
      })
    ))

  it.effect("has a model of the community, which runs by its version only", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Prediction.create("emulator/community", input))
        assert.strictEqual(error._tag, "ModelNotFound")
        assert.match(error.message, /could not be found; only official .*owner\/name:version.* latestVersion: true /)
        const { version } = yield* Prediction.create("emulator/community", input, { latestVersion: true })
        assert.match(version ?? "", /^[0-9a-f]{64}$/)
        assert.lengthOf(yield* emulator.predictions, 1)
      })
    ))
})

describe("what happened, over HTTP", () => {
  it.effect("is what the service in process tells, and the asking is no part of it", () =>
    emulated((call, emulator) =>
      Effect.gen(function*() {
        const reading = yield* Effect.fork(Stream.runDrain(Prediction.stream(llama, input, {
          webhook: "https://hooks.example",
          webhookEventsFilter: ["start", "completed"]
        })))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(reading)
        for (const name of ["requests", "streams", "predictions", "webhooks"] as const) {
          const { headers, json, status } = yield* call("GET", name)
          assert.strictEqual(status, 200)
          assert.deepStrictEqual(json, asJson(yield* emulator[name]))
          assert.isAtLeast(json.length, 1, name)
          assert.notProperty(headers, "ratelimit-remaining")
        }
        const paths = (yield* emulator.requests).map(({ path }) => path)
        assert.isEmpty(paths.filter((path) => path.includes("__emulator")))
      })
    ))

  it.effect("there is nothing else", () =>
    emulated((call) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* call("GET", "reset")).status, 404)
        assert.strictEqual((yield* call("GET", "")).status, 404)
        assert.strictEqual((yield* call("DELETE", "requests")).status, 404)
      })
    ))

  it("every route says what it does", () => {
    assert.isAtLeast(routes.length, 8)
    assert.lengthOf(new Set(routes.map(({ about }) => about)), routes.length)
  })
})

describe("reset", () => {
  const everything = (emulator: ReplicateEmulator.Service) =>
    Effect.all([emulator.requests, emulator.streams, emulator.predictions, emulator.webhooks, emulator.faults])

  for (const how of ["in process", "over HTTP"]) {
    it.effect(`${how}: begins anew, with the same secrets`, () =>
      emulated((call, emulator, api) =>
        Effect.gen(function*() {
          const { key } = yield* api.webhooks.secret()
          yield* api.models.create({
            payload: { owner: "emulator", name: "mine", visibility: "public", hardware: "cpu" }
          })
          const { id } = yield* Prediction.create("emulator/slow", input, { webhook: "https://hooks.example" })
          yield* TestClock.adjust("2 seconds")
          yield* emulator.fail({}, { _tag: "Stall" }, 9)
          assert.deepStrictEqual((yield* everything(emulator)).map(({ length }) => length > 0), [
            true,
            false,
            true,
            true,
            true
          ])

          if (how === "in process") yield* emulator.reset
          else assert.strictEqual((yield* call("POST", "reset")).status, 204)

          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual(yield* everything(emulator), [[], [], [], [], []])
          const error = yield* Effect.flip(Prediction.get(id))
          assert.deepInclude(error, { status: 404 })
          assert.deepInclude(
            yield* Effect.flip(api.models.get({ path: { model_owner: "emulator", model_name: "mine" } })),
            { status: 404 }
          )
          assert.strictEqual(Redacted.value((yield* api.webhooks.secret()).key), Redacted.value(key))
          yield* Prediction.create(llama, input)
          assert.lengthOf(yield* emulator.predictions, 1)
        })
      ))
  }

  it.effect("lets what is under way end", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const held = yield* Effect.fork(Prediction.create(llama, input, { wait: "30 seconds" }))
        yield* TestClock.adjust("1 second")
        yield* emulator.reset
        yield* TestClock.adjust("1 minute")
        assert.include((yield* Fiber.join(held)).text, "Say hello")
        assert.deepStrictEqual(yield* emulator.predictions, [])
      })
    ))
})
