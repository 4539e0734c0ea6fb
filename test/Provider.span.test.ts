import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import type * as Output from "../src/Output.js"
import * as Provider from "../src/Provider.js"
import { PaymentRequired } from "../src/ProviderError.js"
import * as MockProvider from "../src/testing/MockProvider.js"
import * as fake from "./support/replicateFake.js"

interface Collected extends Tracer.Span {
  status: Tracer.SpanStatus
}

/** A tracer, and the spans that it was asked for. */
const collect = () => {
  const spans: Array<Collected> = []
  const tracer = Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind, options) => {
      const attributes = new Map(Object.entries(options?.attributes ?? {}))
      const span: Collected = {
        _tag: "Span",
        name,
        spanId: String(spans.length),
        traceId: "trace",
        parent,
        context,
        links,
        kind,
        attributes,
        sampled: true,
        status: { _tag: "Started", startTime },
        attribute: (key, value) => attributes.set(key, value),
        event: () => {},
        addLinks: () => {},
        end: (endTime, exit) => {
          span.status = { _tag: "Ended", startTime, endTime, exit }
        }
      }
      spans.push(span)
      return span
    }
  })
  return {
    layer: Layer.setTracer(tracer),
    named: (name: string) => spans.filter((span) => span.name === name)
  }
}

/** How the one span of a stream ended, after how many seconds, and what it says. */
const told = (tracer: ReturnType<typeof collect>) => {
  const [span, ...more] = tracer.named("Provider.stream")
  assert(span !== undefined && more.length === 0)
  assert(span.status._tag === "Ended")
  const { endTime, exit, startTime } = span.status
  return { span, exit, seconds: Number(endTime - startTime) / 1e9, attributes: Object.fromEntries(span.attributes) }
}

const usage: Output.Output = { _tag: "Usage", inputTokens: 3, outputTokens: 5 }
const asked = {
  "gen_ai.operation.name": "chat",
  "gen_ai.system": "Mock",
  "gen_ai.request.model": "mock"
}

describe("the span of a stream", () => {
  it.effect("B33: is as long as the stream, and has the model and what it used, and nothing of what was said", () =>
    Effect.gen(function*() {
      const tracer = collect()
      const script = ["Hel", MockProvider.delay("2 seconds"), "lo", usage, {
        _tag: "Finish",
        reason: "length"
      }] as const
      const asking = Provider.collect({ prompt: "SECRET", apiKey: Redacted.make("SECRET"), extra: { a: "SECRET" } })
      const fiber = yield* Effect.fork(Effect.provide(asking, [MockProvider.layer(script), tracer.layer]))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      const { attributes, exit, seconds, span } = told(tracer)
      assert.strictEqual(seconds, 2)
      assert.strictEqual(span.kind, "client")
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(attributes, {
        ...asked,
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5
      })
    }))

  it.effect("B33: ends with the error of the provider", () =>
    Effect.gen(function*() {
      const tracer = collect()
      const error = new PaymentRequired({ provider: "MockProvider" })
      const outcome = yield* Effect.exit(
        Effect.provide(Provider.text({}), [MockProvider.layer(["Hel", error]), tracer.layer])
      )
      assert.isTrue(Exit.isFailure(outcome))
      const { attributes, exit } = told(tracer)
      assert.deepStrictEqual(exit, Exit.fail(error))
      assert.deepStrictEqual(attributes, asked)
    }))

  it.effect("B33: ends with a stream that is stopped early, interrupted, or failed by its consumer, and says no more", () =>
    Effect.gen(function*() {
      const endless = MockProvider.layer(["Hel", MockProvider.delay("1 hour"), "lo"])
      const early = collect()
      yield* Provider.stream({}).pipe(Stream.take(2), Stream.runDrain, Effect.provide([endless, early.layer]))
      assert.isTrue(Exit.isSuccess(told(early).exit))

      const interrupted = collect()
      const fiber = yield* Effect.fork(Effect.provide(Provider.text({}), [endless, interrupted.layer]))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(told(interrupted).exit))

      const failed = collect()
      yield* Provider.stream({}).pipe(
        Stream.runForEach(() => Effect.fail("SECRET of the consumer")),
        Effect.exit,
        Effect.provide([endless, failed.layer])
      )
      assert.deepStrictEqual(told(failed).exit, Exit.void)
    }))

  it.effect("B33: an answer that came to its end did so, whatever its consumer fails with then", () =>
    Effect.gen(function*() {
      const tracer = collect()
      const error = new PaymentRequired({ provider: "Another" })
      const outcome = yield* Provider.stream({}).pipe(
        Stream.runForEach(({ _tag }) => _tag === "Finish" ? Effect.fail(error) : Effect.void),
        Effect.exit,
        Effect.provide([MockProvider.layer(["Hello"]), tracer.layer])
      )
      assert.isTrue(Exit.isFailure(outcome))
      assert.deepStrictEqual(told(tracer).exit, Exit.void)
    }))

  it.effect("B33: is the parent of the calls of Replicate, and a child of the span around", () =>
    Effect.gen(function*() {
      const tracer = collect()
      const server = fake.server()
      yield* Provider.text(fake.asked).pipe(
        Effect.withSpan("handler"),
        Effect.provide([server.provider(), tracer.layer])
      )
      const { attributes, span } = told(tracer)
      assert.strictEqual(attributes["gen_ai.response.id"], fake.id)
      assert.strictEqual(Option.getOrThrow(span.parent).spanId, tracer.named("handler")[0]?.spanId)
      const calls = ["Replicate.models.predict", "Replicate.predictions.get"].flatMap((name) => tracer.named(name))
      assert.deepStrictEqual(calls.map(({ parent }) => Option.getOrThrow(parent).spanId), [span.spanId, span.spanId])
    }))
})
