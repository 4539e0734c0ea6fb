import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as Polling from "../../src/http/Polling.js"
import { isRetryable, ProviderError } from "../../src/ProviderError.js"
import * as FileInput from "../../src/replicate/FileInput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as Training from "../../src/replicate/Training.js"
import * as ReplicateEmulator from "../../src/testing/ReplicateEmulator.js"
import { sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

const input = { prompt: "PROMPT-OF-THE-CALLER" }
const run = (options?: Prediction.RunOptions) => Prediction.run(Server.model, input, options)
const stream = (options?: Prediction.StreamOptions) => Stream.runDrain(Prediction.stream(Server.model, input, options))

const streamable = Server.gives({ urls: { stream: Server.streamUrl } })
const running = Server.gives({ status: "processing" })

describe("run", () => {
  it.effect("C04: creates with a hold of 5 seconds, polls, and gives the whole prediction", () =>
    Effect.gen(function*() {
      const url = "https://replicate.delivery/out.webp"
      const done = Server.gives({ status: "succeeded", output: [url], logs: "100%", metrics: { predict_time: 1.5 } })
      const server = Server.make({ get: [running, done] })
      const prediction = yield* Server.timed(run()).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(prediction.files.map((file) => file.url), [url])
      assert.strictEqual(prediction.metrics?.["predict_time"], 1.5)
      assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "get", "get"])
      assert.strictEqual(server.calls[0]?.headers["prefer"], "wait=5")
      assert.deepStrictEqual(server.calls[0]?.body, { input })
      assert.deepStrictEqual(server.times("get"), [0, 1000])
    }))

  it.effect.each([
    { what: "processing with a partial list", fields: { status: "processing", output: ["a"] } },
    { what: "processing with an output", fields: { status: "processing", output: "https://replicate.delivery/a.png" } },
    { what: "processing with null", fields: { status: "processing", output: null } },
    { what: "starting", fields: { status: "starting" } },
    { what: "a status not known today", fields: { status: "queued", output: "done?" } }
  ])("C04: $what is not final", ({ fields }) =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [Server.gives(fields)],
        get: [Server.gives(fields), Server.gives({ status: "succeeded", output: "all" })]
      })
      const prediction = yield* Server.timed(run()).pipe(Effect.provide(server.layer))
      assert.strictEqual(prediction.output, "all")
      assert.strictEqual(server.count("get"), 2)
    }))

  const endings = [
    { status: "succeeded", tag: undefined },
    { status: "failed", tag: "PredictionFailed" },
    { status: "canceled", tag: "PredictionCanceled" },
    { status: "aborted", tag: "PredictionCanceled" }
  ]

  it.effect.each(endings.flatMap((ending) => [{ ...ending, at: "create" }, { ...ending, at: "get" }]))(
    "C13: $status at the $at is final, and nothing is canceled",
    ({ at, status, tag }) =>
      Effect.gen(function*() {
        const server = Server.make({ [at]: [Server.gives({ status, output: "x" })] })
        const result = yield* Effect.either(Server.timed(run())).pipe(Effect.provide(server.layer))
        yield* Server.elapse(60)
        assert.strictEqual(server.count("cancel"), 0)
        assert.strictEqual(server.count("get"), at === "get" ? 1 : 0)
        if (result._tag === "Right") return assert.isUndefined(tag)
        assert.strictEqual(result.left._tag, tag)
        if (result.left._tag === "PredictionCanceled") assert.strictEqual(result.left.status, status)
      })
  )

  it.effect.each([
    { status: "canceled", completed_at: "2026-01-02T03:05:00.2Z", overdue: true },
    { status: "aborted", completed_at: "2026-01-02T03:05:00Z", overdue: true },
    { status: "canceled", completed_at: "2026-01-02T03:04:59Z", overdue: undefined },
    { status: "canceled", completed_at: null, overdue: undefined },
    { status: "canceled", completed_at: "2026-01-02T03:05:00.2Z", deadline: null, overdue: undefined }
  ])(
    "C13: $status at $completed_at tells whether it was the deadline",
    ({ completed_at, deadline = "2026-01-02T03:05:00Z", overdue, status }) =>
      Effect.gen(function*() {
        const server = Server.make({ get: [Server.gives({ status, completed_at, deadline })] })
        const error = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
        assert(error._tag === "PredictionCanceled")
        assert.strictEqual(error.overdue, overdue)
        assert.strictEqual(
          error.message.includes("as its deadline came. Run it again with a later one."),
          overdue === true
        )
      })
  )

  it.effect("C08: a failure carries the prediction, but not its input", () =>
    Effect.gen(function*() {
      const failed = { status: "failed", input, error: "no GPU", logs: "x".repeat(5000) + "end" }
      const server = Server.make({ get: [Server.gives(failed)] })
      const error = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
      assert(error._tag === "PredictionFailed")
      const { logs, ...summary } = error.prediction
      assert.deepStrictEqual({ ...summary }, {
        id: Server.id,
        model: Server.model,
        status: "failed",
        error: "no GPU",
        url: `https://replicate.com/p/${Server.id}`
      })
      assert.isBelow(logs?.length ?? Infinity, 3000)
      assert.isTrue(logs?.endsWith("end"))
      const encoded = yield* Schema.encode(ProviderError)(error)
      for (
        const text of [JSON.stringify(error), JSON.stringify(encoded), inspect(error, { depth: 10 }), error.message]
      ) {
        assert.notInclude(text, input.prompt)
      }
    }))

  it.effect.each([
    "ValidationError: steps: invalid value",
    "Prediction interrupted; please retry (code: PA)"
  ])("C07: what failed is not run again: %s", (error) =>
    Effect.gen(function*() {
      const server = Server.make({
        get: [Server.gives({ status: "failed", error, logs: "Invalid input: validation" })]
      })
      const failure = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
      assert.strictEqual(failure._tag, "PredictionFailed")
      assert.strictEqual(server.count("create"), 1)
    }))

  const plain = { code: undefined, transient: false, moderation: false, outOfMemory: false }

  it.effect.each([
    { error: "Prediction interrupted; please retry (code: PA)", code: "PA", transient: true },
    { error: "Director: unexpected error handling prediction (E8765)", code: "E8765", transient: true },
    { error: "Director: unexpected error handling prediction (E9828) (a1b2)", code: "E9828", transient: true },
    { error: "E6716: timeout starting prediction", code: "E6716", transient: true },
    { error: "E1001: the model ran out of memory", code: "E1001", outOfMemory: true },
    { error: "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 14.58 GiB total capacity)", outOfMemory: true },
    {
      error: "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (x1y2)",
      code: "E005",
      moderation: true
    },
    { error: "NSFW content detected. Try running it again, or try a different prompt.", moderation: true },
    { error: "E4875: the webhook URL is empty", code: "E4875" },
    { error: "E1000", code: "E1000" },
    { error: "ValueError: width must be a multiple of 8" },
    { error: "" },
    { error: null },
    { error: { detail: "E1001", where: "gpu" }, code: "E1001", outOfMemory: true }
  ])("C08: the error $error is told apart", ({ error: text, ...expected }) =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.gives({ status: "failed", error: text })] })
      const error = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
      assert(error._tag === "PredictionFailed")
      const { code, moderation, outOfMemory, transient } = error
      assert.deepStrictEqual({ code, moderation, outOfMemory, transient }, { ...plain, ...expected })
    }))

  it.effect("C14: the total clock covers the create, its retries and the polling", () =>
    Effect.gen(function*() {
      const limited = Server.status(429, { retry_after: 4 })
      const server = Server.make({ create: [limited, Server.gives()], get: [running] }, { timeout: "20 seconds" })
      const error = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, "total")
      assert.strictEqual(Duration.toSeconds(error.duration), 20)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 20_000)
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect("C13: a policy that ends is a Timeout, and cancels", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running] })
      const error = yield* Server.timed(run({ polling: Polling.fixed("2 seconds", 3) })).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.deepStrictEqual(server.times("get"), [0, 2000, 4000])
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect("polling that fails cancels once and keeps its error", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.status(404)], cancel: [Server.status(500)] })
      const error = yield* Server.timed(run()).pipe(Effect.provide(server.layer), Effect.flip)
      assert.deepInclude(error, { _tag: "ResponseError", status: 404, method: "GET" })
      assert.isAtLeast(server.count("cancel"), 1)
    }))

  it.effect("C09: several runs at the same time do not disturb each other", () =>
    Effect.gen(function*() {
      const named: Server.Answer = (call) => Server.gives({ id: call.url.split("/").at(-2) })(call)
      const asked: Server.Answer = (call) => {
        const id = call.url.split("/").at(-1)
        return Server.gives({ id, status: "succeeded", output: id })(call)
      }
      const server = Server.make({ create: [named], get: [asked] })
      const names = ["a", "b", "c", "d"]
      const all = Effect.forEach(names, (name) => Prediction.run(`acme/${name}`, {}), { concurrency: "unbounded" })
      const predictions = yield* Server.timed(all).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(predictions.map((prediction) => prediction.output), names)
    }))
})

