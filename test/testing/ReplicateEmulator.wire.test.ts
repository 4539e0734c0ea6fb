import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import { createHmac } from "node:crypto"
import digest from "../replicate/openapi-digest.json"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

interface Operation {
  readonly body: ReadonlyArray<{ readonly type: string; readonly required: ReadonlyArray<string> }>
  readonly statuses: ReadonlyArray<number>
}

const operations: ReadonlyMap<string, Operation> = new Map(Object.entries(digest))

const base = "https://api.replicate.com/v1"
const flux = "black-forest-labs/flux-schnell"
const input = { prompt: "hi" }

interface Call {
  /** As the OpenAPI document names it. */
  readonly operation: string
  /** Its path, where there is something to fill in. */
  readonly path?: string
  readonly body?: object | string
  readonly headers?: Record<string, string>
  readonly token?: boolean
}

const requestOf = ({ body, headers = {}, operation, path, token = true }: Call) => {
  const [method = "", template = ""] = operation.split(" ")
  const request = HttpClientRequest.make("GET")(`${base}${path ?? template}`, {
    headers: { ...(token ? { authorization: "Bearer r8_test" } : {}), ...headers }
  }).pipe(
    // QUERY is none of the platform's methods
    HttpClientRequest.setMethod(method as "GET")
  )
  return body === undefined
    ? request
    : typeof body === "string"
    ? HttpClientRequest.bodyText(request, body)
    : body instanceof FormData
    ? HttpClientRequest.bodyFormData(request, body)
    : HttpClientRequest.bodyUnsafeJson(request, body)
}

const caller = ({ client }: ReplicateEmulator.Service) =>
  Effect.fnUntraced(function*(call: Call) {
    const fiber = yield* Effect.fork(client.execute(requestOf(call)))
    // forms and digests are promises
    while (!(yield* Server.isDone(fiber))) yield* Server.settle
    const response = yield* Fiber.join(fiber)
    const text = yield* response.text
    const type = response.headers["content-type"]
    return {
      status: response.status,
      headers: response.headers,
      type,
      text,
      json: type?.includes("json") === true ? JSON.parse(text) : undefined
    }
  })

type Send = ReturnType<typeof caller>

const emulated = <A, E>(
  test: (send: Send, emulator: ReplicateEmulator.Service) => Effect.Effect<A, E>,
  options?: ReplicateEmulator.Options
) => Effect.scoped(Effect.flatMap(ReplicateEmulator.make(options), (emulator) => test(caller(emulator), emulator)))

const form = (fields: Readonly<Record<string, string | Blob>>) => {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  return data
}

