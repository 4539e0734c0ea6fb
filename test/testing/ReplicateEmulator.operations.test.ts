import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import type { ProviderError } from "effect-providers/ProviderError"
import { Models, Pages, Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash, createHmac } from "node:crypto"
import * as Server from "../support/replicate-server.js"

type Env = ReplicateClient.ReplicateClient | ReplicateEmulator.ReplicateEmulator | HttpClient.HttpClient

/** A test with an emulator of its own, and the client in front of it. */
const emulated = <A, E>(
  test: (api: ReplicateClient.Api, emulator: ReplicateEmulator.Service) => Effect.Effect<A, E, Env>,
  options?: ReplicateEmulator.Options
) =>
  Effect.flatMap(
    Effect.all([ReplicateClient.ReplicateClient, ReplicateEmulator.ReplicateEmulator]),
    ([client, emulator]) => test(client.api, emulator)
  ).pipe(
    Effect.provide(
      ReplicateClient.layer({ token: Redacted.make("r8_test"), maxRetries: 0 }).pipe(
        Layer.provideMerge(ReplicateEmulator.layer(options))
      )
    )
  )

const base = "https://api.replicate.com/v1"
const llama = "meta/meta-llama-3-70b-instruct"
const flux = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
const own = { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" } as const
const ownPath = { model_owner: own.owner, model_name: own.name }
const input = { prompt: "hi" }

/** Waits for what needs promises, forms and digests, while the clock of the test stands still. */
const unhurried = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    while (!(yield* Server.isDone(fiber))) yield* Server.settle
    return yield* Fiber.join(fiber)
  })

/** The status of a call that is refused. */
const refused = <A>(call: Effect.Effect<A, ProviderError>) =>
  Effect.map(Effect.flip(call), (error) => "status" in error ? error.status : error._tag)

const raw = (path: string, token?: string) =>
  Effect.gen(function*() {
    const request = HttpClientRequest.get(`${base}${path}`)
    const response = yield* HttpClient.execute(
      token === undefined ? request : HttpClientRequest.bearerToken(request, token)
    )
    return { status: response.status, type: response.headers["content-type"], body: yield* response.json }
  })

const idsOf = <A extends { readonly id: string }, E, R>(items: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(items), (chunk) => Chunk.toReadonlyArray(chunk).map(({ id }) => id))

describe("what is read only", () => {
  it.effect("account, hardware, collections and the secret are there", () =>
    emulated((api) =>
      Effect.gen(function*() {
        assert.deepInclude({ ...(yield* api.account.get()) }, { type: "user", username: "emulator" })
        assert.include((yield* api.hardware.list()).map(({ sku }) => sku), "cpu")
        const slugs = (yield* api.collections.list()).results.map(({ slug }) => slug)
        assert.include(slugs, "text-to-image")
        const collection = yield* api.collections.get({ path: { collection_slug: "text-to-image" } })
        assert.include(collection.models.map(({ fullName }) => fullName), "black-forest-labs/flux-schnell")
        assert.strictEqual(yield* refused(api.collections.get({ path: { collection_slug: "none" } })), 404)
        assert.match(Redacted.value((yield* api.webhooks.secret()).key), /^whsec_[A-Za-z0-9+/]{32}$/)
      })
    ))

  it.effect("a search finds models by their words, and needs no token", () =>
    emulated((client) =>
      Effect.gen(function*() {
        const found = yield* client.search.query({ urlParams: { query: "draws language" } })
        assert.strictEqual(found.models[0]?.model.fullName, "black-forest-labs/flux-schnell")
        assert.isUndefined(found.models[0]?.model.is_official)
        const shelves = yield* client.search.query({ urlParams: { query: "Language" } })
        assert.deepStrictEqual(shelves.collections.map(({ slug }) => slug), ["language-models"])
        assert.strictEqual((yield* raw("/search?query=draws")).status, 200)
        for (const path of ["/search", "/search?query=x&limit=0", "/search?query=x&limit=51"]) {
          assert.deepInclude(yield* raw(path), { status: 400, type: "application/problem+json" })
        }
        assert.strictEqual((yield* raw("/models")).status, 401)
      })
    ))

  it.effect("QUERY /models finds models by the text of its body", () =>
    emulated(() =>
      Effect.gen(function*() {
        const found = yield* Stream.runCollect(Models.search("pictures").items)
        assert.deepStrictEqual(Chunk.toReadonlyArray(found).map(({ fullName }) => fullName), [
          "black-forest-labs/flux-schnell"
        ])
        assert.lengthOf((yield* Models.search("\"").first).results, 0)
      })
    ))
})

