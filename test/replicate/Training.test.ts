import { assert, describe, it } from "@effect/vitest"
import type { ProviderError } from "effect-providers/ProviderError"
import { type ModelRef, Prediction, Progress, ReplicateClient, Training } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Polling from "../../src/http/Polling.js"
import * as Server from "../support/replicate-server.js"

const trainer = `${Server.model}:${Server.version}`
const work: Training.Request = { destination: "acme/mine", input: { images: "https://example.com/a.zip" } }
const output = { version: `acme/mine:${Server.version}`, weights: "https://replicate.delivery/w.tar" }

const running = Server.gives({ status: "processing" })
const done = Server.gives({ status: "succeeded", output })

const calls = (server: ReturnType<typeof Server.make>) =>
  server.calls.map(({ method, url }) => `${method} ${url.replace("https://api.replicate.com/v1", "")}`)
const creates = `POST /models/acme/llama/versions/${Server.version}/trainings`

type Call = Effect.Effect<unknown, ProviderError, ReplicateClient.ReplicateClient>

/** Each way to begin a training. */
const waysOf = (version: ModelRef.Input, request: Training.Request, options?: Training.CreateOptions) =>
  [
    { way: "create", effect: Training.create(version, request, options) },
    { way: "run", effect: Training.run(version, request, options) },
    { way: "watch", effect: Stream.runDrain(Training.watch(version, request, options)) }
  ] satisfies ReadonlyArray<{ way: string; effect: Call }>

