import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import type { ProviderError } from "../../src/ProviderError.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

type Api = ReplicateClient.Api
type Call = (api: Api) => Effect.Effect<unknown, ProviderError>

/** Calls an operation of a server that answers all with the same. */
const calling = (call: Call, answer: Server.Answer) =>
  Effect.gen(function*() {
    const server = Server.make({ create: [answer], get: [answer], cancel: [answer], other: [answer] })
    const exit = yield* Effect.flatMap(ReplicateClient.ReplicateClient, ({ api }) => call(api)).pipe(
      Server.timed,
      Effect.either,
      Effect.provide(server.layer)
    )
    return { exit, calls: server.calls }
  })

const deploymentPath = { deployment_owner: "acme", deployment_name: "app" }
const modelPath = { model_owner: "acme", model_name: "llama" }
const versionPath = { ...modelPath, version_id: "v1" }
const model = { owner: "acme", name: "llama" }
const deployment = { owner: "acme", name: "app", current_release: { number: 1 } }
const file = { id: "f1", urls: { get: "https://api.replicate.com/v1/files/f1" } }
const prediction = Server.prediction()
const pageOf = (item: unknown) => ({ next: null, previous: null, results: [item] })

interface Operation {
  /** Method and path, as they are sent. */
  readonly sends: string
  readonly call: Call
  readonly status?: number
  /** What is answered: JSON unless it is text or nothing. */
  readonly answer: unknown
  readonly body?: unknown
  readonly accept?: string
}

const deploymentRequest = { name: "app", model: "acme/llama", version: "v1", hardware: "cpu" }
const instances = { min_instances: 0, max_instances: 2 }
const modelRequest = { ...model, visibility: "private", hardware: "cpu" } as const
const download = { owner: "acme", expiry: 1_700_000_000, signature: "a+b/c=" }

