import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Output from "../../src/Output.js"
import type { ProviderError } from "../../src/ProviderError.js"
import { FileOutput } from "../../src/replicate/FileOutput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as PredictionEvent from "../../src/replicate/PredictionEvent.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import * as ReplicateEmulator from "../../src/testing/ReplicateEmulator.js"
import { json, sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { done, event } from "../support/replicateFake.js"

const input = { prompt: "Hi" }
const filesUrl = "https://stream.replicate.com/v1/files/opaque"
const urls = ["https://replicate.delivery/a.png", "https://replicate.delivery/b.png"]

const streams = (url = Server.streamUrl) => Server.gives({ urls: { stream: url } })
const succeeded = (output: unknown, fields: Readonly<Record<string, unknown>> = {}) =>
  Server.gives({ status: "succeeded", output, ...fields })
const sends = (...pieces: ReadonlyArray<string>): Server.Answer => () => sse(...pieces)

const events = (options?: Prediction.StreamOptions) => Prediction.events(Server.model, input, options)
const files = (options?: Prediction.StreamOptions) => Prediction.files(Server.model, input, options)

const all = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Server.timed(Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray))

const kinds = (server: ReturnType<typeof Server.make>) => server.calls.map(({ kind }) => kind)

describe("events", () => {
  const server = () =>
    Server.make({
      create: [streams()],
      other: [
        sends(
          event("logs", "loading\n50%", "100:0"),
          event("output", "Once", "100:1") + event("output", "", "100:2") + event("output", " upon\n", "101:0"),
          done
        )
      ],
      get: [succeeded(["Once", "", " upon\n"], { metrics: { predict_time: 1.5 } })]
    })

  it.effect("C20: output, logs and the end are told apart, and carry what the host said", () =>
    Effect.gen(function*() {
      const came = yield* Effect.provide(all(events()), server().layer)
      const last = came.at(-1)
      assert(last?._tag === "Done")
      assert.deepStrictEqual(came.slice(0, -1), [
        new PredictionEvent.Logs("loading\n50%", "100:0"),
        new PredictionEvent.Output("Once", undefined, "100:1"),
        new PredictionEvent.Output("", undefined, "100:2"),
        new PredictionEvent.Output(" upon\n", undefined, "101:0")
      ])
      assert.strictEqual(last.prediction.status, "succeeded")
      assert.deepStrictEqual(last.prediction.metrics, { predict_time: 1.5 })
    }))

  it.effect("C20: an event that is printed gives the text of the output only", () =>
    Effect.gen(function*() {
      const came = yield* Effect.provide(all(events()), server().layer)
      assert.deepStrictEqual(came.map(String), ["", "Once", "", " upon\n", ""])
      assert.strictEqual(came.map((event) => `${event}`).join(""), "Once upon\n")
    }))

  it.effect("C20: the text of a stream is what its events print", () =>
    Effect.gen(function*() {
      const texts = yield* Effect.provide(all(Output.text(Prediction.stream(Server.model, input))), server().layer)
      assert.deepStrictEqual(texts, ["Once", "", " upon\n"])
    }))

  it.effect("C20: the events of a network chunk stay one chunk", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1000 }, (_, n) => event("output", String(n))).join("")
      const server = Server.make({ create: [streams()], other: [sends(many, done)] })
      const chunks = yield* Effect.provide(all(Stream.chunks(events())), server.layer)
      assert.deepStrictEqual(chunks.map(Chunk.size), [1000, 1])
    }))

  it.effect("C20: what the finished prediction adds to a cut stream is an event without id", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streams()],
        other: [sends(event("output", "Once", "100:0"))],
        get: [succeeded(["Once", " upon", " a"], { metrics: { predict_time: 3 } })]
      })
      const came = yield* Effect.provide(all(events()), server.layer)
      assert.deepStrictEqual(came.slice(0, 2), [
        new PredictionEvent.Output("Once", undefined, "100:0"),
        new PredictionEvent.Output(" upon a")
      ])
      const last = came.at(-1)
      assert(last?._tag === "Done")
      assert.deepStrictEqual(last.prediction.metrics, { predict_time: 3 })
    }))

  it.effect.each([
    { what: "cannot be read", get: Server.status(404) },
    { what: "is not finished", get: Server.gives({ status: "processing" }) }
  ])(
    "C20: where the prediction $what, the end has the one to wait for, without another create",
    ({ get }) =>
      Effect.gen(function*() {
        const server = Server.make({
          create: [streams()],
          other: [sends(event("output", "Once"), done)],
          get: [get]
        })
        const came = yield* Effect.provide(all(events()), server.layer)
        const last = came.at(-1)
        assert(last?._tag === "Done")
        assert.isFalse(last.prediction.isTerminal)

        const later = Server.make({ get: [succeeded(["Once"], { metrics: { predict_time: 2 } })] })
        const final = yield* Server.timed(Prediction.wait(last.prediction)).pipe(Effect.provide(later.layer))
        assert.deepStrictEqual(final.metrics, { predict_time: 2 })
        assert.deepStrictEqual([...kinds(server), ...kinds(later)].filter((kind) => kind === "create"), ["create"])
        assert.strictEqual(server.count("cancel"), 0)
      })
  )

  it.effect("C20: the finished prediction of the end is not read again to wait for it", () =>
    Effect.gen(function*() {
      const fake = server()
      const came = yield* Effect.provide(all(events()), fake.layer)
      const last = came.at(-1)
      assert(last?._tag === "Done")
      const before = fake.calls.length
      assert.strictEqual(yield* Effect.provide(Prediction.wait(last.prediction), fake.layer), last.prediction)
      assert.strictEqual(fake.calls.length, before)
    }))
})