describe("a training", () => {
  it.effect.each<ModelRef.Input>([
    trainer,
    `https://replicate.com/acme/llama/versions/${Server.version}`,
    { _tag: "Version", owner: "acme", name: "llama", version: Server.version }
  ])("C10: of %j is created at the route of the version", (version) =>
    Effect.gen(function*() {
      const server = Server.make()
      const training = yield* Server.timed(Training.create(version, work)).pipe(Effect.provide(server.layer))
      assert.instanceOf(training, Training.Training)
      assert.strictEqual(training.status, "starting")
      assert.deepStrictEqual(calls(server), [creates])
      assert.deepStrictEqual(server.calls[0]?.body, work)
      assert.isUndefined(server.calls[0]?.headers["prefer"])
    }))

  it.effect("C10: its destination can be a page or a reference, and it takes a webhook and a filter", () =>
    Effect.gen(function*() {
      const server = Server.make()
      const options: Training.CreateOptions = {
        webhook: "https://example.com/hook",
        webhookEventsFilter: ["completed"]
      }
      const destinations: ReadonlyArray<ModelRef.Input> = [
        "https://replicate.com/acme/mine",
        { _tag: "Model", owner: "acme", name: "mine" }
      ]
      yield* Server.timed(
        Effect.forEach(destinations, (destination) => Training.create(trainer, { ...work, destination }, options))
      ).pipe(Effect.provide(server.layer))
      const hooks = { webhook: "https://example.com/hook", webhook_events_filter: ["completed"] }
      assert.deepStrictEqual(server.calls.map(({ body }) => body), [{ ...work, ...hooks }, { ...work, ...hooks }])
    }))

  it.effect.each(
    [
      { version: "acme/llama", field: "version", says: "the version is missing" },
      { version: Server.version, field: "version", says: "the owner and the name are missing" },
      { version: "deployments/acme/llama", field: "version", says: "not a deployment" },
      { version: "acme/llama:latest", field: "version", says: "64 hexadecimal digits" },
      { version: "llama", field: "version", says: "owner/name:version" },
      {
        version: { _tag: "Version", owner: "..", name: "x", version: Server.version },
        field: "version",
        says: "owner"
      },
      { destination: "mine", field: "destination", says: "owner/name" },
      { destination: trainer, field: "destination", says: "expected owner/name" },
      { destination: "deployments/acme/mine", field: "destination", says: "expected owner/name" },
      { destination: "acme/../mine", field: "destination", says: "not a valid name" },
      { webhook: "example.com", field: "webhook", says: "http" }
    ] satisfies ReadonlyArray<{
      version?: ModelRef.Input
      destination?: string
      webhook?: string
      field: string
      says: string
    }>
  )("C28: $version $destination $webhook is refused before any request", (given) =>
    Effect.gen(function*() {
      const { destination = work.destination, field, says, version = trainer, webhook } = {
        destination: undefined,
        version: undefined,
        webhook: undefined,
        ...given
      }
      const server = Server.make()
      for (const { effect } of waysOf(version, { ...work, destination }, { webhook })) {
        const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map((issue) => issue.field), [field])
        assert.include(error.message, says)
      }
      assert.lengthOf(server.calls, 0)
    }))

  it.effect.each(waysOf(trainer, work))(
    "C28: $way: what is not found keeps what the API says of it",
    ({ effect }) =>
      Effect.gen(function*() {
        const detail = "The specified training destination does not exist"
        const server = Server.make({ create: [Server.status(404, { detail })] })
        const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
        assert.deepInclude(error, { _tag: "ResponseError", status: 404, detail, method: "POST" })
        assert.deepStrictEqual(calls(server), [creates])
      })
  )

  it.effect.each(waysOf(trainer, work))(
    "C06: $way: a create that may have reached the server is not sent again, one that was refused is",
    ({ effect }) =>
      Effect.gen(function*() {
        for (const answer of [Server.status(503), Server.breaks("ECONNRESET"), Server.silent]) {
          const server = Server.make({ create: [answer] })
          yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
          assert.strictEqual(server.count("create"), 1)
        }
        const server = Server.make({ create: [Server.status(429, { retry_after: 2 }), done] })
        yield* Server.timed(effect).pipe(Effect.provide(server.layer))
        const [first = 0, second = 0, ...rest] = server.times("create")
        assert.isAtLeast(second - first, 2000)
        assert.lengthOf(rest, 0)
      })
  )

  it.effect("C04, C13: is run to its end, by its own routes", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, Server.gives({ status: "queued", output: "?" }), done] })
      const training = yield* Server.timed(Training.run(trainer, work)).pipe(Effect.provide(server.layer))
      assert.strictEqual(training.trainedVersion, output.version)
      assert.strictEqual(training.weights, output.weights)
      const read = `GET /trainings/${Server.id}`
      assert.deepStrictEqual(calls(server), [creates, read, read, read])
      assert.deepStrictEqual(server.times("get"), [0, 1000, 2000])
    }))

  it.effect.each(
    ["failed", "canceled", "aborted"].flatMap((status) => [{ status, at: "create" }, { status, at: "get" }])
  )(
    "C13: $status at the $at is a typed error of run and watch, and nothing is canceled",
    ({ at, status }) =>
      Effect.gen(function*() {
        for (const { effect } of waysOf(trainer, work).slice(1)) {
          const server = Server.make({ [at]: [Server.gives({ status, error: "CUDA out of memory" })] })
          const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
          yield* Server.elapse(60)
          assert.strictEqual(error._tag, status === "failed" ? "PredictionFailed" : "PredictionCanceled")
          if (error._tag === "PredictionFailed") assert.isTrue(error.outOfMemory)
          if (error._tag === "PredictionCanceled") assert.strictEqual(error.status, status)
          assert.strictEqual(server.count("cancel"), 0)
        }
      })
  )

  it.effect.each(
    [
      { options: { timeout: "5 minutes" }, expected: 300 },
      { options: {}, expected: 40 }
    ] satisfies ReadonlyArray<{ options: Training.WaitOptions; expected: number }>
  )(
    "C13, C14: with $options, run gives up after $expected seconds and cancels; wait only gives up",
    (given) =>
      Effect.gen(function*() {
        const created = new Training.Training({ id: Server.id, status: "starting" })
        const polling = Polling.fixed("10 seconds")
        for (
          const { effect, isOwn } of [
            { effect: Training.run(trainer, work, { ...given.options, polling }), isOwn: true },
            { effect: Training.wait(created, { ...given.options, polling }), isOwn: false }
          ]
        ) {
          const server = Server.make({ get: [running] }, { timeout: "40 seconds" })
          const before = yield* TestClock.currentTimeMillis
          const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
          assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
          assert.strictEqual((yield* TestClock.currentTimeMillis) - before, given.expected * 1000)
          yield* Server.elapse(60)
          assert.deepStrictEqual(
            calls(server).filter((call) => call.endsWith("/cancel")),
            isOwn ? [`POST /trainings/${Server.id}/cancel`] : []
          )
        }
      })
  )

  it.effect("C13, C25: is waited for by the policy that is given, and not asked about when it is final", () =>
    Effect.gen(function*() {
      const created = new Training.Training({ id: Server.id, status: "starting" })
      const server = Server.make({ get: [running, running, done] })
      const wait = Training.wait(created, { polling: Polling.fixed("250 millis") })
      const final = yield* Server.timed(wait).pipe(Effect.provide(server.layer))
      assert.strictEqual(final.trainedVersion, output.version)
      assert.deepStrictEqual(server.times("get"), [0, 250, 500])
      yield* Server.timed(Training.wait(final)).pipe(Effect.provide(server.layer))
      assert.strictEqual(server.count("get"), 3)
    }))

  it.effect("C13, C27: is waited for and followed by its id, and goes on when that is ended early", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, done] })
      const final = yield* Server.timed(Training.wait(Server.id)).pipe(Effect.provide(server.layer))
      assert.instanceOf(final, Training.Training)
      assert.strictEqual(final.trainedVersion, output.version)
      const other = Server.make({ get: [running, running, done] })
      const changes = Training.changes(Server.id, { polling: Polling.fixed("250 millis") })
      const seen = yield* Server.timed(Stream.runCollect(changes)).pipe(Effect.provide(other.layer))
      assert.deepStrictEqual([...seen].map(({ status }) => status), ["processing", "succeeded"])
      assert.deepStrictEqual(other.times("get").map((at) => at - (other.times("get")[0] ?? 0)), [0, 250, 500])
      const early = Server.make({ get: [running] })
      yield* Server.timed(Stream.runDrain(Stream.take(changes, 1))).pipe(Effect.provide(early.layer))
      yield* Server.elapse(600)
      assert.deepStrictEqual(calls(early), [`GET /trainings/${Server.id}`])
    }))

  it.effect("C19: is read and canceled by its id", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running], cancel: [running] })
      const both = Effect.all([Training.get(Server.id), Training.cancel(Server.id)])
      const [read, canceled] = yield* Server.timed(both).pipe(Effect.provide(server.layer))
      assert.instanceOf(read, Training.Training)
      assert.strictEqual(canceled.status, "processing")
      assert.deepStrictEqual(calls(server), [
        `GET /trainings/${Server.id}`,
        `POST /trainings/${Server.id}/cancel`
      ])
    }))

  it.effect("C27: is watched as it changes; ended early, it is canceled once by its own route", () =>
    Effect.gen(function*() {
      const changing = [running, running, Server.gives({ status: "processing", logs: "50%" }), done]
      const server = Server.make({ get: changing })
      const seen = yield* Server.timed(Stream.runCollect(Training.watch(trainer, work))).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual([...seen].map(({ logs, status }) => `${status} ${logs}`), [
        "starting ",
        "processing ",
        "processing 50%",
        "succeeded "
      ])
      assert.strictEqual(server.count("cancel"), 0)

      const other = Server.make({ get: changing })
      yield* Server.timed(Stream.runDrain(Stream.take(Training.watch(trainer, work), 2))).pipe(
        Effect.provide(other.layer)
      )
      yield* Server.elapse(600)
      assert.deepStrictEqual(calls(other).filter((call) => call.endsWith("/cancel")), [
        `POST /trainings/${Server.id}/cancel`
      ])
    }))
})

