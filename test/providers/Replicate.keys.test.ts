import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as PlatformConfigProvider from "@effect/platform/PlatformConfigProvider"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Provider from "../../src/Provider.js"
import { InvalidRequest, isProviderError } from "../../src/ProviderError.js"
import * as Replicate from "../../src/providers/Replicate.js"
import * as fake from "../support/replicateFake.js"

const { asked } = fake

describe("Replicate: the key", () => {
  const absent = [undefined, Redacted.make(""), Redacted.make("  ")]
  absent.forEach((apiKey, n) =>
    it.effect(`R06: a missing key is told at once, without any call: ${["absent", "empty", "blank"][n]}`, () =>
      Effect.gen(function*() {
        const server = fake.server()
        const layers = yield* fake.errorOf(server, asked, { apiKey })
        const both = yield* fake.errorOf(server, { ...asked, apiKey }, { apiKey })
        for (const error of [layers, both]) {
          assert(error._tag === "MissingAuth")
          assert.strictEqual(error.provider, "Replicate")
          assert.strictEqual(error.reason, "absent")
          assert.strictEqual(error.loginUrl, "https://replicate.com/account/api-tokens")
          assert.include(error.message, "https://replicate.com/account/api-tokens")
        }
        assert.deepStrictEqual(server.requests, [])
      }))
  )

  it.effect("R06: a key that no header can carry is told without any call, and not printed", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const error = yield* fake.errorOf(server, { ...asked, apiKey: Redacted.make(`${fake.secret}\n`) })
      assert(error._tag === "MissingAuth")
      assert.strictEqual(error.reason, "rejected")
      assert.deepStrictEqual(server.requests, [])
    }))

  it.effect("R06: the model is checked before the key", () =>
    Effect.map(
      fake.errorOf(fake.server(), { ...asked, model: "acme/other" }, { apiKey: undefined }),
      (error) => assert.strictEqual(error._tag, "ModelNotFound")
    ))

  /** What the API is sent as key with this environment; nothing when it is not called. */
  const keyWith = (config: Layer.Layer<never, unknown>) =>
    Effect.suspend(() => {
      const server = fake.server()
      const provider = Replicate.layerConfig().pipe(Layer.provide(server.layer), Layer.provide(config))
      return Provider.text(asked).pipe(
        Effect.provide(provider),
        Effect.match({
          onFailure: (error) => {
            assert(isProviderError(error) && error._tag === "MissingAuth")
            assert.deepStrictEqual(server.requests, [])
            return undefined
          },
          onSuccess: () => server.seen("create")[0]?.headers["authorization"]
        })
      )
    })

  const environment = (variables: Readonly<Record<string, string>>) =>
    Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

  const environments: ReadonlyArray<[what: string, variables: Record<string, string>, key: string | undefined]> = [
    ["the token", { REPLICATE_API_TOKEN: "r8_token" }, "Bearer r8_token"],
    ["the key", { REPLICATE_API_KEY: "r8_key" }, "Bearer r8_key"],
    [
      "the token wins over the key",
      { REPLICATE_API_KEY: "r8_key", REPLICATE_API_TOKEN: "r8_token" },
      "Bearer r8_token"
    ],
    ["an empty token counts as absent", { REPLICATE_API_TOKEN: "", REPLICATE_API_KEY: "r8_key" }, "Bearer r8_key"],
    ["a blank token counts as absent", { REPLICATE_API_TOKEN: " ", REPLICATE_API_KEY: "r8_key" }, "Bearer r8_key"],
    ["both empty", { REPLICATE_API_TOKEN: "", REPLICATE_API_KEY: "" }, undefined],
    ["neither", {}, undefined]
  ]
  for (const [what, variables, key] of environments) {
    it.effect(`R29: from the environment: ${what}`, () =>
      Effect.map(keyWith(environment(variables)), (sent) => assert.strictEqual(sent, key)))
  }

  it.scoped("R29: from a .env file", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(file, "# keys\nREPLICATE_API_TOKEN=\"r8_file\"\n")
      const config = Layer.provide(PlatformConfigProvider.layerDotEnv(file), NodeContext.layer)
      assert.strictEqual(yield* keyWith(config), "Bearer r8_file")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("R29: from a folder of secrets", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const rootDirectory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${rootDirectory}/REPLICATE_API_TOKEN`, "r8_folder\n")
      const config = Layer.provide(PlatformConfigProvider.layerFileTree({ rootDirectory }), NodeContext.layer)
      assert.strictEqual(yield* keyWith(config), "Bearer r8_folder")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("R29: other settings of the environment are used, and a malformed one is told when the layer is made", () =>
    Effect.gen(function*() {
      const built = (variables: Record<string, string>) =>
        Layer.build(Layer.provide(Replicate.layerConfig(), Layer.merge(fake.server().layer, environment(variables))))
          .pipe(
            Effect.scoped,
            Effect.either
          )
      const bad = yield* built({ REPLICATE_TIMEOUT: "soon", REPLICATE_API_TOKEN: "r8_token" })
      assert(bad._tag === "Left")
      assert.include(String(bad.left), "REPLICATE_TIMEOUT")
      assert.notInclude(fake.printed(bad.left), "r8_token")
      assert.strictEqual((yield* built({ REPLICATE_TIMEOUT: "7" }))._tag, "Right")
    }))

  const malformed: ReadonlyArray<[field: string, options: Replicate.Options]> = [
    ["maxRetries", { maxRetries: -1 }],
    ["connectTimeout", { connectTimeout: NaN }],
    ["baseUrl", { baseUrl: "ftp://replicate.example" }]
  ]
  for (const [field, options] of malformed) {
    it.effect(`R29: a malformed ${field} of a configuration is a ConfigError, one of the code a defect`, () =>
      Effect.gen(function*() {
        const given = { apiKey: Redacted.make(fake.secret), ...options }
        const built = <E>(layer: Layer.Layer<Provider.Provider, E, HttpClient.HttpClient>) =>
          Effect.exit(Effect.scoped(Layer.build(Layer.provide(layer, fake.server().layer))))
        const told = Option.flatMap(
          Exit.causeOption(yield* built(Replicate.layerConfig(Config.succeed(given)))),
          Cause.failureOption
        )
        assert.isTrue(
          Option.exists(told, (error) => ConfigError.isInvalidData(error) && error.message.startsWith(`${field}: `))
        )
        assert.notInclude(fake.printed(told), fake.secret)
        const died = Option.flatMap(Exit.causeOption(yield* built(Replicate.layer(given))), Cause.dieOption)
        assert.isTrue(Option.exists(died, (defect) => defect instanceof InvalidRequest))
      }))
  }

  it.effect("R31: concurrent calls with different keys never share them", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const keyOf = (n: number) => n % 3 === 0 ? undefined : Redacted.make(`r8_own_${n}`)
      yield* Effect.forEach(
        Array.from({ length: 12 }, (_, n) => n),
        (n) => Provider.text({ prompt: String(n), apiKey: keyOf(n) }),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(server.provider()))
      const creates = server.seen("create")
      assert.strictEqual(creates.length, 12)
      for (const { body, headers } of creates) {
        const n = Number(/"prompt":"(\d+)"/.exec(JSON.stringify(body))?.[1])
        assert.strictEqual(headers["authorization"], `Bearer ${n % 3 === 0 ? fake.secret : `r8_own_${n}`}`)
      }
      assert.deepStrictEqual(server.seen("stream").filter((request) => "authorization" in request.headers), [])
      const keys = (requests: typeof creates) => requests.map((request) => request.headers["authorization"]).sort()
      assert.deepStrictEqual(keys(server.seen("read")), keys(creates))
    }))

  it.effect("R31: the key of one call is gone with it", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const provider = server.provider({ apiKey: undefined })
      yield* Effect.gen(function*() {
        yield* Provider.text({ ...asked, apiKey: Redacted.make("r8_own"), headers: { "x-mine": "1" } })
        const before = server.requests.length
        assert.strictEqual((yield* Effect.flip(Provider.text(asked)))._tag, "MissingAuth")
        assert.strictEqual(server.requests.length, before)
      }).pipe(Effect.provide(provider))
    }))

  it.effect("R31: two layers keep their keys apart", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const call = (key: string) =>
        Effect.provide(Provider.text({ prompt: key }), server.provider({ apiKey: Redacted.make(key) }))
      yield* Effect.all([call("r8_one"), call("r8_two"), call("r8_one")], { concurrency: "unbounded" })
      for (const { body, headers } of server.seen("create")) {
        assert.deepStrictEqual(body, {
          stream: true,
          input: { prompt: headers["authorization"]?.slice("Bearer ".length) }
        })
      }
      assert.strictEqual(server.seen("create").length, 3)
    }))
})