describe("models", () => {
  it.effect("are made, changed, listed and deleted", () =>
    emulated((api) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        const made = yield* api.models.create({ payload: { ...own, description: "first" } })
        assert.deepInclude({ ...made }, {
          owner: "emulator",
          visibility: "private",
          description: "first",
          is_official: false
        })
        assert.isUndefined(made.latest_version)
        assert.strictEqual(yield* refused(api.models.create({ payload: own })), 409)
        assert.strictEqual(yield* refused(api.models.readme({ path: ownPath })), 404)

        yield* api.models.update({ path: ownPath, payload: { description: "second", readme: "# Mine" } })
        assert.strictEqual((yield* api.models.get({ path: ownPath })).description, "second")
        assert.strictEqual(yield* api.models.readme({ path: ownPath }), "# Mine")

        yield* api.models.create({ payload: { ...own, name: "shown", visibility: "public" } })
        const newest = yield* api.models.list({ urlParams: {} })
        assert.strictEqual(newest.results[0]?.fullName, "emulator/shown")
        const oldest = yield* api.models.list({ urlParams: { sort_by: "model_created_at", sort_direction: "asc" } })
        assert.strictEqual(oldest.results.at(-1)?.fullName, "emulator/shown")

        yield* api.models.delete({ path: ownPath })
        assert.strictEqual(yield* refused(api.models.get({ path: ownPath })), 404)
      })
    ))

  it.effect("of others are neither made, changed nor deleted", () =>
    emulated((api) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* refused(api.models.create({ payload: { ...own, owner: "meta" } })), 403)
        assert.strictEqual(yield* refused(api.models.update({ path: flux, payload: {} })), 403)
        assert.strictEqual(yield* refused(api.models.delete({ path: flux })), 403)
        const error = yield* Effect.flip(api.models.create({ payload: { ...own, hardware: "abacus" } }))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "hardware")
      })
    ))

  it.effect("show an example, a version and its schema", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const model = yield* api.models.get({ path: flux })
        assert.strictEqual(model.default_example?.status, "succeeded")
        assert.lengthOf(model.default_example?.files ?? [], 1)
        const examples = yield* api.models.examples({ path: flux })
        assert.deepStrictEqual(examples.results.map(({ id }) => id), [model.default_example?.id])
        yield* TestClock.adjust("2 days")
        assert.isNotTrue((yield* api.models.examples({ path: flux })).results[0]?.data_removed)
        assert.lengthOf((yield* api.predictions.list({ urlParams: {} })).results, 0)

        const { results: [version] } = yield* api.models.versions({ path: flux })
        assert.strictEqual(version?.id, model.latest_version?.id)
        const path = { ...flux, version_id: version?.id ?? "" }
        assert.deepNestedInclude(
          { ...(yield* api.models.getVersion({ path })) },
          { "openapi_schema.components.schemas.Input.required": ["prompt"] }
        )
        assert.strictEqual(yield* refused(api.models.getVersion({ path: { ...path, version_id: "x" } })), 404)
        assert.strictEqual(yield* refused(api.models.deleteVersion({ path })), 403)
      })
    ))
})

const versionOf = (api: ReplicateClient.Api, path: typeof ownPath | typeof flux) =>
  Effect.map(api.models.versions({ path }), ({ results }) => results[0]?.id ?? "")

const startTraining = (api: ReplicateClient.Api, more: { readonly steps?: number } = {}) =>
  Effect.gen(function*() {
    yield* api.models.create({ payload: own })
    return yield* api.trainings.create({
      path: { ...flux, version_id: yield* versionOf(api, flux) },
      payload: { destination: "emulator/mine", input: { input_images: "https://example.com/a.zip", ...more } }
    })
  })

