import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Sse from "effect-providers/http/Sse"
import * as Output from "effect-providers/Output"
import { Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { crc32, inflateSync } from "node:zlib"

type Wire = ReplicateEmulator.WirePrediction

const api = "https://api.replicate.com"
const llama = "meta/meta-llama-3-70b-instruct"
const flux = "black-forest-labs/flux-schnell"
const input = { prompt: "Say hello" }

const send = (request: HttpClientRequest.HttpClientRequest, token: string | undefined = "r8_secret") =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(token === "" ? request : HttpClientRequest.bearerToken(request, token))
    const text = yield* response.text
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text === "" ? undefined : JSON.parse(text)
    }
  })

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  HttpClientRequest.post(`${api}${path}`, { headers }).pipe(HttpClientRequest.bodyUnsafeJson(body))

const predict = (model: string, body: unknown = { input }, headers: Record<string, string> = {}) =>
  send(post(`/v1/models/${model}/predictions`, body, headers))

const create = (model: string, body?: unknown, headers?: Record<string, string>) =>
  Effect.map(predict(model, body, headers), ({ json, status }): Wire => {
    assert.include([201, 202], status)
    return json
  })

const read = (id: string) =>
  Effect.map(send(HttpClientRequest.get(`${api}/v1/predictions/${id}`)), ({ json }): Wire => json)

const cancel = (id: string) =>
  Effect.map(send(HttpClientRequest.post(`${api}/v1/predictions/${id}/cancel`)), ({ json }): Wire => json)

const streamUrl = ({ urls }: Wire): string => {
  assert.isDefined(urls.stream)
  return String(urls.stream)
}

const open = (url: string, headers: Record<string, string> = {}) =>
  HttpClient.HttpClient.pipe(
    Effect.flatMap((client) => client.get(url, { headers })),
    Effect.map((response) => response.stream),
    Stream.unwrap
  )

const events = (url: string, headers: Record<string, string> = {}) =>
  open(url, headers).pipe(
    Sse.decode(),
    Stream.runCollect,
    Effect.map((chunk) => Array.from(chunk))
  )

/** Runs a test with an emulator of its own, in process. */
const emulated = <A, E>(
  test: (
    emulator: ReplicateEmulator.Service
  ) => Effect.Effect<A, E, ReplicateEmulator.ReplicateEmulator | HttpClient.HttpClient>,
  options?: ReplicateEmulator.Options
) => Effect.provide(Effect.flatMap(ReplicateEmulator.ReplicateEmulator, test), ReplicateEmulator.layer(options))