describe("options", () => {
  const created = (options: Prediction.CreateOptions) =>
    Effect.gen(function*() {
      const server = Server.make()
      const result = yield* Effect.either(Server.timed(Prediction.create(Server.model, input, options))).pipe(
        Effect.provide(server.layer)
      )
      return { result, calls: server.calls }
    })

  it.effect.each(
    [
      { options: {}, headers: {} },
      { options: { wait: "1 second" }, headers: { prefer: "wait=1" } },
      { options: { wait: "60 seconds" }, headers: { prefer: "wait=60" } },
      { options: { wait: 1500 }, headers: { prefer: "wait=2" } },
      { options: { cancelAfter: "5 seconds" }, headers: { "cancel-after": "5s" } },
      { options: { cancelAfter: "2 minutes" }, headers: { "cancel-after": "120s" } },
      {
        options: { wait: "10 seconds", cancelAfter: "1 hour" },
        headers: { prefer: "wait=10", "cancel-after": "3600s" }
      }
    ] satisfies ReadonlyArray<{ options: Prediction.CreateOptions; headers: Record<string, string> }>
  )(
    "$options is sent as the headers $headers",
    ({ headers, options }) =>
      Effect.gen(function*() {
        const { calls } = yield* created(options)
        const sent = Object.entries(calls[0]?.headers ?? {}).filter(([name]) => /^(?:prefer|cancel-after)$/.test(name))
        assert.deepStrictEqual<unknown>(Object.fromEntries(sent), headers)
        assert.deepStrictEqual(calls[0]?.body, { input })
      })
  )

  it.effect.each(
    [
      { options: {}, client: {}, wait: 5 },
      { options: { timeout: "10 minutes" }, client: {}, wait: 5 },
      { options: { timeout: "3 seconds" }, client: {}, wait: 3 },
      { options: { timeout: 1200 }, client: {}, wait: 2 },
      { options: { timeout: 0 }, client: {}, wait: 1 },
      { options: {}, client: { timeout: "2 seconds" }, wait: 2 },
      { options: { timeout: "3 seconds", wait: "9 seconds" }, client: {}, wait: 9 }
    ] satisfies ReadonlyArray<
      { options: Prediction.RunOptions; client: ReplicateConfig.Options; wait: number }
    >
  )(
    "C13: run with $options has its create held back for $wait seconds, by a client with $client",
    (given) =>
      Effect.gen(function*() {
        const server = Server.make({}, given.client)
        yield* Effect.exit(Server.timed(Prediction.run(Server.model, input, given.options))).pipe(
          Effect.provide(server.layer)
        )
        assert.strictEqual(server.calls[0]?.headers["prefer"], `wait=${given.wait}`)
      })
  )

  it.effect("C10, C11: a webhook and its filter go into the body", () =>
    Effect.gen(function*() {
      const webhook = "https://example.com/hook?id=7"
      const { calls } = yield* created({ webhook, webhookEventsFilter: ["start", "output", "logs", "completed"] })
      const webhook_events_filter = ["start", "output", "logs", "completed"]
      assert.deepStrictEqual(calls[0]?.body, { input, webhook, webhook_events_filter })
    }))

  it.effect("C12: no filter sends no field", () =>
    Effect.gen(function*() {
      const { calls } = yield* created({ webhook: new URL("https://example.com/hook") })
      assert.deepStrictEqual(calls[0]?.body, { input, webhook: "https://example.com/hook" })
    }))

  it.effect.each([
    { field: "wait", options: { wait: 0 } },
    { field: "wait", options: { wait: "61 seconds" } },
    { field: "wait", options: { wait: 60_001 } },
    { field: "wait", options: { wait: Duration.infinity } },
    { field: "cancelAfter", options: { cancelAfter: "4 seconds" } },
    { field: "wait", options: { wait: "soon" } },
    { field: "wait", options: { wait: Number.NaN } },
    { field: "cancelAfter", options: { cancelAfter: Duration.infinity } },
    { field: "cancelAfter", options: { cancelAfter: "366 days" } },
    { field: "cancelAfter", options: { cancelAfter: 1e30 } },
    { field: "cancelAfter", options: { cancelAfter: "soon" } },
    { field: "webhook", options: { webhook: "example.com/hook" } },
    { field: "webhook", options: { webhook: "" } },
    { field: "webhook", options: { webhook: "localhost:3000/hook" } },
    { field: "filter", options: { webhookEventsFilter: ["failed"] } },
    { field: "filter", options: { webhookEventsFilter: ["completed", ""] } }
  ])("C11: $options is refused before any request", ({ field, options }) =>
    Effect.gen(function*() {
      // what a caller without types may send
      const { calls, result } = yield* created(options as Prediction.CreateOptions)
      assert.lengthOf(calls, 0)
      assert(result._tag === "Left" && result.left._tag === "InvalidRequest")
      assert.include(result.left.message.toLowerCase(), field.toLowerCase())
    }))

  it.effect("C13: cancelAfter without end says how to have no deadline", () =>
    Effect.gen(function*() {
      const { result } = yield* created({ cancelAfter: Duration.infinity })
      assert(result._tag === "Left")
      assert.include(result.left.message, "5 seconds to 365 days; leave it out for no deadline")
      assert.strictEqual((yield* created({ cancelAfter: "365 days" })).result._tag, "Right")
    }))

  it.effect.each([
    { field: "timeout", options: { timeout: "soon" } },
    { field: "timeout", options: { timeout: Number.NaN } },
    { field: "timeout", options: { timeout: -5 } },
    { field: "idleTimeout", options: { idleTimeout: "soon" } }
  ])("C14: $options is refused before any request", ({ field, options }) =>
    Effect.gen(function*() {
      // what a caller without types may send
      const given = options as Prediction.StreamOptions
      const server = Server.make()
      const prediction = new Prediction.Prediction({ id: Server.id, status: "starting" })
      for (
        const call of [
          Prediction.run(Server.model, input, given),
          Prediction.wait(prediction, given),
          Training.run(`${Server.model}:${Server.version}`, { destination: "acme/mine", input: {} }, given),
          Stream.runDrain(Prediction.stream(Server.model, input, given)),
          Stream.runDrain(Prediction.watch(Server.model, input, given))
        ]
      ) {
        const error = yield* Effect.flip(Effect.asVoid(call)).pipe(Effect.provide(server.layer))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, field)
        assert.include(error.message, "expected a duration")
      }
      assert.lengthOf(server.calls, 0)
    }))

  it.effect("R20: another word for unstreamable is refused before any request", () =>
    Effect.gen(function*() {
      // what a caller without types may send
      const given: Prediction.StreamOptions = { unstreamable: "bogus" as "refuse" }
      const server = Server.make()
      for (
        const call of [
          Stream.runDrain(Prediction.stream(Server.model, input, given)),
          Stream.runDrain(Prediction.events(Server.model, input, given)),
          Stream.runDrain(Prediction.files(Server.model, input, given)),
          Stream.runDrain(Prediction.watch(Server.model, input, given))
        ]
      ) {
        const error = yield* Effect.flip(call).pipe(Effect.provide(server.layer))
        assert(error._tag === "InvalidRequest")
        assert.deepInclude(error.issues[0], { field: "unstreamable", message: "expected fail, refuse or poll" })
      }
      assert.lengthOf(server.calls, 0)
    }))

  it.effect("C11: a wrong event name is told with the right ones", () =>
    Effect.gen(function*() {
      const { result } = yield* created({ webhookEventsFilter: ["failed" as "completed"] })
      assert(result._tag === "Left")
      for (const name of ["start", "output", "logs", "completed"]) assert.include(result.left.message, name)
    }))

  it.effect("C11: a wrong event name is refused before files are uploaded and models are read", () =>
    Effect.gen(function*() {
      const large = { file: new Uint8Array(256 * 1024 + 1) }
      // what a caller without types may send
      const hooks = { webhookEventsFilter: ["failed" as "completed"] }
      const ways = [
        Prediction.create(Server.model, input, { ...hooks, latestVersion: true }),
        Prediction.create(Server.model, large, hooks),
        Training.create(`${Server.model}:${Server.version}`, { destination: "acme/mine", input: large }, hooks)
      ]
      for (const way of ways) {
        const server = Server.make()
        const error = yield* Effect.flip(Server.timed(Effect.asVoid(way)).pipe(Effect.provide(server.layer)))
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.lengthOf(server.calls, 0)
      }
    }))

  it.effect.each(["", "llama", "acme/llama:latest", "../x", "acme/.."])(
    "the model %j is refused before any request",
    (model) =>
      Effect.gen(function*() {
        const server = Server.make()
        for (const call of [Prediction.create(model, input), Prediction.run(model, input)]) {
          const error = yield* Effect.flip(call).pipe(Effect.provide(server.layer))
          assert(error._tag === "InvalidRequest")
          assert.strictEqual(error.issues[0]?.field, "model")
        }
        const error = yield* Effect.flip(Stream.runDrain(Prediction.stream(model, input))).pipe(
          Effect.provide(server.layer)
        )
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.lengthOf(server.calls, 0)
      })
  )

  const cyclic: Record<string, unknown> = {}
  cyclic["self"] = cyclic

  it.effect.each([
    { what: "a big integer", input: { n: 1n } },
    { what: "a cycle", input: cyclic }
  ])("an input with $what is refused before any request", ({ input }) =>
    Effect.gen(function*() {
      const server = Server.make()
      const error = yield* Server.timed(Prediction.create(Server.model, input)).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.lengthOf(server.calls, 0)
    }))
})