/** All operations, in an order in which each finds what it is about. */
const all = (send: Send, { fileSecret }: ReplicateEmulator.Service) =>
  Effect.gen(function*() {
    const calls: Array<Call> = []
    const answers = new Map<string, Effect.Effect.Success<ReturnType<Send>>>()
    const call = Effect.fnUntraced(function*(operation: string, more: Omit<Call, "operation"> = {}) {
      const made = { operation, ...more }
      const answer = yield* send(made)
      calls.push(made)
      answers.set(operation, answer)
      return answer.json
    })

    yield* call("GET /account")
    yield* call("GET /collections")
    yield* call("GET /collections/{collection_slug}", { path: "/collections/text-to-image" })
    yield* call("GET /hardware")
    yield* call("GET /webhooks/default/secret")
    yield* call("GET /search", { path: "/search?query=draws", token: false })
    yield* call("QUERY /models", { body: "pictures" })
    yield* call("GET /models")

    const details = { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
    yield* call("POST /models", { body: details })
    const mine = "/models/emulator/mine"
    yield* call("PATCH /models/{model_owner}/{model_name}", { path: mine, body: { readme: "# Mine" } })
    yield* call("GET /models/{model_owner}/{model_name}", { path: mine })
    yield* call("GET /models/{model_owner}/{model_name}/readme", { path: `${mine}/readme` })
    yield* call("GET /models/{model_owner}/{model_name}/examples", { path: `/models/${flux}/examples` })
    const versions = yield* call("GET /models/{model_owner}/{model_name}/versions", {
      path: `/models/${flux}/versions`
    })
    const version = versions.results[0].id
    yield* call("GET /models/{model_owner}/{model_name}/versions/{version_id}", {
      path: `/models/${flux}/versions/${version}`
    })

    const training = yield* call("POST /models/{model_owner}/{model_name}/versions/{version_id}/trainings", {
      path: `/models/${flux}/versions/${version}/trainings`,
      body: { destination: "emulator/mine", input: { input_images: "https://example.com/a.zip" } }
    })
    yield* call("GET /trainings")
    yield* call("GET /trainings/{training_id}", { path: `/trainings/${training.id}` })
    yield* TestClock.adjust("1 minute")
    yield* call("POST /trainings/{training_id}/cancel", { path: `/trainings/${training.id}/cancel` })

    yield* call("POST /deployments", {
      body: { name: "app", model: flux, version, hardware: "cpu", min_instances: 0, max_instances: 1 }
    })
    const app = { path: "/deployments/emulator/app" }
    yield* call("GET /deployments")
    yield* call("GET /deployments/{deployment_owner}/{deployment_name}", app)
    yield* call("PATCH /deployments/{deployment_owner}/{deployment_name}", { ...app, body: { max_instances: 2 } })
    yield* call("POST /deployments/{deployment_owner}/{deployment_name}/predictions", {
      path: `${app.path}/predictions`,
      body: { input }
    })
    yield* TestClock.adjust("1 hour")
    yield* call("DELETE /deployments/{deployment_owner}/{deployment_name}", app)

    yield* call("POST /models/{model_owner}/{model_name}/predictions", {
      path: `/models/${flux}/predictions`,
      body: { input }
    })
    const prediction = yield* call("POST /predictions", { body: { version: flux, input } })
    yield* call("GET /predictions")
    yield* call("GET /predictions/{prediction_id}", { path: `/predictions/${prediction.id}` })
    yield* call("POST /predictions/{prediction_id}/cancel", { path: `/predictions/${prediction.id}/cancel` })

    const file = yield* call("POST /files", { body: form({ content: new Blob(["abc"]) }) })
    yield* call("GET /files")
    yield* call("GET /files/{file_id}", { path: `/files/${file.id}` })
    const signature = createHmac("sha256", fileSecret).update(`emulator ${file.id} 9999999999`).digest("base64")
    const query = `owner=emulator&expiry=9999999999&signature=${encodeURIComponent(signature)}`
    yield* call("GET /files/{file_id}/download", { path: `/files/${file.id}/download?${query}`, token: false })
    yield* call("DELETE /files/{file_id}", { path: `/files/${file.id}` })

    const trained = (yield* send({ operation: `GET ${mine}/versions` })).json.results[0].id
    yield* call("DELETE /models/{model_owner}/{model_name}/versions/{version_id}", {
      path: `${mine}/versions/${trained}`
    })
    yield* call("DELETE /models/{model_owner}/{model_name}", { path: mine })
    return { calls, answers }
  })

const textTypes: Readonly<Record<string, string>> = {
  "GET /models/{model_owner}/{model_name}/readme": "text/plain",
  "GET /files/{file_id}/download": "application/octet-stream"
}

describe("the 37 operations", () => {
  it.effect("answer with a documented status, their type, and what is left of the rate limit", () =>
    emulated((send, emulator) =>
      Effect.gen(function*() {
        const { answers } = yield* all(send, emulator)
        assert.strictEqual(operations.size, 37)
        assert.sameMembers(Array.from(answers.keys()), Array.from(operations.keys()))
        for (const [operation, { headers, status, text, type }] of answers) {
          const documented = operations.get(operation)?.statuses ?? []
          assert.include(documented.filter((one) => one < 300), status, operation)
          if (status === 204 || text === "") assert.strictEqual(text, "", operation)
          else assert.strictEqual(type, textTypes[operation] ?? "application/json", operation)
          assert.match(headers["ratelimit-remaining"] ?? "", /^\d+$/, operation)
          assert.match(headers["ratelimit-reset"] ?? "", /^\d+$/, operation)
        }
        const empty = Array.from(answers).filter(([, { text }]) => text === "").map(([operation]) => operation)
        assert.sameMembers(empty, Array.from(answers.keys()).filter((operation) => operation.startsWith("DELETE")))
      })
    ))

  it.effect("R18: need a token, unless they are open to all", () =>
    emulated((send, emulator) =>
      Effect.gen(function*() {
        const { calls } = yield* all(send, emulator)
        for (const call of calls.filter(({ token = true }) => token)) {
          const { json, status, type } = yield* send({ ...call, token: false })
          assert.deepStrictEqual([status, type, json.title], [
            401,
            "application/problem+json",
            "Unauthenticated"
          ], call.operation)
        }
      })
    ))

  it.effect("C28: refuse a body without what is required, and one with more than there is, by the field", () =>
    emulated((send, emulator) =>
      Effect.gen(function*() {
        const { calls } = yield* all(send, emulator)
        // what the calls are about is there again
        yield* send({
          operation: "POST /models",
          body: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
        })
        const { results: [version] } = (yield* send({ operation: `GET /models/${flux}/versions` })).json
        yield* send({
          operation: "POST /deployments",
          body: { name: "app", model: flux, version: version.id, hardware: "cpu", min_instances: 0, max_instances: 1 }
        })
        const checked: Array<string> = []
        for (const call of calls) {
          const [body] = operations.get(call.operation)?.body ?? []
          if (body?.type !== "application/json" || typeof call.body !== "object") continue
          const refused = (changed: object) => send({ ...call, body: changed })
          for (const field of body.required) {
            const { json, status } = yield* refused({ ...call.body, [field]: undefined })
            assert.strictEqual(status, 422, `${call.operation} without ${field}`)
            assert.deepInclude(json, { title: "Input validation failed", status: 422 })
            assert.deepInclude(json.invalid_fields[0], { type: "required", field })
            assert.include(json.detail, `- ${field}: `)
            checked.push(field)
          }
          const { json, status, type } = yield* refused({ ...call.body, signal: {} })
          assert.deepStrictEqual([status, type], [422, "application/problem+json"], call.operation)
          assert.deepInclude(json.invalid_fields[0], { type: "additional_property_not_allowed", field: "signal" })
        }
        assert.isAtLeast(checked.length, 15)
      })
    ))
})

describe("a prediction", () => {
  const path = `/models/${flux}/predictions`
  const create = (send: Send, more: object = {}, headers: Record<string, string> = {}) =>
    Effect.map(send({ operation: `POST ${path}`, body: { input, ...more }, headers }), ({ json }) => json)
  const read = (send: Send, id: string) => Effect.map(send({ operation: `GET /predictions/${id}` }), ({ json }) => json)

  it.effect("has exactly the fields of its time", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const created = yield* create(send)
        const always = [
          "created_at",
          "data_removed",
          "error",
          "id",
          "input",
          "logs",
          "model",
          "source",
          "status",
          "urls",
          "version"
        ]
        assert.deepStrictEqual(Object.keys(created).sort(), always)
        assert.deepStrictEqual(Object.keys(created.urls).sort(), ["cancel", "get", "stream", "web"])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(Object.keys(yield* read(send, created.id)).sort(), [...always, "started_at"].sort())
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(
          Object.keys(yield* read(send, created.id)).sort(),
          [...always, "completed_at", "metrics", "output", "started_at"].sort()
        )
      })
    ))

  it.effect("C10: says what it was asked: webhook, filter, stream flag and deadline", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const asked = { webhook: "https://hooks.example/", webhook_events_filter: ["start", "logs"], stream: true }
        const created = yield* create(send, asked, { "cancel-after": "1h30m5s" })
        assert.deepInclude(created, asked)
        assert.strictEqual(Date.parse(created.deadline), 5_405_000)
        assert.deepInclude(yield* read(send, created.id), asked)
      })
    ))

  it.effect("has times of 2 to 9 fractional digits, that are the same to the millisecond", () =>
    emulated((send) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_120)
        const created = yield* create(send)
        yield* TestClock.adjust("1 minute")
        const { json } = yield* send({ operation: `GET /predictions/${created.id}` })
        const times = [created.created_at, json.created_at, json.started_at, json.completed_at]
        for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{2,9}Z$/)
        assert.isAbove(new Set(times.map((time) => time.length)).size, 1)
        assert.deepStrictEqual(times.slice(0, 2).map((time) => Date.parse(time.replace(/(\.\d{3})\d+/, "$1"))), [
          1_700_000_000_120,
          1_700_000_000_120
        ])
      })
    ))

  it.effect("C19: answers a cancel with itself, and a second one too", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const { id } = yield* create(send)
        for (const _ of [1, 2]) {
          const { json, status } = yield* send({ operation: `POST /predictions/${id}/cancel` })
          assert.deepStrictEqual([status, json.id, json.status], [200, id, "canceled"])
          assert.notProperty(json, "started_at")
        }
      })
    ))

  it.effect("loses its data an hour after its end, and its files; not sooner", () =>
    emulated((send, { client }) =>
      Effect.gen(function*() {
        const { id } = yield* create(send)
        yield* TestClock.adjust("1 minute")
        const { completed_at, output: [url] } = yield* read(send, id)
        const fileStatus = Effect.map(client.get(url), ({ status }) => status)
        const end = Date.parse(completed_at.replace(/(\.\d{3})\d+/, "$1"))
        yield* TestClock.setTime(end + 3_600_000 - 1)
        assert.deepInclude(yield* read(send, id), { data_removed: false, input })
        assert.strictEqual(yield* fileStatus, 200)
        yield* TestClock.adjust("1 milli")
        const removed = yield* read(send, id)
        assert.deepInclude(removed, { data_removed: true, output: null, logs: "", status: "succeeded" })
        assert.deepStrictEqual(removed.input, {})
        assert.property(removed, "metrics")
        assert.strictEqual(yield* fileStatus, 404)
      })
    ))

  it.effect("of a deployment says which, and is listed with the others", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const { results: [version] } = (yield* send({ operation: `GET /models/${flux}/versions` })).json
        yield* send({
          operation: "POST /deployments",
          body: { name: "app", model: flux, version: version.id, hardware: "cpu", min_instances: 0, max_instances: 1 }
        })
        const made = yield* send({
          operation: "POST /deployments/emulator/app/predictions",
          body: { input },
          headers: { prefer: "wait=1" }
        }).pipe(Effect.fork, Effect.tap(() => TestClock.adjust("1 second")), Effect.flatMap(Fiber.join))
        assert.strictEqual(made.status, 202)
        assert.strictEqual(made.headers["preference-applied"], "wait=1")
        assert.deepInclude(made.json, { deployment: "app", model: flux, version: version.id, status: "starting" })
        const { json } = yield* send({ operation: "GET /predictions" })
        assert.deepStrictEqual(json.results.map(({ deployment }: { readonly deployment: string }) => deployment), [
          "app"
        ])
        const web = yield* send({ operation: "GET /predictions?source=web" })
        assert.deepStrictEqual(web.json, { next: null, previous: null, results: [] })
      })
    ))
})