/** The whole effect, with a minute of the test's time to run in. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

const withClient = ReplicateClient.layer({ token: Redacted.make("r8_secret") })

describe("life of a prediction", () => {
  it.effect("starts, runs and succeeds on the Clock", () =>
    emulated(() =>
      Effect.gen(function*() {
        const created = yield* create(llama)
        assert.match(created.id, /^[a-z2-7]{26}$/)
        assert.strictEqual(created.status, "starting")
        assert.match(created.created_at, /\.\d{9}Z$/)
        assert.notProperty(created, "output")
        assert.notProperty(created, "metrics")
        assert.strictEqual(created.urls.get, `${api}/v1/predictions/${created.id}`)

        yield* TestClock.adjust("299 millis")
        assert.strictEqual((yield* read(created.id)).status, "starting")
        yield* TestClock.adjust("100 millis")
        const running = yield* read(created.id)
        assert.strictEqual(running.status, "processing")
        assert.match(running.created_at, /\.\d{3}Z$/)
        assert.isArray(running.output)
        assert.isDefined(running.started_at)
        assert.notProperty(running, "completed_at")

        yield* TestClock.adjust("1 minute")
        const final = yield* read(created.id)
        assert.strictEqual(final.status, "succeeded")
        assert.isDefined(final.completed_at)
        const output = final.output
        assert(Array.isArray(output))
        assert.include(output.join(""), "Say hello")
        assert.isAbove(output.length, Array.isArray(running.output) ? running.output.length : 0)
        assert.strictEqual(final.metrics?.["output_token_count"], output.length)
        assert.strictEqual(final.metrics?.["input_token_count"], 2)
        assert.closeTo(final.metrics?.["total_time"] ?? 0, (final.metrics?.["predict_time"] ?? 0) + 0.3, 1e-9)
      })
    ))

  it.effect("loses its data an hour after the end", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id, urls } = yield* create(llama)
        yield* TestClock.adjust("61 minutes")
        const removed = yield* read(id)
        assert.strictEqual(removed.status, "succeeded")
        assert.isTrue(removed.data_removed)
        assert.isNull(removed.output)
        assert.deepStrictEqual(removed.input, {})
        const text = yield* Stream.mkString(Stream.decodeText(open(String(urls.stream))))
        assert.strictEqual(text, ":408: 408 Request Timeout\n\n")
      })
    ))

  it.effect("C19: is canceled, once, and stays what it is then", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id } = yield* create("emulator/slow")
        yield* TestClock.adjust("3500 millis")
        const canceled = yield* cancel(id)
        assert.strictEqual(canceled.status, "canceled")
        assert.deepStrictEqual(canceled.output, [" word1", " word2"])
        assert.strictEqual(canceled.metrics?.["predict_time"], 2.5)
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual((yield* cancel(id)).output, [" word1", " word2"])
      })
    ))

  it.effect("leaves a finished prediction alone when it is canceled", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id } = yield* create(llama)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* cancel(id)).status, "succeeded")
      })
    ))

  it.effect("H20: Cancel-After cancels what runs and aborts what has not started", () =>
    emulated(() =>
      Effect.gen(function*() {
        const running = yield* create("emulator/slow", { input }, { "cancel-after": "5s" })
        const queued = yield* create("test/cold", { input }, { "cancel-after": "1m" })
        assert.isDefined(running.deadline)
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual((yield* read(running.id)).status, "processing")
        yield* TestClock.adjust("1 milli")
        assert.strictEqual((yield* read(running.id)).status, "canceled")
        yield* TestClock.adjust("1 minute")
        const aborted = yield* read(queued.id)
        assert.strictEqual(aborted.status, "aborted")
        assert.notProperty(aborted, "started_at")
        assert.deepStrictEqual(aborted.metrics, { total_time: 60 })
        for (const header of ["4", "1x", "", "m", "4s"]) {
          assert.strictEqual((yield* predict(llama, { input }, { "cancel-after": header })).status, 422, header)
        }
      }), { models: [{ name: "test/cold", kind: "text", boot: "1 hour", script: () => [] }] }))

  it.effect("C08: fails with its error, after some output", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id } = yield* create("emulator/fail")
        yield* TestClock.adjust("1 minute")
        const failed = yield* read(id)
        assert.strictEqual(failed.status, "failed")
        assert.strictEqual(failed.error, "CUDA out of memory (E1001)")
        assert.deepStrictEqual(failed.output, ["This", " will", " not"])
        assert.include(failed.logs, "80 GiB")
      })
    ))
})

describe("Prefer: wait", () => {
  it.effect("holds the answer until all files exist, before the prediction is over", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { headers, json, status } = yield* inTime(predict(flux, { input }, { prefer: "wait=10" }))
        assert.strictEqual(status, 201)
        assert.strictEqual(headers["preference-applied"], "wait=10")
        assert.strictEqual(json.status, "processing")
        assert.lengthOf(json.output, 1)
        assert.notProperty(json, "completed_at")
      })
    ))

  it.effect("answers `starting` when the hold expires", () =>
    emulated(() =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(predict("emulator/slow", { input }, { prefer: "wait=5" }))
        yield* TestClock.adjust("4999 millis")
        assert.isNull(yield* fiber.poll.pipe(Effect.map((exit) => exit._tag === "None" ? null : exit.value)))
        yield* TestClock.adjust("1 milli")
        const { json, status } = yield* Fiber.join(fiber)
        assert.strictEqual(status, 202)
        assert.strictEqual(json.status, "starting")
        assert.notProperty(json, "output")
      })
    ))

  it.effect("answers at once when the prediction fails, and refuses 0 and 61", () =>
    emulated(() =>
      Effect.gen(function*() {
        assert.strictEqual((yield* inTime(create("emulator/fail", { input }, { prefer: "wait" }))).status, "failed")
        for (const prefer of ["wait=0", "wait=61", "wait=", "wait=x"]) {
          assert.strictEqual((yield* predict(llama, { input }, { prefer })).status, 422, prefer)
        }
      })
    ))
})

describe("refusals", () => {
  it.effect("R18: 401 without a token, or with a wrong one", () =>
    emulated(() =>
      Effect.gen(function*() {
        const anonymous = yield* send(HttpClientRequest.get(`${api}/v1/predictions/x`), "")
        assert.strictEqual(anonymous.status, 401)
        assert.strictEqual(anonymous.headers["content-type"], "application/problem+json")
        assert.deepStrictEqual(anonymous.json, {
          title: "Unauthenticated",
          detail: "You did not pass a valid authentication token",
          status: 401
        })
        assert.strictEqual((yield* send(HttpClientRequest.get(`${api}/v1/predictions/x`), "other")).status, 401)
        assert.strictEqual((yield* send(HttpClientRequest.get(`${api}/v1/predictions/x`), "good")).status, 404)
      }), { tokens: ["good"] }))

  it.effect("R17: 404 for what does not exist", () =>
    emulated(() =>
      Effect.gen(function*() {
        const answers = [
          yield* predict("no/such"),
          yield* send(post("/v1/predictions", { version: "no/such", input })),
          yield* send(HttpClientRequest.get(`${api}/v1/predictions/nope`)),
          yield* send(HttpClientRequest.post(`${api}/v1/predictions/nope/cancel`)),
          yield* send(HttpClientRequest.get(`${api}/v1/nonsense`)),
          yield* send(HttpClientRequest.get(`${api}/stream/v1/predictions/nope`)),
          yield* send(HttpClientRequest.get(`${api}/files/nope.png`))
        ]
        for (const { headers, json, status } of answers) {
          assert.strictEqual(status, 404)
          assert.strictEqual(headers["content-type"], "application/problem+json")
          assert.strictEqual(json.status, 404)
        }
      })
    ))

  it.effect("422 names the fields that are wrong", () =>
    emulated(() =>
      Effect.gen(function*() {
        const extra = yield* predict(llama, { input, signal: {} })
        assert.strictEqual(extra.status, 422)
        assert.deepInclude(extra.json.invalid_fields[0], { type: "additional_property_not_allowed", field: "signal" })
        const missing = yield* predict(llama, { input: {} })
        assert.deepInclude(missing.json.invalid_fields[0], { type: "required", field: "input.prompt" })
        const mistyped = yield* predict(llama, { input: { prompt: 1 } })
        assert.deepInclude(mistyped.json.invalid_fields[0], { type: "invalid_type", field: "input.prompt" })
        const bodyless = yield* predict(llama, {})
        assert.deepInclude(bodyless.json.invalid_fields[0], { type: "required", field: "input" })
        const version = yield* send(post("/v1/predictions", { version: `${llama}:latest`, input }))
        assert.strictEqual(version.status, 422)
        assert.lengthOf(yield* Effect.flatMap(ReplicateEmulator.ReplicateEmulator, (_) => _.predictions), 0)
      })
    ))

  it.effect("400 for a body that is not JSON", () =>
    emulated(() =>
      Effect.gen(function*() {
        const request = HttpClientRequest.post(`${api}/v1/predictions`).pipe(
          HttpClientRequest.bodyText("{\"version", "application/json")
        )
        assert.strictEqual((yield* send(request)).status, 400)
      })
    ))

  it.effect("C23: every answer of the API tells what is left of the rate limit", () =>
    emulated(() =>
      Effect.gen(function*() {
        const remaining = [
          yield* predict(llama),
          yield* predict(llama),
          yield* send(HttpClientRequest.get(`${api}/v1/predictions/x`), ""),
          yield* send(HttpClientRequest.get(`${api}/v1/nonsense`))
        ].map(({ headers }) => headers["ratelimit-remaining"])
        assert.deepStrictEqual(remaining, ["599", "598", "59999", "2999"])
        yield* TestClock.adjust("45 seconds")
        assert.strictEqual((yield* predict(llama)).headers["ratelimit-reset"], "15")
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* predict(llama)).headers["ratelimit-remaining"], "599")
      })
    ))
})

describe("versions", () => {
  it.effect("H21: a version id, owner/name:id and owner/name run the same model", () =>
    emulated(() =>
      Effect.gen(function*() {
        const named = yield* send(post("/v1/predictions", { version: llama, input }))
        assert.match(named.json.version, /^[0-9a-f]{64}$/)
        const byId = yield* send(post("/v1/predictions", { version: named.json.version, input }))
        const pinned = yield* send(post("/v1/predictions", { version: `${llama}:${named.json.version}`, input }))
        assert.deepStrictEqual([named, byId, pinned].map(({ json }) => json.model), [llama, llama, llama])
        assert.strictEqual((yield* create(llama)).version, "hidden")
      })
    ))
})

describe("models", () => {
  it.effect("R10: text stops at max_new_tokens or max_tokens", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id: first } = yield* create(llama, { input: { ...input, max_new_tokens: 3, max_tokens: 9 } })
        const { id: second } = yield* create(llama, { input: { ...input, max_tokens: 0 } })
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual((yield* read(first)).output, ["You", " asked:", " \"Say"])
        assert.notProperty(yield* read(second), "output")
      })
    ))

  it.effect("R20: some models have no stream", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id, urls } = yield* create("emulator/no-stream")
        assert.notProperty(urls, "stream")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* read(id)).status, "succeeded")
      })
    ))

  it.effect("R20: what has no stream says so before it is created", () =>
    emulated(({ predictions }) =>
      Effect.gen(function*() {
        const stream = (model: string) =>
          inTime(Stream.runDrain(Prediction.stream(model, input, { unstreamable: "refuse" }))).pipe(
            Effect.provide(withClient)
          )
        for (const model of ["emulator/no-stream", "emulator/json"]) {
          assert.deepInclude(yield* Effect.flip(stream(model)), { _tag: "InvalidRequest" })
        }
        assert.lengthOf(yield* predictions, 0)
        yield* stream(llama)
        assert.lengthOf(yield* predictions, 1)
      })
    ))

  it.effect("gives a JSON object", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { output } = yield* inTime(create("emulator/json", { input }, { prefer: "wait" }))
        assert.deepStrictEqual(output, { words: ["Say", "hello"], count: 2 })
      })
    ))

  it.effect("are data: one can be added, or put in the place of another", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id } = yield* create(llama, { input: {} })
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual((yield* read(id)).output, ["mine"])
      }), { models: [{ name: llama, kind: "text", script: () => [{ _tag: "Text", after: 0, text: "mine" }] }] }))
})

/** Checks a PNG file and gives its pixels. */
const decodePng = (file: Uint8Array) => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  assert.deepStrictEqual(Array.from(file.subarray(0, 8)), [137, 80, 78, 71, 13, 10, 26, 10])
  const chunks = new Map<string, Uint8Array>()
  for (let at = 8; at < file.length;) {
    const length = view.getUint32(at)
    assert.strictEqual(view.getUint32(at + 8 + length), crc32(file.subarray(at + 4, at + 8 + length)))
    chunks.set(new TextDecoder().decode(file.subarray(at + 4, at + 8)), file.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  assert.deepStrictEqual(Array.from(chunks.keys()), ["IHDR", "IDAT", "IEND"])
  const header = chunks.get("IHDR") ?? new Uint8Array()
  const size = new DataView(header.buffer, header.byteOffset)
  return { width: size.getUint32(0), height: size.getUint32(4), pixels: inflateSync(chunks.get("IDAT") ?? "") }
}

const outputFiles = (body: unknown) =>
  Effect.map(inTime(create(flux, { input: body }, { prefer: "wait=60" })), ({ output }) => {
    assert(Array.isArray(output))
    return output.map(String)
  })

const download = (url: string) =>
  Effect.flatMap(HttpClient.HttpClient, (client) =>
    Effect.flatMap(client.get(url), (response) => {
      assert.strictEqual(response.headers["content-type"], "image/png")
      return Effect.map(response.arrayBuffer, (buffer) => new Uint8Array(buffer))
    }))

describe("files", () => {
  it.effect("H02: are PNG pictures of the size asked for, other ones for other prompts and seeds", () =>
    emulated(() =>
      Effect.gen(function*() {
        const urls = [
          ...(yield* outputFiles({ prompt: "a llama", seed: 1, width: 200, height: 150, num_outputs: 2 })),
          ...(yield* outputFiles({ prompt: "a llama", seed: 9, width: 200, height: 150 })),
          ...(yield* outputFiles({ prompt: "an alpaca", seed: 1, width: 200, height: 150 }))
        ]
        assert.lengthOf(urls, 4)
        const pictures = (yield* Effect.forEach(urls, download)).map(decodePng)
        for (const { height, pixels, width } of pictures) {
          assert.deepStrictEqual({ width, height, size: pixels.length }, { width: 200, height: 150, size: 150 * 601 })
        }
        assert.strictEqual(new Set(pictures.map(({ pixels }) => pixels.toString("base64"))).size, 4)
        const [again = ""] = yield* outputFiles({ prompt: "a llama", seed: 1, width: 200, height: 150 })
        assert.isTrue(pictures[0]?.pixels.equals(decodePng(yield* download(again)).pixels))
      })
    ))

  it.effect("need no token, are on a host of their own, and expire after an hour", () =>
    emulated((emulator) =>
      Effect.gen(function*() {
        const [url = ""] = yield* outputFiles(input)
        assert.match(url, /^https:\/\/files\.example\/files\/[a-z2-7]{26}\.png$/)
        yield* download(url)
        assert.deepInclude((yield* emulator.requests).at(-1), { origin: "https://files.example", hasToken: false })
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* send(HttpClientRequest.get(url), "")).status, 404)
      }), { fileUrl: "https://files.example" }))

  it.effect("C27: progress grows in the logs", () =>
    emulated(() =>
      Effect.gen(function*() {
        const { id } = yield* create(flux)
        yield* TestClock.adjust("1800 millis")
        const early = (yield* read(id)).logs
        assert.include(early, " 50%|█████     | 2/4 [00:01<00:01,  1.67it/s]")
        assert.notInclude(early, "100%")
        yield* TestClock.adjust("10 seconds")
        assert.include((yield* read(id)).logs, "100%|██████████| 4/4 [00:02<00:00,  1.67it/s]")
      })
    ))
})

