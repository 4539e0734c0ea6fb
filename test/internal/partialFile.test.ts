import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { partialFile } from "../../src/internal/partialFile.js"

const bytesOf = (text: string) => new TextEncoder().encode(text).length

const partialOf = (target: string) =>
  Effect.flatMap(Path.Path, (paths) => partialFile(paths, target)).pipe(
    Effect.withRandom(Random.make("seed")),
    Effect.provide(Path.layer)
  )

describe("partialFile", () => {
  it.effect("is beside the file, with its name, and never the same twice", () =>
    Effect.gen(function*() {
      const partials = yield* Effect.forEach(Array.from({ length: 10 }), () => partialOf("/a/b/out.png"))
      for (const partial of partials) assert.match(partial, /^\/a\/b\/out\.png\.[\w-]+\.part$/)
      assert.strictEqual(new Set(partials).size, 10)
    }))

  it.effect.each(["x".repeat(255), "é".repeat(127), `x${"𝒳".repeat(63)}`])(
    "a name that only just fits makes room for the suffix, and breaks no character: %s",
    (name) =>
      Effect.gen(function*() {
        const partial = (yield* partialOf(`/a/${name}`)).slice("/a/".length)
        assert.isAtMost(bytesOf(partial), 255)
        assert.isTrue(name.startsWith(partial.replace(/\.[\w-]+\.part$/, "")))
      })
  )

  it.effect("a name that is too long stays so, for the system to tell", () =>
    Effect.gen(function*() {
      const name = "x".repeat(256)
      assert.isTrue((yield* partialOf(`/a/${name}`)).startsWith(`/a/${name}.`))
    }))
})
