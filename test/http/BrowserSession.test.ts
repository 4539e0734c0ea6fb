import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as BrowserSession from "effect-providers/http/BrowserSession"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as fakeHttp from "../support/fakeHttp.js"

const site = "https://site.example"
const agent = { "user-agent": "Mozilla/5.0" }

/** A session before a site that sets the cookies given, one list for each answer. */
const setup = (
  answers: ReadonlyArray<ReadonlyArray<string>>,
  options: Partial<BrowserSession.Options> = {}
) =>
  Effect.gen(function*() {
    const http = fakeHttp.make(() => {
      const headers = new Headers()
      for (const cookie of answers[http.requests.length - 1] ?? []) headers.append("set-cookie", cookie)
      return new Response("hello", { headers })
    })
    const session = yield* Effect.provide(
      BrowserSession.make({ provider: "Site", site, headers: agent, ...options }),
      http.layer
    )
    const visit = (url = `${site}/`) => session.send(HttpClientRequest.get(url))
    const cookies = () => http.requests.map(({ headers }) => headers["cookie"])
    return { http, session, visit, cookies }
  })

describe("BrowserSession", () => {
  it.effect("sends its headers with every request, and no trace headers", () =>
    Effect.gen(function*() {
      const { http, session, visit } = yield* setup([])
      const response = yield* Effect.withSpan(visit(), "traced")
      assert.strictEqual(yield* session.text(response), "hello")
      const [seen] = http.requests
      assert.deepStrictEqual(seen?.headers, agent)
    }))

  it.effect("F07: keeps cookies between requests, the site's in the place of those given", () =>
    Effect.gen(function*() {
      const given = { mine: Redacted.make("1"), theirs: Redacted.make("old") }
      const { cookies, visit } = yield* setup([["theirs=new; Path=/", "more=a%20b; HttpOnly"]], { cookies: given })
      yield* visit()
      yield* visit()
      assert.deepStrictEqual(cookies(), ["mine=1; theirs=old", "mine=1; theirs=new; more=a%20b"])
    }))

  it.effect("forgets cookies when they expire, and when the site takes them back", () =>
    Effect.gen(function*() {
      const { cookies, visit } = yield* setup([
        ["short=1; Max-Age=60", "dated=1; Expires=Thu, 01 Jan 1970 00:02:00 GMT", "gone=1"],
        ["gone=; Max-Age=0"]
      ])
      yield* visit()
      yield* visit()
      yield* visit()
      yield* TestClock.adjust("1 minute")
      yield* visit()
      yield* TestClock.adjust("1 minute")
      yield* visit()
      assert.deepStrictEqual(cookies(), [
        undefined,
        "short=1; dated=1; gone=1",
        "short=1; dated=1",
        "dated=1",
        undefined
      ])
    }))

  it.effect("neither sends its cookies elsewhere nor takes others from there", () =>
    Effect.gen(function*() {
      const { cookies, visit } = yield* setup([["foreign=1"]], { cookies: { mine: Redacted.make("1") } })
      for (const other of ["https://other.example/", "http://site.example/", "https://site.example:8443/"]) {
        yield* visit(other)
      }
      yield* visit()
      assert.deepStrictEqual(cookies(), [undefined, undefined, undefined, "mine=1"])
    }))

  it.effect("shares no cookies between sessions", () =>
    Effect.gen(function*() {
      const one = yield* setup([["a=1"]])
      const other = yield* setup([["b=1"]])
      for (const { visit } of [one, other, one, other]) yield* visit()
      assert.deepStrictEqual([one.cookies()[1], other.cookies()[1]], ["a=1", "b=1"])
    }))

  it.effect("keeps the cookies of an answer that is an error, and tells none of them", () =>
    Effect.gen(function*() {
      const secret = Redacted.make("s3cr3t")
      const http = fakeHttp.make(({ headers }) =>
        fakeHttp.json({ error: `no entry with ${headers["cookie"]}` }, {
          status: 500,
          headers: { "set-cookie": "theirs=cookie-of-the-site" }
        })
      )
      const session = yield* Effect.provide(
        BrowserSession.make({ provider: "Site", site, headers: agent, cookies: { mine: secret } }),
        http.layer
      )
      const visit = Effect.flip(session.send(HttpClientRequest.get(`${site}/page?key=private`)))
      yield* visit
      const error = yield* visit
      assert(error._tag === "ResponseError")
      assert.strictEqual(error.status, 500)
      assert.strictEqual(error.detail, "no entry with mine=<redacted>; theirs=<redacted>")
      assert.strictEqual(error.url, `${site}/page`)
    }))

  it.effect("tells what was malformed, without cookies, on one line of bounded length", () =>
    Effect.gen(function*() {
      const { session, visit } = yield* setup([], { cookies: { mine: Redacted.make("s3cr3t") } })
      const response = yield* visit()
      const body = `s3cr3t\n${"x".repeat(1000)}`
      const error = session.malformed(response, { why: "not expected", body })
      assert.match(error.detail ?? "", /^not expected: <redacted> x+…$/)
      assert.strictEqual(error.detail?.length, 500)
      assert.strictEqual(session.malformed(response, { why: "not expected" }).detail, "not expected")
    }))

  it.effect("gives up on an answer that does not come", () =>
    Effect.gen(function*() {
      const http = fakeHttp.make(() => Effect.never)
      const session = yield* Effect.provide(
        BrowserSession.make({ provider: "Site", site, headers: agent, connectTimeout: "9 seconds" }),
        http.layer
      )
      for (const [connectTimeout, millis] of [[undefined, 9000], ["2 seconds", 2000]] as const) {
        const fiber = yield* Effect.fork(Effect.flip(session.send(HttpClientRequest.get(site), { connectTimeout })))
        yield* TestClock.adjust(millis)
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "Timeout")
        assert.strictEqual(error.clock, "connect")
      }
    }))

  it.effect("tells of a connection that cannot be made, or breaks within the body", () =>
    Effect.gen(function*() {
      const http = fakeHttp.make(({ url }) =>
        url.endsWith("/body")
          ? new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError("terminated")) }))
          : new fakeHttp.Unreachable("ECONNREFUSED")
      )
      const session = yield* Effect.provide(
        BrowserSession.make({ provider: "Site", site, headers: agent }),
        http.layer
      )
      const refused = yield* Effect.flip(session.send(HttpClientRequest.get(site)))
      assert(refused._tag === "ResponseError")
      assert.strictEqual(refused.reason, "connect")
      const response = yield* session.send(HttpClientRequest.get(`${site}/body`))
      const broken = yield* Effect.flip(Stream.runDrain(session.bytes(response)))
      assert(broken._tag === "ResponseError")
      assert.strictEqual(broken.reason, "network")
    }))

  it.effect("uses the client it is made with", () =>
    Effect.gen(function*() {
      const { session } = yield* setup([])
      const other = HttpClient.make((request) => Effect.die(request.url))
      const response = yield* Effect.provideService(
        session.send(HttpClientRequest.get(site)),
        HttpClient.HttpClient,
        other
      )
      assert.strictEqual(response.status, 200)
    }))
})
