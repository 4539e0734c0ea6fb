import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { inspect } from "node:util"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as Server from "../support/replicate-server.js"

const environment = (variables: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const read = (variables: Record<string, string>) =>
  Effect.map(environment(variables)(ReplicateConfig.fromEnv), ReplicateConfig.make)

const tokenOf = (config: ReplicateConfig.ReplicateConfig) => Option.getOrNull(Option.map(config.token, Redacted.value))

describe("ReplicateConfig", () => {
  it.effect("an empty environment gives the defaults", () =>
    Effect.gen(function*() {
      const config = yield* read({})
      assert.isNull(tokenOf(config))
      assert.strictEqual(config.baseUrl, "https://api.replicate.com/v1")
      assert.strictEqual(Duration.toSeconds(config.timeout), 600)
      assert.strictEqual(Duration.toSeconds(config.connectTimeout), 30)
      assert.strictEqual(Duration.toSeconds(config.cancelTimeout), 5)
      assert.isUndefined(config.idleTimeout)
      assert.strictEqual(config.retry.maxRetries, 3)
      assert.isTrue(config.needsAuth)
    }))

  it.effect.each([
    { token: "r8_token", key: "r8_key", expected: "r8_token" },
    { token: undefined, key: "r8_key", expected: "r8_key" },
    { token: "", key: "r8_key", expected: "r8_key" },
    { token: "  ", key: "r8_key", expected: "r8_key" },
    { token: "r8_token", key: "", expected: "r8_token" },
    { token: "", key: "", expected: null },
    { token: " ", key: undefined, expected: null }
  ])("C01: the token of $token and $key is $expected", ({ expected, key, token }) =>
    Effect.gen(function*() {
      const config = yield* read({
        ...(token === undefined ? {} : { REPLICATE_API_TOKEN: token }),
        ...(key === undefined ? {} : { REPLICATE_API_KEY: key })
      })
      assert.strictEqual(tokenOf(config), expected)
    }))

  it.effect("C01, C25: every variable is read", () =>
    Effect.gen(function*() {
      const config = yield* read({
        REPLICATE_BASE_URL: "http://localhost:3000",
        REPLICATE_MAX_RETRIES: "0",
        REPLICATE_TIMEOUT: "90",
        REPLICATE_POLL_INTERVAL: "0.25"
      })
      assert.strictEqual(config.baseUrl, "http://localhost:3000/v1")
      assert.strictEqual(config.retry.maxRetries, 0)
      assert.strictEqual(Duration.toSeconds(config.timeout), 90)
      const pauses = yield* Schedule.run(Schedule.delays(Schedule.intersect(config.polling, Schedule.recurs(3))), 0, [
        1,
        2
      ])
      assert.deepStrictEqual([...pauses].map((pause) => Duration.toMillis(pause)), [250, 250])
    }))

  it.effect("empty variables count as absent", () =>
    Effect.gen(function*() {
      const config = yield* read({
        REPLICATE_BASE_URL: "",
        REPLICATE_MAX_RETRIES: "",
        REPLICATE_TIMEOUT: "",
        REPLICATE_POLL_INTERVAL: ""
      })
      assert.strictEqual(config.baseUrl, "https://api.replicate.com/v1")
      assert.strictEqual(config.retry.maxRetries, 3)
      assert.strictEqual(Duration.toSeconds(config.timeout), 600)
    }))

  it.effect.each([
    ...["api.replicate.com", "ftp://api.replicate.com", "https://", "r8_SECRET"].map((value) => ({
      name: "REPLICATE_BASE_URL",
      value
    })),
    ...["three", "-1", "1.5", "1e3", "0x10", "99999999999"].map((value) => ({ name: "REPLICATE_MAX_RETRIES", value })),
    ...["soon", "-1", "0", "1e3", "Infinity", "NaN", "10s", "r8_SECRET"].map((value) => ({
      name: "REPLICATE_TIMEOUT",
      value
    })),
    ...["often", "-0.5", "0", "0.0", "500ms"].map((value) => ({ name: "REPLICATE_POLL_INTERVAL", value }))
  ])(
    "$name=$value is an error that names the variable and prints no value",
    ({ name, value }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(read({ REPLICATE_API_TOKEN: "r8_SECRET", [name]: value }))
        assert.strictEqual(error._op, "InvalidData")
        for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
          assert.include(text, name)
          assert.notInclude(text, "r8_SECRET")
        }
      })
  )

  it.each([
    ["https://api.replicate.com", "https://api.replicate.com/v1"],
    ["https://api.replicate.com/", "https://api.replicate.com/v1"],
    ["https://api.replicate.com/v1", "https://api.replicate.com/v1"],
    ["https://api.replicate.com/v1/", "https://api.replicate.com/v1"],
    ["http://localhost:8080//", "http://localhost:8080/v1"],
    ["https://gateway.example/replicate/v1/", "https://gateway.example/replicate/v1"]
  ])("the base URL %s is %s", (baseUrl, expected) => {
    assert.strictEqual(ReplicateConfig.make({ baseUrl }).baseUrl, expected)
    assert.strictEqual(ReplicateConfig.make({ baseUrl: new URL(baseUrl) }).baseUrl, expected)
  })

  it("C01: options win over the defaults, an empty token is none, and no printing shows a token", () => {
    const config = ReplicateConfig.make({ token: Redacted.make("r8_SECRET"), maxRetries: 7, timeout: "2 minutes" })
    assert.strictEqual(config.retry.maxRetries, 7)
    assert.strictEqual(Duration.toSeconds(config.timeout), 120)
    assert.notInclude(inspect(config, { depth: 10, showHidden: true }), "r8_SECRET")
    assert.notInclude(JSON.stringify(config), "r8_SECRET")
    assert.isTrue(Option.isNone(ReplicateConfig.make({ token: Redacted.make("") }).token))
  })

  it.each([
    { baseUrl: "ftp://api.replicate.com" },
    { baseUrl: new URL("file:///v1") },
    { baseUrl: "localhost:3000" },
    { userAgent: "a\nb: c" },
    { userAgent: "a\r" },
    { userAgent: "\u0000" },
    { userAgent: "ā" }
  ])("what cannot be sent is refused: %j", (options) => {
    assert.throws(() => ReplicateConfig.make(options), /(baseUrl|userAgent): expected/)
  })

  it("a base URL that a browser completes, and a user agent of Latin letters, are taken", () => {
    assert.deepInclude(ReplicateConfig.make({ baseUrl: "/api/replicate", userAgent: "é\t(a; b)" }), {
      baseUrl: "/api/replicate",
      userAgent: "é\t(a; b)"
    })
  })

  it("C24: retries are a whole number from 0 or without end, under either name", () => {
    for (const maxRetries of [Number.NaN, -1, 1.5, -Infinity]) {
      for (const options of [{ maxRetries }, { retry: { maxRetries } }]) {
        assert.throws(() => ReplicateConfig.make(options), /maxRetries: expected a whole number from 0/)
      }
    }
    for (const maxRetries of [0, 7, Infinity]) {
      assert.strictEqual(ReplicateConfig.make({ maxRetries, retry: { maxRetries: 1 } }).retry.maxRetries, maxRetries)
      assert.strictEqual(ReplicateConfig.make({ retry: { maxRetries } }).retry.maxRetries, maxRetries)
    }
    assert.deepInclude(ReplicateConfig.make({ retry: { factor: 3 } }).retry, { maxRetries: 3, factor: 3 })
  })

  it.effect("C02: a missing token does not stop the layer, a malformed setting does", () =>
    Effect.gen(function*() {
      const server = Server.make()
      const layer = Layer.provide(ReplicateClient.layerConfig(), server.http)
      const error = yield* Prediction.get("abc").pipe(Effect.provide(layer), environment({}), Effect.flip)
      assert.deepInclude(error, {
        _tag: "MissingAuth",
        reason: "absent",
        loginUrl: "https://replicate.com/account/api-tokens"
      })
      assert.lengthOf(server.calls, 0)
      const exit = yield* Effect.scoped(Layer.build(layer)).pipe(
        environment({ REPLICATE_TIMEOUT: "soon" }),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
    }))

  it.effect("C02: without a need for a token, calls go out without one", () =>
    Effect.gen(function*() {
      const server = Server.make({}, { token: undefined, needsAuth: false })
      yield* Prediction.get(Server.id).pipe(Effect.provide(server.layer))
      assert.notProperty(server.calls[0]?.headers, "authorization")
    }))
})