describe("files", () => {
  it.effect("C21: each file comes when the host gives it, logs are passed over", () =>
    Effect.gen(function*() {
      const first = event("logs", "50%") + event("output", urls[0] ?? "")
      const server = Server.make({ create: [streams(filesUrl)], other: [Server.openSse(first)] })
      const seen = yield* Queue.unbounded<FileOutput>()
      const fiber = yield* Effect.fork(
        Stream.runForEach(files(), (file) => Queue.offer(seen, file)).pipe(Effect.provide(server.layer))
      )
      assert.deepStrictEqual(yield* Queue.take(seen), new FileOutput(urls[0] ?? ""))
      assert.isFalse(yield* Server.isDone(fiber))
      yield* Server.interrupt(fiber)
      assert.deepStrictEqual(kinds(server), ["create", "other", "cancel"])
    }))

  it.effect("C21: data URIs and URLs can be read", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streams(filesUrl)],
        other: [
          sends(event("output", "data:text/plain;base64,SGk="), event("output", urls[0] ?? ""), done),
          () => new Response("there")
        ]
      })
      const texts = yield* files().pipe(
        Stream.mapEffect((file) => Effect.map(file.bytes, (bytes) => new TextDecoder().decode(bytes))),
        all,
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(texts, ["Hi", "there"])
    }))

  it.effect("C21: a cut stream is completed by the files of the finished prediction", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streams(filesUrl)],
        other: [sends(event("output", "data:image/png;base64,AA=="))],
        get: [succeeded(urls)]
      })
      const came = yield* Effect.provide(all(files()), server.layer)
      assert.deepStrictEqual(came.map(String), ["data:image/png;base64,AA==", urls[1]])
    }))

  it.effect("C21: files stand in values as well, and anywhere may say nothing", () =>
    Effect.gen(function*() {
      const values = [JSON.stringify({ n: 1, mask: urls[0] }), "", JSON.stringify([urls[1]]), urls[0] ?? ""]
      const server = Server.make({
        create: [streams()],
        other: [sends(...values.map((value) => event("output", value)), done)]
      })
      const came = yield* Effect.provide(all(files()), server.layer)
      assert.deepStrictEqual(came.map(String), [...urls, urls[0]])
    }))

  it.effect.each(["Once", `{"a":1}`, "7", "not https://replicate.delivery/a.png"])(
    "C21: the output %j is refused after the files before it, and the prediction canceled",
    (text) =>
      Effect.gen(function*() {
        const server = Server.make({
          create: [streams()],
          other: [
            Server.openSse(event("output", urls[0] ?? "") + event("output", text) + event("output", urls[1] ?? ""))
          ]
        })
        const came: Array<string> = []
        const error = yield* Stream.runForEach(files(), (file) => Effect.sync(() => came.push(file.url))).pipe(
          Effect.flip,
          Server.timed,
          Effect.provide(server.layer)
        )
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "model")
        assert.notInclude(error.message, text)
        assert.deepStrictEqual(came, [urls[0]])
        assert.deepStrictEqual(kinds(server), ["create", "other", "cancel"])
      })
  )

  it.effect("C21: an error of the model is the stream's", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streams(filesUrl)],
        other: [sends(event("error", `{"detail":"no GPU"}`), event("done", `{"reason":"error"}`))],
        get: [Server.gives({ status: "failed", error: "no GPU" })]
      })
      const error = yield* Effect.flip(all(files())).pipe(Effect.provide(server.layer))
      assert.strictEqual(error._tag, "PredictionFailed")
    }))
})