const operations: ReadonlyArray<Operation> = [
  { sends: "GET /account", call: (api) => api.account.get(), answer: { type: "user", username: "acme" } },
  {
    sends: "GET /collections",
    call: (api) => api.collections.list(),
    answer: pageOf({ slug: "x", name: "X", description: "x" })
  },
  {
    sends: "GET /collections/x",
    call: (api) => api.collections.get({ path: { collection_slug: "x" } }),
    answer: { slug: "x", models: [model] }
  },
  { sends: "GET /deployments", call: (api) => api.deployments.list(), answer: pageOf(deployment) },
  {
    sends: "POST /deployments",
    call: (api) => api.deployments.create({ payload: { ...deploymentRequest, ...instances } }),
    answer: deployment,
    body: { ...deploymentRequest, ...instances }
  },
  {
    sends: "GET /deployments/acme/app",
    call: (api) => api.deployments.get({ path: deploymentPath }),
    answer: deployment
  },
  {
    sends: "PATCH /deployments/acme/app",
    call: (api) => api.deployments.update({ path: deploymentPath, payload: { max_instances: 0 } }),
    answer: deployment,
    body: { max_instances: 0 }
  },
  {
    sends: "DELETE /deployments/acme/app",
    call: (api) => api.deployments.delete({ path: deploymentPath }),
    status: 204,
    answer: undefined
  },
  {
    sends: "POST /deployments/acme/app/predictions",
    call: (api) => api.deployments.predict({ path: deploymentPath, headers: {}, payload: { input: {} } }),
    status: 201,
    answer: prediction,
    body: { input: {} }
  },
  { sends: "GET /files", call: (api) => api.files.list(), answer: pageOf(file) },
  {
    sends: "POST /files",
    call: (api) => api.files.create({ payload: new FormData() }),
    status: 201,
    answer: file
  },
  { sends: "GET /files/f1", call: (api) => api.files.get({ path: { file_id: "f1" } }), answer: file },
  {
    sends: "DELETE /files/f1",
    call: (api) => api.files.delete({ path: { file_id: "f1" } }),
    status: 204,
    answer: undefined
  },
  {
    sends: "GET /files/f1/download?owner=acme&expiry=1700000000&signature=a%2Bb%2Fc%3D",
    call: (api) => api.files.download({ path: { file_id: "f1" }, urlParams: download }),
    answer: "bytes",
    accept: "application/octet-stream"
  },
  { sends: "GET /hardware", call: (api) => api.hardware.list(), answer: [{ name: "CPU", sku: "cpu" }] },
  { sends: "GET /models", call: (api) => api.models.list({ urlParams: {} }), answer: pageOf(model) },
  {
    sends: "POST /models",
    call: (api) => api.models.create({ payload: modelRequest }),
    status: 201,
    answer: model,
    body: modelRequest
  },
  { sends: "GET /models/acme/llama", call: (api) => api.models.get({ path: modelPath }), answer: model },
  {
    sends: "PATCH /models/acme/llama",
    call: (api) => api.models.update({ path: modelPath, payload: { readme: "# Llama" } }),
    answer: model,
    body: { readme: "# Llama" }
  },
  {
    sends: "DELETE /models/acme/llama",
    call: (api) => api.models.delete({ path: modelPath }),
    status: 204,
    answer: undefined
  },
  {
    sends: "GET /models/acme/llama/examples",
    call: (api) => api.models.examples({ path: modelPath }),
    answer: pageOf(prediction)
  },
  {
    sends: "POST /models/acme/llama/predictions",
    call: (api) => api.models.predict({ path: modelPath, headers: {}, payload: { input: {} } }),
    status: 202,
    answer: prediction,
    body: { input: {} }
  },
  {
    sends: "GET /models/acme/llama/readme",
    call: (api) => api.models.readme({ path: modelPath }),
    answer: "# Llama",
    accept: "text/plain"
  },
  {
    sends: "GET /models/acme/llama/versions",
    call: (api) => api.models.versions({ path: modelPath }),
    answer: pageOf({ id: "v1", cog_version: null })
  },
  {
    sends: "GET /models/acme/llama/versions/v1",
    call: (api) => api.models.getVersion({ path: versionPath }),
    answer: { id: "v1", openapi_schema: { openapi: "3.0.2" } }
  },
  {
    sends: "DELETE /models/acme/llama/versions/v1",
    call: (api) => api.models.deleteVersion({ path: versionPath }),
    status: 202,
    answer: undefined
  },
  {
    sends: "GET /predictions?created_after=1970-01-01T00%3A00%3A00.000Z&source=web",
    call: (api) => api.predictions.list({ urlParams: { created_after: DateTime.unsafeMake(0), source: "web" } }),
    answer: pageOf(prediction)
  },
  {
    sends: "POST /predictions",
    call: (api) => api.predictions.create({ headers: {}, payload: { version: "v1", input: {} } }),
    status: 201,
    answer: prediction,
    body: { version: "v1", input: {} }
  },
  {
    sends: "GET /predictions/p1",
    call: (api) => api.predictions.get({ path: { prediction_id: "p1" } }),
    answer: prediction
  },
  {
    sends: "POST /predictions/p1/cancel",
    call: (api) => api.predictions.cancel({ path: { prediction_id: "p1" } }),
    answer: prediction
  },
  {
    sends: "GET /search?query=a+b&limit=5",
    call: (api) => api.search.query({ urlParams: { query: "a b", limit: 5 } }),
    answer: {
      query: "a b",
      models: [{ model, metadata: { tags: ["x"], score: null, generated_description: null } }],
      collections: [{ slug: "x", name: "X", description: "x", models: null }],
      pages: [{ name: "Docs", href: "/docs" }]
    }
  },
  { sends: "GET /trainings", call: (api) => api.trainings.list(), answer: pageOf(prediction) },
  {
    sends: "POST /models/acme/llama/versions/v1/trainings",
    call: (api) => api.trainings.create({ path: versionPath, payload: { destination: "acme/x", input: {} } }),
    status: 201,
    answer: prediction,
    body: { destination: "acme/x", input: {} }
  },
  {
    sends: "GET /trainings/t1",
    call: (api) => api.trainings.get({ path: { training_id: "t1" } }),
    answer: prediction
  },
  {
    sends: "POST /trainings/t1/cancel",
    call: (api) => api.trainings.cancel({ path: { training_id: "t1" } }),
    answer: prediction
  },
  { sends: "GET /webhooks/default/secret", call: (api) => api.webhooks.secret(), answer: { key: "whsec_c2VjcmV0" } }
]

const answering = ({ answer, status = 200 }: Operation): Server.Answer => () =>
  answer === undefined
    ? new Response(null, { status })
    : typeof answer === "string"
    ? new Response(answer, { status })
    : FakeHttp.json(answer, { status })

