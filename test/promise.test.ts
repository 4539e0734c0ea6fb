import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { getEventListeners } from "node:events"
import { types } from "node:util"
import * as Replicate from "../src/promise.js"
import { InvalidRequest, MissingAuth, PredictionFailed, ResponseError } from "../src/ProviderError.js"
import * as ReplicateEmulator from "../src/testing/ReplicateEmulator.js"
import { emulatorServer } from "./support/emulatorServer.js"
import * as fakeHttp from "./support/fakeHttp.js"
import * as Server from "./support/replicate-server.js"

const words = (count: number, after: number): ReplicateEmulator.Model["script"] => () =>
  Array.from({ length: count }, (_, n) => ({ _tag: "Text", after, text: `word${n} ` }))

const model = (name: string, script: ReplicateEmulator.Model["script"], kind: "text" | "files" = "text") => ({
  name: `test/${name}`,
  kind,
  boot: 0,
  script
})

const models: ReadonlyArray<ReplicateEmulator.Model> = [
  model("quick", words(5, 1)),
  model("endless", words(2000, 5)),
  model("silent", () => [{ _tag: "Text", after: "1 hour", text: "never" }]),
  model("failing", () => [...words(2, 1)({}), { _tag: "Fail", after: 1, error: "CUDA out of memory" }]),
  model(
    "drawing",
    () => [{ _tag: "File", after: 1, contentType: "image/png", bytes: () => new Uint8Array([1, 2, 3]) }],
    "files"
  )
]

const input = { prompt: "hi" }

/** An emulator in this process, and a client before it. */
const setup = Effect.fnUntraced(function*(options: Replicate.Options = {}) {
  const emulator = yield* ReplicateEmulator.make({ models })
  const replicate = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Replicate.make({
        token: "r8_test",
        polling: "2 millis",
        httpClient: Layer.succeed(HttpClient.HttpClient, emulator.client),
        ...options
      })
    ),
    (client) => Effect.promise(client.dispose)
  )
  return {
    emulator,
    replicate,
    cancels: Effect.map(emulator.requests, (all) => all.filter(({ path }) => path.endsWith("/cancel")).length),
    statuses: Effect.map(emulator.predictions, (all) => all.map(({ status }) => status)),
    /** Waits until a prediction runs. */
    started: Effect.repeat(emulator.predictions, {
      until: (all) => all.length > 0,
      schedule: Schedule.spaced("1 millis")
    })
  }
})

/** A service whose predictions never end, and a client before it. */
const endless = Effect.map(
  Effect.sync(() => Server.make({ get: [Server.gives({ status: "processing" })] })),
  (server) => ({
    server,
    replicate: Replicate.make({ token: "r8_test", polling: "1 millis", httpClient: server.http }),
    running: Effect.repeat(Effect.sync(() => server.count("get")), {
      until: (count) => count > 1,
      schedule: Schedule.spaced("1 millis")
    })
  })
)

/** What a promise rejects with. */
const rejection = (promise: PromiseLike<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() =>
    promise.then((value) => assert.fail(`it resolved: ${JSON.stringify(value)}`), (reason: unknown) => reason)
  )

/** Reads an iterable to its end, and tells what came before the end and what that was. */
const read = <A>(pieces: AsyncIterable<A>, onPiece: (piece: A) => void = () => undefined) =>
  Effect.promise(async () => {
    const came: Array<A> = []
    try {
      for await (const piece of pieces) {
        came.push(piece)
        onPiece(piece)
      }
      return { came, reason: undefined }
    } catch (reason) {
      return { came, reason }
    }
  })

const turns = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 5)))

/** Puts variables into the environment, and takes out those that are undefined. */
const setVariables = (variables: Record<string, string | undefined>) => {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

const settingsOfReplicate = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("REPLICATE_")))

const none = (variables: object) => Object.fromEntries(Object.keys(variables).map((name) => [name, undefined]))

/** Runs an effect with no other settings of Replicate in the environment than these. */
const withEnvironment =
  (variables: Record<string, string>) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const before = settingsOfReplicate()
        setVariables({ ...none(before), ...variables })
        return before
      }),
      () => self,
      (before) =>
        Effect.promise(async () => {
          await Replicate.dispose()
          setVariables({ ...none(variables), ...before })
        })
    )

