import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ProviderError } from "../../src/ProviderError.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import type { ReplicateClient } from "../../src/replicate/ReplicateClient.js"
import * as Server from "../support/replicate-server.js"

const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
const jobs = names.map((name) => ({ model: `acme/${name}`, input: {} }))

/** Each prediction has the name of its model as its id, and ends as `ends` says, after some seconds. */
const serve = (ends: Readonly<Record<string, { readonly after: number; readonly status?: string }>> = {}) => {
  const createdAt = new Map<string, number>()
  let most = 0
  const endOf = (id: string) => {
    const { after = 10, status = "succeeded" } = ends[id] ?? {}
    return { at: (createdAt.get(id) ?? 0) + after * 1000, status }
  }
  const create: Server.Answer = (call) => {
    const id = call.url.split("/").at(-2) ?? ""
    createdAt.set(id, call.at)
    most = Math.max(most, [...createdAt.keys()].filter((id) => call.at < endOf(id).at).length)
    return Server.gives({ id })(call)
  }
  const get: Server.Answer = (call) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const id = call.url.split("/").at(-1) ?? ""
      const { at, status } = endOf(id)
      const answer = Server.gives({ id, ...(now < at ? { status: "processing" } : { status, output: id }) })(call)
      return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
    })
  const server = Server.make({ create: [create], get: [get] })
  const idsOf = (kind: Server.Kind) =>
    server.calls.filter((call) => call.kind === kind).map(({ url }) => url.split("/").at(-2))
  return { ...server, created: () => idsOf("create"), canceled: () => idsOf("cancel").sort(), most: () => most }
}

/** Runs the jobs in a mode that only the test knows. */
const inMode = (all: typeof jobs, { mode, ...options }: Prediction.RunAllOptions) =>
  Effect.asVoid<unknown, ProviderError, ReplicateClient>(
    mode === "either" ? Prediction.runAll(all, { ...options, mode }) : Prediction.runAll(all, options)
  )