describe("models", () => {
  it.effect("that are private are not listed, nor found; those of others that are not official need a version", () =>
    emulated((send) =>
      Effect.gen(function*() {
        yield* send({
          operation: "POST /models",
          body: { owner: "emulator", name: "secret", visibility: "private", hardware: "cpu", description: "community" }
        })
        const names = (models: ReadonlyArray<{ readonly owner: string; readonly name: string }>) =>
          models.map(({ name, owner }) => `${owner}/${name}`)
        const listed = names((yield* send({ operation: "GET /models" })).json.results)
        assert.include(listed, "acme/community")
        assert.notInclude(listed, "emulator/secret")
        const found = (yield* send({ operation: "QUERY /models", body: "community" })).json.results
        assert.deepStrictEqual(names(found), ["emulator/community", "acme/community"])
        assert.strictEqual((yield* send({ operation: "GET /models/emulator/secret" })).status, 200)

        const { is_official, latest_version } = (yield* send({ operation: "GET /models/acme/community" })).json
        assert.isFalse(is_official)
        const predict = (body: object) => send({ operation: "POST /predictions", body: { input: {}, ...body } })
        const named = yield* send({ operation: "POST /models/acme/community/predictions", body: { input: {} } })
        assert.strictEqual(named.status, 404)
        assert.strictEqual((yield* predict({ version: "acme/community" })).status, 404)
        for (const version of [latest_version.id, `acme/community:${latest_version.id}`]) {
          assert.deepInclude((yield* predict({ version })).json, {
            model: "acme/community",
            version: latest_version.id
          })
        }
        assert.strictEqual((yield* send({ operation: "GET /models/acme/community" })).json.run_count, 2)
      }), { models: [{ name: "acme/community", kind: "text", official: false, script: () => [] }] }))

  it.effect("a version is deleted with its predictions and their files, from private models only, unless it is used", () =>
    emulated((send, { client }) =>
      Effect.gen(function*() {
        for (const [name, visibility] of [["open", "public"], ["closed", "private"], ["next", "private"]]) {
          yield* send({ operation: "POST /models", body: { owner: "emulator", name, visibility, hardware: "cpu" } })
        }
        const train = Effect.fnUntraced(function*(from: string, destination: string) {
          const { results: [version] } = (yield* send({ operation: `GET /models/${from}/versions` })).json
          const { status } = yield* send({
            operation: `POST /models/${from}/versions/${version.id}/trainings`,
            body: { destination, input: { input_images: "https://example.com/a.zip" } }
          })
          assert.strictEqual(status, 201)
          yield* TestClock.adjust("1 minute")
        })
        const remove = Effect.fnUntraced(function*(name: string) {
          const { results: [version] } = (yield* send({ operation: `GET /models/${name}/versions` })).json
          return (yield* send({ operation: `DELETE /models/${name}/versions/${version.id}` })).status
        })
        yield* train(flux, "emulator/open")
        yield* train(flux, "emulator/closed")
        assert.strictEqual(yield* remove("emulator/open"), 403)
        assert.strictEqual(yield* remove(flux), 403)

        const { results: [version] } = (yield* send({ operation: "GET /models/emulator/closed/versions" })).json
        const { id } = (yield* send({ operation: "POST /predictions", body: { version: version.id, input } })).json
        yield* TestClock.adjust("1 minute")
        const { output: [url] } = (yield* send({ operation: `GET /predictions/${id}` })).json
        assert.strictEqual((yield* client.get(url)).status, 200)
        assert.strictEqual(yield* remove("emulator/closed"), 202)
        assert.strictEqual((yield* send({ operation: `GET /predictions/${id}` })).status, 404)
        assert.strictEqual((yield* client.get(url)).status, 404)

        yield* train(flux, "emulator/closed")
        yield* train("emulator/closed", "emulator/next")
        assert.strictEqual(yield* remove("emulator/closed"), 409)
        assert.strictEqual(yield* remove("emulator/next"), 202)
      })
    ))
})

