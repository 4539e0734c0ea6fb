import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Http from "node:http"
import * as Quota from "../src/Quota.js"
import * as fakeHttp from "./support/fakeHttp.js"
import * as Told from "./support/replicate-told.js"

const secret = "key_SECRET/of+the=caller"
const apiKey = Redacted.make(secret)
const provider = { name: "Example", needsAuth: true, loginUrl: "https://example.com/keys" }
const url = "https://api.example.com/v1/quota?account=SECRET-ACCOUNT"

const get = (http: ReturnType<typeof fakeHttp.make>, options: Partial<Quota.Options> = {}) =>
  Effect.provide(Quota.get({ provider, url, apiKey, ...options }), http.layer)

const answering = (body: unknown, init?: ResponseInit) => fakeHttp.make(() => fakeHttp.json(body, init))

/** The error of a lookup, and that nothing tells the key or the query. */
const errorOf = Effect.fnUntraced(function*(
  http: ReturnType<typeof fakeHttp.make>,
  options: Partial<Quota.Options> = {}
) {
  const told = Told.make()
  const error = yield* get(http, options).pipe(Effect.flip, Effect.provide(told.layer))
  for (const text of [...Told.forms(error), ...told.lines, ...told.spans]) assert.notInclude(text, "SECRET")
  assert.include(told.spans, "Quota.get")
  return error
})