describe("streams", () => {
  it.effect("R01: text arrives word by word, numbered, and ends with done", () =>
    emulated(({ streams }) =>
      Effect.gen(function*() {
        const created = yield* create(llama)
        const arrived: Array<Sse.Event> = []
        const fiber = yield* open(streamUrl(created)).pipe(
          Sse.decode(),
          Stream.runForEach((event) => Effect.sync(() => arrived.push(event))),
          Effect.fork
        )
        yield* TestClock.adjust("300 millis")
        assert.lengthOf(arrived, 0)
        yield* TestClock.adjust("1 second")
        const early = arrived.length
        assert.isAtLeast(early, 15)
        assert.isAtMost(early, 34)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.isAbove(arrived.length, early)

        const output = arrived.filter(({ event }) => event === "output").map(({ data }) => data)
        assert.deepStrictEqual(output, (yield* read(created.id)).output)
        assert(output.some((text) => text.includes("\n\n")), "a token of several lines")
        assert.deepInclude(arrived.at(-1), { event: "done", data: "{}" })
        assert.lengthOf(new Set(arrived.map(({ id }) => id)), arrived.length)
        for (const { id } of arrived) assert.match(String(id), /^\d+:\d+$/)
        assert.deepStrictEqual(yield* streams, [
          { predictionId: created.id, lastEventId: undefined, state: "finished", sent: arrived.length }
        ])
      })
    ))

  it.effect("begin with a comment, need no token, and say what they are", () =>
    emulated(() =>
      Effect.gen(function*() {
        const url = streamUrl(yield* create(llama))
        assert.match(url, /^https:\/\/stream\.example\/stream\/v1\/predictions\/[a-z2-7]{26}$/)
        const response = yield* Effect.flatMap(HttpClient.HttpClient, (client) => client.get(url))
        assert.include(response.headers["content-type"], "text/event-stream")
        const first = yield* response.stream.pipe(Stream.take(1), Stream.decodeText(), Stream.mkString)
        assert.strictEqual(first, ": hi\n\n")
        assert.include(streamUrl(yield* create(flux)), "/v1/files/")
      }), { streamUrl: "https://stream.example" }))

  it.effect("R22: replay the past to late subscribers, and only what they missed to returning ones", () =>
    emulated(() =>
      Effect.gen(function*() {
        const url = streamUrl(yield* create(llama))
        yield* TestClock.adjust("1 minute")
        const all = yield* events(url)
        assert.deepInclude(all.at(-1), { event: "done" })
        assert.deepStrictEqual(yield* events(url), all)
        for (let seen = 0; seen < all.length; seen++) {
          const lastEventId = all[seen]?.id ?? ""
          assert.deepStrictEqual(yield* events(url, { "last-event-id": lastEventId }), all.slice(seen + 1))
        }
      })
    ))

  it.effect("R24: tell of a failure and of a cancellation", () =>
    emulated(() =>
      Effect.gen(function*() {
        const failed = yield* inTime(Effect.flatMap(create("emulator/fail"), (created) => events(streamUrl(created))))
        assert.deepStrictEqual(failed.slice(-3).map(({ data, event }) => [event, data]), [
          ["logs", "allocating 80 GiB\n"],
          ["error", "{\"detail\":\"CUDA out of memory (E1001)\"}"],
          ["done", "{\"reason\":\"error\"}"]
        ])

        const slow = yield* create("emulator/slow")
        const fiber = yield* Effect.fork(events(streamUrl(slow)))
        yield* TestClock.adjust("2500 millis")
        yield* cancel(slow.id)
        const canceled = yield* Fiber.join(fiber)
        assert.deepStrictEqual(canceled.map(({ data, event }) => [event, data]), [
          ["output", " word1"],
          ["done", "{\"reason\":\"canceled\"}"]
        ])
      })
    ))

  it.effect("R25: their early end reaches the emulator", () =>
    emulated(({ streams }) =>
      Effect.gen(function*() {
        const created = yield* create("emulator/slow")
        const fiber = yield* Effect.fork(Stream.runDrain(open(streamUrl(created))))
        yield* TestClock.adjust("4500 millis")
        assert.deepInclude((yield* streams)[0], { state: "open", sent: 3 })
        yield* Fiber.interrupt(fiber)
        assert.deepInclude((yield* streams)[0], { state: "closed", sent: 3 })

        yield* inTime(Stream.runDrain(Stream.take(open(streamUrl(created)), 2)))
        assert.deepInclude((yield* streams)[1], { state: "closed" })
      })
    ))

  it.effect.prop(
    "carry any text",
    { pieces: FastCheck.array(FastCheck.string({ unit: FastCheck.constantFrom("a", " ", "\n", "é", ":", "🦙") })) },
    ({ pieces }) =>
      emulated(() =>
        Effect.gen(function*() {
          const created = yield* create("test/any")
          yield* TestClock.adjust("1 minute")
          const output = (yield* events(streamUrl(created))).filter(({ event }) => event === "output")
          assert.deepStrictEqual(output.map(({ data }) => data), pieces)
        }), {
        models: [{
          name: "test/any",
          kind: "text",
          script: () => pieces.map((text) => ({ _tag: "Text", after: "1 milli", text }))
        }]
      }),
    { fastCheck: { numRuns: 30 } }
  )
})

