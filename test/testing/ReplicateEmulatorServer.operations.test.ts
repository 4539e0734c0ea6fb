import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Models, Pages, ReplicateClient } from "effect-providers/replicate"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createHmac } from "node:crypto"
import { emulatorServer } from "../support/emulatorServer.js"

/** A test of the whole way: client, fetch, socket, emulator. */
const overSocket = <A, E>(
  test: (
    server: Effect.Effect.Success<typeof emulatorServer>,
    api: ReplicateClient.Api
  ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient>
) =>
  Effect.gen(function*() {
    const server = yield* emulatorServer
    return yield* Effect.flatMap(ReplicateClient.ReplicateClient, ({ api }) => test(server, api)).pipe(
      Effect.provide(
        ReplicateClient.layer({ baseUrl: server.url, token: Redacted.make("r8_test"), maxRetries: 0 }).pipe(
          Layer.provide(FetchHttpClient.layer)
        )
      )
    )
  })

describe("over a real socket", () => {
  it.scopedLive("QUERY /models carries its text", () =>
    overSocket(({ emulator }) =>
      Effect.gen(function*() {
        const found = yield* Stream.runCollect(Models.search("pictures, é").items)
        assert.deepStrictEqual(Chunk.toReadonlyArray(found).map(({ name }) => name), ["flux-schnell"])
        assert.deepInclude((yield* emulator.requests)[0], { method: "QUERY", path: "/v1/models", hasToken: true })
      })
    ))

  it.scopedLive("a file goes up and comes down as it was", () =>
    overSocket(({ emulator }, api) =>
      Effect.gen(function*() {
        const bytes = Uint8Array.from({ length: 1_000_000 }, (_, n) => n % 253)
        const payload = new FormData()
        payload.append("content", new File([bytes], "photo.png", { type: "image/png" }))
        const { id, urls } = yield* api.files.create({ payload })
        assert.isTrue(urls?.get?.startsWith("http://127.0.0.1:"))
        const [owner, expiry] = ["emulator", 4_000_000_000]
        const signature = createHmac("sha256", emulator.fileSecret).update(`${owner} ${id} ${expiry}`).digest("base64")
        const down = yield* api.files.download({ path: { file_id: id }, urlParams: { owner, expiry, signature } })
        assert.isTrue(Buffer.from(down).equals(bytes))
      })
    ))

  it.scopedLive("a file of more than 100 MB is refused", () =>
    overSocket(({ url }) =>
      Effect.gen(function*() {
        const mebi = new Uint8Array(1024 * 1024)
        const begin = "--b\r\ncontent-disposition: form-data; name=\"content\"; filename=\"f\"\r\n\r\n"
        const body = Stream.make(new TextEncoder().encode(begin)).pipe(
          Stream.concat(Stream.map(Stream.range(0, 100), () => mebi)),
          Stream.concat(Stream.make(new TextEncoder().encode("\r\n--b--\r\n")))
        )
        const response = yield* HttpClientRequest.post(`${url}/v1/files`).pipe(
          HttpClientRequest.bearerToken("r8_test"),
          HttpClientRequest.bodyStream(body, { contentType: "multipart/form-data; boundary=b" }),
          HttpClient.execute,
          Effect.provide(FetchHttpClient.layer)
        )
        assert.strictEqual(response.status, 413)
        assert.deepInclude(yield* response.json, { detail: "Files must be less than 100MB in size" })
      })
    ))

  it.scopedLive("C18: pages lead to pages of the same server", () =>
    overSocket(({ url }, api) =>
      Effect.gen(function*() {
        const path = { model_owner: "meta", model_name: "meta-llama-3-70b-instruct" }
        yield* Effect.forEach(
          Array.from({ length: 101 }),
          () => api.models.predict({ path, headers: {}, payload: { input: { prompt: "hi" } } }),
          { concurrency: 8 }
        )
        const { links } = yield* Pages.predictions().first
        assert.isTrue(Option.getOrElse(links.next, () => "").startsWith(`${url}/v1/predictions?cursor=`))
        assert.strictEqual(yield* Stream.runCount(Pages.predictions().items), 101)
      })
    ))

  it.scopedLive("a link that leads elsewhere takes no token there", () =>
    overSocket(({ emulator, streamUrl }) =>
      Effect.gen(function*() {
        const next = `${streamUrl}/v1/predictions?cursor=1`
        yield* emulator.fail({ path: "/v1/predictions" }, { _tag: "Answer", status: 200, body: { results: [], next } })
        const error = yield* Effect.flip(Stream.runDrain(Pages.predictions().items))
        assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed" })
        assert.lengthOf(yield* emulator.requests, 1)
      })
    ))

  it.scopedLive("a model is made, trained by another and run", () =>
    overSocket((_, api) =>
      Effect.gen(function*() {
        const path = { model_owner: "emulator", model_name: "mine" }
        const trainer = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
        yield* api.models.create({
          payload: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
        })
        const { results: [version] } = yield* api.models.versions({ path: trainer })
        const training = yield* api.trainings.create({
          path: { ...trainer, version_id: version?.id ?? "" },
          payload: { destination: "emulator/mine", input: { input_images: "https://example.com/a.zip", steps: 1 } }
        })
        yield* Effect.sleep("2 seconds")
        const { trainedVersion = "" } = yield* api.trainings.get({ path: { training_id: training.id } })
        const prediction = yield* api.predictions.create({
          headers: {},
          payload: { version: trainedVersion, input: { prompt: "hi" } }
        })
        assert.strictEqual(prediction.model, "emulator/mine")
        yield* Effect.flip(api.models.delete({ path }))
      })
    ))
})
