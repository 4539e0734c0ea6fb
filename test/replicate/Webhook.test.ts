import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHmac } from "node:crypto"
import { inspect } from "node:util"
import { ResponseError } from "../../src/ProviderError.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import { Prediction } from "../../src/replicate/schemas/Prediction.js"
import * as Webhook from "../../src/replicate/Webhook.js"
import * as ReplicateEmulator from "../../src/testing/ReplicateEmulator.js"
import * as Server from "../support/replicate-server.js"

const key = Buffer.from("a key for the tests only")
const secretText = `whsec_${key.toString("base64")}`
const secret = Redacted.make(secretText)
const now = 1_700_000_000

const hmac = (text: string | Uint8Array, with_ = key) => createHmac("sha256", with_).update(text).digest("base64")

const raw = (body: string | Uint8Array) => typeof body === "string" ? Buffer.from(body) : Buffer.from(body)

/** A delivery as Replicate makes it, signed by an implementation that is not the one under test. */
const delivery = (body: string | Uint8Array, { id = "msg_1", timestamp = now, version = "v1" } = {}) => ({
  headers: {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `${version},${hmac(Buffer.concat([Buffer.from(`${id}.${timestamp}.`), raw(body)]))}`
  },
  body
})

const json = (fields: object = {}) => JSON.stringify({ id: "p1", status: "processing", ...fields })

const with_ = (headers: Record<string, string | undefined>, body: string | Uint8Array = json()) => {
  const signed = delivery(body)
  return { ...signed, headers: { ...signed.headers, ...headers } }
}

const atNow = TestClock.setTime(now * 1000)

const reasonOf = (given: Webhook.Delivery, options: Partial<Webhook.Options> = {}) =>
  Webhook.verify(given, { secret, ...options }).pipe(
    Effect.match({ onFailure: (error) => error.reason, onSuccess: () => "ok" })
  )