describe("request log", () => {
  it.effect("holds what was sent, and no credentials", () =>
    emulated(({ requests }) =>
      Effect.gen(function*() {
        const created = yield* create(llama, { input }, { prefer: "wait=1", cookie: "session=r8_secret" }).pipe(inTime)
        yield* events(streamUrl(created), { "last-event-id": "1:1" })
        const [first, second] = yield* requests
        assert.deepInclude(first, {
          method: "POST",
          origin: api,
          path: `/v1/models/${llama}/predictions`,
          hasToken: true,
          body: { input }
        })
        assert.strictEqual(first?.headers["prefer"], "wait=1")
        assert.deepInclude(second, { method: "GET", hasToken: false, lastEventId: "1:1", body: undefined })
        assert.notInclude(JSON.stringify(yield* requests), "r8_secret")
      })
    ))
})

describe("faults", () => {
  it.effect("Answer, for as many requests as asked, oldest first, where they match", () =>
    emulated(({ fail, predictions }) =>
      Effect.gen(function*() {
        yield* fail({ method: "post", path: /predictions$/ }, {
          _tag: "Answer",
          status: 429,
          headers: { "retry-after": "3" },
          body: { detail: "slow down", retry_after: 3 }
        }, 2)
        yield* fail({ path: "/v1/models" }, { _tag: "Answer", status: 502, body: "<html>" })
        assert.strictEqual((yield* send(HttpClientRequest.get(`${api}/v1/predictions/x`))).status, 404)
        const refused = yield* predict(llama)
        assert.strictEqual(refused.status, 429)
        assert.strictEqual(refused.headers["retry-after"], "3")
        assert.deepStrictEqual(refused.json, { detail: "slow down", retry_after: 3 })
        assert.strictEqual((yield* predict(llama)).status, 429)
        assert.strictEqual((yield* Effect.either(predict(llama).pipe(Effect.sandbox)))._tag, "Left", "HTML is not JSON")
        assert.lengthOf(yield* predictions, 0)
        assert.strictEqual((yield* predict(llama)).status, 201)
      })
    ))

  it.effect("Delay, then what would have been", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "Delay", duration: "10 seconds" })
        const fiber = yield* Effect.fork(predict(llama))
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual((yield* fiber.poll)._tag, "None")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 201)
      })
    ))

  it.effect("DropBefore does nothing, DropAfter loses the answer", () =>
    emulated(({ fail, predictions }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "DropBefore" })
        const before = yield* Effect.flip(predict(llama))
        assert.deepInclude({ ...before }, { _tag: "RequestError", reason: "Transport" })
        assert.lengthOf(yield* predictions, 0)
        yield* fail({}, { _tag: "DropAfter" })
        const after = yield* Effect.flip(predict(llama))
        assert.deepInclude({ ...after }, { _tag: "RequestError", reason: "Transport" })
        assert.lengthOf(yield* predictions, 1)
      })
    ))

  it.effect("MalformedBody sends half", () =>
    emulated(({ fail, predictions }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "MalformedBody" })
        const client = yield* HttpClient.HttpClient
        const request = HttpClientRequest.bearerToken(post(`/v1/models/${llama}/predictions`, { input }), "t")
        const response = yield* client.execute(request)
        const text = yield* response.text
        assert.strictEqual(response.status, 201)
        assert.match(text, /^\{"id":/)
        assert.throws(() => JSON.parse(text))
        assert.strictEqual(response.headers["content-length"], String(text.length))
        assert.lengthOf(yield* predictions, 1)
      })
    ))

  it.effect("Stall never answers", () =>
    emulated(({ fail, predictions }) =>
      Effect.gen(function*() {
        yield* fail({}, { _tag: "Stall" })
        const fiber = yield* Effect.fork(Effect.timeoutOption(predict(llama), "1 hour"))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
        assert.lengthOf(yield* predictions, 0)
      })
    ))

  it.effect("CutStream drops the next connections after so many events", () =>
    emulated(({ fail, streams }) =>
      Effect.gen(function*() {
        const url = streamUrl(yield* create(llama))
        yield* fail({}, { _tag: "CutStream", events: 2 }, 2)
        yield* TestClock.adjust("1 minute")
        const seen: Array<Sse.Event> = []
        const reading = open(url).pipe(Sse.decode(), Stream.runForEach((event) => Effect.sync(() => seen.push(event))))
        assert.strictEqual((yield* Effect.flip(reading))._tag, "ResponseError")
        assert.lengthOf(seen, 2)
        yield* Effect.flip(reading)
        yield* reading
        assert.deepInclude(seen.at(-1), { event: "done" })
        assert.deepStrictEqual((yield* streams).map(({ state }) => state), ["dropped", "dropped", "finished"])
      })
    ))

  it.effect("IgnoreLastEventId begins anew, NoEventIds leaves the ids out", () =>
    emulated(({ fail }) =>
      Effect.gen(function*() {
        const url = streamUrl(yield* create(llama))
        yield* TestClock.adjust("1 minute")
        const all = yield* events(url)
        yield* fail({ path: "/stream" }, { _tag: "IgnoreLastEventId" })
        assert.deepStrictEqual(yield* events(url, { "last-event-id": all[3]?.id ?? "" }), all)
        yield* fail({ path: "/stream" }, { _tag: "NoEventIds" })
        assert.deepStrictEqual(yield* events(url), all.map((event) => ({ ...event, id: undefined })))
      })
    ))
})