describe("runAll", () => {
  /** Each training has its destination as its id, and ends at its second poll: those of `failing` badly. */
  const serve = (failing: ReadonlyArray<string> = []) => {
    const polls = new Map<string, number>()
    let most = 0
    let open = 0
    const idOf = (url: string) => new URL(url).pathname.split("/")[3] ?? ""
    return {
      most: () => most,
      ...Server.make({
        create: [(call) => {
          most = Math.max(most, ++open)
          const id = JSON.stringify(call.body).replace(/.*acme\/(\w+).*/, "$1")
          return Server.gives({ id, version: call.url })(call)
        }],
        get: [(call) => {
          const id = idOf(call.url)
          polls.set(id, (polls.get(id) ?? 0) + 1)
          if ((polls.get(id) ?? 0) < 2) return Server.gives({ id, status: "processing" })(call)
          open--
          return Server.gives({ id, status: failing.includes(id) ? "failed" : "succeeded", output })(call)
        }],
        cancel: [(call) => Server.gives({ id: idOf(call.url), status: "canceled" })(call)]
      })
    }
  }
  const jobsOf = (...names: ReadonlyArray<string>): ReadonlyArray<Training.Job> =>
    names.map((name) => ({ version: trainer, destination: `acme/${name}`, input: { name } }))

  it.effect("C09: gives the trainings in the order of the jobs, as many at a time as asked for", () =>
    Effect.gen(function*() {
      const server = serve()
      const all = yield* Server.timed(Training.runAll(jobsOf("c", "a", "d", "b"), { concurrency: 2 })).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(all.map(({ id }) => id), ["c", "a", "d", "b"])
      assert.isTrue(all.every(({ trainedVersion }) => trainedVersion === output.version))
      assert.strictEqual(server.most(), 2)
      assert.deepStrictEqual(server.calls[0]?.body, { destination: "acme/c", input: { name: "c" } })
    }))

  it.effect("C09: the first failure cancels the others, by the route of trainings", () =>
    Effect.gen(function*() {
      const server = serve(["a"])
      const slow = { polling: Polling.fixed("1 hour"), timeout: "1 day" } as const
      const [a, ...others] = jobsOf("a", "b", "c")
      const jobs = [...(a === undefined ? [] : [a]), ...others.map((job) => ({ ...job, ...slow }))]
      const error = yield* Server.timed(Training.runAll(jobs, { concurrency: 2 })).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert(error._tag === "PredictionFailed")
      assert.strictEqual(error.prediction.id, "a")
      assert.deepStrictEqual(calls(server).filter((call) => call.endsWith("/cancel")), ["POST /trainings/b/cancel"])
      assert.strictEqual(server.count("create"), 2)
    }))

  it.effect("C09: each comes to its own end where that is asked for", () =>
    Effect.gen(function*() {
      const server = serve(["b"])
      const results = yield* Server.timed(Training.runAll(jobsOf("a", "b", "c"), { mode: "either" })).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(results.map(({ _tag }) => _tag), ["Right", "Left", "Right"])
      assert.strictEqual(server.count("cancel"), 0)
    }))
})

