import { NodeHttpServer } from "@effect/platform-node"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Output from "effect-providers/Output"
import { Prediction, ReplicateClient, Webhook } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { createInterface } from "node:readline"
import { builtIn } from "../../src/testing/internal/catalogue.js"
import { routes } from "../../src/testing/internal/control.js"
import { faultExamples } from "../../src/testing/internal/faultExamples.js"

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

const quick: ReplicateEmulator.Model = { name: "test/quick", kind: "text", boot: 0, script: () => [] }

const emulator = Layer.unwrapEffect(
  Effect.map(
    HttpClient.HttpClient,
    (webhookClient) => ReplicateEmulator.layer({ models: [words, quick], webhookClient })
  )
).pipe(Layer.provide(FetchHttpClient.layer))

const listening = Layer.suspend(() => {
  const server = createServer()
  const hangUp = Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
  return Layer.merge(ReplicateEmulator.serve, hangUp).pipe(
    Layer.provideMerge(emulator),
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
})

/** Runs a test against an emulator behind a socket. */
const served = <A, E>(
  test: (
    base: string,
    emulator: ReplicateEmulator.Service
  ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient | Scope.Scope>
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
  ).pipe(Effect.scoped, Effect.provide(listening))

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

  const authorized = { headers: { authorization: "Bearer t" } }

  /** The body as far as it comes, and whether that was its end. */
  const readAll = (response: Response) =>
    Effect.promise(async () => {
      const chunks: Array<Uint8Array> = []
      try {
        for await (const chunk of response.body ?? []) chunks.push(chunk)
        return { text: Buffer.concat(chunks).toString(), isWhole: true, chunks: chunks.length }
      } catch {
        return { text: Buffer.concat(chunks).toString(), isWhole: false, chunks: chunks.length }
      }
    })

  it.live("a body that is cut is announced whole, and its beginning arrives", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        const account = Effect.promise(() => get(`${base}/v1/account`, authorized))
        const whole = yield* Effect.flatMap(account, readAll)
        assert.isTrue(whole.isWhole)
        for (const bytes of [undefined, 20]) {
          yield* emulator.fail({}, { _tag: "CutBody", bytes })
          const response = yield* account
          assert.strictEqual(response.headers.get("content-length"), String(whole.text.length))
          const { isWhole, text } = yield* readAll(response)
          assert.isFalse(isWhole)
          assert.strictEqual(text, whole.text.slice(0, bytes ?? whole.text.length / 2))
        }
      })
    ))

  it.live("a slow body comes in pieces, and any type can be told", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail({}, { _tag: "SlowBody", bytes: 40, pause: "20 millis" })
        yield* emulator.fail({}, { _tag: "ContentType", contentType: "text/html" })
        const response = yield* Effect.promise(() => get(`${base}/v1/account`, authorized))
        assert.strictEqual(response.headers.get("content-type"), "text/html")
        const { chunks, isWhole, text } = yield* readAll(response)
        assert.strictEqual(JSON.parse(text).username, "emulator")
        assert.isTrue(isWhole)
        assert.isAbove(chunks, 1)
      })
    ))

  it.live("any program can make it fail, and look into it", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        const fault = { matcher: { path: "/v1/acc" }, fault: { _tag: "DropBefore" }, times: 2 }
        const asked = yield* Effect.promise(() =>
          get(`${base}/__emulator/faults`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(fault)
          })
        )
        assert.strictEqual(asked.status, 201)
        yield* Effect.flip(Effect.tryPromise(() => get(`${base}/v1/account`, authorized)))
        const armed = yield* Effect.promise(async () => (await get(`${base}/__emulator/faults`)).json())
        assert.deepStrictEqual(armed, [{ ...fault, times: 1 }])
        yield* Effect.promise(() => get(`${base}/__emulator/faults`, { method: "DELETE" }))
        assert.strictEqual((yield* Effect.promise(() => get(`${base}/v1/account`, authorized))).status, 200)
        const requests = yield* Effect.promise(async () => (await get(`${base}/__emulator/requests`)).json())
        assert.lengthOf(requests, 2)
        const reset = yield* Effect.promise(() => get(`${base}/__emulator/reset`, { method: "POST" }))
        assert.strictEqual(reset.status, 204)
        assert.lengthOf(yield* emulator.requests, 0)
      })
    ))

  it.live("C29: a webhook arrives as it was signed, and is not sent on by a redirection", () =>
    served((base, emulator) =>
      Effect.gen(function*() {
        const arrived: Array<Pick<IncomingMessage, "url" | "headers"> & { readonly body: string }> = []
        const receiver = yield* Effect.acquireRelease(
          Effect.promise(async () => {
            const server = createServer(async ({ headers, url }, response) => {
              const request = response.req
              let body = ""
              for await (const chunk of request) body += String(chunk)
              arrived.push({ url, headers, body })
              response.writeHead(url === "/moved" ? 307 : 200, { location: "/elsewhere" }).end()
            }).listen(0, "127.0.0.1")
            await once(server, "listening")
            return server
          }),
          (server) => Effect.sync(() => server.close().closeAllConnections())
        )
        const address = receiver.address()
        assert(typeof address === "object" && address !== null)
        const url = `http://127.0.0.1:${address.port}`
        const { key } = yield* Effect.promise(async () =>
          (await get(`${base}/v1/webhooks/default/secret`, authorized)).json()
        )
        for (const path of ["/hook?order=7", "/moved"]) {
          yield* Prediction.create("test/quick", {}, { webhook: `${url}${path}`, webhookEventsFilter: ["completed"] })
        }
        yield* eventually(Effect.map(emulator.webhooks, ({ length }) => length === 2))
        assert.sameMembers((yield* emulator.webhooks).map(({ status }) => status), [200, 307])
        assert.sameMembers(arrived.map(({ url }) => url), ["/hook?order=7", "/moved"])
        for (const { body, headers } of arrived) {
          const { prediction } = yield* Webhook.receive({ headers, body }, { secret: Redacted.make(String(key)) })
          assert.strictEqual(prediction.status, "succeeded")
        }
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
      }), 60_000)
  }

  const run = (...args: ReadonlyArray<string>) =>
    Effect.flatMap(
      program(...args),
      (child) =>
        Effect.all([exitCode(child), text(child, "stdout"), text(child, "stderr")], { concurrency: "unbounded" })
    )

  it.scopedLive(
    "says in one line what is wrong with its arguments",
    () =>
      Effect.forEach(
        [["--port", "http"], ["--prot", "1"]],
        (args) =>
          Effect.map(run(...args), ([code, stdout, stderr]) => {
            assert.strictEqual(code, 1)
            assert.strictEqual(stdout, "")
            assert.match(stderr, /^[^\n]+\n$/)
            assert.include(stderr, args[0] ?? "")
          }),
        { concurrency: "unbounded" }
      ),
    60_000
  )

  it.scopedLive("tells of its options and routes", () =>
    Effect.map(run("--help"), ([code, stdout, stderr]) => {
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const { about, method, path } of routes) {
        assert.match(stdout, new RegExp(`${method} +${path} +${about.replaceAll(/[{}?]/g, "\\$&")}`))
      }
      for (const option of ["--port", "--host"]) assert.include(stdout, option)
      for (const { about, fault } of Object.values(faultExamples)) {
        assert.include(stdout, JSON.stringify(fault))
        assert.include(stdout, about)
      }
      const lineOf = (name: string) => stdout.split("\n").find((line) => line.includes(name))
      for (const { name } of builtIn) assert.isDefined(lineOf(name), name)
      assert.include(lineOf("black-forest-labs/flux-schnell"), "trains")
      assert.notInclude(lineOf("meta/meta-llama-3-70b-instruct"), "trains")
      assert.include(lineOf("emulator/community"), "not official")
      assert.notInclude(lineOf("emulator/slow"), "not official")
    }), 60_000)
})
