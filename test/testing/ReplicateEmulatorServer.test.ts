import { NodeHttpServer } from "@effect/platform-node"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Output from "effect-providers/Output"
import { Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { createInterface } from "node:readline"

const llama = "meta/meta-llama-3-70b-instruct"
const input = { prompt: "Say hello" }

/** What a client does that knows nothing of Effect. */
const get = (url: string, init?: RequestInit): Promise<Response> => fetch(url, init)

const words: ReplicateEmulator.Model = {
  name: "test/words",
  kind: "text",
  boot: 0,
  script: () => Array.from({ length: 40 }, (_, n) => ({ _tag: "Text", after: "50 millis", text: ` word${n}` }))
}

const listening = Layer.suspend(() => {
  const server = createServer()
  const hangUp = Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
  return Layer.merge(ReplicateEmulator.serve, hangUp).pipe(
    Layer.provideMerge(ReplicateEmulator.layer({ models: [words] })),
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
})

/** Runs a test against an emulator behind a socket. */
const served = <A, E>(
  test: (
    base: string,
    emulator: ReplicateEmulator.Service
  ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient>
) =>
  HttpServer.addressFormattedWith((base) =>
    Effect.flatMap(ReplicateEmulator.ReplicateEmulator, (emulator) =>
      test(base, emulator).pipe(
        Effect.provide(
          ReplicateClient.layer({ baseUrl: base, token: Redacted.make("r8_test"), maxRetries: 0 }).pipe(
            Layer.provide(FetchHttpClient.layer)
          )
        )
      ))
  ).pipe(Effect.provide(listening))

/** Looks again until a condition holds, for 5 seconds at most. */
const eventually = (condition: Effect.Effect<boolean>) =>
  condition.pipe(
    Effect.filterOrFail((holds) => holds),
    Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 500 })
  )

describe("over a socket", () => {
  it.live("R01: text arrives while the model still speaks", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        const statuses: Array<string | undefined> = []
        const text = yield* Prediction.stream("test/words", input).pipe(
          Output.text,
          Stream.tap(() => Effect.map(emulator.predictions, ([prediction]) => statuses.push(prediction?.status))),
          Stream.mkString
        )
        assert.strictEqual(statuses[0], "processing")
        assert.strictEqual(text, Array.from({ length: 40 }, (_, n) => ` word${n}`).join(""))
        assert.deepInclude((yield* emulator.requests)[0], { origin: base, hasToken: true })
        assert.deepInclude((yield* emulator.requests)[1], { method: "GET", hasToken: false })
      })
    ))

  it.live("R25: a client that goes away is seen", () =>
    served((_, emulator) =>
      Effect.gen(function*() {
        const { urls } = yield* Prediction.create("emulator/slow", input)
        const leave = new AbortController()
        const response = yield* Effect.promise(() => get(urls?.stream ?? "", { signal: leave.signal }))
        assert.strictEqual(response.status, 200)
        assert.deepInclude((yield* emulator.streams)[0], { state: "open" })
        leave.abort()
        yield* eventually(Effect.map(emulator.streams, ([stream]) => stream?.state === "closed"))
        assert.notStrictEqual((yield* emulator.predictions)[0]?.status, "canceled")
      })
    ))

  it.live("C20: a stream that its reader ends early is over, and its prediction canceled", () =>
    served((_, emulator) =>
      Effect.gen(function*() {
        yield* Prediction.stream("emulator/slow", input).pipe(Stream.take(1), Stream.runDrain)
        yield* eventually(Effect.map(emulator.predictions, ([prediction]) => prediction?.status === "canceled"))
        yield* eventually(Effect.map(emulator.streams, ([stream]) => stream?.state !== "open"))
      })
    ))

  it.live("H02: a file can be downloaded without a token", () =>
    served((base) =>
      Effect.gen(function*() {
        const prediction = yield* Prediction.run("black-forest-labs/flux-schnell", {
          ...input,
          width: 16,
          height: 16,
          num_inference_steps: 1
        })
        const url = prediction.files[0]?.url ?? ""
        assert.isTrue(url.startsWith(`${base}/files/`))
        const response = yield* Effect.promise(() => get(url))
        assert.strictEqual(response.headers.get("content-type"), "image/png")
        assert.isAbove((yield* Effect.promise(() => response.arrayBuffer())).byteLength, 16 * 16 * 3)
      })
    ))

  it.live("a dropped connection is one, before and after the work", () =>
    served((_, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail({ method: "POST" }, { _tag: "DropBefore" })
        yield* Effect.flip(Prediction.create(llama, input))
        assert.lengthOf(yield* emulator.predictions, 0)
        yield* emulator.fail({ method: "POST" }, { _tag: "DropAfter" })
        yield* Effect.flip(Prediction.create(llama, input))
        assert.lengthOf(yield* emulator.predictions, 1)
      })
    ))

  it.live("a stream is cut after exactly the events asked for", () =>
    served((_, emulator) =>
      Effect.gen(function*() {
        const created = yield* Prediction.create("test/words", input)
        yield* emulator.fail({ path: "/stream" }, { _tag: "CutStream", events: 2 })
        const response = yield* Effect.promise(() => get(created.urls?.stream ?? ""))
        const chunks: Array<Uint8Array> = []
        const error = yield* Effect.flip(Effect.tryPromise(async () => {
          for await (const chunk of response.body ?? []) chunks.push(chunk)
        }))
        assert.strictEqual(error._tag, "UnknownException", "the body must not look complete")
        assert.deepStrictEqual(Buffer.concat(chunks).toString().match(/^data: .*$/gm), ["data:  word0", "data:  word1"])
        assert.deepInclude((yield* emulator.streams)[0], { state: "dropped", sent: 2 })
      })
    ))

  it.live("a stalled request is never answered, and holds up no other", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail({}, { _tag: "Stall" })
        const client = new AbortController()
        const stalled = yield* Effect.fork(
          Effect.flip(Effect.tryPromise(() => get(`${base}/v1/account`, { signal: client.signal })))
        )
        yield* Effect.repeat(emulator.requests, {
          until: (requests) => requests.length === 1,
          schedule: Schedule.spaced("10 millis")
        })
        const response = yield* Effect.promise(() => get(`${base}/v1/account`))
        assert.strictEqual(response.status, 401)
        assert.isTrue(Option.isNone(yield* Fiber.poll(stalled)))
        client.abort()
        assert.strictEqual((yield* Fiber.join(stalled))._tag, "UnknownException")
      })
    ))
})