describe("a training of the emulator", () => {
  const flux = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
  const request = (steps: number): Training.Request => ({
    destination: "emulator/mine",
    input: { input_images: "https://example.com/a.zip", steps }
  })

  /** A test with a trainer, and a model to train into. */
  const withTrainer = <A, E>(
    test: (
      version: string,
      statuses: Effect.Effect<ReadonlyArray<string>, ProviderError>
    ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient>
  ) =>
    Effect.gen(function*() {
      const { api } = yield* ReplicateClient.ReplicateClient
      yield* api.models.create({ payload: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" } })
      const { results: [version] } = yield* api.models.versions({ path: flux })
      const statuses = Effect.map(api.trainings.list(), ({ results }) => results.map(({ status }) => status))
      return yield* test(`black-forest-labs/flux-schnell:${version?.id}`, statuses)
    }).pipe(
      Effect.provide(
        ReplicateClient.layer({ token: Redacted.make("r8_test") }).pipe(Layer.provideMerge(ReplicateEmulator.layer()))
      )
    )

  it.effect("C04: ends with a version that runs", () =>
    withTrainer((version, statuses) =>
      Effect.gen(function*() {
        const training = yield* Server.timed(Training.run(version, request(10)))
        assert.match(training.trainedVersion ?? "", /^emulator\/mine:[0-9a-f]{64}$/)
        assert.match(training.weights ?? "", /^https:/)
        assert.deepStrictEqual(yield* statuses, ["succeeded"])
        const made = yield* Server.timed(Prediction.run(training.trainedVersion ?? "", { prompt: "a llama" }))
        assert.strictEqual(made.model, "emulator/mine")
        assert.isNotEmpty(made.files)
      })
    ))

  it.effect("C27: tells its progress while it is watched", () =>
    withTrainer((version) =>
      Effect.gen(function*() {
        const polling = Polling.fixed("500 millis")
        const seen = yield* Server.timed(Stream.runCollect(Training.watch(version, request(10), { polling })))
        const progress = [...seen].flatMap(({ logs = "" }) =>
          Option.toArray(Option.map(Progress.fromLogs(logs), ({ fraction }) => fraction))
        )
        assert.isAbove(progress.length, 3)
        assert.deepStrictEqual(progress, [...progress].sort((a, b) => a - b))
        assert.isDefined([...seen].at(-1)?.trainedVersion)
      })
    ))

  it.effect("C19: is canceled by hand, and by who gives up on it", () =>
    withTrainer((version, statuses) =>
      Effect.gen(function*() {
        const { id } = yield* Training.create(version, request(1000))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Training.cancel(id)).status, "canceled")
        const error = yield* Effect.flip(Server.timed(Training.run(version, request(1000), { timeout: "10 seconds" })))
        assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
        const canceled = yield* Effect.flip(
          Training.get(id).pipe(Effect.flatMap((training) => Training.wait(training)))
        )
        assert.strictEqual(canceled._tag, "PredictionCanceled")
        assert.deepStrictEqual(yield* statuses, ["canceled", "canceled"])
      })
    ))

  it.effect("C28: a destination that does not exist is told as the API tells it", () =>
    withTrainer((version, statuses) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Training.run(version, { ...request(10), destination: "emulator/none" }))
        assert.deepInclude(error, {
          _tag: "ResponseError",
          status: 404,
          detail: "The specified training destination does not exist"
        })
        assert.lengthOf(yield* statuses, 0)
      })
    ))
})
