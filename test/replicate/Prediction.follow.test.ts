import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import { ProviderError, StreamInterrupted } from "../../src/ProviderError.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import type { ReplicateClient } from "../../src/replicate/ReplicateClient.js"
import { sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { done, event } from "../support/replicateFake.js"

/** Predictions that are there already: `wait`, `changes`, `follow` and `followEvents`. */

const urls = { stream: Server.streamUrl }
const filesUrl = "https://stream.replicate.com/v1/files/opaque"
const running = Server.gives({ urls, status: "processing" })
const gave = (output: unknown, fields: Readonly<Record<string, unknown>> = {}) =>
  Server.gives({ urls, status: "succeeded", output, ...fields })
const sends = (...pieces: ReadonlyArray<string>): Server.Answer => () => sse(...pieces)
const unreadable = Server.status(500)

/** Events of a text, each with an id. */
const tokens = (texts: ReadonlyArray<string>, from = 0) =>
  texts.map((text, n) => event("output", text, `100:${from + n}`))

const texts = (stream: ReturnType<typeof Prediction.follow>) =>
  Stream.runFold(stream, "", (text, output) => output._tag === "TextDelta" ? text + output.text : text)

const run = (server: ReturnType<typeof Server.make>) => <A, E>(effect: Effect.Effect<A, E, ReplicateClient>) =>
  Effect.provide(Server.timed(effect), server.layer)

const kinds = (server: ReturnType<typeof Server.make>) => server.calls.map(({ kind }) => kind)

/** A host that sends a text in these tokens, from the beginning or from where it is asked to go on. */
const hosts = {
  "honours the last id": (all: ReadonlyArray<string>): Server.Answer => ({ headers }) => {
    const last = /:(\d+)$/.exec(headers["last-event-id"] ?? "")
    const from = last === null ? 0 : Number(last[1]) + 1
    return sse(...tokens(all.slice(from), from), done)
  },
  "begins anew": (all: ReadonlyArray<string>): Server.Answer => sends(...tokens(all), done),
  "begins anew without ids": (all: ReadonlyArray<string>): Server.Answer =>
    sends(...all.map((text) => event("output", text)), done),
  "is gone": () => Server.status(404)
}

/** What came of a stream before it was cut, and the error it ended with. */
const cutAfter = (events: ReadonlyArray<string>, stream = urls.stream) =>
  Effect.gen(function*() {
    const server = Server.make({
      create: [Server.gives({ urls: { stream } })],
      other: [sends(...events)],
      get: [unreadable]
    }, { maxRetries: 0 })
    const came: Array<string> = []
    const cut = yield* Prediction.stream(Server.model, {}).pipe(
      Stream.runForEach((output) =>
        Effect.sync(() => {
          if (output._tag === "TextDelta") came.push(output.text)
          if (output._tag === "File") came.push(output.url)
        })
      ),
      Effect.flip,
      run(server)
    )
    assert(cut._tag === "StreamInterrupted")
    assert.isTrue(cut.resumable)
    assert.strictEqual(server.count("cancel"), 0)
    return { came, cut }
  })

describe("follow", () => {
  it.effect("C20: streams a prediction of another program by its id, and creates and cancels nothing", () =>
    Effect.gen(function*() {
      const server = Server.make({
        get: [running, gave(["Once", " upon"])],
        other: [sends(...tokens(["Once", " upon"]), done)]
      })
      const outputs = yield* run(server)(Stream.runCollect(Prediction.follow(Server.id)))
      assert.deepStrictEqual(Array.from(outputs), [
        { _tag: "TextDelta", text: "Once" },
        { _tag: "TextDelta", text: " upon" },
        { _tag: "Finish", reason: "stop", id: Server.id }
      ])
      assert.deepStrictEqual(kinds(server), ["get", "other", "get"])
      assert.isUndefined(server.calls[1]?.headers["last-event-id"])
    }))

  it.effect("C20: does not read a prediction that it is given, and has the events of one", () =>
    Effect.gen(function*() {
      const server = Server.make({
        get: [gave(["Once"])],
        other: [sends(event("logs", "loading"), ...tokens(["Once"]), done)]
      })
      const created = new Prediction.Prediction({ id: Server.id, status: "processing", urls })
      const events = yield* run(server)(Stream.runCollect(Prediction.followEvents(created)))
      assert.deepStrictEqual(Array.from(events, ({ _tag }) => _tag), ["Logs", "Output", "Done"])
      assert.deepStrictEqual(kinds(server), ["other", "get"])
    }))

  it.effect("C20: what is over gives its output from itself, or the error it ended with", () =>
    Effect.gen(function*() {
      const over = Server.make({ get: [gave(["Once", " upon"])] })
      assert.strictEqual(yield* run(over)(texts(Prediction.follow(Server.id))), "Once upon")
      assert.deepStrictEqual(kinds(over), ["get"])
      const files = Server.make({ get: [gave(["https://replicate.delivery/a.png"], { urls: {} })] })
      const outputs = yield* run(files)(Stream.runCollect(Prediction.follow(Server.id)))
      assert.deepStrictEqual(Array.from(outputs, ({ _tag }) => _tag), ["File", "Finish"])
      const failed = Server.make({ get: [Server.gives({ status: "failed", error: "no" })] })
      const error = yield* run(failed)(Effect.flip(texts(Prediction.follow(Server.id))))
      assert.strictEqual(error._tag, "PredictionFailed")
    }))

  it.effect("C20: what is over, and given without its output, as lists may give it, is read", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [gave(["Once"])] })
      const bare = new Prediction.Prediction({ id: Server.id, status: "succeeded" })
      assert.strictEqual(yield* run(server)(texts(Prediction.follow(bare))), "Once")
      const known = new Prediction.Prediction({ id: Server.id, status: "succeeded", output: null })
      assert.strictEqual(yield* run(server)(texts(Prediction.follow(known))), "")
      assert.deepStrictEqual(kinds(server), ["get"])
    }))

  it.effect("C20: a model that cannot stream gives its output at the end", () =>
    Effect.gen(function*() {
      const processing = Server.gives({ status: "processing" })
      const server = Server.make({
        get: [processing, processing, processing, gave({ a: 1 }, { urls: {} })]
      })
      const outputs = yield* run(server)(Stream.runCollect(Prediction.follow(Server.id)))
      assert.deepStrictEqual(Array.from(outputs, ({ _tag }) => _tag), ["Json", "Finish"])
      assert.deepStrictEqual(server.times("get"), [0, 0, 1000, 2000])
    }))

  it.effect("C13: the prediction goes on when it is ended early, interrupted, or out of time", () =>
    Effect.gen(function*() {
      let closed = 0
      const make = () =>
        Server.make({ get: [running], other: [Server.openSse(event("output", "Once"), () => closed++)] })
      const early = make()
      yield* run(early)(Stream.runDrain(Stream.take(Prediction.follow(Server.id), 1)))
      const interrupted = make()
      const fiber = yield* Effect.fork(
        Effect.provide(Stream.runDrain(Prediction.follow(Server.id)), interrupted.layer)
      )
      yield* Server.settle
      yield* Fiber.interrupt(fiber)
      const late = make()
      const error = yield* run(late)(
        Effect.flip(Stream.runDrain(Prediction.follow(Server.id, { timeout: "7 seconds" })))
      )
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.strictEqual(yield* TestClock.currentTimeMillis, 7000)
      const silent = make()
      const idle = yield* run(silent)(
        Effect.flip(Stream.runDrain(Prediction.follow(Server.id, { idleTimeout: "3 seconds" })))
      )
      assert.deepInclude(idle, { _tag: "Timeout", clock: "idle" })
      yield* Server.settle
      assert.strictEqual(closed, 4)
      for (const server of [early, interrupted, late, silent]) assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect("C13: what cannot be followed is refused, by the field that is wrong", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.status(404)] })
      const unknown = yield* run(server)(Effect.flip(Stream.runDrain(Prediction.follow(Server.id))))
      assert.deepInclude(unknown, { _tag: "ResponseError", status: 404 })
      assert.deepStrictEqual(kinds(server), ["get"])
      const cut = new StreamInterrupted({ provider: "ChatgptFree", events: 1, characters: 2, resumable: false })
      for (
        const { field, stream } of [
          { field: "prediction", stream: Prediction.follow(cut) },
          { field: "timeout", stream: Prediction.follow(Server.id, { timeout: "soon" as never }) },
          { field: "idleTimeout", stream: Prediction.follow(Server.id, { idleTimeout: -1 }) }
        ]
      ) {
        const error = yield* run(server)(Effect.flip(Stream.runDrain(stream)))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map((issue) => issue.field), [field])
      }
      assert.deepStrictEqual(kinds(server), ["get"])
    }))
})