describe.sequential("run", () => {
  it.scopedLive("C04: gives the whole prediction", () =>
    Effect.gen(function*() {
      const { cancels, replicate } = yield* setup()
      const prediction = yield* Effect.promise(() => replicate.run("test/quick", input))
      assert.strictEqual(prediction.status, "succeeded")
      assert.strictEqual(prediction.text, "word0 word1 word2 word3 word4 ")
      assert.strictEqual(yield* cancels, 0)
    }))

  it.scopedLive("C08: rejects with the typed error itself", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const failed = yield* rejection(replicate.run("test/failing", input))
      assert.instanceOf(failed, PredictionFailed)
      assert.isFalse(types.isProxy(failed))
      assert.strictEqual(failed.prediction.error, "CUDA out of memory")
      assert.isTrue(failed.outOfMemory)
      const invalid = yield* rejection(replicate.run("not a model", input))
      assert.instanceOf(invalid, InvalidRequest)
      assert.strictEqual(invalid._tag, "InvalidRequest")
    }))

  it.live("C02: without a token it rejects with MissingAuth, and nothing is sent", () =>
    Effect.gen(function*() {
      const { emulator, replicate } = yield* setup({ token: "" })
      assert.instanceOf(yield* rejection(replicate.run("test/quick", input)), MissingAuth)
      assert.lengthOf(yield* emulator.requests, 0)
    }).pipe(Effect.scoped, withEnvironment({})))

  it.live.each([
    { options: { timeout: "soon" }, run: {}, field: "timeout" },
    { options: { connectTimeout: "soon" }, run: {}, field: "connectTimeout" },
    { options: { polling: "soon" }, run: {}, field: "polling" },
    { options: {}, run: { timeout: "soon" }, field: "timeout" },
    { options: {}, run: { cancelAfter: "soon" }, field: "cancelAfter" },
    { options: {}, run: { wait: "soon" }, field: "wait" }
  ])(
    "C14: rejects with an InvalidRequest for a duration that is none: $options $run",
    ({ field, options, run }) =>
      Effect.gen(function*() {
        // what a caller without types may send
        const given = [options, run] as [Replicate.Options, Parameters<Replicate.Client["run"]>[2]]
        const { emulator, replicate } = yield* setup(given[0])
        const error = yield* rejection(replicate.run("test/quick", input, given[1]))
        assert.instanceOf(error, InvalidRequest)
        assert.include(error.message, `${field}: expected a duration`)
        assert.lengthOf(yield* emulator.requests, 0)
      }).pipe(Effect.scoped, withEnvironment({}))
  )

  it.scopedLive("rejects with a defect as it is", () =>
    Effect.gen(function*() {
      const defect = new RangeError("broken driver")
      const { replicate } = yield* setup({ transformClient: () => HttpClient.make(() => Effect.die(defect)) })
      assert.strictEqual(yield* rejection(replicate.get("abc")), defect)
    }))

  it.live("C13: takes the options of a prediction", () =>
    Effect.gen(function*() {
      const { replicate, server } = yield* endless
      const error = yield* rejection(replicate.run(Server.model, input, { wait: "9 seconds", timeout: "20 millis" }))
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.strictEqual(server.calls[0]?.headers["prefer"], "wait=9")
      assert.strictEqual(server.count("cancel"), 1)
    }))
})

