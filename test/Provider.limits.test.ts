import { assert, describe, it } from "@effect/vitest"
import * as ModelCatalog from "effect-providers/ModelCatalog"
import * as Output from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

describe("Provider.make: the limits of a request", () => {
  const made = (options: Partial<Provider.MakeOptions> = {}) =>
    Effect.map(Ref.make(0), (stopped) => ({
      stopped: Ref.get(stopped),
      provider: Provider.make({
        info: { name: "Echo", url: "https://echo.example" },
        catalog: ModelCatalog.make({ default: "echo-1", text: ["echo-1"] }),
        parameters: [],
        run: () =>
          Stream.make("one ", "two ", "th", "ree ", "four").pipe(
            Stream.rechunk(1),
            Stream.map(Output.textDelta),
            Stream.ensuring(Ref.update(stopped, (n) => n + 1))
          ),
        ...options
      })
    }))
  const ends = Effect.fnUntraced(function*(provider: Provider.Service, request: Provider.Request) {
    const outputs = Chunk.toReadonlyArray(yield* Stream.runCollect(provider.stream(request)))
    const text = outputs.flatMap((output) => output._tag === "TextDelta" ? [output.text] : []).join("")
    const last = outputs.at(-1)
    assert.strictEqual(outputs.filter((output) => output._tag === "Finish").length, 1)
    return [text, last?._tag === "Finish" ? last.reason : undefined]
  })
  for (const timeout of [undefined, "1 minute"] as const) {
    it.effect(`are enforced, and the source is stopped, total clock ${timeout}`, () =>
      Effect.gen(function*() {
        const { provider, stopped } = yield* made()
        assert.deepStrictEqual(yield* ends(provider, { stop: ["three"], timeout }), ["one two ", "stop"])
        assert.deepStrictEqual(yield* ends(provider, { stop: "nine", timeout }), ["one two three four", "unknown"])
        assert.deepStrictEqual(yield* ends(provider, { maxTokens: 2, timeout }), ["one two ", "length"])
        assert.deepStrictEqual(yield* ends(provider, { maxTokens: 2, stop: "two", timeout }), ["one ", "stop"])
        assert.deepStrictEqual(yield* ends(provider, { timeout }), ["one two three four", "unknown"])
        assert.strictEqual(yield* stopped, 5)
      }))
  }
  it.effect("are left to a service that keeps them itself", () =>
    Effect.gen(function*() {
      const { provider } = yield* made({ enforces: ["stop", "maxTokens"] })
      assert.deepStrictEqual(yield* ends(provider, { stop: "two", maxTokens: 1 }), ["one two three four", "unknown"])
      const half = yield* made({ enforces: ["maxTokens"] })
      assert.deepStrictEqual(yield* ends(half.provider, { stop: "two", maxTokens: 1 }), ["one ", "stop"])
    }))
  it.effect("of time are left to a service that keeps them itself", () =>
    Effect.gen(function*() {
      const provider = Provider.make({
        info: { name: "Slow", url: "https://slow.example" },
        catalog: ModelCatalog.make({ default: "slow", text: ["slow"] }),
        parameters: [],
        clocks: { idle: "1 second", total: "1 second" },
        enforces: ["timeout", "idleTimeout"],
        run: () => Effect.delay(Effect.succeed("late"), "1 minute")
      })
      const request = { timeout: "2 seconds", idleTimeout: "2 seconds" } as const
      const reading = yield* Effect.fork(ends(provider, request))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(reading), ["late", "stop"])
    }))
})