describe("verify", () => {
  const vector = {
    headers: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    },
    body: "{\"test\": 2432232314}"
  }
  const vectorSecret = Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

  it.effect("the published example is authentic, as text and as bytes, in its time only", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_614_265_330_000)
      assert.strictEqual(yield* reasonOf(vector, { secret: vectorSecret }), "ok")
      const bytes = new TextEncoder().encode(vector.body)
      assert.strictEqual(yield* reasonOf({ ...vector, body: bytes }, { secret: vectorSecret }), "ok")
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual(yield* reasonOf(vector, { secret: vectorSecret }), "too-old")
    }))

  it.effect.each<[string, (signed: Record<string, string>) => Webhook.Delivery["headers"]]>([
    [
      "a record in another case",
      (signed) => Object.fromEntries(Object.entries(signed).map(([name, value]) => [name.toUpperCase(), value]))
    ],
    ["headers of the web", (signed) => new Headers(signed)],
    ["pairs", (signed) => Object.entries(signed)],
    [
      "lists of values",
      (signed) => Object.fromEntries(Object.entries(signed).map(([name, value]) => [name, [value]]))
    ]
  ])("takes %s", ([, convert]) =>
    Effect.gen(function*() {
      yield* atNow
      const signed = delivery(json())
      assert.strictEqual(yield* reasonOf({ ...signed, headers: convert(signed.headers) }), "ok")
    }))

  it.effect("bodies that are verified at the same time are kept apart, whatever their sizes", () =>
    Effect.gen(function*() {
      yield* atNow
      const verifier = yield* Webhook.make({ secret })
      const sizes = [0, 1, 2000, 2000, 2000, 100_000, 524_200, 524_272, 524_300, 600_000, 2000]
      const signed = sizes.map((size, n) => delivery(new Uint8Array(size).fill(n), { id: `msg_${n}` }))
      const changed = signed.map((given) => ({ ...given, body: new Uint8Array(given.body.length).fill(99) }))
      const verdicts = yield* Effect.forEach(
        [...signed, ...changed],
        (given) => Effect.isSuccess(verifier.verify(given)),
        { concurrency: "unbounded" }
      )
      // nothing can be changed in an empty body
      assert.deepStrictEqual(verdicts, [...sizes.map(() => true), true, ...sizes.slice(1).map(() => false)])
    }))

  const right = delivery(json()).headers["webhook-signature"]
  const other = `v1,${hmac("something else")}`

  it.effect.each<[string, string, Webhook.Delivery]>([
    ["no id", "missing-header", with_({ "webhook-id": undefined })],
    ["an empty id", "missing-header", with_({ "webhook-id": "" })],
    ["no timestamp", "missing-header", with_({ "webhook-timestamp": undefined })],
    ["no signature", "missing-header", with_({ "webhook-signature": undefined })],
    ["a timestamp that is a date", "malformed-header", with_({ "webhook-timestamp": "2023-11-14T22:13:20Z" })],
    ["a timestamp with a fraction", "malformed-header", with_({ "webhook-timestamp": `${now}.0` })],
    ["a timestamp in hexadecimal", "malformed-header", with_({ "webhook-timestamp": "0x6553f100" })],
    ["a negative timestamp", "malformed-header", with_({ "webhook-timestamp": `-${now}` })],
    ["a timestamp in milliseconds", "too-new", with_({ "webhook-timestamp": `${now}000` })],
    ["a signature without version", "malformed-header", with_({ "webhook-signature": right.slice(3) })],
    ["another signature", "bad-signature", with_({ "webhook-signature": other })],
    [
      "the signature of another secret",
      "bad-signature",
      with_({
        "webhook-signature": `v1,${hmac(`msg_1.${now}.${json()}`, Buffer.from("another"))}`
      })
    ],
    [
      "the secret's text as the key",
      "bad-signature",
      with_({
        "webhook-signature": `v1,${hmac(`msg_1.${now}.${json()}`, Buffer.from(secretText))}`
      })
    ],
    ["a signature of v2 only", "bad-signature", with_({ "webhook-signature": right.replace("v1", "v2") })],
    ["a signature of v1a only", "bad-signature", with_({ "webhook-signature": right.replace("v1", "v1a") })],
    ["an empty signature", "bad-signature", with_({ "webhook-signature": "v1," })],
    ["a longer signature", "bad-signature", with_({ "webhook-signature": `${right}A` })],
    ["a shorter signature", "bad-signature", with_({ "webhook-signature": right.slice(0, -1) })],
    // the last letter before the padding has two bits that are not part of the digest
    [
      "another spelling of the signature's bytes",
      "bad-signature",
      with_({
        "webhook-signature": right.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`)
      })
    ],
    // only programs without types can do that
    ["no body", "malformed-body", { ...with_({}), body: Reflect.get({}, "body") }],
    ["a body that was parsed", "malformed-body", { ...with_({}), body: JSON.parse(json()) }],
    ["the right signature last", "ok", with_({ "webhook-signature": `${other} v2,abc junk ${right}` })],
    ["the right signature first", "ok", with_({ "webhook-signature": `${right} ${other}` })]
  ])("%s: %s", ([, expected, given]) =>
    Effect.gen(function*() {
      yield* atNow
      assert.strictEqual(yield* reasonOf(given), expected)
    }))

  it.effect.each<[string, string]>([
    ["empty", ""],
    ["without prefix", key.toString("base64")],
    ["with nothing after the prefix", "whsec_"],
    ["not base64", "whsec_not*base64"],
    ["an API token", "r8_Abcdefghijklmnop"]
  ])("a secret that is %s is malformed, and is not printed", ([, text]) =>
    Effect.gen(function*() {
      yield* atNow
      const error = yield* Effect.flip(Webhook.verify(delivery(json()), { secret: Redacted.make(text) }))
      assert.strictEqual(error.reason, "malformed-secret")
      if (text.length > 6) assert.notInclude(inspect(error, { depth: 10 }), text.slice(6))
    }))

  it.effect("white space around the secret does no harm", () =>
    Effect.gen(function*() {
      yield* atNow
      assert.strictEqual(yield* reasonOf(delivery(json()), { secret: Redacted.make(` ${secretText}\n`) }), "ok")
    }))

  it.effect.each<[offset: number, tolerance: Webhook.Options["tolerance"], expected: string]>([
    [300_000, undefined, "ok"],
    [300_001, undefined, "too-old"],
    [-300_000, undefined, "ok"],
    [-300_001, undefined, "too-new"],
    [10_000, "10 seconds", "ok"],
    [10_001, "10 seconds", "too-old"],
    [-10_001, "10 seconds", "too-new"],
    [1_000_000_000, Infinity, "ok"]
  ])("%i ms after the signing, with a tolerance of %s: %s", ([offset, tolerance, expected]) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(now * 1000 + offset)
      assert.strictEqual(yield* reasonOf(delivery(json()), { tolerance }), expected)
    }))

  const bytes = FastCheck.uint8Array({ minLength: 1, maxLength: 200 })

  it.effect.prop("any bytes are verified as they are", [bytes], ([body]) =>
    Effect.gen(function*() {
      yield* atNow
      assert.strictEqual(yield* reasonOf(delivery(body)), "ok")
    }))

  it.effect.prop(
    "any changed byte of the body fails",
    [bytes, FastCheck.nat(), FastCheck.integer({ min: 1, max: 255 })],
    ([body, at, mask]) =>
      Effect.gen(function*() {
        yield* atNow
        const changed = body.map((byte, index) => index === at % body.length ? byte ^ mask : byte)
        assert.strictEqual(yield* reasonOf({ ...delivery(body), body: changed }), "bad-signature")
      })
  )

  it.effect.prop(
    "any changed character of a header fails",
    [
      FastCheck.constantFrom("webhook-id" as const, "webhook-timestamp" as const, "webhook-signature" as const),
      FastCheck.nat(),
      FastCheck.integer({ min: 0x21, max: 0x7e })
    ],
    ([name, nat, code]) =>
      Effect.gen(function*() {
        yield* atNow
        const given = delivery(json())
        const text = given.headers[name]
        const at = nat % text.length
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
        FastCheck.pre(changed !== text)
        assert.notStrictEqual(yield* reasonOf({ ...given, headers: { ...given.headers, [name]: changed } }), "ok")
      })
  )

  it.effect("no error prints the secret, the signature or the body", () =>
    Effect.gen(function*() {
      yield* atNow
      const body = json({ id: 5, input: { prompt: "MARK" } })
      const cases = [with_({ "webhook-signature": other }, body), delivery(body), delivery("MARK"), with_({}, "{")]
      for (const given of cases) {
        const error = yield* Effect.flip(Webhook.receive(given, { secret, tolerance: "1 hour" }))
        for (const text of [error.message, String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
          assert.notInclude(text, "MARK")
          assert.notInclude(text, key.toString("base64"))
          assert.notInclude(text, given.headers["webhook-signature"].slice(3))
        }
      }
    }))
})

describe("decode and receive", () => {
  it.effect("gives the id of the message and the prediction", () =>
    Effect.gen(function*() {
      yield* atNow
      const body = json({ status: "succeeded", output: ["a", "b"], metrics: {}, completed_at: null, later: 1 })
      const event = yield* Webhook.receive(delivery(new TextEncoder().encode(body), { id: "msg_7" }), { secret })
      assert.strictEqual(event.id, "msg_7")
      assert.strictEqual(event.prediction.text, "ab")
      assert.isTrue(event.prediction.isTerminal)
    }))

  it.effect.each([
    { url: undefined, expected: undefined },
    { url: "/hooks?job=7&to=a%2Fb", expected: "/hooks?job=7&to=a%2Fb" },
    { url: "https://user:SECRET@example.com:8443/hooks/replicate?job=7#top", expected: "/hooks/replicate?job=7" },
    { url: "http://example.com", expected: "/" },
    { url: "nonsense", expected: undefined }
  ])("C29: tells where it was sent to: $url", ({ expected, url }) =>
    Effect.gen(function*() {
      yield* atNow
      const event = yield* Webhook.receive({ ...delivery(json()), url }, { secret })
      assert.strictEqual(event.url, expected)
      assert.strictEqual("url" in event, expected !== undefined)
    }))

  it.effect("reads a training", () =>
    Effect.gen(function*() {
      const output = { version: "me/model:abc", weights: "https://replicate.delivery/weights.tar" }
      const training = yield* Webhook.decode(json({ status: "succeeded", output, logs: null, webhook_completed: null }))
      assert.deepStrictEqual(training.output, output)
    }))

  it.effect.each<[string, string | Uint8Array, string]>([
    ["empty", "", "expected JSON"],
    ["HTML", "<html>", "expected JSON"],
    ["truncated", "{\"id\":\"p1\"", "expected JSON"],
    ["not UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22]), "expected JSON"],
    ["a list", "[]", "expected"],
    ["without id", "{\"status\":\"succeeded\"}", "id"]
  ])("an authentic body that is %s is malformed", ([, body, detail]) =>
    Effect.gen(function*() {
      yield* atNow
      const error = yield* Effect.flip(Webhook.receive(delivery(body), { secret }))
      assert.strictEqual(error.reason, "malformed-body")
      assert.include(error.detail, detail)
    }))

  it.effect("a body that is not authentic is not looked at", () =>
    Effect.gen(function*() {
      yield* atNow
      const error = yield* Effect.flip(Webhook.receive({ ...delivery(json()), body: "<html>" }, { secret }))
      assert.strictEqual(error.reason, "bad-signature")
    }))
})

describe("the secret", () => {
  const unavailable = new ResponseError({ provider: "Replicate", reason: "network" })

  it.effect("is got once by all who wait for it, and not before it is needed", () =>
    Effect.gen(function*() {
      yield* atNow
      const calls = yield* Ref.make(0)
      const slow = Ref.update(calls, (n) => n + 1).pipe(Effect.andThen(Effect.sleep("1 second")), Effect.as(secret))
      const webhooks = yield* Webhook.make({ secret: slow })
      yield* Effect.flip(webhooks.verify({ headers: {}, body: "" }))
      assert.strictEqual(yield* Ref.get(calls), 0)
      const all = yield* Effect.fork(
        Effect.forEach([1, 2, 3], () => webhooks.verify(delivery(json())), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(yield* Ref.get(calls), 1)
    }))

  it.effect("a failure to get it is passed on, and not kept", () =>
    Effect.gen(function*() {
      yield* atNow
      const calls = yield* Ref.make(0)
      const flaky = Effect.flatMap(
        Ref.getAndUpdate(calls, (n) => n + 1),
        (n) => n === 0 ? Effect.fail(unavailable) : Effect.succeed(secret)
      )
      const webhooks = yield* Webhook.make({ secret: flaky })
      assert.strictEqual((yield* Effect.flip(webhooks.verify(delivery(json())))).reason, "network")
      yield* webhooks.verify(delivery(json()))
      yield* webhooks.verify(delivery(json()))
      assert.strictEqual(yield* Ref.get(calls), 2)
    }))

  it.effect("an interruption while it is got harms nobody else", () =>
    Effect.gen(function*() {
      yield* atNow
      const webhooks = yield* Webhook.make({ secret: Effect.delay(Effect.succeed(secret), "1 second") })
      const first = yield* Effect.fork(webhooks.verify(delivery(json())))
      const second = yield* Effect.fork(webhooks.verify(delivery(json())))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
    }))
})

/** Calls an app in process, on the clock of the test. */
const caller = Effect.fnUntraced(function*(app: HttpApp.Default) {
  const handler = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<never>())(app)
  return ({ body, headers }: Webhook.Delivery, more: Record<string, string> = {}) =>
    Effect.promise(() =>
      handler(
        new Request("http://localhost/hooks", {
          method: "POST",
          headers: new Headers({ ...headers as Record<string, string>, ...more }),
          body: raw(body)
        })
      )
    )
})

describe("a secret that was rotated", () => {
  const other = Buffer.from("another key, for the tests only")
  const otherSecret = Redacted.make(`whsec_${other.toString("base64")}`)

  /** A delivery that was signed with the other key. */
  const signedAnew = () => {
    const signed = delivery(json())
    const { "webhook-id": id, "webhook-timestamp": timestamp } = signed.headers
    return {
      ...signed,
      headers: { ...signed.headers, "webhook-signature": `v1,${hmac(`${id}.${timestamp}.${json()}`, other)}` }
    }
  }

  /** A verifier whose secret can be changed, and how often it was got. */
  const setup = Effect.gen(function*() {
    yield* atNow
    const state = { secret, calls: 0, fails: false }
    const webhooks = yield* Webhook.make({
      secret: Effect.suspend(() => {
        state.calls++
        return state.fails ? Effect.fail(unavailable) : Effect.delay(Effect.succeed(state.secret), "1 second")
      }),
      tolerance: "1 hour"
    })
    const ending = (given: Webhook.Delivery) =>
      Effect.map(
        Effect.fork(Effect.match(webhooks.verify(given), { onFailure: ({ reason }) => reason, onSuccess: () => "ok" })),
        (fiber) => Effect.zipRight(TestClock.adjust("1 second"), Fiber.join(fiber))
      ).pipe(Effect.flatten)
    return { state, webhooks, ending }
  })
  const unavailable = new ResponseError({ provider: "Replicate", reason: "network" })

  it.effect("is got again when a signature does not fit, for all who wait", () =>
    Effect.gen(function*() {
      const { ending, state, webhooks } = yield* setup
      assert.strictEqual(yield* ending(delivery(json())), "ok")
      state.secret = otherSecret
      yield* TestClock.adjust("1 minute")
      const all = yield* Effect.fork(
        Effect.forEach([1, 2, 3], () => webhooks.verify(signedAnew()), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(state.calls, 2)
      assert.strictEqual(yield* ending(signedAnew()), "ok")
      assert.strictEqual(yield* ending(delivery(json())), "bad-signature")
      assert.strictEqual(state.calls, 2)
    }))

  it.effect("is got once a minute at most, whatever is sent", () =>
    Effect.gen(function*() {
      const { ending, state } = yield* setup
      assert.strictEqual(yield* ending(signedAnew()), "bad-signature")
      for (let i = 0; i < 50; i++) assert.strictEqual(yield* ending(signedAnew()), "bad-signature")
      assert.strictEqual(state.calls, 1)
      yield* TestClock.adjust("10 seconds")
      for (let i = 0; i < 50; i++) assert.strictEqual(yield* ending(signedAnew()), "bad-signature")
      assert.strictEqual(state.calls, 2)
      assert.strictEqual(yield* ending(delivery(json())), "ok")
    }))

  it.effect("that cannot be got again leaves the one that is known, and is not asked for in vain either", () =>
    Effect.gen(function*() {
      const { ending, state } = yield* setup
      assert.strictEqual(yield* ending(delivery(json())), "ok")
      state.fails = true
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* ending(signedAnew()), "bad-signature")
      assert.strictEqual(state.calls, 2)
      assert.strictEqual(yield* ending(delivery(json())), "ok")
    }))

  it.effect("holds up nobody whose signature fits while it is got again", () =>
    Effect.gen(function*() {
      const { ending, webhooks } = yield* setup
      assert.strictEqual(yield* ending(delivery(json())), "ok")
      yield* TestClock.adjust("1 minute")
      const waiting = yield* Effect.fork(webhooks.verify(signedAnew()))
      yield* Server.settle
      assert.isFalse(yield* Server.isDone(waiting))
      yield* webhooks.verify(delivery(json()))
      yield* Fiber.interrupt(waiting)
    }))

  it.effect("is still the one that was given, where one was", () =>
    Effect.gen(function*() {
      yield* atNow
      const webhooks = yield* Webhook.make({ secret, tolerance: "1 hour" })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Effect.flip(webhooks.verify(signedAnew()))).reason, "bad-signature")
      yield* webhooks.verify(delivery(json()))
    }))
})

describe("defaultSecret", () => {
  const signed = (secret: Redacted.Redacted<string>) => {
    const key = Buffer.from(Redacted.value(secret).slice("whsec_".length), "base64")
    const head = `msg_1.${now}.`
    return {
      headers: {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(now),
        "webhook-signature": `v1,${hmac(`${head}${json()}`, key)}`
      },
      body: json()
    }
  }
  const withEmulator = Effect.provide(
    ReplicateClient.layer({ token: Redacted.make("r8_any") }).pipe(Layer.provideMerge(ReplicateEmulator.layer()))
  )
  const secretCalls = Effect.flatMap(
    ReplicateEmulator.ReplicateEmulator,
    ({ requests }) =>
      Effect.map(requests, (all) => all.filter(({ path }) => path === "/v1/webhooks/default/secret").length)
  )

  it.effect("is the account's, got once for all webhooks", () =>
    Effect.gen(function*() {
      yield* atNow
      const webhooks = yield* Webhook.make({ secret: Webhook.defaultSecret })
      assert.strictEqual(yield* secretCalls, 0)
      const secret = yield* Webhook.defaultSecret
      assert.strictEqual(String(secret), "<redacted>")
      const all = Effect.forEach([1, 2, 3], () => webhooks.receive(signed(secret)), { concurrency: "unbounded" })
      assert.deepStrictEqual((yield* all).map(({ prediction }) => prediction.id), ["p1", "p1", "p1"])
      assert.strictEqual(yield* secretCalls, 2)
      assert.strictEqual(
        yield* Effect.match(webhooks.verify(delivery(json())), {
          onFailure: (error) => error._tag === "WebhookError" ? error.reason : error._tag,
          onSuccess: () => "ok"
        }),
        "bad-signature"
      )
    }).pipe(withEmulator))

  it.effect("a failure to get it is the client's, and not kept", () =>
    Effect.gen(function*() {
      yield* atNow
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      const given = signed(yield* Webhook.defaultSecret)
      yield* emulator.fail({ path: "/v1/webhooks" }, { _tag: "Answer", status: 401 })
      const webhooks = yield* Webhook.make({ secret: Webhook.defaultSecret })
      assert.strictEqual((yield* Effect.flip(webhooks.verify(given)))._tag, "MissingAuth")
      yield* webhooks.verify(given)
    }).pipe(withEmulator))

  it.scoped("an app takes it: authentic webhooks are handled, and those of others are refused", () =>
    Effect.gen(function*() {
      yield* atNow
      const handled = yield* Deferred.make<string>()
      const app = yield* Webhook.app({
        secret: Webhook.defaultSecret,
        onEvent: ({ prediction }) => Deferred.succeed(handled, prediction.id)
      })
      const call = yield* caller(app)
      assert.strictEqual((yield* call(signed(secret))).status, 401)
      assert.strictEqual((yield* call(signed(yield* Webhook.defaultSecret))).status, 200)
      assert.strictEqual(yield* Deferred.await(handled), "p1")
    }).pipe(withEmulator))
})

describe("dropStale", () => {
  type Told = [message: string, status: string, output?: unknown, logs?: string, prediction?: string]

  const passed = (told: ReadonlyArray<Told>, options?: { readonly remember?: number }) =>
    Stream.fromIterable(told).pipe(
      Stream.map(([id, status, output = null, logs = "", prediction = "p1"]): Webhook.Event => ({
        id,
        prediction: new Prediction({ id: prediction, status, output, logs })
      })),
      Webhook.dropStale(options),
      Stream.runCollect,
      Effect.map((events) => Array.from(events, (event) => event.id))
    )

  it.effect.each<[string, ReadonlyArray<Told>, ReadonlyArray<string>]>([
    ["all that is new passes", [
      ["a", "starting"],
      ["b", "processing", ["x"], "1"],
      ["c", "processing", ["x", "y"], "1"],
      ["d", "succeeded", ["x", "y"], "12"]
    ], ["a", "b", "c", "d"]],
    ["a message that comes twice", [["a", "starting"], ["a", "starting"], ["b", "succeeded"]], ["a", "b"]],
    ["anything after the end", [["a", "succeeded", "x"], ["b", "processing", "xy"], ["c", "failed"]], ["a"]],
    ["less output in a list", [["a", "processing", ["x", "y"]], ["b", "processing", ["x"]]], ["a"]],
    ["less output in a text", [["a", "processing", "xy"], ["b", "processing", "x"]], ["a"]],
    ["output that is gone", [["a", "processing", { x: 1 }], ["b", "processing", null]], ["a"]],
    ["fewer logs", [["a", "processing", null, "12"], ["b", "processing", ["x"], "1"]], ["a"]],
    ["a late start", [["b", "processing", ["x"], "1"], ["a", "starting"]], ["b"]],
    ["the end passes even with less", [["a", "processing", ["x"], "1"], ["b", "failed", null, ""]], ["a", "b"]],
    ["aborted is an end", [["a", "aborted"], ["b", "starting"]], ["a"]],
    ["predictions do not disturb each other", [
      ["a", "succeeded", "x", "", "p1"],
      ["b", "starting", null, "", "p2"],
      ["c", "processing", null, "", "p1"]
    ], ["a", "b"]]
  ])("%s", ([, told, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* passed(told), expected)
    }))

  it.effect("what was told longest ago is forgotten first", () =>
    Effect.gen(function*() {
      const told: ReadonlyArray<Told> = [
        ["a", "succeeded", "x", "", "p1"],
        ["b", "succeeded", "x", "", "p2"],
        ["c", "processing", "x", "", "p1"],
        ["d", "succeeded", "x", "", "p3"],
        ["e", "succeeded", "x", "", "p4"],
        ["a", "processing", "x", "", "p1"]
      ]
      assert.deepStrictEqual(yield* passed(told, { remember: 3 }), ["a", "b", "d", "e", "a"])
      assert.deepStrictEqual(yield* passed(told), ["a", "b", "d", "e"])
    }))

  it.effect("two runs of one stream know nothing of each other", () =>
    Effect.gen(function*() {
      const event = { id: "a", prediction: new Prediction({ id: "p", status: "succeeded" }) }
      const stream = Webhook.dropStale()(Stream.succeed<Webhook.Event>(event))
      assert.strictEqual(yield* Stream.runCount(stream), 1)
      assert.strictEqual(yield* Stream.runCount(stream), 1)
    }))

  const told = FastCheck.array(
    FastCheck.tuple(
      FastCheck.string({ maxLength: 1 }),
      FastCheck.constantFrom("starting", "processing", "succeeded"),
      FastCheck.string({ maxLength: 3 }),
      FastCheck.string({ maxLength: 3 })
    ),
    { maxLength: 30 }
  )

  it.effect.prop(
    "in any order, what passes never shrinks, repeats, or outlives the end",
    [told],
    ([told]) =>
      Effect.gen(function*() {
        const numbered = told.map(([, ...rest], index): Told => [String(index), ...rest])
        const kept = (yield* passed(numbered)).map((id) => numbered[Number(id)]!)
        const ends = kept.flatMap(([, status], index) => status === "succeeded" ? [index] : [])
        assert.deepStrictEqual(ends, numbered.some(([, status]) => status === "succeeded") ? [kept.length - 1] : [])
        const before = kept.filter(([, status]) => status !== "succeeded")
        for (const [index, [, , output = "", logs = ""]] of before.entries()) {
          const [, , lastOutput = "", lastLogs = ""] = before[index - 1] ?? ["", ""]
          assert.isAtLeast(String(output).length, String(lastOutput).length)
          assert.isAtLeast(logs.length, lastLogs.length)
        }
        const repeated = yield* passed(told)
        assert.strictEqual(new Set(repeated).size, repeated.length)
      })
  )
})

describe("app and inbox", () => {
  /** An app with a handler that keeps what it is given, after a gate is open; the end of the test opens it. */
  const serve = Effect.fnUntraced(function*<E = never>(options: Partial<Webhook.ServeOptions<E>> = {}) {
    yield* atNow
    const seen: Array<string> = []
    const gate = yield* Deferred.make<void>()
    const started = yield* Deferred.make<void>()
    const app = yield* Webhook.app<E>({
      secret,
      ...options,
      onEvent: (event) =>
        Deferred.succeed(started, undefined).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.andThen(Effect.sync(() => seen.push(event.id)))
        )
    })
    yield* Effect.addFinalizer(() => Deferred.succeed(gate, undefined))
    return { call: yield* caller(app), seen, started: Deferred.await(started) }
  })

  it.scoped("C29: the event tells the path and the query, also of an app that is mounted beneath others", () =>
    Effect.gen(function*() {
      yield* atNow
      const { app, events } = yield* Webhook.inbox({ secret })
      const router = HttpRouter.empty.pipe(HttpRouter.mountApp("/hooks", app))
      const handle = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<never>())(router)
      const { body, headers } = ended("a")
      const request = new Request("http://localhost/hooks/replicate?job=7&tenant=acme", {
        method: "POST",
        headers: new Headers({ ...headers }),
        body: raw(body)
      })
      assert.strictEqual((yield* Effect.promise(() => handle(request))).status, 200)
      const event = yield* Stream.runHead(events)
      assert.strictEqual(Option.getOrUndefined(event)?.url, "/hooks/replicate?job=7&tenant=acme")
    }))

  const ended = (id: string) => delivery(json({ id: `p-${id}`, status: "succeeded" }), { id })

  it.scoped("C29: answers 200 before the handler is done", () =>
    Effect.gen(function*() {
      const { call, seen, started } = yield* serve()
      assert.strictEqual((yield* call(ended("a"))).status, 200)
      yield* started
      assert.deepStrictEqual(seen, [])
    }))

  it.effect("what was taken is handled before the scope is closed, and nothing is taken after", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { call, seen, started } = yield* Scope.extend(serve(), scope)
      for (const id of ["a", "b", "c"]) assert.strictEqual((yield* call(ended(id))).status, 200)
      yield* started
      assert.deepStrictEqual(seen, [])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen, ["a", "b", "c"])
      assert.strictEqual((yield* call(ended("d"))).status, 503)
    }))

  it.scoped("answers 503 while there is no place, so that it is sent again", () =>
    Effect.gen(function*() {
      const { call, started } = yield* serve({ capacity: 1 })
      assert.strictEqual((yield* call(ended("a"))).status, 200)
      yield* started
      assert.strictEqual((yield* call(ended("b"))).status, 200)
      assert.strictEqual((yield* call(ended("c"))).status, 503)
    }))

  it.effect("a message that was turned away is not stale when it is sent again", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { app, events } = yield* Scope.extend(Webhook.inbox({ secret, capacity: 1 }), scope)
      yield* atNow
      const call = yield* caller(app)
      const statuses: Array<number> = []
      for (const id of ["a", "b"]) statuses.push((yield* call(ended(id))).status)
      const [first, pulled] = [yield* Deferred.make<void>(), yield* Ref.make<ReadonlyArray<string>>([])]
      const reader = yield* events.pipe(
        Stream.runForEach((event) =>
          Effect.zipRight(Ref.update(pulled, (ids) => [...ids, event.id]), Deferred.succeed(first, undefined))
        ),
        Effect.fork
      )
      yield* Deferred.await(first)
      for (const id of ["b", "a"]) {
        const { status } = yield* Effect.repeat(call(ended(id)), { until: ({ status }) => status === 200 })
        statuses.push(status)
      }
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reader)
      assert.deepStrictEqual(statuses, [200, 503, 200, 200])
      assert.deepStrictEqual(yield* Ref.get(pulled), ["a", "b"])
    }))

  it.scoped("a handler that dies is logged, and the next event is handled", () =>
    Effect.gen(function*() {
      yield* atNow
      const logged: Array<unknown> = []
      const handled = yield* Deferred.make<string>()
      const app = yield* Webhook.app({
        secret,
        onEvent: (event) => event.id === "a" ? Effect.dieMessage("boom") : Deferred.succeed(handled, event.id)
      }).pipe(
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logged.push(message)))
        )
      )
      const call = yield* caller(app)
      yield* call(ended("a"))
      yield* call(ended("b"))
      assert.strictEqual(yield* Deferred.await(handled), "b")
      assert.lengthOf(logged, 1)
    }))

  it.scoped("handles each event once and in order, whatever comes twice or late", () =>
    Effect.gen(function*() {
      const { app, events } = yield* Webhook.inbox({ secret })
      yield* atNow
      const call = yield* caller(app)
      const said = (id: string, fields: object) => delivery(json(fields), { id })
      const told = [
        said("start", { status: "starting" }),
        said("more", { output: ["x", "y"] }),
        said("late", { output: ["x"] }),
        said("more", { output: ["x", "y"] }),
        said("end", { status: "succeeded", output: ["x", "y", "z"] }),
        said("end", { status: "succeeded", output: ["x", "y", "z"] }),
        said("after", { output: ["x", "y", "z"] }),
        ended("other")
      ]
      for (const each of told) assert.strictEqual((yield* call(each)).status, 200)
      const seen = yield* Stream.runCollect(Stream.take(events, 4))
      assert.deepStrictEqual(Chunk.toArray(Chunk.map(seen, (event) => event.id)), ["start", "more", "end", "other"])
    }))

  it.scoped.each<[number, number]>([[1000, 200], [20, 413]])(
    "a body that comes in pieces is read to a limit of %i bytes: %i",
    ([maxBodySize, expected]) =>
      Effect.gen(function*() {
        yield* atNow
        const { app } = yield* Webhook.inbox({ secret, maxBodySize })
        const handler = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<never>())(app)
        const { body, headers } = delivery(json())
        const pieces = raw(body).toString().match(/.{1,7}/g) ?? []
        const streamed = new ReadableStream({
          start(controller) {
            for (const piece of pieces) controller.enqueue(Buffer.from(piece))
            controller.close()
          }
        })
        const init = { method: "POST", headers, body: streamed, duplex: "half" }
        const response = yield* Effect.promise(() => handler(new Request("http://localhost/hooks", init)))
        assert.strictEqual(response.status, expected)
      })
  )

  const big = json({ logs: "x".repeat(2000) })

  it.scoped.each<[string, number, Webhook.Delivery, Record<string, string>?]>([
    ["no headers", 400, { headers: {}, body: json() }],
    ["no body", 401, { ...delivery(json()), body: "" }],
    ["a malformed header", 400, with_({ "webhook-timestamp": "soon" })],
    ["a malformed body", 400, delivery("<html>")],
    ["bytes that are not UTF-8", 400, delivery(new Uint8Array([0xff, 0xfe]))],
    ["a changed body", 401, { ...delivery(json()), body: json({ id: "p2" }) }],
    ["an old one", 401, delivery(json(), { timestamp: now - 301 })],
    ["one of the future", 401, delivery(json(), { timestamp: now + 301 })],
    ["a body over the limit", 413, delivery(big)],
    ["a body that says it is over the limit", 413, delivery(json()), { "content-length": "1001" }],
    ["a body over the limit that says it is small", 413, delivery(big), { "content-length": "10" }]
  ])("%s: %i", ([, expected, given, more]) =>
    Effect.gen(function*() {
      const { call, seen } = yield* serve({ maxBodySize: 1000 })
      const response = yield* call(given, more)
      assert.strictEqual(response.status, expected)
      const text = yield* Effect.promise(() => response.text())
      assert.notInclude(text, key.toString("base64"))
      assert.deepStrictEqual(seen, [])
    }))

  it.scoped.each<[string, number, Effect.Effect<Redacted.Redacted<string>, string>]>([
    ["cannot be got", 503, Effect.fail("no network")],
    ["is malformed", 500, Effect.succeed(Redacted.make("r8_MARK"))]
  ])(
    "while the secret %s the answer is %i, and the log has the reason but no secret",
    ([, expected, secret]) =>
      Effect.gen(function*() {
        const logged: Array<unknown> = []
        const logger = Logger.replace(Logger.defaultLogger, Logger.make((entry) => logged.push(entry.message)))
        yield* Effect.gen(function*() {
          const { call } = yield* serve({ secret })
          const response = yield* call(delivery(json()))
          assert.strictEqual(response.status, expected)
          assert.strictEqual(yield* Effect.promise(() => response.text()), "")
        }).pipe(Effect.provide(logger))
        assert.isAbove(logged.length, 0)
        assert.notInclude(inspect(logged, { depth: 10 }), "MARK")
      })
  )
})