describe.sequential("a signal", () => {
  it.live.each([undefined, "the user left"])(
    "C19: aborted with %s, cancels the prediction once, and then rejects with its reason",
    (reason) =>
      Effect.gen(function*() {
        const { replicate, running, server } = yield* endless
        const controller = new AbortController()
        const promise = replicate.run(Server.model, input, { signal: controller.signal })
        yield* running
        controller.abort(reason)
        assert.strictEqual(yield* rejection(promise), controller.signal.reason)
        assert.strictEqual(server.count("cancel"), 1)
        assert.strictEqual(controller.signal.reason.name, reason === undefined ? "AbortError" : undefined)
      })
  )

  it.scopedLive("aborted before, sends nothing", () =>
    Effect.gen(function*() {
      const { emulator, replicate } = yield* setup()
      const signal = AbortSignal.abort("too late")
      for (
        const promise of [
          replicate.run("test/quick", input, { signal }),
          replicate.create("test/quick", input, { signal }),
          replicate.get("abc", { signal }),
          replicate.cancel("abc", { signal }),
          replicate.download("https://api.replicate.com/v1/files/a/download", { signal }),
          replicate.stream("test/quick", input, { signal }).next(),
          replicate.events("test/quick", input, { signal }).next()
        ]
      ) assert.strictEqual(yield* rejection(promise), "too late")
      assert.lengthOf(yield* emulator.requests, 0)
    }))

  it.scopedLive("aborted, or its client disposed, a call needs nobody who listens", () =>
    Effect.gen(function*() {
      const unhandled: Array<unknown> = []
      const onUnhandled = (reason: unknown) => unhandled.push(reason)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("unhandledRejection", onUnhandled)),
        () => Effect.sync(() => process.off("unhandledRejection", onUnhandled))
      )
      const { replicate, running } = yield* endless
      const controller = new AbortController()
      void replicate.run(Server.model, input, { signal: controller.signal })
      void replicate.run(Server.model, input)
      void replicate.run(Server.model, input, { signal: AbortSignal.abort("before") })
      yield* running
      controller.abort()
      yield* Effect.promise(replicate.dispose)
      yield* turns
      assert.deepStrictEqual(unhandled, [])
    }))

  it.scopedLive("is let go of when the call is over", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const { signal } = new AbortController()
      yield* Effect.promise(() => replicate.run("test/quick", input, { signal }))
      yield* rejection(replicate.run("test/failing", input, { signal }))
      yield* read(replicate.stream("test/quick", input, { signal }))
      yield* Effect.promise(async () => {
        for await (const _ of replicate.stream("test/endless", input, { signal })) break
      })
      assert.lengthOf(getEventListeners(signal, "abort"), 0)
    }))

  it.scopedLive("C13: that stops the waiting leaves the prediction alone", () =>
    Effect.gen(function*() {
      const { replicate, statuses } = yield* setup()
      const created = yield* Effect.promise(() => replicate.create("test/silent", input))
      const controller = new AbortController()
      const waiting = replicate.wait(created, { signal: controller.signal })
      yield* turns
      controller.abort("no more")
      assert.strictEqual(yield* rejection(waiting), "no more")
      assert.deepStrictEqual(yield* statuses, ["processing"])
      const canceled = yield* Effect.promise(() => replicate.cancel(created.id))
      assert.strictEqual(canceled.status, "canceled")
      assert.strictEqual((yield* Effect.promise(() => replicate.get(created.id))).status, "canceled")
    }))
})