describe("trainings", () => {
  it.effect("live as predictions do, and end with a version that runs", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const created = yield* startTraining(api)
        const path = { training_id: created.id }
        assert.strictEqual(created.status, "starting")
        assert.isUndefined(created.trainedVersion)
        assert.lengthOf((yield* api.models.versions({ path: ownPath })).results, 0)

        yield* TestClock.adjust("3 seconds")
        const running = yield* api.trainings.get({ path })
        assert.strictEqual(running.status, "processing")
        assert.include(running.logs, "%|")
        assert.isUndefined(running.completed_at)

        yield* TestClock.adjust("10 seconds")
        const final = yield* api.trainings.get({ path })
        assert.strictEqual(final.status, "succeeded")
        assert.isNumber(final.metrics?.["predict_time"])
        const trained = yield* versionOf(api, ownPath)
        assert.strictEqual(final.trainedVersion, `emulator/mine:${trained}`)
        assert.match(final.weights ?? "", /^https:\/\//)
        assert.strictEqual((yield* api.predictions.get({ path: { prediction_id: created.id } })).status, "succeeded")

        const run = yield* api.predictions.create({ headers: {}, payload: { version: trained, input } })
        assert.strictEqual(run.model, "emulator/mine")
        assert.deepStrictEqual(yield* idsOf(Pages.trainings().items), [created.id])
        assert.deepStrictEqual(yield* idsOf(Pages.predictions().items), [run.id])
      })
    ))

  it.effect("that are canceled make no version", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const { id } = yield* startTraining(api, { steps: 100 })
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* api.trainings.cancel({ path: { training_id: id } })).status, "canceled")
        yield* TestClock.adjust("5 minutes")
        assert.lengthOf((yield* api.models.versions({ path: ownPath })).results, 0)
      })
    ))

  it.effect("need a trainable version, an own destination and their input", () =>
    emulated((client) =>
      Effect.gen(function*() {
        const version_id = yield* versionOf(client, flux)
        const [model_owner = "", model_name = ""] = llama.split("/")
        const llamaPath = { model_owner, model_name }
        const start = (path: typeof flux & { readonly version_id: string }, destination: string, input = {}) =>
          client.trainings.create({ path, payload: { destination, input } })
        const untrainable = { ...llamaPath, version_id: yield* versionOf(client, llamaPath) }
        assert.strictEqual(yield* refused(start(untrainable, "emulator/mine")), 400)
        assert.strictEqual(yield* refused(start({ ...flux, version_id }, "emulator/mine")), 404)
        assert.strictEqual(yield* refused(start({ ...flux, version_id }, llama)), 404)
        assert.strictEqual(yield* refused(start({ ...flux, version_id: "x" }, llama)), 404)
        yield* client.models.create({ payload: own })
        const error = yield* Effect.flip(start({ ...flux, version_id }, "emulator/mine"))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "input.input_images")
        assert.strictEqual(yield* refused(client.trainings.get({ path: { training_id: "none" } })), 404)
      })
    ))

  it.effect("versions are deleted with their predictions, and models only without versions", () =>
    emulated((api) =>
      Effect.gen(function*() {
        yield* startTraining(api)
        yield* TestClock.adjust("1 minute")
        const version_id = yield* versionOf(api, ownPath)
        const { id } = yield* api.predictions.create({ headers: {}, payload: { version: version_id, input } })
        assert.strictEqual(yield* refused(api.models.delete({ path: ownPath })), 409)
        yield* api.models.deleteVersion({ path: { ...ownPath, version_id } })
        assert.strictEqual(yield* refused(api.predictions.get({ path: { prediction_id: id } })), 404)
        yield* api.models.delete({ path: ownPath })
      })
    ))
})