describe("interruption", () => {
  const started = <A, E>(
    effect: Effect.Effect<A, E, ReplicateClient.ReplicateClient>,
    server: ReturnType<typeof Server.make>
  ) => Effect.tap(Effect.fork(Effect.provide(effect, server.layer)), () => Server.settle)

  interface Way {
    readonly way: string
    readonly effect: Effect.Effect<unknown, ProviderError, ReplicateClient.ReplicateClient>
  }

  const trainer = `${Server.model}:${Server.version}`
  const work = { destination: "acme/mine", input }
  const watch = (options?: Prediction.StreamOptions) => Stream.runDrain(Prediction.watch(Server.model, input, options))
  const watchTraining = (options?: Training.WatchOptions) => Stream.runDrain(Training.watch(trainer, work, options))

  const ways: ReadonlyArray<Way> = [
    { way: "create", effect: Prediction.create(Server.model, input) },
    { way: "deployment: create", effect: Prediction.create("deployments/acme/llama", input) },
    { way: "run", effect: run() },
    { way: "stream", effect: stream() },
    { way: "watch", effect: watch() },
    { way: "Training.create", effect: Training.create(trainer, work) },
    { way: "Training.run", effect: Training.run(trainer, work) },
    { way: "Training.watch", effect: watchTraining() }
  ]
  const toTheEnd = ways.filter(({ way }) => !way.endsWith("create"))

  it.effect.each(ways)(
    "$way: while the create waits for its retry, nothing is sent any more",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.status(429, { retry_after: 10 }), Server.gives()] })
        const fiber = yield* started(effect, server)
        yield* Server.elapse(3)
        yield* Server.interrupt(fiber)
        assert.isTrue(yield* Server.isDone(fiber))
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create"])
      })
  )

  it.effect.each(ways)(
    "$way: while the answer is on the way, it is awaited and canceled once",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.later(4, streamable)] })
        const fiber = yield* started(effect, server)
        yield* Server.elapse(1)
        yield* Server.interrupt(fiber)
        assert.isFalse(yield* Server.isDone(fiber))
        yield* Server.elapse(3)
        assert.isTrue(yield* Server.isDone(fiber))
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "cancel"])
      })
  )

  it.effect.each(ways)(
    "$way: a create that is refused after the interruption is not sent again",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({
          create: [Server.later(4, Server.status(429, { retry_after: 1 })), Server.gives()]
        })
        const fiber = yield* started(effect, server)
        yield* Server.interrupt(fiber)
        yield* Server.elapse(600)
        assert.isTrue(yield* Server.isDone(fiber))
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create"])
      })
  )

  it.effect.each(ways)(
    "$way: an answer that comes late holds nothing up, and is canceled all the same",
    ({ effect, way }) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.later(20, streamable)] }, { cancelTimeout: "3 seconds" })
        const fiber = yield* started(effect, server)
        yield* Server.interrupt(fiber)
        // a run lets the server hold its answer back for 5 seconds
        yield* Server.elapse(way === "run" ? 7.9 : 2.9)
        assert.isFalse(yield* Server.isDone(fiber))
        yield* Server.elapse(0.2)
        assert.isTrue(yield* Server.isDone(fiber))
        assert.strictEqual(server.count("cancel"), 0)
        yield* Server.elapse(20)
        assert.strictEqual(server.count("cancel"), 1)
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "cancel"])
      })
  )

  it.effect.each(ways)(
    "$way: the connect clock of a create runs on after the interruption",
    ({ effect }) =>
      Effect.gen(function*() {
        let closed = 0
        const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => closed++))
        const server = Server.make({ create: [() => never] }, {
          connectTimeout: "20 seconds",
          cancelTimeout: "3 seconds"
        })
        const fiber = yield* started(effect, server)
        yield* Server.elapse(1)
        yield* Server.interrupt(fiber)
        assert.strictEqual(closed, 0)
        yield* Server.elapse(60)
        assert.isTrue(yield* Server.isDone(fiber))
        assert.strictEqual(closed, 1)
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create"])
      })
  )

  it.effect("an exchange that cannot be stopped holds nothing up, also after its time", () =>
    Effect.gen(function*() {
      for (const seconds of [1, 11]) {
        const stuck = () => Effect.uninterruptible(Effect.as(Effect.sleep("1000 seconds"), new Response("{}")))
        const server = Server.make({ create: [stuck] }, { connectTimeout: "10 seconds", cancelTimeout: "3 seconds" })
        const fiber = yield* started(Prediction.create(Server.model, input), server)
        yield* Server.elapse(seconds)
        yield* Server.interrupt(fiber)
        yield* Server.elapse(3.1)
        assert.isTrue(yield* Server.isDone(fiber))
      }
    }))

  it.effect("where it cannot be interrupted, a create goes on to its end, over all its tries", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.status(429, { retry_after: 5 }), Server.gives()] })
      const fiber = yield* started(Effect.uninterruptible(Prediction.create(Server.model, input)), server)
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(60)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "create"])
    }))

  it.effect("a client of one's own that makes its requests anew loses no prediction either", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(4, Server.gives())] })
      const own = Effect.map(ReplicateClient.ReplicateClient, (client) => {
        const { models } = client.api
        const predict: typeof models.predict = ({ headers, path, payload }) =>
          models.predict({ headers, path, payload })
        return { ...client, api: { ...client.api, models: { ...models, predict } } }
      })
      const layer = Layer.provide(Layer.effect(ReplicateClient.ReplicateClient, own), server.layer)
      const fiber = yield* Effect.fork(Effect.provide(Prediction.create(Server.model, input), layer))
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(60)
      assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "cancel"])
    }))

  it.effect("a cancel that is not answered holds the interruption no longer than the cancel timeout", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running], cancel: [Server.silent] }, { cancelTimeout: "3 seconds" })
      const fiber = yield* started(run(), server)
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(2.9)
      assert.isFalse(yield* Server.isDone(fiber))
      yield* Server.elapse(0.2)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect("a cancel that fails is tried again in the background", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running], cancel: [Server.status(503), Server.gives({ status: "canceled" })] })
      const fiber = yield* started(run(), server)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(60)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.strictEqual(server.count("cancel"), 2)
    }))

  it.effect("run: during the polling, cancels once and polls no more", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running] })
      const fiber = yield* started(run(), server)
      yield* Server.elapse(3)
      const polls = server.count("get")
      const exit = yield* Effect.zipRight(Server.interrupt(fiber), Server.finish(fiber))
      assert.isTrue(Exit.isInterrupted(exit))
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 1)
      assert.strictEqual(server.count("get"), polls)
    }))

  it.effect("run: while a poll is on the way, cancels once", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.silent] })
      const fiber = yield* started(run(), server)
      yield* Server.interrupt(fiber)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "get", "cancel"])
    }))

  it.effect("R25: stream: while outputs arrive, closes the connection and cancels once", () =>
    Effect.gen(function*() {
      let closed = 0
      const open = Server.openSse("event: output\nid: 1:0\ndata: Once\n\n", () => closed++)
      const server = Server.make({ create: [streamable], other: [open] })
      const fiber = yield* started(stream(), server)
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(600)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.strictEqual(closed, 1)
      assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create", "other", "cancel"])
    }))

  it.effect("R25: stream: a consumer that has enough closes the connection and cancels once", () =>
    Effect.gen(function*() {
      let closed = 0
      const open = Server.openSse("event: output\nid: 1:0\ndata: Once\n\n", () => closed++)
      const server = Server.make({ create: [streamable], other: [open] })
      const outputs = yield* Server.timed(Stream.runCollect(Stream.take(Prediction.stream(Server.model, input), 1)))
        .pipe(
          Effect.provide(server.layer)
        )
      assert.deepStrictEqual([...outputs], [{ _tag: "TextDelta", text: "Once" }])
      yield* Server.elapse(600)
      assert.strictEqual(closed, 1)
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect.each(toTheEnd)("$way: Effect.timeout cancels once", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [streamable], get: [running], other: [Server.openSse(": hi\n\n")] })
      const exit = yield* Server.timed(Effect.exit(Effect.timeout(effect, "10 seconds"))).pipe(
        Effect.provide(server.layer)
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect.each(
    [
      { way: "run", effect: run({ timeout: "10 seconds" }), clock: "total" },
      { way: "stream", effect: stream({ timeout: "10 seconds" }), clock: "total" },
      { way: "stream", effect: stream({ idleTimeout: "10 seconds" }), clock: "idle" },
      { way: "watch", effect: watch({ timeout: "10 seconds" }), clock: "total" },
      { way: "watch", effect: watch({ idleTimeout: "10 seconds" }), clock: "idle" },
      { way: "Training.run", effect: Training.run(trainer, work, { timeout: "10 seconds" }), clock: "total" },
      { way: "Training.watch", effect: watchTraining({ timeout: "10 seconds" }), clock: "total" },
      { way: "Training.watch", effect: watchTraining({ idleTimeout: "10 seconds" }), clock: "idle" }
    ] satisfies ReadonlyArray<Way & { readonly clock: string }>
  )("$way: the $clock clock cancels once", ({ clock, effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [streamable], get: [running], other: [Server.openSse(": hi\n\n")] })
      const error = yield* Server.timed(Effect.flip(effect)).pipe(Effect.provide(server.layer))
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, clock)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 1)
    }))

  const clocked = [
    { way: "run", effect: run({ timeout: "10 seconds" }) },
    { way: "stream by the total clock", effect: stream({ timeout: "10 seconds" }) },
    { way: "stream by the idle clock", effect: stream({ idleTimeout: "10 seconds" }) },
    { way: "watch by the idle clock", effect: watch({ idleTimeout: "10 seconds" }) },
    { way: "Training.run", effect: Training.run(trainer, work, { timeout: "10 seconds" }) },
    { way: "Training.watch", effect: watchTraining({ timeout: "10 seconds" }) }
  ]

  for (
    const { cancel, safe, what } of [
      { what: "is canceled may be tried again", cancel: Server.gives({ status: "canceled" }), safe: true },
      { what: "is not there any more may be tried again", cancel: Server.status(404), safe: true },
      { what: "cannot be canceled may still run", cancel: Server.status(422), safe: false },
      { what: "nobody cancels may still run", cancel: Server.silent, safe: false }
    ]
  ) {
    it.effect.each(clocked)(
      `C06, C14: $way: a job that ${what}, which the error says`,
      ({ effect }) =>
        Effect.gen(function*() {
          const script = { create: [streamable], get: [running], other: [Server.openSse(": hi\n\n")], cancel: [cancel] }
          const server = Server.make(script)
          const error = yield* Server.timed(Effect.flip(effect)).pipe(Effect.provide(server.layer))
          assert(error._tag === "Timeout")
          assert.strictEqual(isRetryable(error), safe)
          assert.strictEqual(error.predictionId, safe ? undefined : Server.id)
          assert.strictEqual(error.message.includes(`${Server.id} may still run: look before`), !safe)
          assert.isAtMost(yield* TestClock.currentTimeMillis, 15_000)
        })
    )
  }

  it.effect.each([
    { way: "run", effect: run({ timeout: "10 seconds" }) },
    { way: "stream", effect: stream({ timeout: "10 seconds" }) },
    { way: "watch", effect: watch({ timeout: "10 seconds" }) }
  ])(
    "C06, C14: $way: a create that is answered a little too late may be tried again when it is canceled",
    ({ effect }) =>
      Effect.gen(function*() {
        for (
          const [cancel, predictionId] of [[Server.gives({ status: "canceled" }), undefined], [
            Server.silent,
            Server.id
          ]] as const
        ) {
          const server = Server.make({ create: [Server.later(12, streamable)], cancel: [cancel] })
          const error = yield* Server.timed(Effect.flip(effect)).pipe(Effect.provide(server.layer))
          assert(error._tag === "Timeout")
          assert.strictEqual(isRetryable(error), predictionId === undefined)
          assert.strictEqual(error.predictionId, predictionId)
          assert.strictEqual(server.count("cancel"), 1)
        }
      })
  )

  it.effect("C14: what could not be canceled is told to the log, what is not there any more only to the debug log", () =>
    Effect.gen(function*() {
      for (const [cancel, expected] of [[Server.status(422), ["WARN"]], [Server.status(404), []]] as const) {
        const lines: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => {
          assert.include(String(message), `prediction ${Server.id} could not be canceled`)
          lines.push(logLevel.label)
        })
        const server = Server.make({ get: [running], cancel: [cancel] })
        yield* Server.timed(Effect.flip(run({ timeout: "10 seconds" }))).pipe(
          Effect.provide([server.layer, Logger.replace(Logger.defaultLogger, logger)])
        )
        assert.deepStrictEqual(lines, [...expected])
      }
    }))

  it.effect.each([
    { way: "stream", effect: stream() },
    { way: "watch", effect: watch() }
  ])("$way: an answer that comes late and is the end is not canceled", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(3, Server.gives({ status: "succeeded", output: "Once" }))] })
      const fiber = yield* started(effect, server)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(60)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create"])
    }))

  it.effect("stream: whatever the cancel takes, what it opened before any create is released before its end", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const lease = Stream.acquireRelease(
        Effect.void,
        () => Effect.zipRight(Effect.sleep("1 minute"), Effect.sync(() => told.push("released")))
      )
      const image = FileInput.fromStream(Stream.zipRight(lease, Stream.never), { name: "a.png" })
      const server = Server.make({}, { cancelTimeout: "1 second" })
      const drained = Effect.ensuring(
        Stream.runDrain(Prediction.stream(Server.model, { image })),
        Effect.sync(() => told.push("end"))
      )
      const fiber = yield* started(drained, server)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(120)
      assert.deepStrictEqual(told, ["released", "end"])
      assert.strictEqual(server.count("create"), 0)
    }))

  it.effect.each([
    { way: "run", effect: run({ timeout: "10 seconds" }) },
    { way: "Training.run", effect: Training.run(trainer, work, { timeout: "10 seconds" }) }
  ])(
    "C14: $way: the total clock runs also where nothing can be interrupted, and cancels",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({ get: [running] })
        const error = yield* Server.timed(Effect.uninterruptible(Effect.flip(effect))).pipe(
          Effect.provide(server.layer)
        )
        assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
        yield* Server.elapse(600)
        assert.strictEqual(server.count("cancel"), 1)
      })
  )

  it.effect.each([
    { way: "run", effect: run() },
    { way: "Training.run", effect: Training.run(trainer, work) }
  ])("$way: where it cannot be interrupted, it goes on to its end", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [Server.later(4, streamable)],
        get: [running, Server.gives({ status: "succeeded", output: 7 })]
      })
      const fiber = yield* started(Effect.uninterruptible(effect), server)
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(60)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.strictEqual(server.count("cancel"), 0)
      assert.strictEqual(server.count("get"), 2)
    }))

  it.effect.each([
    { way: "run", effect: run({ timeout: "10 seconds" }) },
    { way: "Training.run", effect: Training.run(trainer, work, { timeout: "10 seconds" }) }
  ])(
    "C14: $way: a create that is answered with the end, a little too late, is not thrown away",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({
          create: [Server.later(13, Server.gives({ status: "succeeded", output: "Once" }))]
        })
        assert.deepInclude(yield* Server.timed(effect).pipe(Effect.provide(server.layer)), { output: "Once" })
        assert.strictEqual(yield* TestClock.currentTimeMillis, 13_000)
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.calls.map((call) => call.kind), ["create"])
      })
  )

  it.effect("C14: the total clock knows a create that nobody answered from a look that nobody answered", () =>
    Effect.gen(function*() {
      for (
        const [script, mayHaveStarted] of [[{ create: [Server.silent] }, true], [
          { get: [Server.silent] },
          undefined
        ]] as const
      ) {
        const server = Server.make(script, { connectTimeout: "2 minutes" })
        const error = yield* Server.timed(Effect.flip(run({ timeout: "10 seconds" }))).pipe(
          Effect.provide(server.layer)
        )
        assert(error._tag === "Timeout")
        assert.strictEqual(error.mayHaveStarted, mayHaveStarted)
      }
    }))

  it.effect("an interrupted create is waited for as long as its answer may be held back, and no longer", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.silent] }, {
        connectTimeout: "2 minutes",
        cancelTimeout: "3 seconds"
      })
      const fiber = yield* started(Prediction.create(Server.model, input, { wait: "20 seconds" }), server)
      yield* Server.interrupt(fiber)
      yield* Server.elapse(22.9)
      assert.isFalse(yield* Server.isDone(fiber))
      yield* Server.elapse(0.2)
      assert.isTrue(yield* Server.isDone(fiber))
    }))

  const ended = "event: output\ndata: Once\n\nevent: done\ndata: {}\n\n"

  it.effect.each([
    { way: "stream", effect: stream({ idleTimeout: "10 seconds" }) },
    { way: "watch", effect: watch({ idleTimeout: "10 seconds" }) },
    { way: "Training.watch", effect: watchTraining({ idleTimeout: "10 seconds" }) }
  ])("C13: $way: the idle clock does not run before the prediction is there", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.later(20, streamable)], other: [() => sse(ended)] })
      yield* Server.timed(effect).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect.each([
    { way: "stream", effect: stream({ timeout: "30 seconds" }) },
    { way: "watch", effect: watch({ timeout: "30 seconds" }) },
    { way: "Training.watch", effect: watchTraining({ timeout: "30 seconds" }) }
  ])("C14: $way: the total clock runs before the prediction is there", ({ effect }) =>
    Effect.gen(function*() {
      for (const create of [Server.later(20, streamable), Server.silent]) {
        const startedAt = yield* TestClock.currentTimeMillis
        const server = Server.make(
          { create: [create], get: [running], other: [Server.openSse(": hi\n\n")] },
          { connectTimeout: "2 minutes", cancelTimeout: "0 seconds" }
        )
        const error = yield* Server.timed(Effect.flip(effect)).pipe(Effect.provide(server.layer))
        assert.deepInclude(error, { _tag: "Timeout", clock: "total", duration: Duration.seconds(30) })
        assert.strictEqual((yield* TestClock.currentTimeMillis) - startedAt, 30_000)
      }
    }))

  it.effect.each([
    { status: "succeeded", text: "event: output\ndata: Once\n\nevent: done\ndata: {}\n\n" },
    {
      status: "failed",
      text: "event: error\ndata: {\"detail\":\"no\"}\n\nevent: done\ndata: {\"reason\":\"error\"}\n\n"
    },
    { status: "canceled", text: "event: done\ndata: {\"reason\":\"canceled\"}\n\n" },
    { status: "aborted", text: "" }
  ])("stream: one that ended as $status is not canceled", ({ status, text }) =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streamable],
        get: [Server.gives({ status, output: ["Once"] })],
        other: [() => sse(text)]
      })
      const exit = yield* Server.timed(Effect.exit(stream())).pipe(Effect.provide(server.layer))
      assert.strictEqual(Exit.isSuccess(exit), status === "succeeded")
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect("a prediction that was created and is waited for apart is not canceled", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running] })
      const apart = Effect.flatMap(Prediction.create(Server.model, input), (created) => Prediction.wait(created))
      const fiber = yield* started(apart, server)
      yield* Server.elapse(3)
      yield* Server.interrupt(fiber)
      assert.isTrue(yield* Server.isDone(fiber))
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect.each(ways)(
    "$way: whenever it comes, nothing is left running",
    ({ effect, way }) =>
      Effect.gen(function*() {
        // a tick is the least a real promise takes, so that each step of the create is met
        const tick = Effect.promise(() => Promise.resolve())
        for (let ticks = 0; ticks < 60; ticks += 2) {
          const server = Server.make({ create: [streamable], get: [running], other: [Server.openSse(": hi\n\n")] })
          const fiber = yield* Effect.fork(Effect.provide(effect, server.layer))
          yield* Effect.repeatN(tick, ticks)
          yield* Server.interrupt(fiber)
          const exit = yield* Server.finish(fiber)
          assert.isAtMost(server.count("create"), 1)
          const kept = way.endsWith("create") && Exit.isSuccess(exit)
          assert.strictEqual(server.count("cancel"), kept ? 0 : server.count("create"), `after ${ticks} ticks`)
        }
      })
  )
})