describe.sequential("stream", () => {
  it.scopedLive("C20: gives the text piece by piece, once, and is sent when it is read", () =>
    Effect.gen(function*() {
      const { cancels, emulator, replicate } = yield* setup()
      const stream = replicate.stream("test/quick", input)
      yield* turns
      assert.lengthOf(yield* emulator.requests, 0)
      const { came, reason } = yield* read(stream)
      assert.isUndefined(reason)
      assert.deepStrictEqual(came, ["word0 ", "word1 ", "word2 ", "word3 ", "word4 "])
      const sent = (yield* emulator.requests).length
      assert.deepStrictEqual((yield* read(stream)).came, [])
      assert.deepStrictEqual(yield* Effect.promise(() => stream.next()), { done: true, value: undefined })
      assert.lengthOf(yield* emulator.requests, sent)
      assert.strictEqual(yield* cancels, 0)
    }))

  it.scopedLive("C20: events has all there is, the finished prediction last", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const { came } = yield* read(replicate.events("test/drawing", input))
      assert.deepStrictEqual(came.map(({ _tag }) => _tag), ["Output", "Done"])
      const [output, done] = came
      assert(output?._tag === "Output" && output.file !== undefined && done?._tag === "Done")
      assert.deepStrictEqual(
        yield* Effect.promise(() => replicate.download(output.file ?? "")),
        new Uint8Array([1, 2, 3])
      )
      assert.strictEqual(done.prediction.status, "succeeded")
    }))

  it.scopedLive("C05: files gives each file as it comes, to be downloaded", () =>
    Effect.gen(function*() {
      const { cancels, replicate } = yield* setup()
      const downloaded: Array<ReadonlyArray<number>> = []
      yield* Effect.promise(async () => {
        for await (const file of replicate.files("test/drawing", input)) {
          downloaded.push([...await replicate.download(file)])
        }
      })
      assert.deepStrictEqual(downloaded, [[1, 2, 3]])
      assert.strictEqual(yield* cancels, 0)
      const error = yield* rejection(replicate.files("test/quick", input).next())
      assert.instanceOf(error, InvalidRequest)
      assert.strictEqual(yield* cancels, 1)
    }))

  it.scopedLive("C21: an error comes after what came before it", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const stream = replicate.stream("test/failing", input)
      const { came, reason } = yield* read(stream)
      assert.deepStrictEqual(came, ["word0 ", "word1 "])
      assert.instanceOf(reason, PredictionFailed)
      assert.deepStrictEqual(yield* Effect.promise(() => stream.next()), { done: true, value: undefined })
    }))

  it.scopedLive("leaving the loop closes the connection and cancels the prediction, before the loop is left", () =>
    Effect.gen(function*() {
      const { cancels, emulator, replicate, statuses } = yield* setup()
      const stream = replicate.stream("test/endless", input)
      yield* Effect.promise(async () => {
        for await (const _ of stream) break
      })
      assert.deepStrictEqual(yield* statuses, ["canceled"])
      assert.deepStrictEqual((yield* emulator.streams).map(({ state }) => state), ["closed"])
      assert.deepStrictEqual((yield* read(stream)).came, [])
      assert.strictEqual(yield* cancels, 1)
    }))

  it.scopedLive("left before it was read, nothing is sent", () =>
    Effect.gen(function*() {
      const { emulator, replicate } = yield* setup()
      const stream = replicate.stream("test/quick", input)
      assert.deepStrictEqual(yield* Effect.promise(async () => stream.return?.()), { done: true, value: undefined })
      assert.deepStrictEqual((yield* read(stream)).came, [])
      assert.lengthOf(yield* emulator.requests, 0)
    }))

  it.scopedLive("can be left while a piece is waited for", () =>
    Effect.gen(function*() {
      const { replicate, started, statuses } = yield* setup()
      const stream = replicate.stream("test/silent", input)
      const [first, second] = [stream.next(), stream.next()]
      yield* started
      yield* Effect.promise(async () => stream.return?.())
      assert.deepStrictEqual(yield* statuses, ["canceled"])
      const end: IteratorResult<string> = { done: true, value: undefined }
      assert.deepStrictEqual(yield* Effect.promise(() => Promise.all([first, second])), [end, end])
    }))

  it.scopedLive("answers those who ask at once in order", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const stream = replicate.stream("test/quick", input)
      const asked = Array.from({ length: 7 }, () => stream.next())
      const pieces = (yield* Effect.promise(() => Promise.all(asked))).map(({ value }) => value)
      assert.deepStrictEqual(pieces, ["word0 ", "word1 ", "word2 ", "word3 ", "word4 ", undefined, undefined])
    }))

  it.scopedLive("aborted while nobody asks, it cancels at once, and rejects who asks next", () =>
    Effect.gen(function*() {
      const { emulator, replicate, statuses } = yield* setup()
      const controller = new AbortController()
      const stream = replicate.stream("test/endless", input, { signal: controller.signal })
      yield* Effect.promise(() => stream.next())
      controller.abort("enough")
      yield* Effect.repeat(statuses, {
        until: ([status]) => status === "canceled",
        schedule: Schedule.spaced("1 millis")
      })
      assert.deepStrictEqual((yield* emulator.streams).map(({ state }) => state), ["closed"])
      assert.strictEqual(yield* rejection(stream.next()), "enough")
      assert.deepStrictEqual(yield* Effect.promise(() => stream.next()), { done: true, value: undefined })
    }))

  it.scopedLive("what was not asked for before an abort is not given after it", () =>
    Effect.gen(function*() {
      const events = Array.from({ length: 9 }, (_, n) => `event: output\nid: ${n}\ndata: ${n}\n\n`).join("")
      const url = "https://stream.replicate.com/v1/streams/opaque"
      const client = fakeHttp.make((request) =>
        request.url === url
          ? fakeHttp.sse(events, "event: done\ndata: {}\n\n")
          : fakeHttp.json(Server.prediction({ urls: { stream: url } }), { status: 201 })
      )
      const { replicate } = yield* setup({ httpClient: client.layer })
      const controller = new AbortController()
      const { came, reason } = yield* read(
        replicate.stream("test/any", input, { signal: controller.signal }),
        () => controller.abort("enough")
      )
      assert.deepStrictEqual(came, ["0"])
      assert.strictEqual(reason, "enough")
    }))

  it.scopedLive("reads no further than it is asked to", () =>
    Effect.gen(function*() {
      let chunks = 0
      const url = "https://stream.replicate.com/v1/streams/opaque"
      const body = () =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            chunks++
            controller.enqueue(new TextEncoder().encode(`event: output\nid: ${chunks}\ndata: ${"x".repeat(99)}\n\n`))
          }
        })
      const client = fakeHttp.make((request) =>
        request.url === url
          ? new Response(body(), { headers: { "content-type": "text/event-stream" } })
          : fakeHttp.json(Server.prediction({ urls: { stream: url } }), { status: 201 })
      )
      const { replicate } = yield* setup({ httpClient: client.layer })
      const stream = replicate.stream("test/any", input)
      yield* Effect.promise(() => stream.next())
      yield* turns
      assert.isBelow(chunks, 50)
    }))
})