describe("a model that cannot stream", () => {
  const value = { words: 2, mask: urls[0] }

  const polled: ReadonlyArray<{
    readonly output: unknown
    readonly text: ReadonlyArray<string>
    readonly events: Array<PredictionEvent.PredictionEvent>
    readonly files: Array<string> | "InvalidRequest"
  }> = [
    {
      output: ["Once", " upon"],
      text: ["Once upon"],
      events: [new PredictionEvent.Output("Once upon")],
      files: "InvalidRequest"
    },
    {
      output: urls,
      text: [],
      events: urls.map((url) => new PredictionEvent.Output(url, new FileOutput(url))),
      files: urls
    },
    {
      output: value,
      text: [],
      events: [new PredictionEvent.Output(JSON.stringify(value))],
      files: [urls[0] ?? ""]
    },
    { output: 7, text: [], events: [new PredictionEvent.Output("7")], files: "InvalidRequest" },
    { output: null, text: [], events: [], files: [] }
  ]

  for (const { events: expected, files: expectedFiles, output, text } of polled) {
    const make = () =>
      Server.make({
        get: [Server.gives({ status: "processing" }), succeeded(output, { metrics: { predict_time: 1 } })]
      })
    const poll = { unstreamable: "poll" } as const

    it.effect(`C20, edge 18: polled, ${JSON.stringify(output)} is there at the end as text and as events`, () =>
      Effect.gen(function*() {
        const server = make()
        const texts = Output.text(Prediction.stream(Server.model, input, poll))
        assert.deepStrictEqual(yield* Effect.provide(all(texts), server.layer), text)
        const came = yield* Effect.provide(all(events(poll)), make().layer)
        const last = came.at(-1)
        assert(last?._tag === "Done")
        assert.deepStrictEqual(last.prediction.metrics, { predict_time: 1 })
        assert.deepStrictEqual(came.slice(0, -1), expected)
        assert.deepStrictEqual(kinds(server), ["create", "get", "get"])
      }))

    it.effect(`C21, edge 18: polled, ${JSON.stringify(output)} gives the files in it, or is refused`, () =>
      Effect.gen(function*() {
        const came = yield* Effect.either(all(files(poll))).pipe(Effect.provide(make().layer))
        assert.deepStrictEqual(came._tag === "Right" ? came.right.map(String) : came.left._tag, expectedFiles)
      }))
  }
})

