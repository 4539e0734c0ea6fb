// @effect-diagnostics processEnvInEffect:off -- Node reads the switch for self-signed certificates from there
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import { inspect } from "node:util"
import * as Failure from "../../src/http/Failure.js"
import * as Proxy from "../../src/http/Proxy.js"
import * as NoProxy from "../../src/internal/noProxy.js"
import * as ProviderError from "../../src/ProviderError.js"
import * as Proxies from "../support/proxies.js"

/** The test servers sign their own certificates. */
const trusting = Effect.acquireRelease(
  Effect.sync(() => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
  }),
  () =>
    Effect.sync(() => {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]
    })
)

const secret = "p@ss/wörd#1"
const user = "us er"
const encoded = `${encodeURIComponent(user)}:${encodeURIComponent(secret)}`

const kinds = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"] as const
const targets = ["http", "https"] as const
type Kind = typeof kinds[number]

const start = (kind: Kind, options?: Proxies.ProxyOptions) =>
  kind === "http" || kind === "https" ? Proxies.httpProxy(kind, options) : Proxies.socksProxy(options)

const cases = kinds.flatMap((kind) => targets.map((target) => ({ kind, target })))

/** What a proxy of the kind is expected to be asked for. */
const asked = (kind: Kind, target: "http" | "https", host: string, port: number): string => {
  switch (kind) {
    case "http":
    case "https":
      return target === "http" ? `GET http://${host}:${port}/` : `CONNECT ${host}:${port}`
    case "socks4":
    case "socks4a":
      return `SOCKS4${Net.isIP(host) === 0 ? "a" : ""} ${host}:${port}`
    default:
      return `SOCKS5 ${host}:${port}`
  }
}

/** Proxies that resolve names themselves are asked for one that nobody else can resolve. */
const hostFor = (kind: Kind) => kind === "socks4" || kind === "socks5" ? "127.0.0.1" : "origin.test"

const transportCode = (client: HttpClient.HttpClient, url: string) =>
  Effect.map(Effect.flip(client.get(url)), (error) => {
    assert.notInclude(inspect(error, { depth: 10, showHidden: true }), secret)
    assert.notInclude(inspect(error, { depth: 10, showHidden: true }), encoded)
    assert.strictEqual(error._tag, "RequestError")
    assert.strictEqual(error.reason, "Transport")
    return (error.cause as { readonly code?: string }).code
  })

const failureOf = (client: HttpClient.HttpClient, url: string) =>
  Effect.map(Effect.flip(client.get(url)), (error) => Failure.fromHttpClientError({ provider: "Test" }, error))