describe.sequential("follow", () => {
  it.scopedLive("C20: waits for and streams what another program created, and leaves it alone", () =>
    Effect.gen(function*() {
      const { cancels, replicate } = yield* setup()
      const { id } = yield* Effect.promise(() => replicate.create("test/quick", input))
      assert.strictEqual((yield* read(replicate.follow(id))).came.join(""), "word0 word1 word2 word3 word4 ")
      assert.strictEqual((yield* Effect.promise(() => replicate.wait(id))).status, "succeeded")
      const other = yield* Effect.promise(() => replicate.create("test/endless", input))
      yield* Effect.promise(async () => {
        for await (const _ of replicate.follow(other)) break
      })
      const { signal } = new AbortController()
      const refused = yield* read(replicate.follow(id, { signal, timeout: -1 }))
      assert.deepStrictEqual(refused.came, [])
      assert.instanceOf(refused.reason, InvalidRequest)
      assert.strictEqual(yield* cancels, 0)
    }))
})

describe.sequential("download", () => {
  it.scopedLive("C16: reads a file of an output, a URL and a data URI", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      const { files: [file] } = yield* Effect.promise(() => replicate.run("test/drawing", input))
      assert.isDefined(file)
      for (const source of [file, file.url, "data:;base64,AQID"]) {
        assert.deepStrictEqual(yield* Effect.promise(() => replicate.download(source)), new Uint8Array([1, 2, 3]))
      }
      const error = yield* rejection(replicate.download(`${file.url}-not`))
      assert.instanceOf(error, ResponseError)
      assert.strictEqual(error.status, 404)
    }))
})

describe.sequential("what JavaScript leaves out", () => {
  it.scopedLive("C14: rejects with an InvalidRequest", () =>
    Effect.gen(function*() {
      const { replicate } = yield* setup()
      // a prediction without files has no first one
      const absent: string = JSON.parse("{}").id
      const calls = [replicate.get(absent), replicate.wait(absent), replicate.follow(absent).next()]
      for (const call of [...calls, replicate.cancel(absent), replicate.download(absent)]) {
        assert.instanceOf(yield* rejection(call), InvalidRequest)
      }
    }))
})

describe.sequential("dispose", () => {
  it.scopedLive("stops what is going on and cancels it; the client is of no use after it", () =>
    Effect.gen(function*() {
      const { emulator, replicate, statuses } = yield* setup()
      const created = yield* Effect.promise(() => replicate.create("test/silent", input))
      const waiting = replicate.wait(created)
      const stream = replicate.stream("test/endless", input)
      yield* Effect.promise(() => stream.next())
      const [reason] = yield* Effect.all([rejection(waiting), Effect.promise(replicate.dispose)], {
        concurrency: "unbounded"
      })
      assert.deepInclude(reason, { name: "AbortError", message: "The client was disposed: make another one." })
      assert.deepStrictEqual(yield* statuses, ["canceled", "processing"])
      assert.strictEqual(yield* rejection(stream.next()).pipe(Effect.map(String)), String(reason))
      const sent = (yield* emulator.requests).length
      assert.strictEqual(String(yield* rejection(replicate.get("abc"))), String(reason))
      assert.strictEqual(String(yield* rejection(replicate.stream("test/quick", input).next())), String(reason))
      assert.lengthOf(yield* emulator.requests, sent)
      yield* Effect.promise(() => replicate[Symbol.asyncDispose]())
    }))

  it.live("cancels what was run", () =>
    Effect.gen(function*() {
      const { replicate, running, server } = yield* endless
      const run = replicate.run(Server.model, input)
      yield* running
      yield* Effect.promise(() => replicate[Symbol.asyncDispose]())
      assert.strictEqual(server.count("cancel"), 1)
      assert.deepInclude(yield* rejection(run), { name: "AbortError" })
    }))

  it.scopedLive("of a client that was never used does nothing", () =>
    Effect.gen(function*() {
      const { emulator, replicate } = yield* setup()
      yield* Effect.promise(replicate.dispose)
      assert.lengthOf(yield* emulator.requests, 0)
    }))
})

