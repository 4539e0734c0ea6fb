import { NodeHttpServer } from "@effect/platform-node"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Polling from "effect-providers/http/Polling"
import * as Provider from "effect-providers/Provider"
import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
import * as KeylessEmulator from "effect-providers/testing/KeylessEmulator"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { createServer } from "node:http"

const home = "https://homepage.replicate.com/api"
const chat = "https://chatgptfree.ai"

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(request)
    return { status: response.status, headers: response.headers, cookies: response.cookies, text: yield* response.text }
  })

const create = (body: unknown) =>
  send(HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post(`${home}/prediction`), body))

const poll = (id: string) =>
  Effect.map(send(HttpClientRequest.get(`${home}/poll?id=${id}`)), ({ text }): unknown => JSON.parse(text))

const post = (fields: Record<string, string>) =>
  send(
    HttpClientRequest.bodyUrlParams(HttpClientRequest.post(`${chat}/wp-admin/admin-ajax.php`), {
      action: "wpaicg_chat_shortcode_message",
      post_id: "106",
      _wpnonce: "nonce00001",
      message: "a b",
      ...fields
    })
  )

const asked = { model: "google-deepmind/gemma-2b-it", version: "v", input: { prompt: "a b" } }

describe("KeylessEmulator", () => {
  it.effect("a prediction takes as many looks as it is told to", () =>
    Effect.gen(function*() {
      const created = yield* create(asked)
      assert.strictEqual(created.status, 201)
      assert.include(created.text, `"status":"starting"`)
      const looks = yield* Effect.replicateEffect(poll("home-prediction-1"), 3)
      assert.deepStrictEqual(looks.map((look) => Reflect.get(Object(look), "status")), [
        "processing",
        "processing",
        "succeeded"
      ])
      assert.deepStrictEqual(Reflect.get(Object(looks[2]), "output"), ["a ", "b"])
    }).pipe(Effect.provide(KeylessEmulator.layer({ prediction: () => ({ polls: 2 }) }))))

  it.effect("a prediction ends as it is told to", () =>
    Effect.gen(function*() {
      yield* create(asked)
      const look = yield* poll("home-prediction-1")
      assert.deepStrictEqual(look, { ...asked, id: "home-prediction-1", status: "failed", output: null, error: "no" })
    }).pipe(
      Effect.provide(KeylessEmulator.layer({ prediction: () => ({ polls: 0, status: "failed", error: "no" }) }))
    ))

  it.effect("refuses what the sites would", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* create({ model: "x" })).status, 422)
      assert.strictEqual((yield* send(HttpClientRequest.get(`${home}/poll?id=unknown`))).status, 404)
      assert.strictEqual((yield* send(HttpClientRequest.get(`${chat}/other`))).status, 404)
      const noAction = yield* post({ action: "" })
      assert.deepStrictEqual([noAction.status, noAction.text], [400, "0"])
      const elsewhere = yield* Effect.flip(send(HttpClientRequest.get("https://example.com/")))
      assert.strictEqual(elsewhere._tag, "RequestError")
    }).pipe(Effect.provide(KeylessEmulator.layer())))

  it.effect("the page has a nonce that grows stale", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.KeylessEmulator
      const page = yield* send(HttpClientRequest.get(`${chat}/`))
      assert.match(page.text, /data-nonce="nonce00001" data-post-id="106"/)
      assert.property(page.cookies.cookies, "visitor")
      assert.include((yield* post({})).text, "[DONE]")
      yield* emulator.renewNonce
      assert.include((yield* post({})).text, "Nonce verification failed")
      assert.include((yield* send(HttpClientRequest.get(`${chat}/`))).text, "nonce00002")
      assert.include((yield* post({ _wpnonce: "nonce00002" })).text, "[DONE]")
    }).pipe(Effect.provide(KeylessEmulator.layer())))

  it.effect("replies by deltas, JSON or text", () =>
    Effect.gen(function*() {
      const deltas = yield* post({ message: "deltas" })
      assert.match(deltas.headers["content-type"] ?? "", /^text\/event-stream/)
      assert.strictEqual(deltas.text, `data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n`)
      assert.deepStrictEqual(JSON.parse((yield* post({ message: "json" })).text), { status: "success", data: "x" })
      assert.strictEqual((yield* post({ message: "text" })).text, "x")
    }).pipe(Effect.provide(KeylessEmulator.layer({
      reply: (message) =>
        message === "json"
          ? { _tag: "Json", data: "x" }
          : message === "text"
          ? { _tag: "Text", text: "x" }
          : { _tag: "Deltas", deltas: ["x"] }
    }))))

  it.effect("goes wrong on demand, once or as often as told", () =>
    Effect.gen(function*() {
      const { fail } = yield* KeylessEmulator.KeylessEmulator
      const page = HttpClientRequest.get(`${chat}/`)
      yield* fail({ path: "/" }, KeylessEmulator.cloudflare, 2)
      for (const status of [403, 403, 200]) assert.strictEqual((yield* send(page)).status, status)
      yield* fail({ path: "/api/prediction" }, { _tag: "DropAfter" })
      assert.strictEqual((yield* Effect.flip(create(asked)))._tag, "RequestError")
      assert.strictEqual(Reflect.get(Object(yield* poll("home-prediction-1")), "status"), "processing")
      yield* fail({ method: "POST" }, { _tag: "CutStream", events: 1 })
      yield* Effect.flip(post({}))
      yield* fail({}, { _tag: "Delay", duration: "5 seconds" })
      const slow = yield* Effect.fork(send(page))
      yield* TestClock.adjust("4999 millis")
      assert.isNull(yield* slow.poll.pipe(Effect.map((exit) => exit._tag === "None" ? null : exit)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(slow)).status, 200)
    }).pipe(Effect.provide(KeylessEmulator.layer())))

  it.effect("logs requests without what is secret in them", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.KeylessEmulator
      yield* emulator.fail({ method: "POST" }, { _tag: "CutStream", events: 1 })
      yield* Effect.flip(post({}))
      yield* send(HttpClientRequest.get(`${chat}/?q=1`, { headers: { cookie: "a=secret", authorization: "secret" } }))
      const [cut, page] = yield* emulator.requests
      assert(cut !== undefined)
      assert.strictEqual(cut.stream, "dropped")
      assert.strictEqual(Reflect.get(Object(cut.body), "message"), "a b")
      assert.deepStrictEqual([page?.method, page?.path, page?.cookies], ["GET", "/?q=1", ["a"]])
      assert.notInclude(JSON.stringify(page), "secret")
    }).pipe(Effect.provide(KeylessEmulator.layer())))

  it.effect("spoils answers on demand", () =>
    Effect.gen(function*() {
      const { fail } = yield* KeylessEmulator.KeylessEmulator
      yield* fail({ path: "/api/poll" }, { _tag: "ContentType", contentType: "text/plain" })
      yield* create(asked)
      const look = yield* send(HttpClientRequest.get(`${home}/poll?id=home-prediction-1`))
      assert.strictEqual(look.headers["content-type"], "text/plain")
      assert.strictEqual(Reflect.get(Object(JSON.parse(look.text)), "status"), "processing")
      const whole = (yield* create(asked)).text
      yield* fail({ path: "/api/prediction" }, { _tag: "MalformedBody" })
      const half = (yield* create(asked)).text
      assert.strictEqual(half, whole.replace("prediction-2", "prediction-3").slice(0, Math.floor(whole.length / 2)))
      yield* fail({ path: "/" }, { _tag: "CutBody", bytes: 10 })
      yield* Effect.flip(send(HttpClientRequest.get(`${chat}/`)))
    }).pipe(Effect.provide(KeylessEmulator.layer())))

  const sites = [
    { site: "home", path: "/api", provider: ReplicateHome.layer({ ignoreWorking: true }), rows: "H17 H19" },
    { site: "chat", path: "/", provider: ChatgptFree.layer({ ignoreWorking: true }), rows: "F03 F12" }
  ]
  const isOfHome = ({ matcher: { path } }: KeylessEmulator.Malformed) => String(path).includes("api")
  for (const { path, provider, rows, site } of sites) {
    const all = KeylessEmulator.malformed.filter((malformed) => isOfHome(malformed) === (path === "/api"))

    it("has malformed answers of the " + site, () => {
      assert.isAbove(all.length, 15)
      assert.strictEqual(new Set(all.map(({ what }) => what)).size, all.length)
    })

    for (const { fault, matcher, what } of all) {
      it.effect(`${rows}: ${what} is a typed error of the provider, and the next call is answered`, () =>
        Effect.gen(function*() {
          const emulator = yield* KeylessEmulator.KeylessEmulator
          const ask = Effect.gen(function*() {
            const fiber = yield* Effect.fork(Effect.either(Provider.text({ prompt: "Hello there" })))
            yield* TestClock.adjust("1 minute")
            return yield* Fiber.join(fiber)
          })
          // a nonce that is refused is replaced once
          yield* emulator.fail(matcher, fault, /^(?:0|-1)/.test(what) ? 2 : 1)
          const outcome = yield* ask
          assert(outcome._tag === "Left")
          assert.include(["ResponseError", "InvalidRequest"], outcome.left._tag)
          assert.deepStrictEqual(yield* ask, Either.right("Hello there"))
        }).pipe(Effect.provide(provider.pipe(Layer.provideMerge(KeylessEmulator.layer())))))
    }
  }

  it.scopedLive("serves both sites to the providers over a socket", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        Layer.provideMerge(
          KeylessEmulator.serve,
          Layer.merge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }), KeylessEmulator.layer())
        )
      )
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(context))
      const text = (provider: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>) =>
        Provider.text({ prompt: "Hello there" }).pipe(
          Effect.provide(Layer.provide(provider, FetchHttpClient.layer))
        )
      const polling = Polling.fixed("1 millis", 5)
      assert.strictEqual(
        yield* text(ReplicateHome.layer({ ignoreWorking: true, baseUrl: `${url}/api`, polling })),
        "Hello there"
      )
      const mirror = ChatgptFree.layer({ ignoreWorking: true, baseUrl: url })
      assert.strictEqual(yield* text(mirror), "Hello there")
      const { requests } = yield* Effect.provide(KeylessEmulator.KeylessEmulator, context)
      const posted = (yield* requests).at(-1)
      assert(posted !== undefined)
      assert.strictEqual(posted.headers["origin"], url)
      assert.deepStrictEqual(posted.cookies, ["visitor"])
      assert.strictEqual(posted.stream, "finished")
    }))
})
