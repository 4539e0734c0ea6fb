import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fallback from "../src/Fallback.js"
import * as ModelCatalog from "../src/ModelCatalog.js"
import * as Provider from "../src/Provider.js"
import * as ProviderError from "../src/ProviderError.js"
import * as ProviderRegistry from "../src/ProviderRegistry.js"
import * as ChatgptFree from "../src/providers/ChatgptFree.js"
import * as ReplicateHome from "../src/providers/ReplicateHome.js"
import * as KeylessEmulator from "../src/testing/KeylessEmulator.js"
import * as MockProvider from "../src/testing/MockProvider.js"

const limited = new ProviderError.RateLimited({ provider: "Mock" })

/** Providers that all fail, so that a call tells whom it asks, in order. */
const provider = (name: string, options: MockProvider.Options = {}) =>
  Effect.map(
    MockProvider.make([limited], {
      catalog: ModelCatalog.make({
        default: `${name}-default`,
        text: [`${name}-default`, "shared"],
        aliases: { [`${name}-alias`]: "shared" }
      }),
      ...options,
      info: { name, ...options.info }
    }),
    ({ provider }) => provider
  )

const asked = Effect.fnUntraced(function*({ model, provider }: ProviderRegistry.Choice) {
  const outputs = yield* provider.stream({ model }).pipe(
    Stream.catchAll(() => Stream.empty),
    Stream.runCollect
  )
  return Chunk.toReadonlyArray(outputs).flatMap((output) =>
    output._tag === "ProviderInfo" ? [`${output.name} ${output.model}`] : []
  )
})

const near = (error: ProviderError.InvalidRequest | ProviderError.ModelNotFound) =>
  error._tag === "ModelNotFound" ? error.nearest : error._tag

const registryOf = (names: ReadonlyArray<string>) =>
  Effect.map(Effect.forEach(names, (name) => provider(name)), ProviderRegistry.make)