describe("trainings", () => {
  it.effect("keep what they made", () =>
    emulated((send) =>
      Effect.gen(function*() {
        yield* send({
          operation: "POST /models",
          body: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
        })
        const { results: [version] } = (yield* send({ operation: `GET /models/${flux}/versions` })).json
        const { id } = (yield* send({
          operation: `POST /models/${flux}/versions/${version.id}/trainings`,
          body: { destination: "emulator/mine", input: { input_images: "https://example.com/a.zip" } }
        })).json
        yield* TestClock.adjust("2 days")
        const { output, status } = (yield* send({ operation: `GET /trainings/${id}` })).json
        assert.strictEqual(status, "succeeded")
        assert.match(output.version, /^emulator\/mine:[0-9a-f]{64}$/)
      })
    ))
})

describe("files", () => {
  const upload = (send: Send, fields: Readonly<Record<string, string | Blob>>) =>
    send({ operation: "POST /files", body: form(fields) })

  it.effect("of as many bytes as are allowed are taken, and not of one more", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const most = yield* upload(send, { content: new Blob([new Uint8Array(5000)]) })
        assert.deepStrictEqual([most.status, most.json.size], [201, 5000])
        const more = yield* upload(send, { content: new Blob([new Uint8Array(5001)]) })
        assert.deepStrictEqual([more.status, more.type, more.json.detail], [
          413,
          "application/problem+json",
          "Files must be less than 100MB in size"
        ])
        assert.lengthOf((yield* send({ operation: "GET /files" })).json.results, 1)
      }), { maxFileSize: 5000 }))

  it.effect("may have 100 Mi bytes, unless told otherwise", () =>
    emulated((_, { client }) =>
      Effect.gen(function*() {
        const mebi = new Uint8Array(1024 * 1024)
        const part = "--b\r\ncontent-disposition: form-data; name=\"content\"; filename=\"f\"\r\n\r\n"
        const encoder = new TextEncoder()
        const body = Stream.make(encoder.encode(part)).pipe(
          Stream.concat(Stream.map(Stream.range(1, 100), () => mebi)),
          Stream.concat(Stream.make(encoder.encode("x\r\n--b--\r\n")))
        )
        const response = yield* client.execute(
          HttpClientRequest.post(`${base}/files`, { headers: { authorization: "Bearer t" } }).pipe(
            HttpClientRequest.bodyStream(body, { contentType: "multipart/form-data; boundary=b" })
          )
        )
        assert.strictEqual(response.status, 413)
      })
    ))

  it.effect("have a name of at most 255 bytes, and metadata in JSON", () =>
    emulated((send) =>
      Effect.gen(function*() {
        const content = new Blob(["abc"])
        const named = (length: number) =>
          upload(send, { content, filename: "ä".repeat(length / 2) + "x".repeat(length % 2) })
        assert.strictEqual((yield* named(255)).status, 201)
        const refused = [
          [yield* named(256), "filename"],
          [yield* upload(send, { content, metadata: "{" }), "metadata"],
          [yield* upload(send, { content, metadata: "[1]" }), "metadata"]
        ] as const
        for (const [{ json, status }, field] of refused) {
          assert.deepStrictEqual([status, json.invalid_fields[0].field], [422, field])
        }
        const plain = yield* upload(send, { content })
        assert.deepInclude(plain.json, { name: "blob", content_type: "application/octet-stream", metadata: {} })
        assert.strictEqual(Date.parse(plain.json.expires_at) - Date.parse(plain.json.created_at), 86_400_000)
      })
    ))
})

