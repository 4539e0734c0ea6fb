import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as BrowserSession from "effect-providers/http/BrowserSession"
import * as Proxy from "effect-providers/http/Proxy"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as fakeHttp from "../support/fakeHttp.js"
import { rawServer } from "../support/rawServer.js"

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

  it.effect("keeps a Secure cookie that came over https alone", () =>
    Effect.gen(function*() {
      for (const [site, kept] of [["https://site.example", "a=1; b=2"], ["http://site.example", "b=2"]] as const) {
        const { cookies, visit } = yield* setup([["a=1; Secure", "b=2"]], { site })
        yield* visit(site)
        yield* visit(site)
        assert.deepStrictEqual(cookies(), [undefined, kept])
      }
    }))

  it.effect("F07: a header of its own that cannot be sent is told by its name, before any I/O", () =>
    Effect.gen(function*() {
      const odd = [["x-own", "s3cr3t\n"], ["x-own", "s3cr3t\u0142"], ["bad name", "s3cr3t"], ["", "s3cr3t"]] as const
      for (const [name, value] of odd) {
        const { http, visit } = yield* setup([], { headers: { ...agent, [name]: value } })
        const error = yield* Effect.flip(visit())
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), [`headers.${name}`])
        assert.notInclude(JSON.stringify(error), "s3cr3t")
        assert.deepStrictEqual(http.requests, [])
      }
    }))

  it.effect("F07: a cookie that cannot be sent is told by its name, before any I/O", () =>
    Effect.gen(function*() {
      for (const value of ["s3cr3t\nx: y", "s3cr3t; other=1", "s3cr3t\u0142", "s3cr3t\u0000"]) {
        const { http, visit } = yield* setup([], { cookies: { fine: Redacted.make("1"), odd: Redacted.make(value) } })
        const error = yield* Effect.flip(visit())
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["cookies.odd"])
        assert.notInclude(JSON.stringify(error), "s3cr3t")
        assert.deepStrictEqual(http.requests, [])
      }
      const { visit } = yield* setup([], { cookies: { "od d": Redacted.make("1") } })
      assert.strictEqual((yield* Effect.flip(visit()))._tag, "InvalidRequest")
      const { cookies, visit: allowed } = yield* setup([], {
        cookies: { a: Redacted.make(`"1, 2"`), b: Redacted.make("") }
      })
      yield* allowed()
      assert.deepStrictEqual(cookies(), [`a="1, 2"; b=`])
    }))

  it.effect("keeps as much of cookies as a browser does: 180 of 4096 bytes, the latest", () =>
    Effect.gen(function*() {
      const many = (from: number) => Array.from({ length: 100 }, (_, n) => `c${from + n}=1`)
      const { cookies, visit } = yield* setup([many(0), [
        ...many(100),
        `long=${"x".repeat(4093)}`,
        `fits=${"x".repeat(4092)}`
      ]])
      yield* visit()
      yield* visit()
      yield* visit()
      const names = cookies()[2]?.split("; ").map((pair) => pair.split("=")[0]) ?? []
      assert.strictEqual(names.length, 180)
      assert.deepStrictEqual([names[0], names.at(-1)], ["c21", "fits"])
    }))

  it.effect("counts no cookies that expired", () =>
    Effect.gen(function*() {
      const many = (name: string, end: string) => Array.from({ length: 150 }, (_, n) => `${name}${n}=1${end}`)
      const { cookies, visit } = yield* setup([["kept=1", ...many("a", "; Max-Age=1")], many("b", "")])
      yield* visit()
      yield* TestClock.adjust("2 seconds")
      yield* visit()
      yield* visit()
      const names = cookies()[2]?.split("; ").map((pair) => pair.split("=")[0]) ?? []
      assert.deepStrictEqual([names.length, names[0], names[1]], [151, "kept", "b0"])
    }))

  it.effect("tells that its site is none, before any I/O", () =>
    Effect.gen(function*() {
      for (const site of ["nonsense", "ftp://site.example", ""]) {
        const { http, visit } = yield* setup([], { site })
        const error = yield* Effect.flip(visit())
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["site"])
        assert.deepStrictEqual(http.requests, [])
      }
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

describe("BrowserSession: redirects", () => {
  interface Stop {
    readonly status?: number
    readonly location?: string
    readonly cookies?: ReadonlyArray<string>
  }

  /** A session before sites that answer each URL as told, and else with a page. */
  const setup = (stops: Readonly<Record<string, Stop>>, options: Partial<BrowserSession.Options> = {}) =>
    Effect.gen(function*() {
      const http = fakeHttp.make(({ url }) => {
        const { cookies = [], location, status = 200 } = stops[url] ?? {}
        const headers = new Headers(location === undefined ? {} : { location })
        for (const cookie of cookies) headers.append("set-cookie", cookie)
        return new Response(`page of ${url}`, { status, headers })
      })
      const session = yield* Effect.provide(
        BrowserSession.make({ provider: "Site", site, headers: agent, ...options }),
        http.layer
      )
      const went = () => http.requests.map(({ headers, method, url }) => [method, url, headers["cookie"]])
      return { http, session, went }
    })

  const get = HttpClientRequest.get(`${site}/`)

  it.effect("F07: are followed, and each of them sets cookies", () =>
    Effect.gen(function*() {
      const { session, went } = yield* setup({
        [`${site}/`]: { status: 302, location: "/in?from=%2F", cookies: ["a=1"] },
        [`${site}/in?from=%2F`]: { status: 308, location: "https://site.example/home", cookies: ["a=2", "b=1"] },
        [`${site}/home`]: { cookies: ["c=1"] }
      })
      assert.strictEqual(yield* session.text(yield* session.send(get)), `page of ${site}/home`)
      yield* session.send(HttpClientRequest.get(`${site}/next`))
      assert.deepStrictEqual(went(), [
        ["GET", `${site}/`, undefined],
        ["GET", `${site}/in?from=%2F`, "a=1"],
        ["GET", `${site}/home`, "a=2; b=1"],
        ["GET", `${site}/next`, "a=2; b=1; c=1"]
      ])
    }))

  it.effect("take no credentials to another origin, and bring no cookies from there", () =>
    Effect.gen(function*() {
      const other = "https://other.example/"
      const { http, session, went } = yield* setup({
        [`${site}/`]: { status: 302, location: other, cookies: ["a=1"] },
        [other]: { status: 302, location: `${site}/back`, cookies: ["a=stolen", "b=stolen"] }
      }, { cookies: { mine: Redacted.make("1") } })
      yield* session.send(HttpClientRequest.bearerToken(get, "secret"))
      assert.deepStrictEqual(went(), [
        ["GET", `${site}/`, "mine=1"],
        ["GET", other, undefined],
        ["GET", `${site}/back`, "mine=1; a=1"]
      ])
      assert.deepStrictEqual(http.requests.map(({ headers }) => headers["authorization"]), [
        "Bearer secret",
        undefined,
        undefined
      ])
    }))

  const credentials = ["authorization", "cookie", "proxy-authorization", "x-api-key"]
  const secrets = Object.fromEntries(credentials.map((name) => [name, `s3cr3t of ${name}`]))
  const carried = ({ requests }: { readonly requests: ReadonlyArray<fakeHttp.Seen> }) =>
    requests.map(({ headers }) => credentials.filter((name) => name in headers))

  it.effect("F07: take no credentials of the session's own to another origin, and have them again on the way back", () =>
    Effect.gen(function*() {
      const other = "https://other.example/"
      const stops = {
        [`${site}/`]: { status: 302, location: other },
        [other]: { status: 302, location: `${site}/back` }
      }
      for (const name of credentials) {
        // names of headers are the same in any case
        const own = { ...agent, [name.toUpperCase()]: "s3cr3t" }
        const { http, session } = yield* setup(stops, { headers: own })
        yield* session.send(get)
        yield* session.send(HttpClientRequest.get(other))
        assert.deepStrictEqual(carried(http), [[name], [], [name], [], [name]])
        assert.deepStrictEqual(http.requests[1]?.headers, agent)
      }
    }))

  it.effect("F07: take none of the request's credentials to another origin, and all within the site", () =>
    Effect.gen(function*() {
      const { http, session } = yield* setup({
        [`${site}/`]: { status: 307, location: "/near" },
        [`${site}/near`]: { status: 307, location: "https://other.example/" }
      })
      yield* session.send(HttpClientRequest.setHeaders(get, { ...secrets, "x-mine": "1" }))
      assert.deepStrictEqual(carried(http), [credentials, credentials, []])
      assert.deepStrictEqual(http.requests[2]?.headers, { ...agent, "x-mine": "1" })
    }))

  const methods: ReadonlyArray<[status: number, method: "POST" | "PUT", next: string]> = [
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [302, "PUT", "PUT"],
    [307, "POST", "POST"],
    [308, "POST", "POST"]
  ]
  for (const [status, method, next] of methods) {
    it.effect(`a ${method} that meets ${status} goes on as ${next}`, () =>
      Effect.gen(function*() {
        const { http, session } = yield* setup({ [`${site}/form`]: { status, location: "/other" } })
        const form = HttpClientRequest.make(method)(`${site}/form`)
        yield* session.send(HttpClientRequest.bodyUrlParams(form, { a: "1" }))
        const [, second] = http.requests
        assert(second !== undefined)
        assert.strictEqual(second.method, next)
        assert.strictEqual(second.body, next === "GET" ? undefined : "a=1")
        assert.strictEqual(second.headers["content-type"] === undefined, next === "GET")
      }))
  }

  it.effect("without end are given up after 10", () =>
    Effect.gen(function*() {
      const { http, session } = yield* setup({ [`${site}/`]: { status: 302, location: "/" } })
      const error = yield* Effect.flip(session.send(get))
      assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "status", status: 302 })
      assert.strictEqual(http.requests.length, 11)
    }))

  it.effect("that lead nowhere are errors", () =>
    Effect.gen(function*() {
      for (const location of ["ftp://site.example/", "http://", "data:text/html,hi", undefined]) {
        const stop = location === undefined ? { status: 302 } : { status: 302, location }
        const { http, session } = yield* setup({ [`${site}/`]: stop })
        const error = yield* Effect.flip(session.send(get))
        assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "status", status: 302 })
        assert.strictEqual(http.requests.length, 1)
      }
      const { session } = yield* setup({ [`${site}/`]: { status: 300, location: "/other" } })
      assert.deepInclude({ ...(yield* Effect.flip(session.send(get))) }, { status: 300 })
    }))

  it.effect("are all under one connect clock", () =>
    Effect.gen(function*() {
      const http = fakeHttp.make(() =>
        Effect.delay(Effect.succeed(new Response(null, { status: 302, headers: { location: "/" } })), "2 seconds")
      )
      const session = yield* Effect.provide(
        BrowserSession.make({ provider: "Site", site, headers: agent, connectTimeout: "5 seconds" }),
        http.layer
      )
      const fiber = yield* Effect.fork(Effect.flip(session.send(get)))
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude({ ...(yield* Fiber.join(fiber)) }, { _tag: "Timeout", clock: "connect" })
      assert.strictEqual(http.requests.length, 3)
    }))
})