describe("wait", () => {
  const created = new Prediction.Prediction({ id: Server.id, status: "starting" })

  it.effect("C13: gives the final prediction, and asks nothing about one that is final", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, Server.gives({ status: "succeeded", output: 7 })] })
      const final = yield* Server.timed(Prediction.wait(created)).pipe(Effect.provide(server.layer))
      assert.strictEqual(final.output, 7)
      assert.strictEqual(server.count("get"), 2)
      yield* Server.timed(Prediction.wait(final)).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("get"), 2)
    }))

  it.effect.each(
    [
      { options: { timeout: "5 seconds" }, expected: 5 },
      { options: {}, expected: 40 }
    ] satisfies ReadonlyArray<{ options: Prediction.WaitOptions; expected: number }>
  )(
    "C13, C14: gives up after $expected seconds with $options, and the prediction goes on",
    ({ expected, options }) =>
      Effect.gen(function*() {
        const server = Server.make({ get: [running] }, { timeout: "40 seconds" })
        const error = yield* Server.timed(Prediction.wait(created, options)).pipe(
          Effect.provide(server.layer),
          Effect.flip
        )
        assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* TestClock.currentTimeMillis, expected * 1000)
        assert.strictEqual(server.count("cancel"), 0)
      })
  )

  it.effect.each(["failed", "canceled", "aborted"])("C13: %s is a typed error", (status) =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.gives({ status })] })
      const error = yield* Server.timed(Prediction.wait(created)).pipe(Effect.provide(server.layer), Effect.flip)
      assert.strictEqual(error._tag, status === "failed" ? "PredictionFailed" : "PredictionCanceled")
    }))

  it.effect("C25: polls by the policy it is given", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, running, Server.gives({ status: "succeeded" })] })
      const polling = Polling.fixed("250 millis")
      yield* Server.timed(Prediction.wait(created, { polling })).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(server.times("get"), [0, 250, 500])
    }))
})