/** Runs the program until the test is over. */
const program = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, ["--import", "tsx", "scripts/emulator.ts", ...args])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const text = (child: ChildProcess, name: "stdout" | "stderr") =>
  Effect.promise(async () => {
    let all = ""
    for await (const chunk of child[name] ?? []) all += String(chunk)
    return all
  })

const exitCode = (child: ChildProcess) => Effect.promise(async () => child.exitCode ?? (await once(child, "exit"))[0])

describe("the program", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.scopedLive(`says where it listens, and stops on ${signal} with a stream open`, () =>
      Effect.gen(function*() {
        const child = yield* program("--port", "0")
        const [line] = yield* Effect.promise(() => once(createInterface(child.stdout), "line"))
        assert.match(line, /^listening on http:\/\/127\.0\.0\.1:\d+$/)
        const base = String(line).slice("listening on ".length)
        const created = yield* Effect.promise(async () => {
          const answer = await get(`${base}/v1/models/emulator/slow/predictions`, {
            method: "POST",
            headers: { authorization: "Bearer r8_test", "content-type": "application/json" },
            body: JSON.stringify({ input })
          })
          return answer.json()
        })
        const stream = yield* Effect.promise(() => get(created.urls.stream))
        assert.strictEqual(stream.status, 200)
        child.kill(signal)
        assert.strictEqual(yield* exitCode(child), 0)
        yield* Effect.ignore(Effect.tryPromise(() => stream.text()))
      }), 20_000)
  }

  it.scopedLive("says in one line what is wrong with its arguments", () =>
    Effect.gen(function*() {
      for (const args of [["--port", "http"], ["--prot", "1"]]) {
        const child = yield* program(...args)
        const [code, stdout, stderr] = yield* Effect.all(
          [exitCode(child), text(child, "stdout"), text(child, "stderr")],
          { concurrency: "unbounded" }
        )
        assert.strictEqual(code, 1)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /^[^\n]+\n$/)
        assert.include(stderr, args[0] ?? "")
      }
    }), 20_000)
})