describe("in process", () => {
  it.effect("nothing else is reachable", () =>
    emulated(() =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(send(HttpClientRequest.get("https://elsewhere.example/")))
        assert.deepInclude({ ...error }, { _tag: "RequestError", reason: "Transport" })
      })
    ))

  it.effect("an uninterruptible caller gets its answer", () =>
    emulated(() =>
      Effect.gen(function*() {
        let answered = ""
        const fiber = yield* create(flux, { input }, { prefer: "wait=10" }).pipe(
          Effect.tap(({ status }) => Effect.sync(() => answered = status)),
          Effect.uninterruptible,
          Effect.fork
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.interruptFork(fiber)
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(answered, "processing")
      })
    ))

  it.effect("C04: serves the client: run", () =>
    Effect.gen(function*() {
      const prediction = yield* inTime(Prediction.run(llama, input))
      assert.strictEqual(prediction.status, "succeeded")
      assert.include(prediction.text, "Say hello")
    }).pipe(Effect.provide(Layer.provideMerge(withClient, ReplicateEmulator.layer()))))

  it.effect("C20: serves the client: a stream that is cut is taken up again", () =>
    Effect.gen(function*() {
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      yield* emulator.fail({}, { _tag: "CutStream", events: 3 }, 2)
      const text = yield* inTime(Prediction.stream(llama, input).pipe(Output.text, Stream.mkString))
      const [prediction] = yield* emulator.predictions
      assert.strictEqual(text, Array.isArray(prediction?.output) ? prediction.output.join("") : "")
      assert.deepStrictEqual((yield* emulator.streams).map(({ state }) => state), ["dropped", "dropped", "finished"])
    }).pipe(Effect.provide(Layer.provideMerge(withClient, ReplicateEmulator.layer()))))
})