describe("deployments", () => {
  const path = { deployment_owner: "emulator", deployment_name: "app" }
  const create = (api: ReplicateClient.Api, name = "app") =>
    Effect.flatMap(versionOf(api, flux), (version) =>
      api.deployments.create({
        payload: {
          name,
          model: "black-forest-labs/flux-schnell",
          version,
          hardware: "gpu-t4",
          min_instances: 0,
          max_instances: 2
        }
      }))

  it.effect("are made, changed, run and deleted when they were quiet", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const made = yield* create(api)
        assert.strictEqual(made.current_release?.number, 1)
        assert.strictEqual(made.current_release?.created_by?.username, "emulator")
        assert.strictEqual(yield* refused(create(api)), 409)
        const changed = yield* api.deployments.update({ path, payload: { max_instances: 5 } })
        assert.strictEqual(changed.current_release?.number, 2)
        assert.deepStrictEqual({ ...changed.current_release?.configuration }, {
          hardware: "gpu-t4",
          min_instances: 0,
          max_instances: 5
        })
        yield* create(api, "other")
        const { results } = yield* api.deployments.list()
        assert.deepStrictEqual(results.map(({ name }) => name), ["other", "app"])

        const { deployment, id } = yield* api.deployments.predict({ path, headers: {}, payload: { input } })
        assert.strictEqual(deployment, "app")
        yield* TestClock.adjust("1 minute")
        const final = yield* Prediction.get(id)
        assert.strictEqual(final.status, "succeeded")
        assert.strictEqual(yield* refused(api.deployments.delete({ path })), 409)
        yield* TestClock.adjust("15 minutes")
        yield* api.deployments.delete({ path })
        assert.strictEqual(yield* refused(api.deployments.get({ path })), 404)
        assert.strictEqual(yield* refused(api.deployments.predict({ path, headers: {}, payload: { input } })), 404)
      })
    ))

  it.effect("C28: what is wrong with a release is told by field, and changes nothing", () =>
    emulated((api) =>
      Effect.gen(function*() {
        yield* create(api)
        const error = yield* Effect.flip(
          api.deployments.update({
            path,
            payload: { version: "x", hardware: "abacus", min_instances: 6, max_instances: 1 }
          })
        )
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(
          error.issues.map(({ field }) => field),
          ["version", "hardware", "min_instances", "min_instances"]
        )
        assert.strictEqual((yield* api.deployments.get({ path })).current_release?.number, 1)
      })
    ))
})

describe("files", () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, n) => n % 251)
  const form = (fields: Readonly<Record<string, string | Blob>>) => {
    const data = new FormData()
    for (const [name, value] of Object.entries(fields)) data.append(name, value)
    return data
  }
  const upload = (api: ReplicateClient.Api, fields: Readonly<Record<string, string | Blob>> = {}) =>
    unhurried(
      api.files.create({ payload: form({ content: new File([bytes], "ä.png", { type: "image/png" }), ...fields }) })
    )

  it.effect("are uploaded, listed, expire after a day and are deleted", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const metadata = new Blob([JSON.stringify({ order: 7 })], { type: "application/json" })
        const file = yield* upload(api, { metadata })
        assert.deepInclude({ ...file }, { name: "ä.png", content_type: "image/png", size: 300_000 })
        assert.deepStrictEqual(file.metadata, { order: 7 })
        assert.strictEqual(file.checksums?.["sha256"], createHash("sha256").update(bytes).digest("hex"))
        assert.strictEqual(file.urls?.get, `https://api.replicate.com/v1/files/${file.id}`)
        const path = { file_id: file.id }
        assert.deepStrictEqual(yield* api.files.get({ path }), file)
        const second = yield* upload(api, { filename: "b.bin", type: "application/x-b" })
        assert.deepInclude({ ...second }, { name: "b.bin", content_type: "application/x-b" })
        assert.deepStrictEqual(yield* idsOf(Pages.files().items), [second.id, file.id])

        yield* api.files.delete({ path })
        assert.strictEqual(yield* refused(api.files.get({ path })), 404)
        assert.strictEqual(yield* refused(api.files.delete({ path })), 404)
        yield* TestClock.adjust("1 day")
        assert.deepStrictEqual(yield* idsOf(Pages.files().items), [])
      })
    ))

  it.effect("need their content", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(unhurried(api.files.create({ payload: form({ type: "text/plain" }) })))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "content")
      })
    ))

  it.effect("are downloaded by a signed link only, while it lasts", () =>
    emulated((api, { fileSecret }) =>
      Effect.gen(function*() {
        const { id } = yield* upload(api)
        const link = (owner: string, expiry: number, secret = fileSecret) => ({
          owner,
          expiry,
          signature: createHmac("sha256", secret).update(`${owner} ${id} ${expiry}`).digest("base64")
        })
        const download = (urlParams: ReturnType<typeof link>) =>
          unhurried(api.files.download({ path: { file_id: id }, urlParams }))
        assert.deepStrictEqual(yield* download(link("emulator", 3600)), bytes)
        const wrong = [
          link("emulator", 0),
          link("somebody", 3600),
          link("emulator", 3600, "other"),
          { ...link("emulator", 3600), expiry: 3601 },
          { ...link("emulator", 3600), signature: "not base64!" }
        ]
        for (const one of wrong) assert.strictEqual(yield* refused(download(one)), 404)
        const { expiry, owner, signature } = link("emulator", 3600)
        const query = `owner=${owner}&expiry=${expiry}&signature=${encodeURIComponent(signature)}`
        const open = yield* unhurried(HttpClient.get(`${base}/files/${id}/download?${query}`))
        assert.strictEqual(open.status, 200)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* refused(download(link("emulator", 3600))), 404)
      })
    ))
})

