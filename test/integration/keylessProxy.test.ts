import { NodeHttpServer } from "@effect/platform-node"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Polling from "effect-providers/http/Polling"
import * as Proxy from "effect-providers/http/Proxy"
import * as Provider from "effect-providers/Provider"
import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
import * as KeylessEmulator from "effect-providers/testing/KeylessEmulator"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import * as Proxies from "../support/proxies.js"

/** The emulated sites under a name that nobody but a proxy can resolve. */
const sites = (options: KeylessEmulator.Options = {}) =>
  Effect.gen(function*() {
    const node = createServer()
    const server = NodeHttpServer.layer(() => node, { host: "127.0.0.1", port: 0 })
    const context = yield* Layer.build(
      KeylessEmulator.serve.pipe(Layer.provideMerge(Layer.merge(server, KeylessEmulator.layer(options))))
    )
    // connections that are kept alive would keep the server from closing
    yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    const url = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(context))
    const { requests } = Context.get(context, KeylessEmulator.KeylessEmulator)
    return { host: `site.test:${new URL(url).port}`, requests }
  })

const proxies = {
  http: { start: Proxies.httpProxy("http"), asked: (host: string) => `GET http://${host}/` },
  socks5h: { start: Proxies.socksProxy(), asked: (host: string) => `SOCKS5 ${host}` }
}

for (const kind of ["http", "socks5h"] as const) {
  describe(`key-less providers through a ${kind} proxy`, () => {
    const through = (proxy: Proxies.Proxy) => Proxy.layer({ url: `${kind}://127.0.0.1:${proxy.port}` })

    it.scopedLive("F08: ChatgptFree streams, and keeps its cookies", () =>
      Effect.gen(function*() {
        const { host, requests } = yield* sites()
        const proxy = yield* proxies[kind].start
        const text = yield* Provider.text({ prompt: "Hello there" }).pipe(
          Effect.provide(
            Layer.provide(ChatgptFree.layer({ ignoreWorking: true, baseUrl: `http://${host}` }), through(proxy))
          )
        )
        assert.strictEqual(text, "Hello there")
        assert.strictEqual(proxy.seen[0], proxies[kind].asked(host))
        assert.isTrue(proxy.seen.every((line) => line.includes(host)))
        const [page, posted] = yield* requests
        assert.deepStrictEqual([page?.headers["host"], posted?.headers["host"]], [host, host])
        assert.deepStrictEqual([page?.cookies, posted?.cookies], [[], ["visitor"]])
      }))

    it.scopedLive("F08: ending a stream of ChatgptFree early closes the connection to the site", () =>
      Effect.gen(function*() {
        const { host, requests } = yield* sites({
          reply: () => ({ _tag: "Deltas", deltas: Array.from({ length: 1000 }, () => "word "), every: "20 millis" })
        })
        const proxy = yield* proxies[kind].start
        const started = yield* Deferred.make<void>()
        const reading = yield* Provider.stream({ prompt: "Hello" }).pipe(
          Stream.runForEach(({ _tag }) => _tag === "TextDelta" ? Deferred.succeed(started, undefined) : Effect.void),
          Effect.provide(
            Layer.provide(ChatgptFree.layer({ ignoreWorking: true, baseUrl: `http://${host}` }), through(proxy))
          ),
          Effect.fork
        )
        yield* Deferred.await(started)
        yield* Fiber.interrupt(reading)
        yield* proxy.idle
        const closed = Effect.map(requests, (all) => all[1]?.stream === "closed")
        yield* Effect.repeat(Effect.delay(closed, "5 millis"), { until: (isClosed) => isClosed, times: 400 })
        assert.isTrue(yield* closed)
      }))

    it.scopedLive("H10: ReplicateHome creates and polls", () =>
      Effect.gen(function*() {
        const { host, requests } = yield* sites()
        const proxy = yield* proxies[kind].start
        const home = ReplicateHome.layer({
          ignoreWorking: true,
          baseUrl: `http://${host}/api`,
          polling: Polling.fixed("1 millis", 5)
        })
        const outputs = yield* Provider.collect({ model: "sd-3", prompt: "a llama" }).pipe(
          Effect.provide(Layer.provide(home, through(proxy)))
        )
        assert.deepStrictEqual(outputs.map(({ _tag }) => _tag), ["ProviderInfo", "Image", "Finish"])
        assert.isTrue(proxy.seen.length > 0 && proxy.seen.every((line) => line.includes(host)))
        assert.deepStrictEqual((yield* requests).map(({ method, path }) => `${method} ${path}`), [
          "POST /api/prediction",
          "GET /api/poll?id=home-prediction-1",
          "GET /api/poll?id=home-prediction-1"
        ])
      }))

    it.scopedLive("F08 H10: a proxy that is not there is told as a failure to connect", () =>
      Effect.gen(function*() {
        const port = yield* Proxies.deadPort
        const dead = Proxy.layer({ url: `${kind}://user:hunter2@127.0.0.1:${port}` })
        const layers = [
          ChatgptFree.layer({ ignoreWorking: true, baseUrl: "http://site.test" }),
          ReplicateHome.layer({ ignoreWorking: true, baseUrl: "http://site.test/api" })
        ]
        for (const provider of layers) {
          const call = Provider.text({ prompt: "Hello" }).pipe(Effect.provide(Layer.provide(provider, dead)))
          const error = yield* Effect.flip(call)
          assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "connect", code: "ECONNREFUSED" })
          assert.include(error.message, `the proxy at 127.0.0.1:${port} could not be reached`)
          assert.notInclude(JSON.stringify(error), "hunter2")
        }
      }))
  })
}
