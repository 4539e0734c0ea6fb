import { assert, describe, it } from "@effect/vitest"
import { ModelCatalog, Provider, ProviderError } from "effect-providers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"

const provider = (run: Provider.MakeOptions["run"]) =>
  Provider.make({
    info: { name: "Odd", url: "https://odd.example" },
    catalog: ModelCatalog.make({ default: "odd-1", text: ["odd-1"] }),
    parameters: [],
    run
  })

describe("Provider.make: what throws is a typed error, and only its kind is told", () => {
  const thrown = () => {
    throw new RangeError("the key sk-123 is wrong")
  }
  it.effect.each([
    { what: "run", run: thrown },
    { what: "the making of an iterator", run: () => ({ [Symbol.asyncIterator]: thrown }) },
    { what: "an iterator", run: () => ({ [Symbol.asyncIterator]: () => ({ next: thrown }) }) }
  ])("B01: $what", ({ run }) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(provider(run).stream({ prompt: "Hi" })))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "network", detail: "RangeError" })
      assert.notInclude(inspect(error, { depth: 10 }), "sk-123")
    }))

  it.effect("B01: an error of ours stays what it is", () =>
    Effect.gen(function*() {
      const own = new ProviderError.RateLimited({ provider: "Odd" })
      const error = yield* Effect.flip(Stream.runDrain(
        provider(() => {
          throw own
        }).stream({ prompt: "Hi" })
      ))
      assert.strictEqual(error._tag, "RateLimited")
    }))
})