describe("lists", () => {
  const many = (api: ReplicateClient.Api, count: number) =>
    Effect.forEach(Array.from({ length: count }), () =>
      Effect.zipRight(
        TestClock.adjust("1 second"),
        Effect.map(
          api.models.predict({ path: flux, headers: {}, payload: { input } }),
          ({ id }) => id
        )
      ))

  it.effect("C18: have pages of 100 with links both ways, which hold while items are added", () =>
    emulated((api) =>
      Effect.gen(function*() {
        const ids = (yield* many(api, 205)).toReversed()
        const list = Pages.predictions()
        const first = yield* list.first
        assert.deepStrictEqual(first.results.map(({ id }) => id), ids.slice(0, 100))
        assert.isTrue(Option.isNone(first.previous))
        const [added] = yield* many(api, 1)
        const second = yield* Effect.flatten(first.next)
        assert.deepStrictEqual(second.results.map(({ id }) => id), ids.slice(100, 200))
        const third = yield* Effect.flatten(second.next)
        assert.deepStrictEqual(third.results.map(({ id }) => id), ids.slice(200))
        assert.isTrue(Option.isNone(third.next))
        const back = yield* Effect.flatMap(Effect.flatten(third.previous), ({ previous }) => Effect.flatten(previous))
        assert.deepStrictEqual(back.results.map(({ id }) => id), ids.slice(0, 100))
        assert.deepStrictEqual(yield* idsOf(list.items), [added, ...ids])
      })
    ))

  it.effect("C18: of predictions are filtered by time, the first included and the last not, on all pages", () =>
    emulated((api, emulator) =>
      Effect.gen(function*() {
        const ids = yield* many(api, 130)
        const list = Pages.predictions({ createdAfter: 10_000, createdBefore: 125_000 })
        assert.deepStrictEqual(yield* idsOf(list.items), ids.slice(9, 124).toReversed())
        assert.deepStrictEqual(yield* idsOf(Pages.predictions({ source: "web" }).items), [])
        const asked = (yield* emulator.requests).filter(({ path }) => path.includes("cursor="))
        assert.lengthOf(asked, 1)
        assert.include(asked[0]?.path, "created_after=")
      })
    ))

  it.effect("tell of a filter or a cursor that cannot be read", () =>
    emulated(() =>
      Effect.gen(function*() {
        const paths = ["/predictions?created_after=yesterday", "/predictions?source=api", "/models?sort_by=name"]
        for (const path of paths) {
          const answer = yield* raw(path, "r8_test")
          assert.deepInclude(answer, { status: 400, type: "application/problem+json" })
          assert.property(answer.body, "detail")
        }
        for (const cursor of ["x", "YWZ0ZXI6bm9uZQ"]) {
          assert.strictEqual((yield* raw(`/predictions?cursor=${cursor}`, "r8_test")).status, 404)
        }
      })
    ))
})
