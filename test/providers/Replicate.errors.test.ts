import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Provider from "../../src/Provider.js"
import type * as ProviderError from "../../src/ProviderError.js"
import type * as Replicate from "../../src/providers/Replicate.js"
import { json, sse, Unreachable } from "../support/fakeHttp.js"
import { timed } from "../support/replicate-server.js"
import * as fake from "../support/replicateFake.js"

const { asked, done, ended, event, prediction, processing } = fake

/** The error when the create is answered like this, without trying again. */
const answered = (answer: () => Response | Unreachable) =>
  Effect.gen(function*() {
    const server = fake.server({ create: answer })
    const error = yield* fake.errorOf(server, asked, { maxRetries: 0 })
    assert.strictEqual(server.requests.length, 1)
    return error
  })

const html = (status: number, page: string) => () =>
  new Response(`<!DOCTYPE html><html>${page}</html>`, { status, headers: { "content-type": "text/html" } })

const problem = (status: number, fields: Readonly<Record<string, unknown>> = {}, headers: HeadersInit = {}) => () =>
  json({ title: "No", detail: `It is ${status}.`, status, ...fields }, { status, headers })

describe("Replicate: errors before any call", () => {
  it.effect("R03: a model that is not listed is refused, with the models that are", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const error = yield* fake.errorOf(server, { ...asked, model: "acme/other" })
      assert(error._tag === "ModelNotFound")
      assert.strictEqual(error.provider, "Replicate")
      assert.strictEqual(error.model, "acme/other")
      assert.include(error.known, "meta/meta-llama-3-70b-instruct")
      assert.include(error.message, "meta/meta-llama-3-70b-instruct")
      assert.deepStrictEqual(server.requests, [])
    }))

  it.effect("R03: the model that was probably meant is told", () =>
    Effect.gen(function*() {
      const error = yield* fake.errorOf(fake.server(), { ...asked, model: "meta/meta-llama-3-70b-instrct" })
      assert(error._tag === "ModelNotFound")
      assert.strictEqual(error.nearest, "meta/meta-llama-3-70b-instruct")
    }))

  it.effect("R04: what cannot be a model is refused, also on demand", () =>
    Effect.gen(function*() {
      for (
        const model of ["no-slash", "../account", "acme/..", "acme/a/b", "acme/tiny:latest", "acme/ti ny", "a/b?c"]
      ) {
        const server = fake.server()
        const error = yield* fake.errorOf(server, { ...asked, model }, { anyModel: true })
        assert(error._tag === "InvalidRequest", model)
        assert.strictEqual(error.issues[0]?.field, "model")
        assert.deepStrictEqual(server.requests, [])
      }
    }))

  it.effect("R08: a request that says nothing is refused, without any call", () =>
    Effect.gen(function*() {
      const image = {
        role: "user",
        content: [{ type: "image_url", image_url: { url: "https://files.example/a.png" } }]
      }
      const blank = { role: "user", content: " \n" }
      const requests: ReadonlyArray<[field: string, request: Provider.Request, options?: Replicate.Options]> = [
        ["prompt", { prompt: "" }],
        ["prompt", { prompt: " \n\t" }],
        ["prompt", { prompt: " ", messages: [{ role: "user", content: "Hi" }], system: "S" }],
        ["prompt", { prompt: " ", extra: { seed: 42 } }],
        ["prompt", { prompt: "", model: "acme/tiny" }, { anyModel: true }],
        ["messages", { messages: [blank] }],
        ["messages", { messages: [blank, { role: "assistant", content: null }, image], system: "S" }],
        ["messages", { messages: [image], extra: { image: "https://files.example/a.png" } }],
        ["messages", { messages: [image], model: "acme/vision" }, { anyModel: true }],
        ["messages", { extra: { image: "a" }, model: "acme/upscale" }, { anyModel: true }],
        ["messages", { extra: { prompt: "Hi" } }]
      ]
      for (const [field, request, options] of requests) {
        const server = fake.server()
        const error = yield* fake.errorOf(server, request, options)
        assert(error._tag === "InvalidRequest", JSON.stringify(request))
        assert.deepStrictEqual(error.issues.map(({ field }) => field), [field], JSON.stringify(request))
        assert.deepStrictEqual(server.requests, [])
      }
    }))

  it.effect("a request without messages and prompt is refused, without any call", () =>
    Effect.gen(function*() {
      for (const request of [{}, { messages: [] }]) {
        const server = fake.server()
        const error = yield* fake.errorOf(server, request)
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "messages")
        assert.deepStrictEqual(server.requests, [])
      }
    }))
})