describe("follow of a stream that was cut", () => {
  const token = FastCheck.oneof(FastCheck.constantFrom("a", "\n", " ", "é", "🦙", "two words"), FastCheck.string())
  const split = FastCheck.array(token, { minLength: 1, maxLength: 12 }).chain((all) =>
    FastCheck.record({ all: FastCheck.constant(all), at: FastCheck.nat(all.length), again: FastCheck.nat(3) })
  )

  it.effect.each(Object.entries(hosts).map(([what, host]) => ({ what, host })))(
    "C20, edge 9: gives all that is missing, and nothing twice, where the host $what",
    ({ host }) =>
      Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(split, ({ again, all: given, at }) =>
            Effect.runPromise(
              Effect.gen(function*() {
                // event streams make line feeds of all line ends
                const all = given.map((text) => text.replace(/\r\n?/g, "\n"))
                const first = yield* cutAfter(tokens(all.slice(0, at)))
                // cut a second time, a little later
                const to = Math.min(all.length, at + again)
                const once = Server.make({
                  get: [running, unreadable],
                  other: [sends(...tokens(all.slice(at, to), at))]
                })
                const more: Array<string> = []
                const second = yield* Prediction.follow(first.cut).pipe(
                  Stream.runForEach((output) =>
                    Effect.sync(() => output._tag === "TextDelta" && more.push(output.text))
                  ),
                  Effect.flip,
                  run(once)
                )
                assert(second._tag === "StreamInterrupted")
                assert.strictEqual(second.events, to)
                assert.strictEqual(second.characters, all.slice(0, to).join("").length)
                // an error may have come from another process
                const wire = yield* Schema.encode(ProviderError)(second)
                const cut = yield* Schema.decode(ProviderError)(JSON.parse(JSON.stringify(wire)))
                assert(cut._tag === "StreamInterrupted")
                const server = Server.make({ get: [running, gave(all)], other: [host(all)] })
                const rest = yield* run(server)(texts(Prediction.follow(cut)))
                assert.strictEqual(first.came.join("") + more.join("") + rest, all.join(""))
                const over = Server.make({ get: [gave(all)] })
                assert.strictEqual(
                  first.came.join("") + more.join("") + (yield* run(over)(texts(Prediction.follow(cut)))),
                  all.join("")
                )
              }).pipe(Effect.provide(TestContext.TestContext))
            )),
          { numRuns: 15 }
        )
      )
  )

  it.effect.each([{ what: "begins anew", honours: false }, { what: "honours the last id", honours: true }])(
    "C20, edge 9: gives nothing twice where ids have no order, and the host $what, also when cut again",
    ({ honours }) =>
      Effect.gen(function*() {
        const all = ["O", "n", "c", "e"]
        const ids = ["7f", "c2", "9a", "11"]
        const host = (to: number, ...end: ReadonlyArray<string>): Server.Answer => ({ headers }) => {
          const from = honours ? ids.indexOf(headers["last-event-id"] ?? "") + 1 : 0
          return sse(...all.slice(from, to).map((text, n) => event("output", text, ids[from + n])), ...end)
        }
        const { cut } = yield* cutAfter(all.slice(0, 2).map((text, n) => event("output", text, ids[n])))
        assert.strictEqual(cut.lastEventId, "c2")
        const server = Server.make({
          get: [running, running, gave(all)],
          other: [host(3), host(4, done)]
        })
        assert.strictEqual(yield* run(server)(texts(Prediction.follow(cut))), "ce")
        assert.strictEqual(server.count("other"), 2)
      })
  )

  it.effect("C20: gives the rest of a text also where the prediction has no stream any more", () =>
    Effect.gen(function*() {
      const { cut } = yield* cutAfter(tokens(["Once"]))
      const server = Server.make({ get: [gave(["Once", " upon"], { urls: {} })] })
      assert.strictEqual(yield* run(server)(texts(Prediction.follow(cut))), " upon")
    }))

  it.effect("C20: of an error that tells no hash, what follows tells none of a part of the text", () =>
    Effect.gen(function*() {
      const { cut: { hash: _, ...known } } = yield* cutAfter(tokens(["On"]))
      const once = Server.make({ get: [running, unreadable], other: [sends(...tokens(["ce"], 1))] }, { maxRetries: 0 })
      const cut = yield* run(once)(Effect.flip(texts(Prediction.follow(new StreamInterrupted(known)))))
      assert(cut._tag === "StreamInterrupted")
      assert.strictEqual(cut.characters, 4)
      const server = Server.make({ get: [gave("Once upon"), gave("Onc")] })
      assert.strictEqual(yield* run(server)(texts(Prediction.follow(cut))), " upon")
      const shorter = yield* run(server)(Effect.flip(texts(Prediction.follow(cut))))
      assert.strictEqual(shorter._tag, "StreamInterrupted")
    }))

  it.effect("C20: does not forget how far it came while Replicate cannot be reached", () =>
    Effect.gen(function*() {
      const { cut } = yield* cutAfter(tokens(["Once "]))
      const away = Server.make({ get: [unreadable] }, { maxRetries: 0 })
      const again = yield* run(away)(Effect.flip(texts(Prediction.follow(cut))))
      assert(again._tag === "StreamInterrupted")
      assert.deepStrictEqual({ ...again, detail: cut.detail }, { ...cut })
      assert.include(again.message, "500")
      const back = Server.make({ get: [gave(["Once ", "upon"])] })
      assert.strictEqual(yield* run(back)(texts(Prediction.follow(again))), "upon")
      const gone = Server.make({ get: [Server.status(404)] })
      const error = yield* run(gone)(Effect.flip(texts(Prediction.follow(again))))
      assert.deepInclude(error, { _tag: "ResponseError", status: 404 })
    }))

  it.effect("C20: sends the last id, and gives the files that are missing", () =>
    Effect.gen(function*() {
      const all = Arr.makeBy(3, (n) => `https://replicate.delivery/${n}.png`)
      const { came, cut } = yield* cutAfter(tokens(all.slice(0, 2)), filesUrl)
      assert.strictEqual(cut.files, 2)
      const of = { urls: { stream: filesUrl } }
      for (const get of [[Server.gives(of), gave(all, of)], [gave(all, of)]]) {
        const server = Server.make({ get, other: [sends(...tokens(all.slice(2), 2), done)] })
        const outputs = yield* run(server)(Stream.runCollect(Prediction.follow(cut)))
        const more = Array.from(outputs).flatMap((output) => output._tag === "File" ? [output.url] : [])
        assert.deepStrictEqual([...came, ...more], all)
        const ids = server.calls.filter(({ kind }) => kind === "other").map(({ headers }) => headers["last-event-id"])
        assert.deepStrictEqual(ids, get.length === 1 ? [] : ["100:1"])
      }
    }))

  it.effect.each([
    { what: "over, with another beginning", get: [gave(["Twice", " upon"])] },
    { what: "over, and shorter", get: [gave(["On"])] },
    { what: "over, and removed", get: [gave(null, { data_removed: true })] },
    { what: "read on, with another beginning", get: [running, gave(["Twice", " upon"])] }
  ])(
    "C20, edge 9: fails where the prediction is $what, and does not join two texts",
    ({ get }) =>
      Effect.gen(function*() {
        const { cut } = yield* cutAfter(tokens(["Once "]))
        const server = Server.make({ get, other: [sends(...tokens([" upon"], 1), done)] })
        const error = yield* run(server)(Effect.flip(texts(Prediction.follow(cut))))
        assert(error._tag === "StreamInterrupted")
        assert.strictEqual(error.predictionId, Server.id)
        assert.isFalse(error.resumable)
      })
  )
})

