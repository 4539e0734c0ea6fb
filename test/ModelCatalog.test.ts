import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Random from "effect/Random"
import * as ModelCatalog from "../src/ModelCatalog.js"

const provider = "Example"

const catalog = ModelCatalog.make({
  default: "google/gemma-2b-it",
  defaultImage: "stability-ai/stable-diffusion-3",
  text: ["google/gemma-2b-it", "meta/llama-3"],
  image: ["stability-ai/stable-diffusion-3", "bytedance/sdxl-lightning-4step", "meta/llama-3"],
  vision: ["meta/llama-3"],
  aliases: {
    "gemma-2b": "google/gemma-2b-it",
    sdxl: "bytedance/sdxl-lightning-4step",
    hidden: "acme/unlisted",
    any: ["google/gemma-2b-it", "meta/llama-3", "acme/other"],
    none: []
  }
})

const resolve = (model: string | undefined, self = catalog, kind?: "text" | "image") =>
  ModelCatalog.resolve(self, { provider, model, kind })

describe("ModelCatalog", () => {
  it.effect("B08: a model that is listed is found without going through all others", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 5000 }, (_, i) => `acme/model-${i}`)
      let reads = 0
      const counted = new Proxy(names, {
        get: (target, key, receiver) => {
          reads++
          return Reflect.get(target, key, receiver)
        }
      })
      const listed = ModelCatalog.make({ default: names[0], text: counted, aliases: { first: "acme/model-0" } })
      for (const name of ["acme/model-0", "acme/model-3", "first", undefined]) yield* resolve(name, listed)
      assert.isBelow(reads, 100)
    }))

  it.effect("B08: names of thousands of models are listed once, in order, also in the error", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 5000 }, (_, i) => `acme/model-${i}`)
      const self = ModelCatalog.make({ text: [...names, ...names], image: names, aliases: { a: names, b: "a" } })
      assert.deepStrictEqual(ModelCatalog.models(self), names)
      assert.deepStrictEqual(ModelCatalog.names(self), [...names, "a", "b"])
      assert.deepStrictEqual((yield* Effect.flip(resolve("acme/none", self))).known, [...names, "a", "b"])
    }))

  it("B08, R27: models are listed text first, each once; with no list the default alone", () => {
    assert.deepStrictEqual(ModelCatalog.models(catalog), [
      "google/gemma-2b-it",
      "meta/llama-3",
      "stability-ai/stable-diffusion-3",
      "bytedance/sdxl-lightning-4step"
    ])
    assert.deepStrictEqual(catalog.text, ["google/gemma-2b-it", "meta/llama-3"])
    assert.deepStrictEqual(catalog.vision, ["meta/llama-3"])
    assert.deepStrictEqual(ModelCatalog.models(ModelCatalog.make({ default: "a" })), ["a"])
    assert.deepStrictEqual(ModelCatalog.models(ModelCatalog.make({})), [])
  })

  it("B08: the kind of a model", () => {
    assert.strictEqual(ModelCatalog.kindOf(catalog, "google/gemma-2b-it"), "text")
    assert.strictEqual(ModelCatalog.kindOf(catalog, "bytedance/sdxl-lightning-4step"), "image")
    assert.strictEqual(ModelCatalog.kindOf(catalog, "meta/llama-3"), "text")
    assert.strictEqual(ModelCatalog.kindOf(catalog, "sdxl"), undefined)
  })

  it("B08: a default that is an image model is the default image model", () => {
    assert.strictEqual(ModelCatalog.make({ default: "a", image: ["a"] }).defaultImage, "a")
    assert.strictEqual(ModelCatalog.make({ default: "a", image: ["a", "b"], defaultImage: "b" }).defaultImage, "b")
    assert.strictEqual(ModelCatalog.make({ default: "a", text: ["a"] }).defaultImage, undefined)
  })

  it.effect("B08: an absent or empty name is the default", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* resolve(undefined), "google/gemma-2b-it")
      assert.strictEqual(yield* resolve(""), "google/gemma-2b-it")
      assert.strictEqual(yield* resolve(undefined, catalog, "image"), "stability-ai/stable-diffusion-3")
      assert.strictEqual(yield* resolve("sdxl", catalog, "image"), "bytedance/sdxl-lightning-4step")
    }))

  it.effect("B08: aliases apply to names and to the default", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* resolve("gemma-2b"), "google/gemma-2b-it")
      const aliased = ModelCatalog.make({ default: "short", text: ["long"], aliases: { short: "long" } })
      assert.strictEqual(yield* resolve("", aliased), "long")
    }))

  it.effect("B08: the target of an alias counts as valid, and so does a default that is not listed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* resolve("hidden"), "acme/unlisted")
      assert.strictEqual(yield* resolve("acme/unlisted"), "acme/unlisted")
      assert.strictEqual(yield* resolve("acme/other"), "acme/other")
      assert.strictEqual(yield* resolve("a", ModelCatalog.make({ default: "a", text: ["b"] })), "a")
    }))

  it.effect("B09: of several targets one is chosen, the same one for the same seed", () =>
    Effect.gen(function*() {
      const draw = (seed: string) => Effect.withRandom(Effect.replicateEffect(resolve("any"), 50), Random.make(seed))
      const drawn = yield* draw("seed")
      assert.deepStrictEqual(yield* draw("seed"), drawn)
      assert.deepStrictEqual([...new Set(drawn)].sort(), ["acme/other", "google/gemma-2b-it", "meta/llama-3"])
      assert.notDeepEqual(yield* draw("other seed"), drawn)
    }))

  it.effect("B10: strict mode refuses an unknown name, with the known ones and the nearest", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(resolve("google/gema-2b-it"))
      assert.strictEqual(error._tag, "ModelNotFound")
      assert.strictEqual(error.provider, provider)
      assert.strictEqual(error.model, "google/gema-2b-it")
      assert.strictEqual(error.nearest, "google/gemma-2b-it")
      assert.include(error.message, "Did you mean google/gemma-2b-it?")
      assert.includeMembers([...error.known], [...ModelCatalog.models(catalog), "gemma-2b", "acme/unlisted"])
    }))

  it.effect("B10: case does not count for the nearest name, and a far name has none", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(resolve("SDXL"))).nearest, "sdxl")
      assert.strictEqual((yield* Effect.flip(resolve("gemma-2"))).nearest, "gemma-2b")
      assert.strictEqual((yield* Effect.flip(resolve("whisper"))).nearest, undefined)
      assert.strictEqual((yield* Effect.flip(resolve("x".repeat(1_000_000)))).nearest, undefined)
    }))

  it.effect("B10: lenient mode, and a catalog that lists nothing, take names as they are", () =>
    Effect.gen(function*() {
      const lenient = ModelCatalog.make({ ...catalog, mode: "lenient" })
      assert.strictEqual(yield* resolve("acme/new", lenient), "acme/new")
      assert.strictEqual(yield* resolve("sdxl", lenient), "bytedance/sdxl-lightning-4step")
      assert.strictEqual(yield* resolve("acme/new", ModelCatalog.make({ default: "a" })), "acme/new")
    }))

  it.effect("B10: no name and no default is an error that says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(resolve("", ModelCatalog.make({ text: ["a"] })))
      assert.deepStrictEqual(error.known, ["a"])
      assert.include(error.message, "no model was named, and there is no default text model")
      const noImage = yield* Effect.flip(resolve(undefined, ModelCatalog.make({ default: "a", text: ["a"] }), "image"))
      assert.include(noImage.message, "no default image model")
    }))

  it.effect("B08: what every object inherits is no alias, and neither is one without target", () =>
    Effect.gen(function*() {
      for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty", "none"]) {
        assert.strictEqual(yield* resolve(name, ModelCatalog.make({ ...catalog, mode: "lenient" })), name)
      }
      assert.strictEqual((yield* Effect.flip(resolve("constructor")))._tag, "ModelNotFound")
    }))

  it.effect.prop(
    "B08: every model listed resolves to itself, and every alias to a target",
    [FastCheck.uniqueArray(FastCheck.string({ minLength: 1 }), { minLength: 2 }), FastCheck.boolean()],
    ([[alias = "", ...names], isImage]) =>
      Effect.gen(function*() {
        const self = ModelCatalog.make({
          [isImage ? "image" : "text"]: names,
          aliases: Object.fromEntries([[alias, names]])
        })
        for (const name of names) assert.strictEqual(yield* resolve(name, self), name)
        assert.include(names, yield* resolve(alias, self))
      })
  )
})