describe.sequential("Proxy", () => {
  for (const { kind, target } of cases) {
    it.scopedLive(`R15: calls an ${target} target through a ${kind} proxy`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const host = hostFor(kind)
        for (const _ of [1, 2]) {
          const response = yield* client.get(`${target}://${host}:${origin.port}/`)
          assert.strictEqual(response.status, 200)
          assert.strictEqual(yield* response.text, "hello")
        }
        assert.deepStrictEqual(origin.seen.map((request) => request.url), ["/", "/"])
        assert.strictEqual(origin.seen[0]?.headers.host, `${host}:${origin.port}`)
        assert.strictEqual(proxy.seen[0], asked(kind, target, host, origin.port))
        // the second call reuses the connection of the first
        assert.strictEqual(proxy.connections(), 1)
      }))

    it.scopedLive(`R15: a body streams from an ${target} target through a ${kind} proxy, and stopping closes it`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const response = yield* client.get(`${target}://127.0.0.1:${origin.port}/stream`)
        const pieces = yield* Queue.unbounded<string>()
        const reading = yield* response.stream.pipe(
          Stream.decodeText(),
          Stream.runForEach((text) => pieces.offer(text)),
          Effect.fork
        )
        for (const text of ["one", "two", "three"]) {
          yield* origin.send(text)
          assert.strictEqual(yield* pieces.take, text)
        }
        yield* Fiber.interrupt(reading)
        yield* origin.left
        yield* proxy.idle
      }))

    it.scopedLive(`R15: interrupting a call to an ${target} target closes the connection to the ${kind} proxy`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const calling = yield* Effect.fork(client.get(`${target}://127.0.0.1:${origin.port}/silent`))
        yield* origin.arrived
        yield* Fiber.interrupt(calling)
        yield* origin.left
        yield* proxy.idle
      }))

    it.scopedLive(`R15: a dead ${kind} proxy fails the call to an ${target} target, and is told by its address`, () =>
      Effect.gen(function*() {
        const port = yield* Proxies.deadPort
        const client = yield* Proxy.make({ url: `${kind}://${encoded}@127.0.0.1:${port}` })
        assert.strictEqual(yield* transportCode(client, `${target}://127.0.0.1:1/`), "ECONNREFUSED")
        const failure = yield* failureOf(client, `${target}://127.0.0.1:1/path`)
        assert.deepInclude({ ...failure }, {
          _tag: "ResponseError",
          reason: "connect",
          code: "ECONNREFUSED",
          proxy: `127.0.0.1:${port}`,
          url: `${target}://127.0.0.1:1/path`
        })
        assert.include(failure.message, `the proxy at 127.0.0.1:${port} could not be reached [ECONNREFUSED]`)
        assert.isTrue(ProviderError.isRetryable(failure))
        for (const text of [failure.message, JSON.stringify(failure), inspect(failure, { depth: 10 })]) {
          for (const hidden of [secret, user, encoded]) assert.notInclude(text, hidden)
        }
      }))
  }

  for (const [kind, usual] of [["http", 80], ["https", 443], ["socks5", 1080]] as const) {
    it.scopedLive(`R15: a ${kind} proxy whose name is unknown is told with its usual port`, () =>
      Effect.gen(function*() {
        const client = yield* Proxy.make({ url: `${kind}://${encoded}@proxy.invalid` })
        const failure = yield* failureOf(client, "http://127.0.0.1:1/")
        assert.propertyVal(failure, "proxy", `proxy.invalid:${usual}`)
        assert.propertyVal(failure, "reason", "connect")
      }))
  }

  for (const kind of ["socks4", "socks5"] as const) {
    it.scopedLive(`R15: a target whose name is unknown is no failure of a ${kind} proxy`, () =>
      Effect.gen(function*() {
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const failure = yield* failureOf(client, "http://site.invalid/")
        assert.propertyVal(failure, "reason", "connect")
        assert.propertyVal(failure, "proxy", undefined)
        assert.notInclude(failure.message, "proxy")
        assert.deepStrictEqual(proxy.seen, [])
      }))
  }

  it.scopedLive("R15: a site that is dead without a proxy is told as itself", () =>
    Effect.gen(function*() {
      const port = yield* Proxies.deadPort
      const failure = yield* failureOf(yield* Proxy.make({}), `http://127.0.0.1:${port}/`)
      assert.deepInclude({ ...failure }, { reason: "connect", code: "ECONNREFUSED", proxy: undefined })
      assert.notInclude(failure.message, "proxy")
    }))

  for (const { kind, target } of cases) {
    const auth = kind.startsWith("socks4") ? user : `${user}:${secret}`

    it.scopedLive(`R15: credentials reach the ${kind} proxy and not the ${target} target`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* start(kind, { auth })
        const url = Redacted.make(`${kind}://${encoded}@127.0.0.1:${proxy.port}`)
        const client = yield* Proxy.make({ url })
        const response = yield* client.get(`${target}://127.0.0.1:${origin.port}/`)
        assert.strictEqual(yield* response.text, "hello")
        assert.deepStrictEqual(proxy.credentials, [auth])
        assert.notProperty(origin.seen[0]?.headers, "proxy-authorization")
      }))

    it.scopedLive(`R15: a ${kind} proxy refuses other credentials for an ${target} target`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* start(kind, { auth: "somebody:else" })
        const client = yield* Proxy.make({ url: `${kind}://${encoded}@127.0.0.1:${proxy.port}` })
        const url = `${target}://127.0.0.1:${origin.port}/`
        if (kind.startsWith("http") && target === "http") {
          const response = yield* client.get(url)
          assert.strictEqual(response.status, 407)
          assert.strictEqual(yield* response.text, "proxy says no")
        } else {
          const code = yield* transportCode(client, url)
          assert.strictEqual(code, kind.startsWith("http") ? "ERR_PROXY_407" : "ERR_PROXY_HANDSHAKE")
          const failure = yield* failureOf(client, url)
          assert.propertyVal(failure, "proxy", `127.0.0.1:${proxy.port}`)
          assert.include(failure.message, `the proxy at 127.0.0.1:${proxy.port} refused the connection [${code}]`)
          assert.notInclude(JSON.stringify(failure), secret)
        }
        assert.isAbove(proxy.credentials.length, 0)
        assert.deepStrictEqual(origin.seen, [])
      }))
  }

  it.scopedLive("R15: a user without password is sent", () =>
    Effect.gen(function*() {
      const origin = yield* Proxies.origin("http")
      const http = yield* Proxies.httpProxy("http")
      const socks = yield* Proxies.socksProxy({ auth: "user:" })
      for (const [kind, proxy] of [["http", http], ["socks5", socks]] as const) {
        const client = yield* Proxy.make({ url: new URL(`${kind}://user@127.0.0.1:${proxy.port}`) })
        yield* Effect.flatMap(client.get(`http://127.0.0.1:${origin.port}/`), (response) => response.text)
        assert.deepStrictEqual(proxy.credentials, ["user:"])
      }
    }))

  it.scopedLive("R15: socks4 and socks5 resolve names here", () =>
    Effect.gen(function*() {
      const origin = yield* Proxies.origin("http")
      const proxy = yield* Proxies.socksProxy()
      for (const kind of ["socks4", "socks5"]) {
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        yield* Effect.flatMap(client.get(`http://localhost:${origin.port}/`), (response) => response.text)
      }
      assert.strictEqual(proxy.seen[0], `SOCKS4 127.0.0.1:${origin.port}`)
      assert.match(proxy.seen[1] ?? "", /^SOCKS5 (127\.0\.0\.1|\[0{31}1\]):\d+$/)
    }))

  for (const target of targets) {
    it.scopedLive(`R15: the certificate of an https proxy is checked (${target} target)`, () =>
      Effect.gen(function*() {
        const proxy = yield* Proxies.httpProxy("https")
        const client = yield* Proxy.make({ url: `https://localhost:${proxy.port}` })
        assert.strictEqual(yield* transportCode(client, `${target}://127.0.0.1:1/`), "DEPTH_ZERO_SELF_SIGNED_CERT")
        assert.deepStrictEqual(proxy.seen, [])
      }))

    it.scopedLive(`R15: an https proxy is asked for by its name (${target} target)`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin(target)
        const proxy = yield* Proxies.httpProxy("https")
        const client = yield* Proxy.make({ url: `https://localhost:${proxy.port}` })
        yield* Effect.flatMap(client.get(`${target}://127.0.0.1:${origin.port}/`), (response) => response.text)
        assert.deepStrictEqual(proxy.servernames, ["localhost"])
      }))
  }

  for (const kind of ["http", "socks5"] as const) {
    it.scopedLive(`R15: the certificate of the target is checked through a ${kind} proxy`, () =>
      Effect.gen(function*() {
        const origin = yield* Proxies.origin("https")
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const code = yield* transportCode(client, `https://127.0.0.1:${origin.port}/`)
        assert.strictEqual(code, "DEPTH_ZERO_SELF_SIGNED_CERT")
        assert.deepStrictEqual(origin.seen, [])
      }))
  }

  for (const kind of ["http", "https"] as const) {
    it.scopedLive(`R15: interrupting closes a connection that a ${kind} proxy keeps waiting`, () =>
      Effect.gen(function*() {
        yield* trusting
        const proxy = yield* Proxies.httpProxy(kind, { hang: true })
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const calling = yield* Effect.fork(client.get("https://127.0.0.1:1/"))
        yield* proxy.asked
        yield* Fiber.interrupt(calling)
        yield* proxy.idle
      }))
  }

  for (const kind of kinds) {
    it.scopedLive(`R15: a posted body and a query pass through a ${kind} proxy`, () =>
      Effect.gen(function*() {
        yield* trusting
        const origin = yield* Proxies.origin("http")
        const proxy = yield* start(kind)
        const client = yield* Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` })
        const request = HttpClientRequest.post(`http://127.0.0.1:${origin.port}/echo?a=b%20c`)
        for (const body of ["one", "two"]) {
          const response = yield* client.execute(HttpClientRequest.bodyText(request, body))
          assert.strictEqual(yield* response.text, body)
        }
        assert.deepStrictEqual(origin.seen.map((request) => request.url), ["/echo?a=b%20c", "/echo?a=b%20c"])
      }))
  }

  it.scopedLive("R15: a proxy without scheme is an http proxy", () =>
    Effect.gen(function*() {
      const origin = yield* Proxies.origin("http")
      const proxy = yield* Proxies.httpProxy("http")
      const client = yield* Proxy.make({ url: `${encoded}@localhost:${proxy.port}` })
      yield* Effect.flatMap(client.get(`http://origin.test:${origin.port}/`), (response) => response.text)
      assert.deepStrictEqual(proxy.seen, [`GET http://origin.test:${origin.port}/`])
      assert.deepStrictEqual(proxy.credentials, [`${user}:${secret}`])
    }))

  it.scopedLive("R15: noProxy goes past the proxy, without its credentials", () =>
    Effect.gen(function*() {
      yield* trusting
      const proxy = yield* Proxies.httpProxy("http")
      for (const target of targets) {
        const origin = yield* Proxies.origin(target)
        const client = yield* Proxy.make({
          url: `http://${encoded}@127.0.0.1:${proxy.port}`,
          noProxy: [`127.0.0.1:${origin.port}`]
        })
        yield* Effect.flatMap(client.get(`${target}://127.0.0.1:${origin.port}/`), (response) => response.text)
        assert.deepStrictEqual(proxy.seen, [])
        assert.strictEqual(origin.seen.length, 1)
        assert.notProperty(origin.seen[0]?.headers, "proxy-authorization")
      }
    }))

  it.scopedLive("R15: closing the scope closes the connections kept alive", () =>
    Effect.gen(function*() {
      yield* trusting
      const origin = yield* Proxies.origin("https")
      for (const kind of kinds) {
        const proxy = yield* start(kind)
        const scope = yield* Scope.make()
        const client = yield* Scope.extend(Proxy.make({ url: `${kind}://127.0.0.1:${proxy.port}` }), scope)
        yield* Effect.flatMap(client.get(`https://127.0.0.1:${origin.port}/`), (response) => response.text)
        yield* Scope.close(scope, Exit.void)
        yield* proxy.idle
      }
    }))
})