describe("refused before it costs anything", () => {
  const version = "a".repeat(64)
  const schemaOf = (output: unknown) => ({
    id: version,
    cog_version: "0.14.0",
    openapi_schema: { components: { schemas: { Output: output } } }
  })
  const unstreamable = schemaOf({ type: "string" })
  const streamable = schemaOf({ type: "array", items: { type: "string" }, "x-cog-array-type": "iterator" })
  const models = "https://api.replicate.com/v1/models/acme/llama"
  const model = (latest_version: unknown): Server.Answer => () => json({ owner: "acme", name: "llama", latest_version })
  const refuse = { unstreamable: "refuse" } as const
  const answered = sends(event("output", "Once"), done)

  const views = { stream: Prediction.stream, events: Prediction.events, files: Prediction.files }
  const ask = (view: keyof typeof views, model: string, options: Prediction.StreamOptions = refuse) =>
    Server.timed(
      Stream.runDrain<unknown, ProviderError, ReplicateClient.ReplicateClient>(views[view](model, input, options))
    )

  for (const view of ["stream", "events", "files"] as const) {
    it.effect(`R20, edge 18: ${view}: a model whose schema says so, by one read and without a create`, () =>
      Effect.gen(function*() {
        const server = Server.make({ other: [model(unstreamable)] })
        const error = yield* Effect.flip(ask(view, Server.model)).pipe(Effect.provide(server.layer))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "model")
        assert.deepStrictEqual(server.calls.map(({ method, url }) => [method, url]), [["GET", models]])
      }))
  }

  it.effect("R20, edge 18: interrupted while the schema is read, creates nothing and waits for nothing", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.silent] })
      const stream = Stream.runDrain(Prediction.stream(Server.model, input, refuse))
      const fiber = yield* Effect.fork(Effect.provide(stream, server.layer))
      yield* Server.elapse(1)
      yield* Server.interrupt(fiber)
      assert.isTrue(yield* Server.isDone(fiber))
      yield* Server.elapse(600)
      assert.deepStrictEqual(kinds(server), ["other"])
    }))

  it.effect("R20, edge 18: a version is asked for its own schema", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [() => json(unstreamable)] })
      const error = yield* Effect.flip(ask("stream", `${Server.model}:${version}`)).pipe(Effect.provide(server.layer))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.deepStrictEqual(server.calls.map(({ method, url }) => [method, url]), [
        ["GET", `${models}/versions/${version}`]
      ])
    }))

  it.effect("R20, edge 18: a deployment is asked for the version of its release", () =>
    Effect.gen(function*() {
      const release = { owner: "acme", name: "app", current_release: { number: 1, model: Server.model, version } }
      const server = Server.make({ other: [() => json(release), () => json(unstreamable)] })
      const error = yield* Effect.flip(ask("stream", "deployments/acme/app")).pipe(Effect.provide(server.layer))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.deepStrictEqual(server.calls.map(({ method, url }) => [method, url]), [
        ["GET", "https://api.replicate.com/v1/deployments/acme/app"],
        ["GET", `${models}/versions/${version}`]
      ])
    }))

  it.effect.each([
    { what: "a model whose schema says that it streams", ref: Server.model, first: [model(streamable)] },
    { what: "a model without a version", ref: Server.model, first: [model(null)] },
    { what: "a model that cannot be read", ref: Server.model, first: [Server.status(404)] },
    {
      what: "a deployment without a release",
      ref: "deployments/acme/app",
      first: [() => json({ owner: "acme", name: "app" })]
    },
    { what: "a bare version, which cannot be looked up", ref: version, first: [] }
  ])("R20, edge 18: not $what", ({ first, ref }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [streams()], other: [...first, answered] })
      yield* Effect.provide(ask("events", ref), server.layer)
      assert.deepStrictEqual(kinds(server), [...first.map(() => "other"), "create", "other", "get"])
    }))

  it.effect("R20, edge 18: with the latest version the model is read once for both, and for what comes after", () =>
    Effect.gen(function*() {
      const make = (answers: ReadonlyArray<Server.Answer>) =>
        Server.make({ create: [streams()], other: [...answers, answered] })
      const options = { ...refuse, latestVersion: true }
      const refused = make([model(unstreamable)])
      const errors = yield* Effect.all([1, 2].map(() => Effect.flip(ask("stream", Server.model, options)))).pipe(
        Effect.provide(refused.layer)
      )
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["InvalidRequest", "InvalidRequest"])
      assert.deepStrictEqual(kinds(refused), ["other"])
      const allowed = make([model(streamable)])
      yield* Effect.provide(ask("stream", Server.model, options), allowed.layer)
      assert.deepStrictEqual(kinds(allowed), ["other", "create", "other", "get"])
    }))

  it.effect("R20, edge 18: nor is one that turns out not to stream kept", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [model(streamable)] })
      const error = yield* Effect.flip(ask("stream", Server.model)).pipe(Effect.provide(server.layer))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.deepStrictEqual(kinds(server), ["other", "create", "cancel"])
    }))

  it.effect("R20: a bad request is refused before the model is read", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [model(unstreamable)] })
      const options = { ...refuse, webhook: "nowhere" }
      const error = yield* Effect.flip(ask("stream", Server.model, options)).pipe(Effect.provide(server.layer))
      assert.include(error.message, "webhook")
      assert.deepStrictEqual(server.calls, [])
    }))

  it.effect("R20: without the option nothing is read before", () =>
    Effect.gen(function*() {
      const server = Server.make({ create: [streams()], other: [answered] })
      yield* Effect.provide(ask("stream", Server.model, {}), server.layer)
      assert.deepStrictEqual(kinds(server), ["create", "other", "get"])
    }))
})

describe("before the emulator", () => {
  const flux = "black-forest-labs/flux-schnell"
  const emulated = Effect.provide(Layer.provideMerge(
    ReplicateClient.layer({ token: Redacted.make("r8_test") }),
    ReplicateEmulator.layer()
  ))

  it.effect("C21: files that were streamed over a cut connection can be read, each once", () =>
    Effect.gen(function*() {
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      yield* emulator.fail({}, { _tag: "CutStream", events: 8 })
      const beginnings = yield* Prediction.files(flux, { ...input, num_outputs: 3, width: 8, height: 8 }).pipe(
        Stream.mapEffect((file) => Effect.map(file.bytes, (bytes) => String.fromCharCode(...bytes.slice(1, 4)))),
        all
      )
      assert.deepStrictEqual(beginnings, ["PNG", "PNG", "PNG"])
      assert.lengthOf(yield* emulator.predictions, 1)
      assert.deepStrictEqual((yield* emulator.streams).map(({ state }) => state), ["dropped", "finished"])
    }).pipe(emulated))

  it.effect("R20, edge 18: the schema of a model of values is enough to refuse it, that of files is not", () =>
    Effect.gen(function*() {
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      const refuse = { unstreamable: "refuse" } as const
      const error = yield* Effect.flip(all(Prediction.stream("emulator/json", input, refuse)))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.lengthOf(yield* emulator.predictions, 0)
      assert.lengthOf(yield* all(Prediction.files(flux, { ...input, width: 8, height: 8 }, refuse)), 1)
    }).pipe(emulated))
})