describe("wait and changes", () => {
  it.effect("C13: wait reads a prediction that it has only the id of, under its clock", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running, gave(7)] })
      const final = yield* run(server)(Prediction.wait(Server.id))
      assert.strictEqual(final.output, 7)
      assert.deepStrictEqual(server.times("get"), [0, 1000])
      const silent = Server.make({ get: [Server.silent] })
      const error = yield* run(silent)(Effect.flip(Prediction.wait(Server.id, { timeout: "9 seconds" })))
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
    }))

  it.effect("C27: changes begins with how the prediction is, gives each change once, and ends with its end", () =>
    Effect.gen(function*() {
      const logs = Server.gives({ status: "processing", logs: "1" })
      const server = Server.make({ get: [logs, logs, logs, gave("x")] })
      const seen = yield* run(server)(Stream.runCollect(Prediction.changes(Server.id)))
      assert.deepStrictEqual(Array.from(seen, ({ logs, status }) => ({ logs, status })), [
        { logs: "1", status: "processing" },
        { logs: "", status: "succeeded" }
      ])
      const [, last] = Array.from(seen)
      assert(last !== undefined)
      const again = yield* run(server)(Stream.runCollect(Prediction.changes(last)))
      assert.deepStrictEqual(Array.from(again), [last])
      assert.strictEqual(server.count("get"), 4)
    }))

  it.effect("C13: the idle clock of changes begins when the prediction is there, and again with each change", () =>
    Effect.gen(function*() {
      const logs = Server.gives({ status: "processing", logs: "1" })
      const server = Server.make({ get: [Server.later(5, running), running, logs] })
      const changes = Prediction.changes(Server.id, { idleTimeout: "3 seconds" })
      const error = yield* run(server)(Effect.flip(Stream.runDrain(changes)))
      assert.deepInclude(error, { _tag: "Timeout", clock: "idle" })
      assert.strictEqual(yield* TestClock.currentTimeMillis, 10_000)
    }))

  it.effect("C13: changes can be interrupted while the prediction is looked for", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.silent] })
      const fiber = yield* Effect.fork(Effect.provide(Stream.runDrain(Prediction.changes(Server.id)), server.layer))
      yield* Server.settle
      yield* Server.interrupt(fiber)
      assert.isTrue(yield* Server.isDone(fiber))
    }))

  it.effect("C13: changes fails with what the prediction ended with, and leaves it alone when it is ended early", () =>
    Effect.gen(function*() {
      const canceled = Server.make({ get: [running, Server.gives({ status: "canceled" })] })
      const error = yield* run(canceled)(Effect.flip(Stream.runDrain(Prediction.changes(Server.id))))
      assert.strictEqual(error._tag, "PredictionCanceled")
      const early = Server.make({ get: [running] })
      yield* run(early)(Stream.runDrain(Stream.take(Prediction.changes(Server.id), 1)))
      const late = yield* run(early)(
        Effect.flip(Stream.runDrain(Prediction.changes(Server.id, { timeout: "5 seconds" })))
      )
      assert.deepInclude(late, { _tag: "Timeout", clock: "total" })
      assert.strictEqual(early.count("cancel"), 0)
    }))
})