describe("Replicate: errors of the service", () => {
  it.effect("R17: a model the service does not know is a ModelNotFound", () =>
    Effect.gen(function*() {
      const error = yield* answered(problem(404))
      assert(error._tag === "ModelNotFound")
      assert.strictEqual(error.model, "meta/meta-llama-3-70b-instruct")
      assert.strictEqual(error.status, 404)
      assert.strictEqual(error.url, fake.createUrl)
      assert.include(error.message, "It is 404")
    }))

  const cloudflare = "<title>Just a moment...</title>"
  const bots = "<p>Unable to load site</p>"
  const statuses: ReadonlyArray<
    [what: string, answer: () => Response, tag: ProviderError.ProviderError["_tag"], fields: Record<string, unknown>]
  > = [
    ["400", problem(400), "InvalidRequest", { status: 400, detail: "It is 400." }],
    ["401", problem(401), "MissingAuth", {
      status: 401,
      reason: "rejected",
      detail: "It is 401.",
      loginUrl: "https://replicate.com/account/api-tokens"
    }],
    ["402", problem(402), "PaymentRequired", { status: 402, detail: "It is 402." }],
    ["403", problem(403), "ResponseError", { status: 403, reason: "status", detail: "It is 403." }],
    ["403 of Cloudflare", html(403, cloudflare), "Blocked", { status: 403, by: "cloudflare" }],
    ["403 of a bot challenge", html(403, bots), "Blocked", { status: 403, by: "bot-challenge" }],
    [
      "422",
      problem(422, { invalid_fields: [{ field: "input.top_k", type: "integer", description: "too low" }] }),
      "InvalidRequest",
      {
        status: 422
      }
    ],
    ["429", problem(429, { retry_after: 7 }), "RateLimited", { status: 429, retryAfter: Duration.seconds(7) }],
    ["429 with a header", problem(429, {}, { "retry-after": "9" }), "RateLimited", { retryAfter: Duration.seconds(9) }],
    ["429 as a page", html(429, "slow down"), "RateLimited", { status: 429, detail: undefined }],
    ["500", problem(500), "ResponseError", { status: 500, reason: "status", detail: "It is 500." }],
    ["502", html(502, "Bad Gateway"), "ResponseError", { status: 502, reason: "status", detail: undefined }],
    ["503", problem(503), "ResponseError", { status: 503, reason: "status" }],
    ["504", html(504, "Gateway Timeout"), "ResponseError", { status: 504, reason: "status", detail: undefined }],
    ["520", html(520, "Web server is returning an unknown error"), "ResponseError", { status: 520, reason: "status" }],
    ["418", () => new Response("short and stout", { status: 418 }), "ResponseError", {
      status: 418,
      detail: "short and stout"
    }]
  ]
  for (const [what, answer, tag, fields] of statuses) {
    it.effect(`R18: ${what} is a ${tag}`, () =>
      Effect.gen(function*() {
        const error = yield* answered(answer)
        assert.strictEqual(error._tag, tag)
        assert.deepInclude(error, { provider: "Replicate", method: "POST", url: fake.createUrl, ...fields })
      }))
  }

  it.effect("R18: what is wrong with the input is told by field", () =>
    Effect.gen(function*() {
      const invalid_fields = [{ field: "input.top_k", type: "integer", description: "must be at least 0" }]
      const error = yield* answered(problem(422, { invalid_fields }))
      assert(error._tag === "InvalidRequest")
      assert.deepStrictEqual(error.issues.map(({ field, message }) => [field, message]), [
        ["input.top_k", "must be at least 0"]
      ])
    }))

  it.effect("R18: the key is taken out of what the service says", () =>
    Effect.gen(function*() {
      const error = yield* answered(problem(401, { detail: `Your token ${fake.secret} is not valid` }))
      assert(error._tag === "MissingAuth")
      assert.include(error.detail, "is not valid")
    }))

  it.effect("R18: a broken connection is a ResponseError with the system's code, and not tried again", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: () => new Unreachable("ECONNRESET") })
      const error = yield* fake.errorOf(server)
      assert(error._tag === "ResponseError")
      assert.deepStrictEqual([error.reason, error.code], ["network", "ECONNRESET"])
      assert.strictEqual(server.requests.length, 1)
    }))

  it.effect("R18: an error of the service does not send the create again", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: problem(503) })
      assert.strictEqual((yield* fake.errorOf(server))._tag, "ResponseError")
      assert.strictEqual(server.requests.length, 1)
    }))

  it.effect("R18: refusals are tried again, as often as the layer says", () =>
    Effect.gen(function*() {
      const later = fake.server({
        create: (_, n) =>
          n === 0
            ? problem(429, { retry_after: 2 })()
            : n === 1
            ? new Unreachable("ECONNREFUSED")
            : json(prediction(), { status: 201 })
      })
      assert.strictEqual(yield* timed(Provider.text(asked)).pipe(Effect.provide(later.provider())), "Hello")
      assert.strictEqual(later.seen("create").length, 3)

      const never = fake.server({ create: problem(429) })
      const error = yield* fake.errorOf(never, asked, { maxRetries: 2 })
      assert(error._tag === "RateLimited")
      assert.strictEqual(error.attempts, 3)
      assert.strictEqual(never.requests.length, 3)
    }))

  const { id: _, ...anonymous } = prediction()
  const malformed: ReadonlyArray<[what: string, answer: () => Response, told: string]> = [
    ["no id", () => json(anonymous, { status: 201 }), "id"],
    ["an empty id", () => json({ ...anonymous, id: "" }, { status: 201 }), "id"],
    ["null", () => json(null, { status: 201 }), ""],
    ["a list", () => json([], { status: 201 }), ""],
    ["a page", () => html(201, "Welcome")(), ""],
    ["nothing", () => new Response(null, { status: 201 }), ""]
  ]
  for (const [what, answer, told] of malformed) {
    it.effect(`R19: a reply that is no prediction is a ResponseError: ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* answered(answer)
        assert(error._tag === "ResponseError")
        assert.strictEqual(error.reason, "malformed")
        assert.include(error.detail, told)
      }))
  }

  it.effect("R19: 200 instead of 201 is a reply like any other", () =>
    Effect.gen(function*() {
      const server = fake.server({ create: () => json(prediction()) })
      assert.strictEqual(yield* Provider.text(asked).pipe(Effect.provide(server.provider())), "Hello")
    }))
})

describe("Replicate: errors of the model", () => {
  const failures: ReadonlyArray<
    [what: string, stream: string, final: Record<string, unknown> | undefined, error: string]
  > = [
    ["JSON", event("error", `{"detail":"CUDA out of memory"}`), undefined, "CUDA out of memory"],
    ["plain text", event("error", "An error occurred"), undefined, "An error occurred"],
    ["the prediction knows better", event("error", "{}"), { status: "failed", error: "E1001: boom" }, "E1001: boom"],
    ["no error event", "", { status: "failed", error: "boom" }, "boom"]
  ]
  for (const [what, stream, final, text] of failures) {
    it.effect(`R24: a failed generation is a PredictionFailed: ${what}`, () =>
      Effect.gen(function*() {
        const server = fake.server({
          stream: () => sse(event("output", "Once"), stream, event("done", `{"reason":"error"}`)),
          read: () => final === undefined ? json({ detail: "gone" }, { status: 404 }) : json(prediction(final))
        })
        const result = yield* ended(server)
        assert(result.end !== "ok" && result.end._tag === "PredictionFailed")
        assert.strictEqual(result.text, "Once")
        assert.strictEqual(result.end.prediction.id, fake.id)
        assert.strictEqual(result.end.prediction.error, text)
        assert.strictEqual(result.end.outOfMemory, text !== "An error occurred" && text !== "boom")
        assert.strictEqual(server.seen("cancel").length, 0)
      }))
  }

  it.effect("R24: an error event is not made good by a done without a reason", () =>
    Effect.gen(function*() {
      const stream = () => sse(event("output", "Once"), event("error", "boom"), event("output", "more"), done)
      const { end, text } = yield* ended(fake.server({ stream }))
      assert(end !== "ok" && end._tag === "PredictionFailed")
      assert.strictEqual(end.prediction.error, "boom")
      assert.strictEqual(text, "Oncemore")
    }))

  it.effect("R24: a failure is told, though the stream says it is done", () =>
    Effect.map(
      ended(fake.server({ read: () => json(prediction({ status: "failed", error: "boom" })) })),
      ({ tag }) => assert.strictEqual(tag, "PredictionFailed")
    ))

  for (
    const [what, read] of [
      ["and the prediction says so", () => json(prediction({ status: "canceled" }))],
      ["and the prediction cannot be read", () => json({}, { status: 404 })],
      ["and the prediction is not told yet", processing]
    ] as const
  ) {
    it.effect(`R24: a canceled generation is a PredictionCanceled: ${what}`, () =>
      Effect.gen(function*() {
        const stream = () => sse(event("output", "Once"), event("done", `{"reason":"canceled"}`))
        const { end, text } = yield* ended(fake.server({ stream, read }))
        assert(end !== "ok" && end._tag === "PredictionCanceled")
        assert.strictEqual(end.status, "canceled")
        assert.strictEqual(text, "Once")
      }))
  }
})