describe("an operation", () => {
  it("is in the table, each of them", () => {
    assert.lengthOf(operations, 36)
    assert.strictEqual(new Set(operations.map(({ sends }) => sends)).size, 36)
  })

  it.effect.each(operations)("goes out and is read: $sends", (operation) =>
    Effect.gen(function*() {
      const { calls, exit } = yield* calling(operation.call, answering(operation))
      assert.strictEqual(exit._tag, "Right", inspect(exit))
      assert.lengthOf(calls, 1)
      const [{ body, headers, method, url } = { body: "", headers: {}, method: "", url: "" }] = calls
      assert.strictEqual(`${method} ${url.replace("https://api.replicate.com/v1", "")}`, operation.sends)
      assert.deepStrictEqual(body, operation.body)
      assert.deepInclude({ ...headers }, {
        accept: operation.accept ?? "application/json",
        authorization: "Bearer r8_test"
      })
    }))

  it.effect.each(operations.filter(({ sends }) => sends.startsWith("GET") || sends.startsWith("DELETE")))(
    "C24: is sent again where that is safe: $sends",
    (operation) =>
      Effect.gen(function*() {
        let failed = false
        const { calls, exit } = yield* calling(operation.call, (call) => {
          if (failed) return answering(operation)(call)
          failed = true
          return Server.status(503)(call)
        })
        assert.strictEqual(exit._tag, "Right")
        assert.lengthOf(calls, 2)
      })
  )

  it.effect.each(operations.filter(({ sends }) => /^(?:POST|PATCH) (?!.*\/cancel$)/.test(sends)))(
    "C06: is sent once where that is not safe: $sends",
    ({ call }) =>
      Effect.gen(function*() {
        const { calls, exit } = yield* calling(call, Server.status(503))
        assert.strictEqual(exit._tag, "Left")
        assert.lengthOf(calls, 1)
      })
  )

  it.effect.prop(
    "has its parameters escaped, each a segment of its own",
    [FastCheck.oneof(FastCheck.fullUnicodeString({ minLength: 1 }), FastCheck.constant("../account?x#y%2F"))],
    ([id]) =>
      Effect.gen(function*() {
        const calls: ReadonlyArray<Call> = [
          (api) => api.collections.get({ path: { collection_slug: id } }),
          (api) => api.deployments.get({ path: { deployment_owner: id, deployment_name: id } }),
          (api) => api.files.delete({ path: { file_id: id } }),
          (api) => api.models.getVersion({ path: { model_owner: id, model_name: id, version_id: id } }),
          (api) => api.trainings.get({ path: { training_id: id } })
        ]
        for (const call of calls) {
          const sent = (yield* calling(call, Server.status(404))).calls
          if (id === "." || id === "..") {
            assert.lengthOf(sent, 0)
            continue
          }
          const { pathname, search } = new URL(sent[0]?.url ?? "")
          const segments = pathname.split("/").slice(3)
          assert.strictEqual(search, "")
          assert.include(segments.map(decodeURIComponent), id)
          assert.oneOf(pathname.split("/")[2], ["collections", "deployments", "files", "models", "trainings"])
        }
      }),
    { fastCheck: { numRuns: 12 } }
  )

  it.effect("gives the secret of webhooks so that it is not printed", () =>
    Effect.gen(function*() {
      const call = (api: Api) => api.webhooks.secret()
      const server = Server.make({ other: [() => FakeHttp.json({ key: "whsec_c2VjcmV0" })] })
      const secret = yield* Effect.flatMap(ReplicateClient.ReplicateClient, ({ api }) => call(api)).pipe(
        Server.timed,
        Effect.provide(server.layer)
      )
      assert.strictEqual(Redacted.value(secret.key), "whsec_c2VjcmV0")
      for (const text of [String(secret), JSON.stringify(secret), inspect(secret, { depth: 5 })]) {
        assert.notInclude(text, "c2VjcmV0")
      }
    }))

  it.effect("refuses what is out of range before any call", () =>
    Effect.gen(function*() {
      for (const max_instances of [-1, 0.5]) {
        const { calls, exit } = yield* calling(
          (api) => api.deployments.update({ path: deploymentPath, payload: { max_instances } }),
          Server.status(500)
        )
        assert(exit._tag === "Left")
        assert.strictEqual(exit.left._tag, "InvalidRequest")
        assert.lengthOf(calls, 0)
      }
    }))
})