describe("many predictions", () => {
  it.effect(
    "leave no fiber behind, whether read, held, streamed, canceled or told to a webhook",
    () =>
      Effect.gen(function*() {
        const supervisor = yield* Supervisor.track
        const receiver = FakeHttp.make(() => new Response(null, { status: 500 }))
        const { client, predictions, streams, webhooks } = yield* ReplicateEmulator.make({
          models: [{
            name: "test/quick",
            kind: "text",
            script: () => [{ _tag: "Text", after: "1 second", text: "x" }]
          }],
          webhookClient: receiver.client
        })
        const read = (url: string) => Effect.flatMap(client.get(url), ({ stream }) => Stream.runDrain(stream))
        const each = Effect.fnUntraced(function*(n: number) {
          const created = yield* client.execute(requestOf({
            operation: "POST /models/test/quick/predictions",
            body: { input: {}, ...(n % 4 === 0 ? { webhook: "https://hooks.example" } : {}) },
            headers: n % 3 === 0 ? { prefer: "wait=1" } : {}
          }))
          const { id, urls } = JSON.parse(yield* created.text)
          if (n % 5 === 0) yield* read(urls.stream)
          if (n % 7 === 0) yield* client.execute(requestOf({ operation: `POST /predictions/${id}/cancel` }))
          if (n % 11 === 0) yield* Effect.timeoutOption(read(urls.stream), "10 millis")
        })
        const work = yield* Effect.forEach(Array.from({ length: 45 }, (_, n) => n), each, {
          concurrency: 20,
          discard: true
        }).pipe(Effect.supervised(supervisor), Effect.fork)
        yield* TestClock.adjust("1 second")
        assert.isNotEmpty(yield* supervisor.value)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(work)
        for (let n = 0; n < 100 && (yield* supervisor.value).length > 0; n++) yield* Server.elapse(10)
        assert.deepStrictEqual(Array.from(yield* supervisor.value), [])
        assert.lengthOf(yield* predictions, 45)
        assert.isAtLeast((yield* webhooks).length, 12 * 7)
        assert.notInclude((yield* streams).map(({ state }) => state), "open")
      }).pipe(Effect.scoped),
    60_000
  )
})