describe("BrowserSession over sockets: redirects", () => {
  /** A site that sends to another one, and what was shown to each. */
  const sites = Effect.gen(function*() {
    const shown: Array<readonly [path: string | undefined, cookies: string | undefined]> = []
    const other = yield* rawServer(({ headers }, _, response) => {
      shown.push(["other", headers.cookie])
      response.writeHead(200, { "set-cookie": "other=1" }).end("other")
    })
    const own = yield* rawServer(({ headers, url }, _, response) => {
      shown.push([url, headers.cookie])
      if (url === "/away") response.writeHead(302, { "set-cookie": "way=1", location: other }).end("away")
      else if (url === "/on") response.writeHead(302, { "set-cookie": "way=1", location: "/" }).end("on")
      else response.writeHead(200, { "set-cookie": "own=1" }).end("own")
    })
    return { own, shown }
  })

  const manual = Layer.provide(
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
  )
  const node = Layer.orDie(Proxy.layer({}))

  for (
    const [client, layer, isSeen] of [
      ["fetch that follows them", FetchHttpClient.layer, false],
      ["fetch that does not", manual, true],
      ["Node's client", node, true]
    ] as const
  ) {
    it.scopedLive(`F07: by ${client}, no cookie of another origin is kept`, () =>
      Effect.gen(function*() {
        const { own, shown } = yield* sites
        const session = yield* BrowserSession.make({
          provider: "Site",
          site: own,
          headers: {},
          cookies: { mine: Redacted.make("1") }
        })
        const visit = (path: string) =>
          Effect.flatMap(session.send(HttpClientRequest.get(`${own}${path}`)), session.text)
        assert.strictEqual(yield* visit("/away"), "other")
        assert.strictEqual(yield* visit("/on"), "own")
        assert.strictEqual(yield* visit("/"), "own")
        const way = isSeen ? "; way=1" : ""
        assert.deepStrictEqual(shown, [
          ["/away", "mine=1"],
          ["other", undefined],
          ["/on", `mine=1${way}`],
          ["/", `mine=1${way}`],
          ["/", `mine=1${way}; own=1`]
        ])
      }).pipe(Effect.provide(layer)))
  }
})