describe("watch", () => {
  it.effect("C27: gives the prediction each time it is looked at, and cancels nothing that ended", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, Server.gives({ status: "succeeded", output: "x" })] })
      const seen = yield* Server.timed(Stream.runCollect(Prediction.watch(Server.model, input))).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual([...seen].map((prediction) => prediction.status), ["starting", "processing", "succeeded"])
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect("C27: gives nothing twice, except where it ends", () =>
    Effect.gen(function*() {
      const changes = [Server.gives(), Server.gives(), running, running, Server.gives({ status: "succeeded" })]
      const server = Server.make({ get: changes })
      const seen = yield* Server.timed(Stream.runCollect(Prediction.watch(Server.model, input))).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual([...seen].map((prediction) => prediction.status), ["starting", "processing", "succeeded"])
      assert.strictEqual(server.count("get"), changes.length)
    }))

  it.effect("C27: a file more is a change, also where there is no text", () =>
    Effect.gen(function*() {
      const file = (name: string) => `https://replicate.delivery/${name}.png`
      const processing = (...names: ReadonlyArray<string>) =>
        Server.gives({ status: "processing", output: { images: names.map(file) } })
      const server = Server.make({
        get: [processing("a"), processing("a"), processing("a", "b"), Server.gives({ status: "succeeded" })]
      })
      const seen = yield* Server.timed(Stream.runCollect(Prediction.watch(Server.model, input))).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual([...seen].map(({ files }) => files.length), [0, 1, 2, 0])
    }))

  it.effect("C27: ended early, cancels once", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running] })
      const two = Stream.runDrain(Stream.take(Prediction.watch(Server.model, input), 2))
      yield* Server.timed(two).pipe(Effect.provide(server.layer))
      yield* Server.elapse(600)
      assert.strictEqual(server.count("cancel"), 1)
    }))

  it.effect.each(["failed", "canceled", "aborted"])(
    "C13, C27: %s at the create is a typed error",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ create: [Server.gives({ status })] })
        const error = yield* Server.timed(Stream.runDrain(Prediction.watch(Server.model, input))).pipe(
          Effect.provide(server.layer),
          Effect.flip
        )
        assert.strictEqual(error._tag, status === "failed" ? "PredictionFailed" : "PredictionCanceled")
        assert.lengthOf(server.calls, 1)
      })
  )
})

