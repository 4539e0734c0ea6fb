import { assert, describe, it } from "@effect/vitest"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import type { ProviderError } from "../../src/ProviderError.js"
import * as CallSettings from "../../src/replicate/CallSettings.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import { json } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

const input = { prompt: "hi" }
const latest = { latestVersion: true }
const route = "https://api.replicate.com/v1/models/acme/llama"
const byVersion = {
  url: "https://api.replicate.com/v1/predictions",
  body: { input, version: `acme/llama:${Server.version}` }
}
const byName = { url: `${route}/predictions`, body: { input } }

/** Answers with the model. */
const model = (fields: Readonly<Record<string, unknown>> = {}): Server.Answer => () =>
  json({ owner: "acme", name: "llama", latest_version: { id: Server.version }, ...fields })

const create = (options: Prediction.CreateOptions = latest, of: string = Server.model) =>
  Prediction.create(of, input, options)

const reads = (server: ReturnType<typeof Server.make>) => server.count("other")
const creates = (server: ReturnType<typeof Server.make>) =>
  server.calls.filter(({ kind }) => kind === "create").map(({ body, url }) => ({ body, url }))

describe("the latest version", () => {
  it.effect("C14: when the total clock of a run runs out while it is looked up, nothing was started", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.later(5, model())] })
      const run = Prediction.run(Server.model, input, { ...latest, timeout: "2 seconds" })
      const error = yield* Server.timed(Effect.flip(run)).pipe(Effect.provide(server.layer))
      assert(error._tag === "Timeout")
      assert.isUndefined(error.mayHaveStarted)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 2000)
      yield* Server.elapse(600)
      assert.strictEqual(server.count("create"), 0)
    }))

  it.effect.each([
    { what: "a model of the community", fields: {}, expected: byVersion },
    { what: "one that says it is not official", fields: { is_official: false }, expected: byVersion },
    { what: "an official model", fields: { is_official: true }, expected: byName },
    { what: "a model without a version", fields: { latest_version: null }, expected: byName }
  ])("C10: $what is run by what the API takes", ({ expected, fields }) =>
    Effect.gen(function*() {
      const server = Server.make({ other: [model(fields)] })
      yield* Server.timed(create()).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(server.calls.map(({ method, url }) => `${method} ${url}`), [
        `GET ${route}`,
        `POST ${expected.url}`
      ])
      assert.deepStrictEqual(creates(server), [expected])
    }))

  it.effect.each(
    [
      { client: {}, options: {}, read: 0 },
      { client: { latestVersion: true }, options: {}, read: 1 },
      { client: { latestVersion: true }, options: { latestVersion: false }, read: 0 },
      { client: { latestVersion: false }, options: latest, read: 1 }
    ]
  )(
    "C10: with $client for the client and $options for the call, the model is read $read times",
    (given) =>
      Effect.gen(function*() {
        const server = Server.make({ other: [model()] }, given.client)
        yield* Server.timed(create(given.options)).pipe(Effect.provide(server.layer))
        assert.strictEqual(reads(server), given.read)
        assert.deepStrictEqual(creates(server), [given.read === 0 ? byName : byVersion])
      })
  )

  it.effect.each([`acme/llama:${Server.version}`, Server.version, "deployments/acme/llama"])(
    "C10: %s says what is run, so that nothing is read",
    (ref) =>
      Effect.gen(function*() {
        const server = Server.make({ other: [model()] })
        yield* Server.timed(create(latest, ref)).pipe(Effect.provide(server.layer))
        assert.strictEqual(reads(server), 0)
        assert.strictEqual(server.count("create"), 1)
      })
  )

  it.effect("C10: is that of run, watch and stream too", () =>
    Effect.gen(function*() {
      const streamable = Server.gives({ status: "succeeded", urls: { stream: Server.streamUrl } })
      const server = Server.make({ create: [streamable], other: [model(), Server.status(500)] })
      yield* Server.timed(
        Effect.all([
          Prediction.run(Server.model, input, latest),
          Stream.runDrain(Prediction.watch(Server.model, input, latest)),
          Stream.runDrain(Prediction.stream(Server.model, input, latest))
        ])
      ).pipe(Effect.provide(server.layer))
      const { body, url } = byVersion
      assert.deepStrictEqual(creates(server), [byVersion, byVersion, { url, body: { ...body, stream: true } }])
    }))

  it.effect("C28: a model that is not there is told as such, and nothing is created", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.status(404, { detail: "no such model" })] })
      const error = yield* Server.timed(create()).pipe(Effect.provide(server.layer), Effect.flip)
      assert.deepInclude(error, {
        _tag: "ModelNotFound",
        model: Server.model,
        status: 404,
        detail: "no such model",
        method: "GET",
        url: route
      })
      assert.strictEqual(server.count("create"), 0)
    }))

  it.effect("C09: is read once for many runs at the same time", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.later(2, model())] })
      const jobs = Array.from({ length: 20 }, (_, seed) => ({ model: Server.model, input: { seed } }))
      yield* Server.timed(Prediction.runAll(jobs, { ...latest, concurrency: "unbounded" })).pipe(
        Effect.provide(server.layer)
      )
      assert.strictEqual(reads(server), 1)
      assert.strictEqual(server.count("create"), 20)
    }))

  it.effect("is known for 5 minutes, by each client for itself", () =>
    Effect.gen(function*() {
      const newer = "f".repeat(64)
      const server = Server.make({ other: [model(), model(), model({ latest_version: { id: newer } })] })
      yield* Effect.gen(function*() {
        yield* Server.timed(create())
        yield* TestClock.adjust("299 seconds")
        yield* Server.timed(create())
        assert.strictEqual(reads(server), 1)
      }).pipe(Effect.provide(server.layer))
      yield* Effect.gen(function*() {
        yield* Server.timed(create())
        assert.strictEqual(reads(server), 2)
        yield* TestClock.adjust("5 minutes")
        yield* Server.timed(create())
        assert.strictEqual(reads(server), 3)
      }).pipe(Effect.provide(server.layer))
      assert.deepInclude(creates(server).at(-1)?.body, { version: `acme/llama:${newer}` })
    }))

  it.effect("a failure to read it is not kept", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.status(404), Server.status(403), model()] })
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Server.timed(create())))._tag, "ModelNotFound")
        assert.strictEqual((yield* Effect.flip(Server.timed(create())))._tag, "ResponseError")
        yield* Server.timed(create())
      }).pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(creates(server), [byVersion])
    }))

  it.effect("what one token sees is not told to another", () =>
    Effect.gen(function*() {
      const secret: Server.Answer = (call) =>
        call.headers["authorization"] === "Bearer r8_owner" ? model()(call) : Server.status(404)(call)
      const server = Server.make({ other: [secret] })
      const as = (token: string) => CallSettings.withSettings(create(), { token: Redacted.make(token) })
      yield* Effect.gen(function*() {
        yield* Server.timed(as("r8_owner"))
        yield* Server.timed(as("r8_owner"))
        assert.strictEqual(reads(server), 1)
        for (const other of [as("r8_other"), create()]) {
          assert.strictEqual((yield* Effect.flip(Server.timed(other)))._tag, "ModelNotFound")
        }
        assert.strictEqual(reads(server), 3)
        assert.strictEqual(server.count("create"), 2)
        const client = yield* ReplicateClient.ReplicateClient
        const printed = [inspect(client, { depth: 12, showHidden: true }), JSON.stringify(client)].join()
        for (const token of ["r8_owner", "r8_other", "r8_test"]) assert.notInclude(printed, token)
      }).pipe(Effect.provide(server.layer))
    }))

  it.effect("what was seen with headers of a call's own is kept for nobody", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [model()] })
      const asMember = CallSettings.withSettings(create(), { headers: { cookie: "session=member" } })
      yield* Server.timed(Effect.all([asMember, create(), asMember])).pipe(Effect.provide(server.layer))
      assert.strictEqual(reads(server), 3)
      assert.deepStrictEqual(
        server.calls.filter(({ kind }) => kind === "other").map(({ headers }) => headers["cookie"]),
        ["session=member", undefined, "session=member"]
      )
    }))

  interface Way {
    readonly way: string
    readonly effect: Effect.Effect<unknown, ProviderError, ReplicateClient.ReplicateClient>
  }

  const ways: ReadonlyArray<Way> = [
    { way: "create", effect: create() },
    { way: "run", effect: Prediction.run(Server.model, input, latest) },
    { way: "watch", effect: Stream.runDrain(Prediction.watch(Server.model, input, latest)) },
    { way: "stream", effect: Stream.runDrain(Prediction.stream(Server.model, input, latest)) }
  ]

  it.effect.each(ways)(
    "$way: interrupted while the model is read, creates nothing and waits for nothing",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({ other: [Server.silent] })
        const fiber = yield* Effect.fork(Effect.provide(effect, server.layer))
        yield* Server.elapse(1)
        yield* Server.interrupt(fiber)
        assert.isTrue(yield* Server.isDone(fiber))
        yield* Server.elapse(600)
        assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["other"])
      })
  )

  it.effect.each(ways.slice(1))(
    "C14: $way: the total clock runs while the model is read",
    ({ effect }) =>
      Effect.gen(function*() {
        const server = Server.make({ other: [Server.silent] }, { timeout: "10 seconds" })
        const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
        assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
        yield* Server.elapse(600)
        assert.strictEqual(server.count("create"), 0)
      })
  )

  it.effect.each(ways)(
    "$way: whenever an interruption comes, nothing is left running",
    ({ effect, way }) =>
      Effect.gen(function*() {
        const tick = Effect.promise(() => Promise.resolve())
        for (let ticks = 0; ticks < 80; ticks += 3) {
          const server = Server.make({ other: [model(), Server.status(404)], get: [Server.gives()] })
          const fiber = yield* Effect.fork(Effect.provide(effect, server.layer))
          yield* Effect.repeatN(tick, ticks)
          yield* Server.interrupt(fiber)
          const exit = yield* Server.finish(fiber)
          const kept = way === "create" && Exit.isSuccess(exit)
          assert.strictEqual(server.count("cancel"), kept ? 0 : server.count("create"), `after ${ticks} ticks`)
        }
      })
  )

  it.effect("C10: of a model that was trained is run by its name at the emulator", () =>
    Effect.gen(function*() {
      const { api } = yield* ReplicateClient.ReplicateClient
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      yield* api.models.create({ payload: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" } })
      const flux = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
      const { results: [trainer] } = yield* api.models.versions({ path: flux })
      yield* api.trainings.create({
        path: { ...flux, version_id: trainer?.id ?? "" },
        payload: { destination: "emulator/mine", input: { input_images: "https://example.com/a.zip" } }
      })
      yield* TestClock.adjust("1 minute")
      const refused = yield* Effect.flip(Prediction.create("emulator/mine", input))
      assert.strictEqual(refused._tag, "ModelNotFound")
      const made = yield* Server.timed(Prediction.run("emulator/mine", input, latest))
      assert.strictEqual(made.status, "succeeded")
      const official = yield* Server.timed(Prediction.run("black-forest-labs/flux-schnell", input, latest))
      assert.strictEqual(official.version, "hidden")
      const paths = (yield* emulator.requests).map(({ method, path }) => `${method} ${path}`)
      assert.include(paths, "GET /v1/models/emulator/mine")
      assert.include(paths, "POST /v1/models/black-forest-labs/flux-schnell/predictions")
    }).pipe(
      Effect.provide(
        ReplicateClient.layer({ token: Redacted.make("r8_test") }).pipe(Layer.provideMerge(ReplicateEmulator.layer()))
      )
    ))
})