describe("runAll", () => {
  it.effect("C09: gives the predictions in the order of the jobs, however long each takes", () =>
    Effect.gen(function*() {
      const server = serve({ a: { after: 30 }, b: { after: 20 }, c: { after: 5 } })
      const all: Effect.Effect<ReadonlyArray<Prediction.Prediction>, ProviderError, ReplicateClient> = Prediction
        .runAll(
          jobs
        )
      const predictions = yield* Server.timed(all).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(predictions.map(({ output }) => output), names)
      assert.deepStrictEqual(server.created(), names)
      assert.lengthOf(server.canceled(), 0)
    }))

  it.effect.each(
    [
      { options: {}, most: 5 },
      { options: { concurrency: 1 }, most: 1 },
      { options: { concurrency: 3 }, most: 3 },
      { options: { concurrency: 3, mode: "either" }, most: 3 },
      { options: { concurrency: "unbounded" }, most: 8 }
    ] satisfies ReadonlyArray<{ options: Prediction.RunAllOptions; most: number }>
  )("C09: with $options, $most run at the same time", ({ most, options }) =>
    Effect.gen(function*() {
      const server = serve()
      yield* Server.timed(inMode(jobs, options)).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.most(), most)
      assert.lengthOf(server.created(), names.length)
    }))

  it.effect("C09: the first failure cancels the others once, and begins no other", () =>
    Effect.gen(function*() {
      const server = serve({ a: { after: 20 }, b: { after: 5, status: "failed" }, c: { after: 20 } })
      const error = yield* Server.timed(Prediction.runAll(jobs, { concurrency: 3 })).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert(error._tag === "PredictionFailed")
      assert.strictEqual(error.prediction.id, "b")
      yield* Server.elapse(600)
      assert.deepStrictEqual(server.created(), ["a", "b", "c"])
      assert.deepStrictEqual(server.canceled(), ["a", "c"])
    }))

  it.effect("C09: a create whose answer is on the way when another fails is awaited, and canceled once", () =>
    Effect.gen(function*() {
      const answer: Server.Answer = (call) =>
        call.url.includes("/slow/")
          ? Server.later(4, Server.gives({ id: "slow" }))(call)
          : Server.later(1, Server.status(422, { detail: "no" }))(call)
      const server = Server.make({ create: [answer], cancel: [Server.gives({ id: "slow", status: "canceled" })] })
      const two = ["slow", "wrong"].map((name) => ({ model: `acme/${name}`, input: {} }))
      const error = yield* Server.timed(Prediction.runAll(two)).pipe(Effect.provide(server.layer), Effect.flip)
      assert.strictEqual(error._tag, "InvalidRequest")
      yield* Server.elapse(600)
      assert.deepStrictEqual(server.calls.map(({ at, kind }) => `${kind} at ${at}`), [
        "create at 0",
        "create at 0",
        "cancel at 4000"
      ])
      assert.deepStrictEqual(server.calls.at(-1)?.url, "https://api.replicate.com/v1/predictions/slow/cancel")
    }))

  it.effect("C09: what ended before the failure is not canceled", () =>
    Effect.gen(function*() {
      const server = serve({ a: { after: 2 }, b: { after: 5, status: "aborted" }, c: { after: 20 } })
      const error = yield* Server.timed(Prediction.runAll(jobs.slice(0, 3), { concurrency: 3 })).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert.strictEqual(error._tag, "PredictionCanceled")
      assert.deepStrictEqual(server.canceled(), ["c"])
    }))

  it.effect("C09: with either, a failure is the result of its own run, and nothing else is lost", () =>
    Effect.gen(function*() {
      const server = serve({ a: { after: 20 }, b: { after: 5, status: "failed" } })
      const all: Effect.Effect<
        ReadonlyArray<Either.Either<Prediction.Prediction, ProviderError>>,
        never,
        ReplicateClient
      > = Prediction.runAll([...jobs, { model: "acme/llama:latest", input: {} }], { concurrency: 3, mode: "either" })
      const results = yield* Server.timed(all).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(
        results.map(Either.match({ onLeft: ({ _tag }) => _tag, onRight: ({ output }) => output })),
        ["a", "PredictionFailed", ...names.slice(2), "InvalidRequest"]
      )
      assert.lengthOf(server.canceled(), 0)
    }))

  it.effect("C09: an interruption cancels what is under way", () =>
    Effect.gen(function*() {
      for (const mode of ["default", "either"] as const) {
        const server = serve()
        const fiber = yield* Effect.fork(Effect.provide(inMode(jobs, { concurrency: 2, mode }), server.layer))
        yield* Server.elapse(3)
        yield* Server.interrupt(fiber)
        assert.isTrue(yield* Server.isDone(fiber))
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.created(), ["a", "b"])
        assert.deepStrictEqual(server.canceled(), ["a", "b"])
      }
    }))

  it.effect("C14: each run has a total clock of its own, from its own beginning", () =>
    Effect.gen(function*() {
      const server = serve({ c: { after: 60 } })
      const results = yield* Server.timed(
        Prediction.runAll(jobs.slice(0, 4), { concurrency: 2, mode: "either", timeout: "15 seconds" })
      ).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(
        results.map(Either.match({ onLeft: ({ _tag }) => _tag, onRight: ({ output }) => output })),
        ["a", "b", "Timeout", "d"]
      )
      assert.deepStrictEqual(server.canceled(), ["c"])
    }))

  it.effect("C10: what a job says of itself counts before what is said of all", () =>
    Effect.gen(function*() {
      const server = Server.make()
      const model = Server.model
      yield* Server.timed(
        Prediction.runAll([
          { model, input: { n: 1 } },
          { model, input: { n: 2 }, webhook: "https://example.com/two", wait: "7 seconds" }
        ], { webhook: "https://example.com/all", concurrency: 1 })
      ).pipe(Effect.provide(server.layer))
      const creates = server.calls.filter(({ kind }) => kind === "create")
      assert.deepStrictEqual(creates.map(({ body }) => body), [
        { input: { n: 1 }, webhook: "https://example.com/all" },
        { input: { n: 2 }, webhook: "https://example.com/two" }
      ])
      assert.deepStrictEqual(creates.map(({ headers }) => headers["prefer"]), ["wait=5", "wait=7"])
    }))

  it.effect("no jobs give no predictions", () =>
    Effect.gen(function*() {
      const server = serve()
      assert.deepStrictEqual(yield* Prediction.runAll([]).pipe(Effect.provide(server.layer)), [])
      assert.lengthOf(server.calls, 0)
    }))

  it.effect("can be run again, also when the jobs can be gone through only once", () =>
    Effect.gen(function*() {
      const server = serve()
      const all = Prediction.runAll(jobs.slice(0, 2).values())
      yield* Server.timed(Effect.zipRight(all, all)).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(server.created(), ["a", "b", "a", "b"])
    }))
})