describe.sequential("Proxy options", () => {
  const reasonOf = (url: Proxy.Url) =>
    Effect.scoped(Effect.map(Effect.flip(Proxy.make({ url })), (error) => {
      for (const text of [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
        assert.notInclude(text, "hunter2")
      }
      return error.reason
    }))

  it.effect("R15: a URL that cannot be used is a typed error without credentials", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* reasonOf("ftp://user:hunter2@proxy.example"), "unsupported scheme")
      assert.strictEqual(yield* reasonOf(new URL("ws://user:hunter2@proxy.example")), "unsupported scheme")
      for (
        const url of [
          "",
          "http://",
          "socks5://",
          "not a proxy",
          "http://user:hunter2@",
          "http://user:hunter2@host:port"
        ]
      ) {
        assert.strictEqual(yield* reasonOf(url), "malformed", url)
      }
      for (const sign of ["/", "?", "#"]) {
        const url = Redacted.make(`http://user:12${sign}hunter2@proxy.example:3128`)
        assert.strictEqual(yield* reasonOf(url), "malformed", sign)
      }
      assert.strictEqual(yield* reasonOf("http://user:hunter2%@proxy.example"), "malformed credentials")
      const long = "hunter2".repeat(40)
      assert.strictEqual(yield* reasonOf(`socks5://user:${long}@proxy.example`), "malformed credentials")
      yield* Effect.scoped(Proxy.make({ url: `http://user:${long}@proxy.example` }))
    }))

  it.scopedLive("R15: each target scheme can have a proxy of its own", () =>
    Effect.gen(function*() {
      yield* trusting
      const http = yield* Proxies.socksProxy()
      const https = yield* Proxies.httpProxy("http")
      const [plain, secure] = [yield* Proxies.origin("http"), yield* Proxies.origin("https")]
      const client = yield* Proxy.make({
        url: `socks5h://127.0.0.1:${http.port}`,
        https: `http://127.0.0.1:${https.port}`
      })
      yield* Effect.flatMap(client.get(`http://origin.test:${plain.port}/`), (response) => response.text)
      yield* Effect.flatMap(client.get(`https://origin.test:${secure.port}/`), (response) => response.text)
      assert.deepStrictEqual(http.seen, [`SOCKS5 origin.test:${plain.port}`])
      assert.deepStrictEqual(https.seen, [`CONNECT origin.test:${secure.port}`])
    }))

  const withEnv = (env: Record<string, string>) =>
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))

  /** Whether calls to a target of each scheme and to an exempt one went through the proxy. */
  const route = (env: (port: number) => Record<string, string>) =>
    Effect.gen(function*() {
      const proxy = yield* Proxies.httpProxy("http")
      const [plain, secure] = [yield* Proxies.origin("http"), yield* Proxies.origin("https")]
      const call = Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        for (const url of [`http://127.0.0.1:${plain.port}/`, `https://127.0.0.1:${secure.port}/`]) {
          yield* Effect.flatMap(client.get(url), (response) => response.text)
        }
      })
      yield* Effect.provide(call, Proxy.layerConfig()).pipe(withEnv(env(proxy.port)))
      assert.strictEqual(plain.seen.length + secure.seen.length, 2)
      return proxy.seen.map((line) => line.split(" ")[0])
    })

  it.scopedLive("R15: the environment names the proxies", () =>
    Effect.gen(function*() {
      yield* trusting
      const url = (port: number) => `http://127.0.0.1:${port}`
      assert.deepStrictEqual(yield* route(() => ({})), [])
      assert.deepStrictEqual(yield* route(() => ({ HTTP_PROXY: "", ALL_PROXY: "" })), [])
      for (const name of ["ALL_PROXY", "all_proxy"]) {
        assert.deepStrictEqual(yield* route((port) => ({ [name]: url(port) })), ["GET", "CONNECT"])
      }
      for (const name of ["HTTP_PROXY", "http_proxy"]) {
        assert.deepStrictEqual(yield* route((port) => ({ [name]: url(port) })), ["GET"])
      }
      for (const name of ["HTTPS_PROXY", "https_proxy"]) {
        assert.deepStrictEqual(yield* route((port) => ({ [name]: url(port) })), ["CONNECT"])
      }
      const lowerFirst = yield* route((port) => ({ http_proxy: url(port), HTTP_PROXY: "http://127.0.0.1:1" }))
      assert.deepStrictEqual(lowerFirst, ["GET"])
      for (const name of ["NO_PROXY", "no_proxy"]) {
        const exempt = { [name]: "example.com, 127.0.0.0/8" }
        assert.deepStrictEqual(yield* route((port) => ({ ALL_PROXY: url(port), ...exempt })), [])
      }
    }))

  it.effect("R15: a malformed variable is a ConfigError that names it and keeps its value to itself", () =>
    Effect.gen(function*() {
      for (const name of ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"]) {
        for (const value of ["gopher://user:hunter2@proxy.example", "http://user:hunter2@proxy.example:no"]) {
          const exit = yield* Effect.exit(Layer.build(Proxy.layerConfig())).pipe(
            Effect.scoped,
            withEnv({ [name]: value })
          )
          const error = Option.getOrThrow(Exit.causeOption(exit).pipe(Option.flatMap(Cause.failureOption)))
          assert.isTrue(ConfigError.isConfigError(error))
          assert.include(String(error), name)
          for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
            assert.notInclude(text, "hunter2")
          }
        }
      }
    }))
})

