import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as Predictions from "../../src/replicate/Prediction.js"
import { Prediction } from "../../src/replicate/schemas/Prediction.js"
import * as Server from "../support/replicate-server.js"

const decode = Schema.decodeUnknown(Prediction)

describe("Prediction", () => {
  it.effect("only an id and a status are needed", () =>
    Effect.gen(function*() {
      const prediction = yield* decode({ id: "abc", status: "starting" })
      assert.isFalse(prediction.isTerminal)
      assert.deepStrictEqual(prediction.files, [])
      assert.strictEqual(prediction.text, "")
    }))

  it.effect("every optional field may be null", () =>
    Effect.gen(function*() {
      const names = Object.keys(Prediction.fields).filter((name) => name !== "id" && name !== "status")
      const prediction = yield* decode({
        id: "abc",
        status: "succeeded",
        ...Object.fromEntries(names.map((name) => [name, null]))
      })
      assert.isTrue(prediction.isTerminal)
      assert.isUndefined(prediction.logs)
      assert.isUndefined(prediction.urls)
    }))

  it.effect("urls and metrics are taken as they come", () =>
    Effect.gen(function*() {
      const prediction = yield* decode(Server.prediction({
        urls: { get: null, cancel: null, stream: null, web: null, later: "https://example.com" },
        metrics: { predict_time: -1.5, resolution_target: "720p", with_audio: true, nested: { a: 1 }, none: null },
        webhook_completed: null
      }))
      assert.isUndefined(prediction.urls?.stream)
      assert.strictEqual(prediction.metrics?.["resolution_target"], "720p")
    }))

  it.effect.each(["", ".12", ".123", ".123456", ".1234567", ".12345678", ".123456789"])(
    "a time with the fraction %j is read",
    (fraction) =>
      Effect.gen(function*() {
        const { created_at } = yield* decode({ id: "a", status: "x", created_at: `2026-01-02T03:04:05${fraction}Z` })
        const millis = Number(fraction.slice(1, 4).padEnd(3, "0"))
        assert.strictEqual(created_at?.epochMillis, Date.UTC(2026, 0, 2, 3, 4, 5, millis))
      })
  )

  it.effect.each(["hidden", "d-0a1b2c", "dp-0a1b2c", "5c7d5dc6", "v2"])(
    "the version %s is read",
    (version) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* decode(Server.prediction({ version }))).version, version)
      })
  )

  it.effect("an error may be an object, and stands in the summary as text", () =>
    Effect.gen(function*() {
      const { summary } = yield* decode(Server.prediction({ status: "failed", error: { detail: "no", code: 7 } }))
      assert.strictEqual(summary.error, "{\"detail\":\"no\",\"code\":7}")
    }))

  it.each([
    ["starting", false],
    ["processing", false],
    ["queued", false],
    ["SUCCEEDED", false],
    ["succeeded", true],
    ["failed", true],
    ["canceled", true],
    ["aborted", true]
  ])("the status %s is final: %s", (status, expected) => {
    assert.strictEqual(new Prediction({ id: "a", status }).isTerminal, expected)
  })

  it.each([
    ["Once", "Once"],
    [["On", "ce", " ", "upon"], "Once upon"],
    [[], ""],
    [null, ""],
    [undefined, ""],
    [{ text: "Once" }, ""],
    [["a", 1, null, "b"], "ab"]
  ])("the text of the output %j is %j", (output, expected) => {
    assert.strictEqual(new Prediction({ id: "a", status: "succeeded", output }).text, expected)
  })

  const known = new Set(Object.keys(Prediction.fields))
  it.effect.prop(
    "unknown fields and any status do no harm",
    [
      FastCheck.dictionary(FastCheck.string().filter((key) => !known.has(key)), FastCheck.jsonValue()),
      FastCheck.string()
    ],
    ([unknown, status]) =>
      Effect.gen(function*() {
        const prediction = yield* decode({ ...unknown, id: "abc", status })
        assert.strictEqual(prediction.status, status)
        assert.isTrue(Object.keys(prediction).every((key) => known.has(key)))
      })
  )

  const secret = "VALUE-OF-THE-BODY"
  const json = { "content-type": "application/json" }

  it.effect.each([
    { status: null },
    { status: 7 },
    { logs: ["x"] },
    { created_at: "soon" },
    { metrics: [] },
    { urls: [] },
    { urls: { get: 5, stream: null } },
    { version: 7 },
    { model: {} },
    { input: "x" }
  ])("a field that cannot be read costs no paid prediction: %j", (odd) =>
    Effect.gen(function*() {
      const read = yield* decode({ id: "p1", status: "starting", ...odd })
      assert.strictEqual(read.id, "p1")
      assert.isFalse(read.isTerminal)
      for (const field of Object.keys(odd).filter((field) => field !== "status" && field !== "urls")) {
        assert.notProperty(read, field)
      }
    }))

  it.effect.each([
    { name: "no id", body: { status: "starting", input: { prompt: secret } } },
    { name: "an empty id", body: { id: "", status: "starting", input: { prompt: secret } } },
    { name: "an id that is a number", body: { id: 5, status: secret } },
    { name: "a list", body: [secret] },
    { name: "null", body: null },
    { name: "HTML", body: `<!DOCTYPE html><html><body>${secret}</body></html>` },
    { name: "truncated JSON", body: `{"id":"abc","status":"starting","input":{"prompt":"${secret}` },
    { name: "nothing", body: "" }
  ])("R19: $name with a success status is malformed, and no value is printed", ({ body }) =>
    Effect.gen(function*() {
      const answer = Server.status(200, body, json)
      const server = Server.make({ get: [answer], create: [Server.status(201, body, json)] })
      const calls = [Predictions.get(Server.id), Predictions.run(Server.model, { prompt: secret })]
      for (const call of calls) {
        const error = yield* Server.timed(call).pipe(Effect.provide(server.layer), Effect.flip)
        assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed", provider: "Replicate" })
        for (const text of [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
          assert.notInclude(text, secret)
        }
      }
      assert.strictEqual(server.count("get"), 1)
      assert.strictEqual(server.count("create"), 1)
    }))

  it.effect.each([200, 201, 202, 203, 226])(
    "C06: a create answered with %i is read",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.gives({}, status)] })
        const prediction = yield* Server.timed(Predictions.create(Server.model, {})).pipe(Effect.provide(server.layer))
        assert.strictEqual(prediction.id, Server.id)
      })
  )
})

describe("an error of a prediction", () => {
  it("C08: nested deeper than JSON can be written is told as that", () => {
    let error: unknown = "deep"
    for (let depth = 0; depth < 200_000; depth++) error = [error]
    const { summary } = new Prediction({ id: "p1", status: "failed", error })
    assert.strictEqual(summary.error, "an error nested too deep to tell")
  })
})
