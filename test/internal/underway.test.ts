import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { withClocks } from "../../src/internal/clocks.js"
import * as Underway from "../../src/internal/underway.js"
import type { Inside } from "../../src/internal/work.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import { sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { done, event } from "../support/replicateFake.js"

const within = <A, E>(inside: Inside, effect: Effect.Effect<A, E>) =>
  Effect.flatMap(Effect.runtime(), (runtime) => Effect.promise(() => Runtime.runPromise(inside(runtime), effect)))

/** Runs an effect in a part within a part, and gives what is told of both after it, and of what is around them. */
const told = <A, E>(effect: Effect.Effect<A, E>) =>
  Underway.counting((outer, inOuter) =>
    within(
      inOuter,
      Underway.counting((inner, inInner) =>
        Effect.map(within(inInner, Effect.exit(effect)), () => ({
          inner: Underway.doubt(inner),
          outer: Underway.doubt(outer),
          around: outer.outer === undefined ? undefined : Underway.doubt(outer.outer)
        }))
      )
    )
  )

const nothing = { inner: {}, outer: {}, around: {} }
const doubtful = (predictionId?: string) => {
  const doubt = { mayHaveStarted: true, predictionId }
  return { inner: doubt, outer: doubt, around: {} }
}

describe("what may go on at a service", () => {
  it.effect("is known to all parts around it until it is over, and kept by nothing else", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<unknown>(yield* told(Underway.begun("p1")), doubtful("p1"))
      const over = Effect.map(Underway.begun("p1"), (over) => over())
      assert.deepStrictEqual<unknown>(yield* told(over), nothing)
      const one = Effect.zipRight(Underway.begun("p1"), Effect.map(Underway.begun("p2"), (over) => over()))
      assert.deepStrictEqual<unknown>(yield* told(one), doubtful("p1"))
    }))

  it.effect.each(
    [
      { what: "succeeded", call: Effect.void, expected: nothing },
      { what: "was refused", call: Effect.fail("refused"), expected: nothing },
      { what: "failed otherwise", call: Effect.fail("lost"), expected: doubtful() },
      { what: "died", call: Effect.die("bug"), expected: doubtful() },
      { what: "was interrupted", call: Effect.interrupt, expected: doubtful() }
    ] satisfies ReadonlyArray<{ what: string; call: Effect.Effect<void, string>; expected: object }>
  )("a call that $what", ({ call, expected }) =>
    Effect.gen(function*() {
      const counted = Underway.counted<void, string, never>(call, (error) => error === "refused", () => Effect.void)
      assert.deepStrictEqual<unknown>(yield* told(counted), expected)
    }))

  const answer = Server.gives({ urls: { stream: Server.streamUrl } })
  const other = [() => sse(event("output", "Hi"), done)]

  it.effect.each([
    { way: "run", effect: Prediction.run(Server.model, {}) },
    { way: "stream", effect: Stream.runDrain(Prediction.stream(Server.model, {})) },
    { way: "watch", effect: Stream.runDrain(Prediction.watch(Server.model, {})) }
  ])("C14: $way: a prediction that is over is in no doubt", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [answer], other })
      const work = Stream.fromEffect(Effect.zipRight(effect, Effect.never))
      const clocked = withClocks(work, { total: Duration.minutes(1) }, (_clock, _duration, doubt) => doubt)
      const error = yield* Server.timed(Effect.flip(Stream.runDrain(clocked))).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual<unknown>(error, {})
      assert.strictEqual(server.count("create"), 1)
    }))

  it.effect("C14: a create that was refused before the time was up is in no doubt", () =>
    Effect.gen(function*() {
      const busy: Server.Answer = () => new Response("{}", { status: 429, headers: { "retry-after": "30" } })
      const server = Server.make({ create: [busy] })
      const run = Prediction.run(Server.model, {}, { timeout: "10 seconds" })
      const error = yield* Server.timed(Effect.flip(run)).pipe(Effect.provide(server.layer))
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.notProperty(error, "mayHaveStarted")
    }))
})
