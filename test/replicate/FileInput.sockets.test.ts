import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { RateLimited } from "../../src/ProviderError.js"
import * as FileInput from "../../src/replicate/FileInput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import * as Server from "../support/replicate-server.js"

const inline = 256 * 1024
const megabyte = new Uint8Array(1024 * 1024)
/** Bytes that come again after 251 of them. */
const bytes = (size: number, seed = 0) =>
  Uint8Array.from(Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, n) => (n * 31 + seed) % 251)))

interface Upload {
  readonly length: string | undefined
  readonly token: string | undefined
  readonly file: File
}

const read = (request: Http.IncomingMessage) =>
  new Promise<Buffer<ArrayBuffer>>((resolve) => {
    const parts: Array<Buffer<ArrayBuffer>> = []
    request.on("data", (part) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)))
  })

type Answer = (request: Http.IncomingMessage, response: Http.ServerResponse) => void

/** An API that takes uploads and predictions, behind a real socket; `answers` take the place of its first ones. */
const listen = (...answers: ReadonlyArray<Answer | undefined>) =>
  Effect.gen(function*() {
    const left = [...answers]
    const uploads: Array<Upload> = []
    const state = { requests: 0, aborted: 0, inputs: new Array<unknown>() }
    const reply = (response: Http.ServerResponse, body: unknown) => {
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(body))
    }
    const handle = async (request: Http.IncomingMessage, response: Http.ServerResponse) => {
      if (request.url !== "/v1/files") {
        const { input } = JSON.parse(String(await read(request)))
        state.inputs.push(input)
        return reply(response, Server.prediction())
      }
      state.requests++
      request.on("close", () => {
        if (!request.complete) state.aborted++
      })
      const answer = left.shift()
      if (answer !== undefined) return answer(request, response)
      const { headers } = request
      const form = await new Response(await read(request), {
        headers: { "content-type": headers["content-type"] ?? "" }
      }).formData()
      const file = form.get("content")
      if (file instanceof File) {
        uploads.push({ file, length: headers["content-length"], token: headers.authorization })
      }
      return reply(response, { id: "f", urls: { get: `https://files.example/${uploads.length}` } })
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<Http.Server>((resume) => {
        const server = Http.createServer((request, response) => void handle(request, response))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const baseUrl = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
    return { uploads, state, baseUrl }
  })

/** Waits, a turn of the event loop at a time, for what comes over a socket. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.zipRight(Server.settle, Effect.sync(condition)), { until: (done) => done })

const endless = (onPull: () => void, onClose: () => void) =>
  Stream.concat(
    Stream.make(bytes(inline + 1)),
    Stream.repeatEffect(Effect.sync(() => {
      onPull()
      return megabyte
    })).pipe(Stream.take(90))
  ).pipe(Stream.ensuring(Effect.sync(onClose)))

const clients = [
  { client: "fetch", http: FetchHttpClient.layer, isFetch: true },
  { client: "node:http", http: NodeHttpClient.layer, isFetch: false },
  { client: "undici", http: NodeHttpClient.layerUndici, isFetch: false }
]

const runWith = (http: Layer.Layer<HttpClient.HttpClient>) =>
<A, E>(
  effect: Effect.Effect<A, E, ReplicateClient.ReplicateClient | FileSystem.FileSystem>,
  { baseUrl, maxRetries = 0 }: { readonly baseUrl: string; readonly maxRetries?: number }
) =>
  Effect.provide(
    effect,
    ReplicateClient.layer({ baseUrl, token: Redacted.make("r8_test"), maxRetries }).pipe(
      Layer.provide(http),
      Layer.merge(NodeContext.layer)
    )
  )

const create = (file: unknown) => Prediction.create(Server.model, { file })

describe.each(clients)("uploads by $client", ({ http, isFetch }) => {
  const run = runWith(http)

  const temporary = (content: Uint8Array) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/a.bin`
      yield* fs.writeFile(path, content)
      return yield* FileInput.fromPath(path)
    }).pipe(Effect.provide(NodeContext.layer))

  it.scopedLive("C26: every kind of file arrives byte for byte, with its length where it is known", () =>
    Effect.gen(function*() {
      const server = yield* listen()
      const content = bytes(inline * 9 + 7)
      const stream = Stream.make(content.subarray(0, 5), content.subarray(5, 400_000), content.subarray(400_000))
      const named = { name: "ä \"1\".png", contentType: "image/png; q=\"1\"" }
      const kinds = [
        { file: FileInput.make(content, named), isMeasured: true },
        { file: FileInput.make(new Blob([content]), named), isMeasured: !isFetch },
        { file: yield* temporary(content), isMeasured: !isFetch },
        { file: FileInput.fromStream(stream, named), isMeasured: false }
      ]
      yield* run(Effect.forEach(kinds, ({ file }) => create(file)), server)
      assert.lengthOf(server.uploads, kinds.length)
      for (const [at, { file, length, token }] of server.uploads.entries()) {
        assert.isTrue(Buffer.from(yield* Effect.promise(() => file.arrayBuffer())).equals(content))
        assert.strictEqual(length !== undefined, kinds[at]?.isMeasured)
        assert.strictEqual(token, "Bearer r8_test")
        if (at === 2) assert.strictEqual(file.name, "a.bin")
        else assert.deepStrictEqual([file.name, file.type], ["ä \"1\".png", named.contentType])
      }
      assert.deepStrictEqual(server.state.inputs, kinds.map((_, at) => ({ file: `https://files.example/${at + 1}` })))
    }))

  it.scopedLive("C26: what can be read again is sent again, whole", () =>
    Effect.gen(function*() {
      const busy: Answer = async (request, response) => {
        await read(request)
        response.writeHead(503, { "retry-after": "0" }).end()
      }
      const server = yield* listen(busy, undefined, busy, undefined, busy)
      const content = bytes(inline * 2)
      const files = [content, new Blob([content]), yield* temporary(content)]
      yield* run(Effect.forEach(files, create), { ...server, maxRetries: 1 })
      assert.strictEqual(server.state.requests, 6)
      for (const { file } of server.uploads) {
        assert.isTrue(Buffer.from(yield* Effect.promise(() => file.arrayBuffer())).equals(content))
      }
    }))

  it.scopedLive("C26: what was refused before its end is sent again from its beginning", () =>
    Effect.gen(function*() {
      const early: Answer = (_, response) => {
        response.writeHead(503, { connection: "close", "retry-after": "0" })
          .end(() => response.socket?.destroySoon())
      }
      const server = yield* listen(early)
      const content = bytes(5_000_000)
      yield* run(create(new Blob([content])), { ...server, maxRetries: 1 })
      assert.strictEqual(server.state.requests, 2)
      for (const { file } of server.uploads) {
        assert.isTrue(Buffer.from(yield* Effect.promise(() => file.arrayBuffer())).equals(content))
      }
    }))

  it.scopedLive("C26: an answer that comes before the end of the body is told, or that the connection broke", () =>
    Effect.gen(function*() {
      const server = yield* listen((_, response) => {
        response.writeHead(413, { connection: "close", "content-type": "application/problem+json" })
          .end(JSON.stringify({ detail: "too large" }), () => response.socket?.destroySoon())
      })
      let closed = 0
      const file = FileInput.fromStream(endless(() => undefined, () => closed++))
      const error = yield* Effect.flip(run(create(file), server))
      assert.isTrue(error._tag === "InvalidRequest" || (error._tag === "ResponseError" && error.reason === "network"))
      yield* until(() => closed === 1)
      assert.lengthOf(server.state.inputs, 0)
    }))

  it.scopedLive("C26: a stream that fails closes the connection, and its error is told", () =>
    Effect.gen(function*() {
      const server = yield* listen((request) => void request.resume())
      const error = new RateLimited({ provider: "Elsewhere" })
      const stream = Stream.concat(
        Stream.make(bytes(inline + 1)),
        Stream.fromEffect(Effect.zipRight(until(() => server.state.requests === 1), Effect.fail(error)))
      )
      const failure = yield* Effect.flip(run(create(FileInput.fromStream(stream)), server))
      assert.deepInclude(failure, { _tag: "RateLimited", provider: "Elsewhere" })
      yield* until(() => server.state.aborted === 1)
      assert.lengthOf(server.state.inputs, 0)
    }))

  it.scopedLive("C26: an interruption closes the connection and the stream", () =>
    Effect.gen(function*() {
      const server = yield* listen((request) => void request.resume())
      let closed = 0
      const stream = Stream.concat(Stream.make(bytes(inline + 1)), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => closed++))
      )
      const fiber = yield* Effect.fork(run(create(FileInput.fromStream(stream)), server))
      yield* until(() => server.state.requests === 1)
      assert.strictEqual(closed, 0)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.strictEqual(closed, 1)
      yield* until(() => server.state.aborted === 1)
    }))

  it.scopedLive("C26: no more of a file is read than the connection takes", () =>
    Effect.gen(function*() {
      // reads nothing
      const server = yield* listen((request) => void request.pause())
      let pulled = 0
      const stream = endless(() => pulled++, () => undefined)
      const fiber = yield* Effect.fork(run(create(FileInput.fromStream(stream)), server))
      yield* until(() => server.state.requests === 1)
      let before = -1
      while (before < pulled) {
        before = pulled
        yield* Effect.repeatN(Server.settle, 20)
      }
      assert.isAtMost(pulled, 20)
      yield* Fiber.interrupt(fiber)
    }))
})

describe.sequential("what an upload leaves", () => {
  const ends = [
    { what: "fails", rest: Stream.fail(new RateLimited({ provider: "Elsewhere" })), isInterrupted: false },
    { what: "dies", rest: Stream.die("a bug"), isInterrupted: false },
    { what: "stalls until it is interrupted", rest: Stream.never, isInterrupted: true }
  ]
  it.scopedLive.each(clients.flatMap((client) => ends.map((end) => ({ ...client, ...end }))))(
    "C26: by $client, a stream that $what leaves nothing that keeps the process alive",
    ({ http, isInterrupted, rest }) =>
      Effect.gen(function*() {
        const times = 5
        const ignore: Answer = (request) => void request.resume()
        const server = yield* listen(...Array.from({ length: times }, () => ignore))
        const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
        const before = timers()
        for (let n = 1; n <= times; n++) {
          const asked = Effect.as(until(() => server.state.requests === n), rest)
          const stream = Stream.concat(Stream.make(bytes(inline + 1)), Stream.unwrap(asked))
          const fiber = yield* Effect.fork(runWith(http)(create(FileInput.fromStream(stream)), server))
          yield* until(() => server.state.requests === n)
          yield* Effect.repeatN(Server.settle, 5)
          if (isInterrupted) yield* Fiber.interrupt(fiber)
          assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
          yield* until(() => server.state.aborted === n)
        }
        yield* Effect.repeatN(Server.settle, 5)
        assert.isAtMost(timers(), before)
      })
  )
})

describe.sequential("where a request cannot be streamed", () => {
  it.scopedLive("C26: files arrive in one piece, as in browsers that turn the stream into text", () =>
    Effect.gen(function*() {
      const server = yield* listen()
      const content = bytes(inline * 2)
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          vi.stubGlobal(
            "Request",
            class {
              readonly headers = new Headers({ "content-type": "text/plain;charset=UTF-8" })
            }
          )
        ),
        () => Effect.sync(() => vi.unstubAllGlobals())
      )
      const files = [
        new File([content], "a.png", { type: "image/png" }),
        FileInput.fromStream(Stream.make(content.subarray(0, 300_000), content.subarray(300_000)), { name: "a.png" })
      ]
      const failing = FileInput.fromStream(
        Stream.concat(Stream.make(content), Stream.fail(new RateLimited({ provider: "Elsewhere" })))
      )
      yield* Effect.gen(function*() {
        yield* Effect.forEach(files, (file) => Prediction.create(Server.model, { file }))
        const error = yield* Effect.flip(Prediction.create(Server.model, { failing }))
        assert.deepInclude(error, { _tag: "RateLimited", provider: "Elsewhere" })
      }).pipe(Effect.provide(
        ReplicateClient.layer({ baseUrl: server.baseUrl, token: Redacted.make("r8_test"), maxRetries: 0 }).pipe(
          Layer.provide(FetchHttpClient.layer)
        )
      ))
      assert.lengthOf(server.uploads, 2)
      for (const { file, length } of server.uploads) {
        assert.isTrue(Buffer.from(yield* Effect.promise(() => file.arrayBuffer())).equals(content))
        assert.deepStrictEqual([file.name, file.type], ["a.png", "image/png"])
        assert.isDefined(length)
      }
    }))
})