describe("ProviderRegistry", () => {
  it.effect("B29: finds a provider by its name, the first of two", () =>
    Effect.gen(function*() {
      const [a, b, again] = yield* Effect.all([provider("A"), provider("B"), provider("A")])
      const registry = ProviderRegistry.make([a, b, again])
      const found = ProviderRegistry.find(registry, "A")
      assert(Option.isSome(found))
      assert.strictEqual(found.value, a)
      assert.deepStrictEqual(ProviderRegistry.find(registry, "a"), Option.none())
      assert.deepStrictEqual(ProviderRegistry.find(registry, ""), Option.none())
    }))

  it.effect("B29: one name is that provider itself, with its default model", () =>
    Effect.gen(function*() {
      const b = yield* provider("B")
      const registry = ProviderRegistry.make([yield* provider("A"), b])
      const choice = yield* ProviderRegistry.resolve(registry, " B ")
      assert.strictEqual(choice.provider, b)
      assert.deepStrictEqual(yield* asked(choice), ["B B-default"])
    }))

  it.effect("B29: a name with spaces is that provider, and not those its words name", () =>
    Effect.gen(function*() {
      const registry = yield* registryOf(["My", "Provider", "My Provider"])
      const choice = yield* ProviderRegistry.resolve(registry, " My Provider ")
      assert.deepStrictEqual(yield* asked(choice), ["My Provider My Provider-default"])
    }))

  it.effect("B29: several names are tried in their order, unknown ones dropped", () =>
    Effect.gen(function*() {
      const registry = yield* registryOf(["A", "B", "C"])
      const choice = yield* ProviderRegistry.resolve(registry, "C  Nobody\tA shared")
      assert.deepStrictEqual(yield* asked(choice), ["C C-default", "A A-default"])
    }))

  it.effect("B29: a model is asked of those that serve it, in the registry's order", () =>
    Effect.gen(function*() {
      const registry = yield* registryOf(["A", "B"])
      const shared = yield* ProviderRegistry.resolve(registry, "shared")
      assert.strictEqual(shared.model, "shared")
      assert.deepStrictEqual(yield* asked(shared), ["A shared", "B shared"])
      assert.deepStrictEqual(yield* asked(yield* ProviderRegistry.resolve(registry, "B-default")), ["B B-default"])
      assert.deepStrictEqual(yield* asked(yield* ProviderRegistry.resolve(registry, "B-alias")), ["B shared"])
    }))

  it.effect("B29: image and vision models, and a default that is not listed, are served, too", () =>
    Effect.gen(function*() {
      const catalog = ModelCatalog.make({ default: "d", defaultImage: "e", image: ["i"], vision: ["v"] })
      const registry = ProviderRegistry.make([yield* provider("A"), yield* provider("B", { catalog })])
      for (const model of ["d", "e", "i", "v"]) {
        assert.strictEqual((yield* ProviderRegistry.resolve(registry, model)).provider.info.name, "B")
      }
    }))

  it.effect("B29: what nobody knows is a ModelNotFound that lists what is known", () =>
    Effect.gen(function*() {
      const registry = yield* registryOf(["A"])
      for (const text of ["Nobody", "Nobody None", "", "constructor"]) {
        const error = yield* Effect.flip(ProviderRegistry.resolve(registry, text))
        assert(error._tag === "ModelNotFound")
        assert.strictEqual(error.model, text)
        assert.deepStrictEqual(error.known, ["A", "A-default", "shared", "A-alias"])
      }
      const nothing = yield* Effect.flip(ProviderRegistry.resolve(ProviderRegistry.make([]), "A"))
      assert.strictEqual(nothing._tag, "ModelNotFound")
    }))

  it.effect("B29: ModelNotFound tells the nearest name of a provider, a model or an alias", () =>
    Effect.gen(function*() {
      const registry = yield* registryOf(["Llamas", "B"])
      const nearest = (text: string) => Effect.map(Effect.flip(ProviderRegistry.resolve(registry, text)), near)
      assert.strictEqual(yield* nearest("llama"), "Llamas")
      assert.strictEqual(yield* nearest("Lamas-default"), "Llamas-default")
      assert.strictEqual(yield* nearest("Llamas-alia"), "Llamas-alias")
      for (const text of ["nothing like it", "x", ""]) assert.strictEqual(yield* nearest(text), undefined)
      const error = yield* Effect.flip(ProviderRegistry.resolve(registry, "llama"))
      assert.include(error.message, "Did you mean Llamas?")
    }))

  it.effect("B29: the target of an alias is found by its own name, as its provider takes it", () =>
    Effect.gen(function*() {
      const catalog = ModelCatalog.make({ text: ["m"], aliases: { alias: ["hidden", "other"] } })
      const registry = ProviderRegistry.make([yield* provider("A", { catalog })])
      assert.deepStrictEqual(yield* asked(yield* ProviderRegistry.resolve(registry, "hidden")), ["A hidden"])
    }))

  it.effect("B29: a model that nobody lists is asked of the first that works and takes any model, and of it alone", () =>
    Effect.gen(function*() {
      const any = ModelCatalog.make({ default: "d", text: ["d", "listed"], mode: "lenient" })
      const strict = yield* provider("Strict")
      const broken = yield* provider("Broken", { catalog: any, info: { working: false } })
      const whole = yield* provider("Whole", { catalog: any, info: { supportsStream: false } })
      const first = yield* provider("First", { catalog: any })
      const unlisted = yield* provider("Unlisted", { catalog: ModelCatalog.make({ default: "u" }) })
      const registry = ProviderRegistry.make([strict, broken, whole, first, unlisted])
      const resolve = (text: string, options?: ProviderRegistry.ResolveOptions) =>
        Effect.flatMap(ProviderRegistry.resolve(registry, text, options), asked)

      assert.deepStrictEqual(yield* resolve(" owner/new-model "), ["Whole owner/new-model"])
      assert.deepStrictEqual(yield* resolve("owner/new-model", { stream: true }), ["First owner/new-model"])
      assert.deepStrictEqual(yield* resolve("owner/new-model", { ignoreWorking: true }), ["Broken owner/new-model"])
      // those that list a model come first, and nobody else is asked for it
      assert.deepStrictEqual(yield* resolve("shared"), ["Strict shared"])
      assert.deepStrictEqual(yield* resolve("listed", { stream: true }), ["First listed"])
      const only = ProviderRegistry.make([strict, unlisted])
      assert.strictEqual((yield* ProviderRegistry.resolve(only, "anything")).provider, unlisted)
      assert.strictEqual((yield* ProviderRegistry.resolve(only, "anything")).model, "anything")
    }))

  it.effect("B29: what takes any model and does not work is refused, which tells how to override it", () =>
    Effect.gen(function*() {
      const catalog = ModelCatalog.make({ default: "d", mode: "lenient" })
      const registry = ProviderRegistry.make([yield* provider("Down", { catalog, info: { working: false } })])
      const error = yield* Effect.flip(ProviderRegistry.resolve(registry, "owner/new-model"))
      assert.strictEqual(
        error.message,
        "ProviderRegistry cannot take this request: Down is known not to work; resolve it with " +
          "`ignoreWorking: true` to try it all the same."
      )
    }))

  it.effect("B29: no name, and several words, are no model, and a provider without a name is found by none", () =>
    Effect.gen(function*() {
      const catalog = ModelCatalog.make({ default: "d", mode: "lenient" })
      for (const name of ["", " "]) {
        const registry = ProviderRegistry.make([yield* provider("Any", { catalog, info: { name } })])
        assert.deepStrictEqual(ProviderRegistry.find(registry, name), Option.none())
        for (const text of ["", " ", "two words"]) {
          assert.strictEqual((yield* Effect.flip(ProviderRegistry.resolve(registry, text)))._tag, "ModelNotFound")
        }
        assert.strictEqual((yield* ProviderRegistry.resolve(registry, "d")).model, "d")
      }
    }))

  it.effect("B29: a provider that was made to ignore that it does not work is not refused for that", () =>
    Effect.gen(function*() {
      const down = Provider.make({
        info: { name: "Down", url: "https://down.example", working: false },
        catalog: ModelCatalog.make({ default: "d", text: ["d"] }),
        parameters: [],
        ignoreWorking: true,
        run: () => Effect.succeed("Hello")
      })
      const up = yield* provider("Up")
      const several = yield* Fallback.make([down], { name: "Several" })
      const registry = ProviderRegistry.make([down, several, up])
      assert.strictEqual((yield* ProviderRegistry.resolve(registry, "Down")).provider, down)
      assert.strictEqual((yield* ProviderRegistry.resolve(registry, "Several")).provider, several)
      assert.deepStrictEqual(yield* asked(yield* ProviderRegistry.resolve(registry, "Down Up")), ["Down d"])
      const [other, both] = [{ ...down, ignoreWorking: undefined }, yield* Fallback.make([])]
      for (const provider of [other, both]) {
        const one = ProviderRegistry.make([provider])
        const error = yield* Effect.flip(ProviderRegistry.resolve(one, provider.info.name))
        assert.strictEqual(error._tag, "InvalidRequest")
      }
    }))

  it.effect("a lenient provider is not taken for every typo", () =>
    Effect.gen(function*() {
      const lenient = yield* provider("Lenient", { catalog: ModelCatalog.make({ text: ["m"], mode: "lenient" }) })
      const registry = ProviderRegistry.make([lenient])
      assert.strictEqual((yield* Effect.flip(ProviderRegistry.resolve(registry, "Lenent")))._tag, "ModelNotFound")
    }))

  const refusals: ReadonlyArray<
    [string, Partial<Provider.Info>, ProviderRegistry.ResolveOptions, ProviderRegistry.ResolveOptions]
  > = [
    ["ignoreWorking", { working: false }, {}, { ignoreWorking: true }],
    ["ignoreStream", { supportsStream: false }, { stream: true }, { stream: true, ignoreStream: true }]
  ]
  for (const [override, info, strict, loose] of refusals) {
    it.effect(`B29: a provider that will not do is refused, which tells of ${override}; with it, it is taken`, () =>
      Effect.gen(function*() {
        const down = yield* provider("Down", { info })
        const registry = ProviderRegistry.make([down])
        for (const text of ["Down", "Down Nobody", "shared"]) {
          const error = yield* Effect.flip(ProviderRegistry.resolve(registry, text, strict))
          assert(error._tag === "InvalidRequest")
          assert.include(error.message, "Down")
          assert.include(error.message, `resolve it with \`${override}: true\``)
          const { provider } = yield* ProviderRegistry.resolve(registry, text, loose)
          assert.strictEqual(provider.info, down.info)
        }
      }))

    it.effect(`B29: of several, those that will not do are left out, unless ${override}`, () =>
      Effect.gen(function*() {
        const down = yield* provider("Down", { info })
        const up = yield* provider("Up")
        const registry = ProviderRegistry.make([down, up])
        for (const text of ["Down Up", "shared"]) {
          assert.strictEqual((yield* ProviderRegistry.resolve(registry, text, strict)).provider, up)
          assert.strictEqual((yield* asked(yield* ProviderRegistry.resolve(registry, text, loose))).length, 2)
        }
      }))
  }

  it.effect("B29: with ignoreWorking the provider found refuses no call for that reason, alone or among others", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.make({ prediction: () => ({ polls: 0 }) })
      const [chat, home] = yield* Effect.provideService(
        Effect.all([ChatgptFree.make(), ReplicateHome.make()]),
        HttpClient.HttpClient,
        emulator.client
      )
      const registry = ProviderRegistry.make([chat, home])
      const text = (text: string) =>
        Effect.flatMap(
          ProviderRegistry.resolve(registry, text, { ignoreWorking: true }),
          ({ model, provider }) =>
            Provider.text({ model, prompt: "Hello" }).pipe(Effect.provideService(Provider.Provider, provider))
        )
      assert.strictEqual(yield* text("ChatgptFree"), "Hello")
      assert.strictEqual(yield* text("gemma-2b"), "Hello")
      assert.strictEqual(yield* text("ChatgptFree ReplicateHome"), "Hello")
      const asked = (yield* emulator.requests).length

      // the switch was that of the calls above: the providers themselves refuse as before, and say what to do where
      for (const provider of [chat, home]) {
        assert.strictEqual(provider.info.working, false)
        const error = yield* Effect.flip(Stream.runDrain(provider.stream({ prompt: "Hello" })))
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.include(
          error.message,
          "give `ignoreWorking: true` to what made the provider, or to `ProviderRegistry.resolve`"
        )
      }
      assert.strictEqual((yield* emulator.requests).length, asked)
    }))

  it.effect("B29: the keyless ones that were made with ignoreWorking are found without it, and answer", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.make({ prediction: () => ({ polls: 0 }) })
      const providers = yield* Effect.provideService(
        Effect.all([ChatgptFree.make({ ignoreWorking: true }), ReplicateHome.make({ ignoreWorking: true })]),
        HttpClient.HttpClient,
        emulator.client
      )
      const registry = ProviderRegistry.make(providers)
      for (const text of ["ChatgptFree", "ReplicateHome", "gpt-4o-mini", "gemma-2b"]) {
        const { model, provider } = yield* ProviderRegistry.resolve(registry, text)
        const answer = Provider.text({ model, prompt: "Hello" })
        assert.strictEqual(yield* Effect.provideService(answer, Provider.Provider, provider), "Hello", text)
      }
    }))

  it.effect("streaming is only asked for with `stream`", () =>
    Effect.gen(function*() {
      const slow = yield* provider("Slow", { info: { supportsStream: false } })
      assert.strictEqual((yield* ProviderRegistry.resolve(ProviderRegistry.make([slow]), "Slow")).provider, slow)
    }))

  const Words = FastCheck.array(FastCheck.constantFrom("A", "B", "C", "x", "shared", "A-default"), { maxLength: 6 })
  const Gap = FastCheck.constantFrom(" ", "  ", "\t", "\n")
  it.effect.prop(
    "B29: known names keep their order, whatever is between them",
    [Words, Gap],
    ([words, gap]) =>
      Effect.gen(function*() {
        const registry = yield* registryOf(["A", "B", "C"])
        const known = words.filter((word) => Option.isSome(ProviderRegistry.find(registry, word)))
        if (known.length === 0) return
        const choice = yield* ProviderRegistry.resolve(registry, words.join(gap))
        assert.deepStrictEqual(yield* asked(choice), known.map((name) => `${name} ${name}-default`))
      })
  )
})
