import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Duration, Effect, Fiber, Layer, Redacted, Ref, Schedule, Stream } from "effect"
import { Output, Provider, Replicate } from "effect-providers"
import { emulatorServer } from "../support/emulatorServer.js"

const secret = "r8_integration_secret"

const withReplicate = (url: string) => <A, E>(effect: Effect.Effect<A, E, Provider.Provider>) =>
  Effect.provide(
    effect,
    Layer.provide(
      Replicate.layer({ apiKey: Redacted.make(secret), baseUrl: url, anyModel: true }),
      FetchHttpClient.layer
    )
  )

type Server = Effect.Effect.Success<typeof emulatorServer>

const cancels = ({ emulator }: Server) =>
  Effect.map(emulator.requests, (requests) => requests.filter(({ path }) => path.endsWith("/cancel")).length)

/** Looks until it is so: what a server sees of a socket comes a moment later. */
const eventually = <A>(look: Effect.Effect<A>, isSo: (value: A) => boolean) =>
  look.pipe(
    Effect.filterOrFail(isSo, (value) => new Error(`it is ${JSON.stringify(value)} to the end`)),
    Effect.retry(Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(150))),
    Effect.orDie
  )

const question = { model: "test/quick", messages: [{ role: "user", content: "What is a llama?" }] }

describe("over a real socket", () => {
  it.scopedLive("R01: the first token arrives while the server still holds the stream open", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      const atFirst = yield* Ref.make<ReadonlyArray<string>>([])
      const texts = yield* Provider.stream(question).pipe(
        Output.text,
        Stream.zipWithIndex,
        Stream.tap(([, n]) =>
          n > 0 ?
            Effect.void :
            Effect.flatMap(server.emulator.streams, (streams) => Ref.set(atFirst, streams.map(({ state }) => state)))
        ),
        Stream.map(([text]) => text),
        Stream.runCollect,
        withReplicate(server.url)
      )
      assert.isAbove(Chunk.size(texts), 10)
      assert.deepStrictEqual(yield* atFirst, ["open"])
      const [stream] = yield* server.emulator.streams
      assert.strictEqual(stream?.state, "finished")
      assert.strictEqual(yield* cancels(server), 0)
    }))

  it.scopedLive("R25: interrupting the consumer closes the socket and cancels the prediction once", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      const started = yield* Deferred.make<void>()
      const fiber = yield* Provider.stream({ ...question, model: "test/endless" }).pipe(
        Output.text,
        Stream.runForEach(() => Deferred.succeed(started, undefined)),
        withReplicate(server.url),
        Effect.fork
      )
      yield* Deferred.await(started)
      assert.strictEqual(yield* server.sockets, 1)
      yield* Fiber.interrupt(fiber)
      yield* eventually(server.sockets, (open) => open === 0)
      assert.strictEqual(yield* cancels(server), 1)
      const [prediction] = yield* server.emulator.predictions
      assert.strictEqual(prediction?.status, "canceled")
    }))

  it.scopedLive("R25: interrupted between the create and its answer, it cancels what was created, once", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      yield* server.emulator.fail({ method: "POST" }, { _tag: "Delay", duration: "400 millis" })
      const fiber = yield* Effect.fork(
        Provider.text({ ...question, model: "test/endless" }).pipe(
          withReplicate(server.url)
        )
      )
      yield* eventually(server.emulator.requests, (requests) => requests.length === 1)
      assert.deepStrictEqual(yield* server.emulator.predictions, [])
      yield* Fiber.interrupt(fiber)
      const predictions = yield* server.emulator.predictions
      assert.deepStrictEqual(predictions.map(({ status }) => status), ["canceled"])
      assert.strictEqual(yield* cancels(server), 1)
      assert.deepStrictEqual(yield* server.emulator.streams, [])
    }))

  it.scopedLive("R25: taking a few outputs cancels the rest", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      const texts = yield* Provider.stream({ ...question, model: "test/endless" }).pipe(
        Output.text,
        Stream.take(1),
        Stream.runCollect,
        withReplicate(server.url)
      )
      assert.strictEqual(Chunk.size(texts), 1)
      assert.strictEqual(yield* cancels(server), 1)
      yield* eventually(server.sockets, (open) => open === 0)
    }))

  it.scopedLive("the token reaches the API and no other origin", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      assert.notStrictEqual(server.url, server.streamUrl)
      yield* Provider.text(question).pipe(withReplicate(server.url))
      const requests = yield* server.emulator.requests
      const at = (url: string) => requests.filter(({ origin }) => origin === url)
      assert.isAbove(at(server.url).length, 1)
      assert.isTrue(at(server.url).every(({ hasToken }) => hasToken))
      assert.isAbove(at(server.streamUrl).length, 0)
      assert.isFalse(at(server.streamUrl).some(({ hasToken }) => hasToken))
      assert.strictEqual(at(server.url).length + at(server.streamUrl).length, requests.length)
    }))

  it.scopedLive("R22: a stream that is cut is taken up again where it broke, and nothing is lost or doubled", () =>
    Effect.gen(function*() {
      const server = yield* emulatorServer
      yield* server.emulator.fail({ path: "/stream" }, { _tag: "CutStream", events: 5 })
      const text = yield* Provider.text(question).pipe(withReplicate(server.url))
      const streams = yield* server.emulator.streams
      assert.deepStrictEqual(streams.map(({ state }) => state), ["dropped", "finished"])
      assert.isDefined(streams[1]?.lastEventId)
      const [prediction] = yield* server.emulator.predictions
      assert.strictEqual(text, Array.isArray(prediction?.output) ? prediction.output.join("") : "")
    }))

  it.live("R16: the total clock gives up on a server that accepts and never answers, and says so", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* emulatorServer
      yield* server.emulator.fail({ method: "POST" }, { _tag: "Stall" })
      const error = yield* Provider.text({ ...question, connectTimeout: "100 millis" }).pipe(
        withReplicate(server.url),
        Effect.flip
      )
      assert.strictEqual(error._tag, "Timeout")
      assert.deepInclude(error, { clock: "connect", duration: Duration.millis(100) })
      assert.strictEqual((yield* server.emulator.requests).length, 1)
    })))
})