/** A server of its own origin, for as long as the scope lasts. */
const serve = (handler: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly server: Http.Server }>((resume) => {
      const server = Http.createServer(handler)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        assert(typeof address === "object" && address !== null)
        resume(Effect.succeed({ url: `http://127.0.0.1:${address.port}`, server }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

describe("Quota.get", () => {
  it.effect("B28: gives the service's JSON as it is, asked for with the key", () =>
    Effect.gen(function*() {
      for (const quota of [{ credits: { left: 7.5 }, error: null }, [1, 2], "plenty", 0, null]) {
        const http = answering(quota)
        assert.deepStrictEqual(yield* get(http), quota)
        assert.strictEqual(http.requests.length, 1)
        assert.strictEqual(http.requests[0]?.method, "GET")
        assert.strictEqual(http.requests[0]?.url, url)
        assert.deepStrictEqual(http.requests[0]?.headers, {
          accept: "application/json",
          authorization: `Bearer ${secret}`
        })
      }
    }))

  it.effect("B28: an answer without a body is null", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* get(fakeHttp.make(() => new Response(null, { status: 204 }))), null)
    }))

  it.effect("B28: without a key where one is needed, MissingAuth, and nothing is sent", () =>
    Effect.gen(function*() {
      const http = answering({})
      for (const apiKey of [undefined, Redacted.make(""), Redacted.make(" \n")]) {
        const error = yield* errorOf(http, { apiKey })
        assert(error._tag === "MissingAuth")
        assert.strictEqual(error.reason, "absent")
        assert.strictEqual(error.loginUrl, provider.loginUrl)
      }
      assert.strictEqual(http.requests.length, 0)
    }))

  it.effect("B28: a key that no header can carry is MissingAuth, and nothing is sent", () =>
    Effect.gen(function*() {
      const http = answering({})
      const error = yield* errorOf(http, { apiKey: Redacted.make(`${secret}\nX-Other: 1`) })
      assert(error._tag === "MissingAuth")
      assert.strictEqual(error.reason, "rejected")
      assert.strictEqual(http.requests.length, 0)
    }))

  it.effect("B28: where no key is needed, none is sent, or the one there is", () =>
    Effect.gen(function*() {
      const http = answering({ left: 1 })
      const open = { ...provider, needsAuth: false }
      assert.deepStrictEqual(yield* get(http, { provider: open, apiKey: undefined }), { left: 1 })
      yield* get(http, { provider: open })
      assert.deepStrictEqual(http.requests.map(({ headers }) => headers["authorization"]), [
        undefined,
        `Bearer ${secret}`
      ])
    }))

  it.effect("B28: a provider without a quota endpoint is an InvalidRequest, whatever the key", () =>
    Effect.gen(function*() {
      const http = answering({})
      for (const options of [{ url: undefined }, { url: undefined, apiKey: undefined }]) {
        const error = yield* errorOf(http, options)
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "url")
        assert.include(error.message, "no quota endpoint")
      }
      assert.strictEqual(http.requests.length, 0)
    }))

  it.effect("B28: only HTTP URLs are asked", () =>
    Effect.gen(function*() {
      const http = answering({})
      for (const url of ["", "SECRET", "/v1/quota", "file:///etc/SECRET", new URL("data:,SECRET"), "https://"]) {
        const error = yield* errorOf(http, { url })
        assert.strictEqual(error._tag, "InvalidRequest")
      }
      assert.strictEqual(http.requests.length, 0)
    }))

  const echo = { detail: `no: Bearer ${secret}` }
  const failures: ReadonlyArray<[what: string, answer: Response | fakeHttp.Unreachable, tag: string, field: object]> = [
    ["401", fakeHttp.json(echo, { status: 401 }), "MissingAuth", { reason: "rejected", loginUrl: provider.loginUrl }],
    ["402", fakeHttp.json(echo, { status: 402 }), "PaymentRequired", {}],
    ["429", fakeHttp.json(echo, { status: 429, headers: { "retry-after": "7" } }), "RateLimited", {
      retryAfter: Duration.seconds(7)
    }],
    ["500", fakeHttp.json(echo, { status: 500 }), "ResponseError", { reason: "status", status: 500 }],
    [
      "a redirect that was not followed",
      new Response(null, { status: 302, headers: { location: "/" } }),
      "ResponseError",
      {
        reason: "status",
        status: 302
      }
    ],
    ["HTML", new Response(`<!doctype html>${secret}`), "ResponseError", { reason: "malformed" }],
    ["no connection", new fakeHttp.Unreachable("ECONNREFUSED"), "ResponseError", {
      reason: "connect",
      code: "ECONNREFUSED"
    }]
  ]
  for (const [what, answer, tag, fields] of failures) {
    it.effect(`B28: ${what} is ${tag}, without the key`, () =>
      Effect.gen(function*() {
        const error = yield* errorOf(fakeHttp.make(() => answer))
        assert.strictEqual(error._tag, tag)
        assert.deepInclude(error, { provider: "Example", method: "GET", url: "https://api.example.com/v1/quota" })
        assert.deepInclude(error, fields)
      }))
  }

  it.effect("B28: an answer that does not end is not read to the end", () =>
    Effect.gen(function*() {
      const piece = new Uint8Array(1024 * 1024).fill(32)
      const endless = new ReadableStream({ pull: (controller) => controller.enqueue(piece) })
      const error = yield* errorOf(fakeHttp.make(() => new Response(endless)))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed" })
      assert.include(error.message, "larger than")
    }))

  it.effect("B28: silence does not outlive what failed beside it", () =>
    Effect.gen(function*() {
      const failing = Effect.zipRight(Effect.sleep("1 second"), Effect.fail("no"))
      const both = Effect.all([get(fakeHttp.make(() => Effect.never)), failing], { concurrency: 2 })
      const fiber = yield* Effect.fork(Effect.flip(both))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(fiber.unsafePoll()?._tag, "Success")
    }))

  it.effect("B28: a clock that is no duration is refused, and nothing is sent", () =>
    Effect.gen(function*() {
      for (const timeout of ["soon", Number.NaN, -1, "-1 seconds", -1n, {}, Object.create(null)]) {
        const http = fakeHttp.make(() => fakeHttp.json({}))
        const error = yield* errorOf(http, { timeout: timeout as never })
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["timeout"])
        assert.lengthOf(http.requests, 0)
      }
    }))

  it.effect("B28: silence is a Timeout of the total clock", () =>
    Effect.gen(function*() {
      for (const [timeout, seconds] of [[undefined, 30], ["5 seconds", 5]] as const) {
        const fiber = yield* Effect.fork(errorOf(fakeHttp.make(() => Effect.never), { timeout }))
        yield* TestClock.adjust(Duration.seconds(seconds - 1))
        assert.strictEqual(fiber.unsafePoll(), null)
        yield* TestClock.adjust("1 second")
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "Timeout")
        assert.strictEqual(error.clock, "total")
        assert.deepStrictEqual(error.duration, Duration.seconds(seconds))
      }
    }))

  it.scopedLive("B28: a redirect takes the key to no other origin", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const other = yield* serve(({ headers }, response) => {
        seen.push(headers.authorization)
        response.end(`{"left":1}`)
      })
      const own = yield* serve(({ headers, url }, response) => {
        seen.push(headers.authorization)
        response.writeHead(302, { location: url === "/far" ? other.url : "/far" }).end()
      })
      const quota = yield* Effect.provide(Quota.get({ provider, url: own.url, apiKey }), FetchHttpClient.layer)
      assert.deepStrictEqual(quota, { left: 1 })
      assert.deepStrictEqual(seen, [`Bearer ${secret}`, `Bearer ${secret}`, undefined])
    }))

  it.scopedLive("B28: no trace headers go along", () =>
    Effect.gen(function*() {
      const names: Array<string> = []
      const server = yield* serve(({ headers }, response) => {
        names.push(...Object.keys(headers))
        response.end("{}")
      })
      yield* Quota.get({ provider, url: new URL(server.url), apiKey }).pipe(
        Effect.withSpan("outer"),
        Effect.provide(FetchHttpClient.layer)
      )
      assert.include(names, "authorization")
      assert.notInclude(names, "traceparent")
      assert.notInclude(names, "b3")
    }))
})