describe("before the emulator", () => {
  const cold: ReplicateEmulator.Model = { name: "test/cold", kind: "text", boot: "1 hour", script: () => [] }
  const emulated = Effect.provide(
    ReplicateClient.layer({ token: Redacted.make("r8_test") }).pipe(
      Layer.provide(ReplicateEmulator.layer({ models: [cold] }))
    )
  )

  it.effect.each(
    [
      { model: "emulator/slow", cancelAfter: "7 seconds", status: "canceled" },
      { model: "test/cold", cancelAfter: "7 seconds", status: "aborted" }
    ] as const
  )(
    "C13: cancelAfter ends $model as $status, and the error says why",
    ({ cancelAfter, model, status }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Server.timed(Prediction.run(model, {}, { cancelAfter })))
        assert.deepInclude(error, { _tag: "PredictionCanceled", status, overdue: true })
      }).pipe(emulated)
  )

  it.effect("C13: one that was canceled by hand before its deadline was not overdue", () =>
    Effect.gen(function*() {
      const created = yield* Prediction.create("emulator/slow", {}, { cancelAfter: "1 hour" })
      yield* Prediction.cancel(created.id)
      const error = yield* Effect.flip(Server.timed(Prediction.wait(created)))
      assert(error._tag === "PredictionCanceled")
      assert.isUndefined(error.overdue)
    }).pipe(emulated))
})