describe.sequential("the settings", () => {
  /** The token and the path of every call of a client that is never answered well. */
  const sent = Effect.fnUntraced(function*(options: Replicate.Options) {
    const http = fakeHttp.make(() => fakeHttp.json(Server.prediction()))
    const replicate = Replicate.make({ ...options, httpClient: http.layer })
    yield* Effect.promise(() => replicate.get("abc"))
    yield* Effect.promise(replicate.dispose)
    return http.requests.map(({ headers, url }) => [url, headers["authorization"]])
  })

  it.live("C01: what is given wins over the environment, and what is empty or left out is taken from there", () =>
    Effect.gen(function*() {
      const local = "http://127.0.0.1:9/v1/predictions/abc"
      assert.deepStrictEqual(yield* sent({}), [[local, "Bearer r8_env"]])
      assert.deepStrictEqual(yield* sent({ token: "" }), [[local, "Bearer r8_env"]])
      assert.deepStrictEqual(yield* sent({ token: "r8_own", baseUrl: undefined }), [[local, "Bearer r8_own"]])
      assert.deepStrictEqual(yield* sent({ token: Redacted.make("r8_own"), baseUrl: "http://localhost:8" }), [[
        "http://localhost:8/v1/predictions/abc",
        "Bearer r8_own"
      ]])
    }).pipe(
      withEnvironment({ REPLICATE_API_TOKEN: "r8_env", REPLICATE_BASE_URL: "http://127.0.0.1:9" })
    ))

  it.live("C01: a malformed variable is an InvalidRequest that names it, also when something else is given", () =>
    Effect.gen(function*() {
      for (const options of [{}, { token: "r8_own" }]) {
        const error = yield* rejection(Replicate.make(options).get("abc"))
        assert.instanceOf(error, InvalidRequest)
        assert.include(error.message, "REPLICATE_TIMEOUT: expected a number of seconds")
        assert.notInclude(error.message, "soon")
      }
    }).pipe(withEnvironment({ REPLICATE_TIMEOUT: "soon", REPLICATE_API_TOKEN: "r8_env" })))
})

describe.sequential("over a real socket", () => {
  it.live("C03, C30: run, stream and download share one client of the environment, until it is disposed", () =>
    Effect.gen(function*() {
      const { emulator, url } = yield* emulatorServer
      yield* Effect.gen(function*() {
        const prediction = yield* Effect.promise(() => Replicate.run("test/quick", input))
        assert.match(prediction.text, /word0 .* word29$/)
        const { came } = yield* read(Replicate.stream("test/quick", input))
        assert.strictEqual(came.join(""), prediction.text)
        const running = Replicate.stream("test/endless", input)
        yield* Effect.promise(() => running.next())
        // the client that exists knows nothing of it
        setVariables({ REPLICATE_TIMEOUT: "soon" })
        yield* Effect.promise(() => Replicate.download("data:,x"))

        yield* Effect.promise(Replicate.dispose)
        assert.instanceOf(yield* rejection(running.next()), DOMException)
        assert.strictEqual((yield* emulator.predictions)[0]?.status, "canceled")
        assert.instanceOf(yield* rejection(Replicate.run("test/quick", input)), InvalidRequest)
        setVariables({ REPLICATE_TIMEOUT: undefined })
        yield* Effect.promise(Replicate.dispose)
        yield* Effect.promise(() => Replicate.download("data:,x"))
      }).pipe(withEnvironment({ REPLICATE_API_TOKEN: "r8_env", REPLICATE_BASE_URL: url }))
    }).pipe(Effect.scoped))

  it.live("leaving the loop cancels the prediction and closes the connection", () =>
    Effect.gen(function*() {
      const { emulator, url } = yield* emulatorServer
      const replicate = Replicate.make({ token: "r8_test", baseUrl: url })
      yield* Effect.promise(async () => {
        for await (const _ of replicate.stream("test/endless", input)) break
      })
      assert.strictEqual((yield* emulator.predictions)[0]?.status, "canceled")
      yield* Effect.repeat(emulator.streams, {
        until: ([stream]) => stream?.state !== "open",
        schedule: Schedule.spaced("5 millis")
      })
      yield* Effect.promise(replicate.dispose)
    }).pipe(Effect.scoped))
})