describe.sequential("noProxy", () => {
  const matches = (entry: string, url: string) => NoProxy.make([entry])(new URL(url))

  const table: ReadonlyArray<readonly [entry: string, hits: ReadonlyArray<string>, misses: ReadonlyArray<string>]> = [
    ["*", ["http://example.com", "https://127.0.0.1", "http://[::1]"], []],
    ["", [], ["http://example.com", "http://127.0.0.1"]],
    [".", [], ["http://example.com"]],
    ["example.com", ["http://example.com", "https://a.b.example.com", "http://EXAMPLE.com.", "http://example.com:81"], [
      "http://notexample.com",
      "http://example.com.evil.test",
      "http://com"
    ]],
    [".Example.com", ["http://example.com", "http://www.example.com"], ["http://notexample.com"]],
    ["example.com.", ["http://example.com"], []],
    ["*.example.com", [], ["http://www.example.com"]],
    ["example.com:8443", ["https://example.com:8443", "http://a.example.com:8443"], ["https://example.com"]],
    ["example.com:443", ["https://example.com"], ["http://example.com"]],
    ["example.com:80", ["http://example.com"], ["https://example.com"]],
    ["localhost", ["http://localhost:3000"], ["http://127.0.0.1", "http://[::1]"]],
    ["127.0.0.1", ["http://127.0.0.1"], ["http://1.127.0.0.1.example", "http://127.0.0.2", "http://localhost"]],
    ["0.0.1", [], ["http://127.0.0.1"]],
    ["127.0.0.1:81", ["http://127.0.0.1:81"], ["http://127.0.0.1"]],
    ["10.0.0.0/8", ["http://10.255.0.1"], ["http://11.0.0.1", "http://[::a00:1]", "http://a.example"]],
    ["10.0.0.0/33", [], ["http://10.0.0.0"]],
    ["10.0.0.0/x", [], ["http://10.0.0.0"]],
    ["0.0.0.0/0", ["http://10.0.0.1"], ["http://[::1]", "http://example.com"]],
    ["::1", ["http://[::1]"], ["http://[::2]", "http://127.0.0.1"]],
    ["[::1]", ["http://[::1]:8080"], []],
    ["[::1]:8080", ["http://[::1]:8080"], ["http://[::1]"]],
    ["0:0:0:0:0:0:0:1", ["http://[::1]"], []],
    ["fd00::/8", ["http://[fd12:3456::1]"], ["http://[fe80::1]"]]
  ]

  for (const [entry, hits, misses] of table) {
    it(`R15: the entry ${JSON.stringify(entry)}`, () => {
      for (const url of hits) assert.isTrue(matches(entry, url), url)
      for (const url of misses) assert.isFalse(matches(entry, url), url)
    })
  }

  it.prop(
    "R15: subnets are those of Node",
    [
      FastCheck.oneof(
        FastCheck.tuple(FastCheck.ipV4(), FastCheck.ipV4(), FastCheck.nat(32)),
        FastCheck.tuple(FastCheck.ipV6(), FastCheck.ipV6(), FastCheck.nat(128))
      ),
      FastCheck.boolean()
    ],
    ([[address, other, prefix], same]) => {
      const target = same ? address : other
      const family = Net.isIPv4(address) ? "ipv4" : "ipv6"
      const list = new Net.BlockList()
      list.addSubnet(address, prefix, family)
      const url = family === "ipv4" ? `http://${target}` : `http://[${target}]`
      assert.strictEqual(matches(`${address}/${prefix}`, url), list.check(target, family))
    }
  )

  it.prop("R15: no entry throws", [FastCheck.string(), FastCheck.webUrl()], ([entry, url]) => {
    assert.isBoolean(matches(entry, url))
  })
})
