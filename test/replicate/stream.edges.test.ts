import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { isRetryable, type ProviderError } from "../../src/ProviderError.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import { sse } from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"
import { done, event } from "../support/replicateFake.js"

/** The odd cases of Replicate's streams, numbered as in docs/replicate.md. */

const streamable = Server.gives({ urls: { stream: Server.streamUrl } })
const streamsFiles = Server.gives({ urls: { stream: "https://stream.replicate.com/v1/files/opaque" } })
const running = Server.gives({ status: "processing" })
const gave = (...output: ReadonlyArray<string>) => Server.gives({ status: "succeeded", output })
const sends = (...pieces: ReadonlyArray<string>): Server.Answer => () => sse(...pieces)
const unreadable = Server.status(404)

const eventStream = (source: UnderlyingDefaultSource<Uint8Array>) =>
  new Response(new ReadableStream(source), { headers: { "content-type": "text/event-stream" } })

/** A connection that breaks after some text. */
const breaksAfter = (text: string): Server.Answer => () => {
  const pieces = [new TextEncoder().encode(text)]
  return eventStream({
    pull(controller) {
      const piece = pieces.shift()
      if (piece === undefined) controller.error(new TypeError("terminated"))
      else controller.enqueue(piece)
    }
  })
}

/** A connection whose network cuts everywhere. */
const sendsBytes = (text: string): Server.Answer => () =>
  eventStream({
    start(controller) {
      for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    }
  })

type Host = ReturnType<typeof Server.make>

/** What came before a stream ended, and the error it ended with. */
const collect = <A, R>(stream: Stream.Stream<A, ProviderError, R>) =>
  Effect.suspend(() => {
    const came: Array<A> = []
    return stream.pipe(
      Stream.runForEach((a) => Effect.sync(() => came.push(a))),
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined }),
      Effect.map((error) => ({ came, error })),
      Server.timed
    )
  })

/** The texts of both views of a stream, which have to be the same, and how it ended. */
const read = (script: Server.Script) =>
  Effect.gen(function*() {
    const make = () => Server.make({ create: [streamable], ...script })
    const [first, server] = [make(), make()]
    const outputs = yield* Effect.provide(collect(Prediction.stream(Server.model, {})), first.layer)
    const events = yield* Effect.provide(collect(Prediction.events(Server.model, {})), server.layer)
    const texts = events.came.flatMap((event) => event._tag === "Output" ? [event.data] : [])
    assert.deepStrictEqual(outputs.came.flatMap((output) => output._tag === "TextDelta" ? [output.text] : []), texts)
    assert.strictEqual(outputs.error?._tag, events.error?._tag)
    assert.strictEqual(outputs.came.at(-1)?._tag === "Finish", events.error === undefined)
    assert.strictEqual(events.came.at(-1)?._tag === "Done", events.error === undefined)
    return { ...events, texts, text: texts.join(""), tag: events.error?._tag, server }
  })

/** The `Last-Event-ID`s that were sent to the host of the stream. */
const lastIds = (server: Host) =>
  server.calls.filter(({ kind }) => kind === "other").map(({ headers }) => headers["last-event-id"])

/** The milliseconds between the connections to it. */
const pauses = (server: Host) => {
  const times = server.times("other")
  return times.slice(1).map((time, n) => time - (times[n] ?? 0))
}

describe("what an event is", () => {
  it.effect.each([
    { edge: 1, what: "the data lines of a token are joined by one newline", sent: "data: a\ndata: b\n", text: "a\nb" },
    { edge: 2, what: "a token of a newline is two empty data lines", sent: "data: \ndata: \n", text: "\n" },
    { edge: 2, what: "so it is without the spaces", sent: "data:\ndata:\n", text: "\n" },
    { edge: 3, what: "an empty token is one event", sent: "data: \n", text: "" },
    { edge: 3, what: "so it is without a data line", sent: "", text: "" },
    { edge: 4, what: "one space is stripped, a second one kept", sent: "data:  a\n", text: " a" },
    { edge: 4, what: "a token of a space is kept", sent: "data:  \n", text: " " }
  ])("R21, edge $edge: $what", ({ sent, text }) =>
    Effect.gen(function*() {
      const { error, texts } = yield* read({
        other: [sends(event("output", "before"), `event: output\n${sent}\n`, event("output", "after"), done)]
      })
      assert.isUndefined(error)
      assert.deepStrictEqual(texts, ["before", text, "after"])
    }))

  it.effect.each([
    { what: "without data", end: "event: done\n\n" },
    { what: "with empty data", end: "event: done\ndata:\n\n" },
    { what: "with data that is no JSON", end: "event: done\ndata: ok\n\n" }
  ])("R22, edge 5: a done $what ends a stream whose host holds the connection", ({ end }) =>
    Effect.gen(function*() {
      let closed = 0
      const { error, server, text } = yield* read({
        other: [Server.openSse(event("output", "Once") + end, () => closed++)],
        get: [gave("Once")]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
      assert.strictEqual(closed, 2)
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect.each([
    { what: "a done", pieces: [event("output", "Once"), "event: done\ndata: {}"], output: ["Once"] },
    {
      what: "a done with one line end",
      pieces: [event("output", "Once"), "event: done\ndata: {}\n"],
      output: ["Once"]
    },
    { what: "a token", pieces: [event("output", "Once"), "event: output\ndata:  up"], output: ["Once", " upon"] }
  ])(
    "R22, edge 6: $what without its blank line is made good by the finished prediction",
    ({ output, pieces }) =>
      Effect.gen(function*() {
        const { error, server, text } = yield* read({ other: [sends(...pieces)], get: [gave(...output)] })
        assert.isUndefined(error)
        assert.strictEqual(text, output.join(""))
        assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "other", "get"])
      })
  )

  it.effect("R23, edge 10: an event without id, an unknown one and one without name disturb nothing", () =>
    Effect.gen(function*() {
      const { came, error, text } = yield* read({
        other: [sends(event("output", "On"), event("metric", "{}", "7:0"), "data: x\n\n", event("output", "ce"), done)]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
      assert.deepStrictEqual(came.map(({ _tag }) => _tag), ["Output", "Output", "Done"])
    }))

  it.effect("R21, edge 13: letters that the network cuts apart are whole", () =>
    Effect.gen(function*() {
      const { error, texts } = yield* read({
        other: [sendsBytes(event("output", "Ünï") + event("output", "🦙\n\n") + done)]
      })
      assert.isUndefined(error)
      assert.deepStrictEqual(texts, ["Ünï", "🦙\n\n"])
    }))
})

describe("connections", () => {
  const first = event("output", "Once", "100:0")
  const second = event("output", " upon", "100:1")

  it.effect("R22, edge 7: one that ends without done is taken up after the last id", () =>
    Effect.gen(function*() {
      const { error, server, text } = yield* read({
        other: [sends(first), sends(second, done)],
        get: [running, gave("Once", " upon")]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once upon")
      assert.deepStrictEqual(lastIds(server), [undefined, "100:0"])
      assert.strictEqual(server.count("create"), 1)
    }))

  it.effect("R22, edge 7: none is asked for an id that was not seen", () =>
    Effect.gen(function*() {
      const { server } = yield* read({ other: [sends(": hi\n\n"), sends(first, done)], get: [running, gave("Once")] })
      assert.deepStrictEqual(lastIds(server), [undefined, undefined])
    }))

  it.effect("R22, edge 7: when they bring nothing, with ever longer pauses, the prediction is waited for", () =>
    Effect.gen(function*() {
      const { error, server, text } = yield* read({
        other: [sends(first), sends(":408: 408 Request Timeout\n\n")],
        get: [...Array.from({ length: 8 }, () => running), gave("Once", " upon")]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once upon")
      assert.deepStrictEqual(pauses(server), [250, 500, 1000, 2000, 4000])
    }))

  it.effect("R22, edge 7: a cut after which nothing can be learned is an error that says what came", () =>
    Effect.gen(function*() {
      const { error, text } = yield* read({ other: [sends(first)], get: [unreadable] })
      assert(error?._tag === "StreamInterrupted")
      assert.strictEqual(text, "Once")
      assert.deepInclude(error, { predictionId: Server.id, events: 1, characters: 4, lastEventId: "100:0" })
    }))

  it.effect("R22, edge 8: one that breaks is taken up like one that ends", () =>
    Effect.gen(function*() {
      const { error, server, text } = yield* read({
        other: [breaksAfter(first), sends(second, done)],
        get: [running, gave("Once", " upon")]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once upon")
      assert.deepStrictEqual(lastIds(server), [undefined, "100:0"])
    }))

  it.effect.each([
    { what: "with ids", ids: ["100:0", "100:1", "101:0"] },
    { what: "without ids", ids: [] },
    { what: "with ids, in the middle", ids: ["100:0", "100:1", "101:0"], from: 1 },
    { what: "with ids that have no order", ids: ["x", "y", "z"] }
  ])("R22, edge 9: a host that begins anew, $what, doubles nothing", ({ from = 0, ids }) =>
    Effect.gen(function*() {
      const all = ["Once", "Once", " upon"].map((text, n) => event("output", text, ids[n]))
      const { error, texts } = yield* read({
        other: [sends(...all.slice(0, 2)), sends(...all.slice(from), done)],
        get: [running, gave("Once", "Once", " upon")]
      })
      assert.isUndefined(error)
      assert.deepStrictEqual(texts, ["Once", "Once", " upon"])
    }))

  const token = (text: string, id?: string) => event("output", text, id)

  it.effect.each([
    {
      what: "in other pieces",
      one: [token("a"), token("b")],
      two: [token("ab"), token("c")],
      output: ["ab", "c"]
    },
    {
      what: "with one id that goes on",
      one: [token("a", "5:0"), token("b")],
      two: [token("c"), token("d")],
      output: ["a", "b", "c", "d"]
    }
  ])("C20, edge 9: what is lost after a cut from a host $what is made good by the finished prediction", (
    { one, output, two }
  ) =>
    Effect.gen(function*() {
      const { error, text } = yield* read({
        other: [sends(...one), sends(...two, done)],
        get: [running, gave(...output)]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, output.join(""))
    }))

  it.effect.each([
    {
      what: "goes on without ids",
      one: [token("a"), token("b")],
      two: [token("c"), token("d"), token("e")],
      output: ["a", "b", "c", "d", "e"],
      came: "abe"
    },
    {
      what: "replays under newer ids",
      one: [token("a", "5:0"), token("b", "5:1")],
      two: [token("a", "9:0"), token("b", "9:1"), token("c", "9:2")],
      output: ["a", "b", "c"],
      came: "ababc"
    }
  ])("C20, edge 9: a host that $what, is an error", ({ came, one, output, two }) =>
    Effect.gen(function*() {
      const { error, server, text } = yield* read({
        other: [sends(...one), sends(...two, done)],
        get: [running, gave(...output)]
      })
      assert(error?._tag === "StreamInterrupted")
      // whoever reads on for as long as it says so would never come to an end
      assert.isFalse(error.resumable)
      assert.strictEqual(error.predictionId, Server.id)
      assert.include(error.message, "what arrived is not how")
      assert.strictEqual(text, came)
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect.each([
    { what: "a connection that breaks", other: [breaksAfter(first), breaksAfter(first)], get: [Server.status(503)] },
    { what: "a stream that is busy", other: [Server.status(429)], get: [Server.status(503)] },
    {
      what: "a replay that cannot be compared",
      other: [breaksAfter(first), sends(second, done)],
      get: [running, Server.status(429)]
    }
  ])("B26, C20: after $what, the error says what to do once", ({ get, other }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [streamable], other, get }, { maxRetries: 0 })
      const { error } = yield* collect(Prediction.stream(Server.model, {}, { timeout: "1 hour" })).pipe(
        Effect.provide(server.layer)
      )
      assert(error?._tag === "StreamInterrupted")
      assert.notMatch(error.message, /Try/)
      assert.match(error.message, /\. Read the rest from prediction \w+\.$/)
      assert.isFalse(isRetryable(error))
    }))

  for (
    const { closed, ends, what } of [
      {
        what: "that ends while the prediction is looked for leaves its connection to the next call",
        ends: true,
        closed: 0
      },
      { what: "that does not end after it is done is closed", ends: false, closed: 1 }
    ]
  ) {
    it.effect(`C20: one ${what}`, () =>
      Effect.gen(function*() {
        const told = { closed: 0 }
        let end = () => {}
        const open = () =>
          eventStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode(first + done))
              end = () => controller.close()
            },
            cancel: () => void told.closed++
          })
        const looked: Server.Answer = (call) => {
          assert.deepStrictEqual(told, { closed: 0 })
          if (ends) end()
          return gave("Once")(call)
        }
        const server = Server.make({ create: [streamable], other: [open], get: [looked] })
        const { came, error } = yield* collect(Prediction.stream(Server.model, {})).pipe(Effect.provide(server.layer))
        assert.deepStrictEqual([came.map(({ _tag }) => _tag), error], [["TextDelta", "Finish"], undefined])
        yield* Server.elapse(600)
        assert.deepStrictEqual(told, { closed })
      }))
  }

  it.effect("R25, edge 14: a consumer that has enough closes it, and cancels the prediction", () =>
    Effect.gen(function*() {
      let closed = 0
      const server = Server.make({ create: [streamable], other: [Server.openSse(first + second, () => closed++)] })
      const { came } = yield* collect(Stream.take(Prediction.events(Server.model, {}), 1)).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(came.map(String), ["Once"])
      yield* Server.elapse(600)
      assert.strictEqual(closed, 1)
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "other", "cancel"])
    }))

  it.effect("R25, edge 15: an interruption closes it, and cancels the prediction", () =>
    Effect.gen(function*() {
      let closed = 0
      const server = Server.make({ create: [streamable], other: [Server.openSse(first, () => closed++)] })
      const fiber = yield* Effect.fork(
        Effect.provide(Stream.runDrain(Prediction.events(Server.model, {})), server.layer)
      )
      yield* Server.settle
      yield* Server.interrupt(fiber)
      yield* Server.elapse(600)
      assert.isTrue(yield* Server.isDone(fiber))
      assert.strictEqual(closed, 1)
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "other", "cancel"])
    }))

  it.effect.each(
    [
      { clock: "idle", options: { idleTimeout: "10 seconds" } },
      { clock: "total", options: { timeout: "10 seconds" } }
    ] satisfies ReadonlyArray<{ clock: string; options: Prediction.StreamOptions }>
  )("R25, edge 15: so does the $clock clock", ({ clock, options }) =>
    Effect.gen(function*() {
      let closed = 0
      const server = Server.make({ create: [streamable], other: [Server.openSse(first, () => closed++)] })
      const { came, error } = yield* collect(Prediction.events(Server.model, {}, options)).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(came.map(String), ["Once"])
      assert(error?._tag === "Timeout")
      assert.strictEqual(error.clock, clock)
      yield* Server.elapse(600)
      assert.strictEqual(closed, 1)
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "other", "cancel"])
    }))

  it.effect.each([
    { what: "429", answer: Server.status(429) },
    { what: "500", answer: Server.status(500) },
    { what: "a gateway's 502 page", answer: Server.status(502, "<html></html>") },
    { what: "503", answer: Server.status(503) },
    { what: "no connection", answer: Server.breaks("ECONNREFUSED") }
  ])("R22, edge 16: $what at its opening is tried again", ({ answer }) =>
    Effect.gen(function*() {
      const { error, server, text } = yield* read({
        other: [answer, answer, sends(first, done)],
        get: [running, running, gave("Once")]
      })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
      assert.deepStrictEqual(pauses(server), [500, 1000])
      assert.strictEqual(server.count("create"), 1)
    }))
})

describe("a connection that is asked to wait", () => {
  const hint = (seconds: number) => Server.status(429, {}, { "retry-after": String(seconds) })
  const asked = (seconds: number) =>
    read({
      other: [hint(seconds), sends(event("output", "Once"), done)],
      get: [running, running, gave("Once")]
    })

  it.effect("R22, edge 16: waits as long as the host asks", () =>
    Effect.gen(function*() {
      const { error, server, text } = yield* asked(7)
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
      assert.deepStrictEqual(pauses(server), [7000])
    }))

  it.effect("R22, edge 16: that is more than is waited for is not made: the prediction is waited for", () =>
    Effect.gen(function*() {
      const { error, server, text } = yield* asked(3600)
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
      assert.deepStrictEqual(pauses(server), [])
      assert.isBelow(server.times("get").at(-1) ?? Infinity, 3_600_000)
    }))
})

describe("how it ends", () => {
  const token = event("output", "Once")

  it.effect.each([
    { reason: "error", status: "failed", tag: "PredictionFailed" },
    { reason: "canceled", status: "canceled", tag: "PredictionCanceled" },
    { reason: "canceled", status: "aborted", tag: "PredictionCanceled" },
    { reason: "error", status: undefined, tag: "PredictionFailed" },
    { reason: "canceled", status: undefined, tag: "PredictionCanceled" },
    { reason: "expired", status: undefined, tag: "PredictionFailed" }
  ])(
    "C20, edge 11: done with the reason $reason, and a prediction that is $status, is $tag",
    ({ reason, status, tag }) =>
      Effect.gen(function*() {
        const result = yield* read({
          other: [sends(token, event("done", JSON.stringify({ reason })))],
          get: [status === undefined ? unreadable : Server.gives({ status })]
        })
        assert.strictEqual(result.tag, tag)
        assert.strictEqual(result.text, "Once")
        assert.strictEqual(result.server.count("cancel"), 0)
      })
  )

  it.effect.each(["error", "canceled"])(
    "C20, edge 11: done with the reason %s, and a prediction that succeeded, is completed from it",
    (reason) =>
      Effect.gen(function*() {
        const { error, server, text } = yield* read({
          other: [sends(token, event("done", JSON.stringify({ reason })))],
          get: [gave("Once", " upon")]
        })
        assert.isUndefined(error)
        assert.strictEqual(text, "Once upon")
        assert.strictEqual(server.count("cancel"), 0)
      })
  )

  it.effect("C20, edge 11: done with a reason, and a prediction whose output begins otherwise, is an error", () =>
    Effect.gen(function*() {
      const { tag } = yield* read({ other: [sends(token, event("done", `{"reason":"error"}`))], get: [gave("Twice")] })
      assert.strictEqual(tag, "StreamInterrupted")
    }))

  it.effect("C20: a plain done on the first connection is taken at its word", () =>
    Effect.gen(function*() {
      const { error, text } = yield* read({ other: [sends(token, done)], get: [gave("Twice")] })
      assert.isUndefined(error)
      assert.strictEqual(text, "Once")
    }))

  it.effect.each([
    { what: "agrees with it", get: gave("Once", " upon"), tag: undefined },
    { what: "does not agree with it", get: gave("Twice"), tag: "StreamInterrupted" },
    { what: "cannot be read", get: Server.status(500), tag: "StreamInterrupted" },
    { what: "is not there", get: unreadable, tag: "StreamInterrupted" },
    { what: "is read after more than 5 seconds", get: Server.later(9, gave("Once", " upon")), tag: undefined }
  ])(
    "C20, edge 9: a plain done on a second connection holds where the prediction $what",
    ({ get, tag }) =>
      Effect.gen(function*() {
        const result = yield* read({
          other: [sends(event("output", "Once", "1:0")), sends(event("output", " upon", "1:1"), done)],
          get: [running, get]
        })
        assert.strictEqual(result.tag, tag)
        assert.strictEqual(result.text, "Once upon")
        assert.strictEqual(result.server.count("cancel"), 0)
        if (result.error?._tag === "StreamInterrupted") assert.strictEqual(result.error.predictionId, Server.id)
      })
  )

  it.effect("C20, edge 9: a plain done on a second connection, and a prediction that runs on, is a Timeout", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streamable],
        other: [sends(event("output", "Once", "1:0")), sends(done)],
        get: [running]
      })
      const { came, error } = yield* collect(Prediction.events(Server.model, {}, { timeout: "20 seconds" })).pipe(
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(came.map(String), ["Once"])
      assert.deepInclude(error, { _tag: "Timeout", clock: "total" })
      assert.strictEqual(server.count("cancel"), 0)
    }))

  it.effect.each([
    { reason: "error", tag: "PredictionFailed" },
    { reason: "canceled", tag: "PredictionCanceled" }
  ])(
    "C20, edge 11: done with the reason $reason, and a prediction that runs on or cannot be read, is canceled",
    ({ reason, tag }) =>
      Effect.gen(function*() {
        for (const get of [running, Server.status(500)]) {
          const result = yield* read({
            other: [sends(token, event("done", JSON.stringify({ reason })))],
            get: [get]
          })
          assert.strictEqual(result.tag, tag)
          yield* Server.elapse(600)
          assert.strictEqual(result.server.count("cancel"), 1)
        }
      })
  )

  it.effect("C20, edge 11: interrupted while the prediction is looked for, it cancels it", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streamable],
        other: [sends(token, event("done", `{"reason":"error"}`))],
        get: [Server.silent]
      })
      const fiber = yield* Effect.fork(
        Effect.provide(Stream.runDrain(Prediction.events(Server.model, {})), server.layer)
      )
      yield* Server.settle
      yield* Server.interrupt(fiber)
      yield* Server.elapse(600)
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "other", "get", "cancel"])
    }))

  it.effect.each([
    { what: "its detail", data: `{"detail":"no GPU"}`, says: "no GPU" },
    { what: "its text, when it is no JSON", data: "no GPU", says: "no GPU" },
    { what: "its text, when it has no detail", data: `{"code":1}`, says: `{"code":1}` }
  ])(
    "C21, edge 12: an error event fails with $what, and done adds nothing",
    ({ data, says }) =>
      Effect.gen(function*() {
        for (const end of [event("done", `{"reason":"error"}`), done]) {
          // a prediction that is said to have succeeded does not make it good
          for (const get of [unreadable, gave("Once")]) {
            const { error, text } = yield* read({ other: [sends(token, event("error", data), end)], get: [get] })
            assert(error?._tag === "PredictionFailed")
            assert.strictEqual(error.prediction.error, says)
            assert.strictEqual(text, "Once")
          }
        }
      })
  )

  it.effect.each([
    { what: "of a host of files is a file", create: streamsFiles, isFile: true },
    { what: "of another host stays text", create: streamable, isFile: false }
  ])("C21, edge 17: a URL $what, as a data URI is", ({ create, isFile }) =>
    Effect.gen(function*() {
      const urls = ["data:image/png;base64,AA==", "https://replicate.delivery/a.png"]
      const script = { create: [create], other: [sends(...urls.map((url) => event("output", url)), done)] }
      const outputs = yield* Effect.provide(
        collect(Prediction.stream(Server.model, {})),
        Server.make(script).layer
      )
      assert.deepStrictEqual(
        outputs.came.slice(0, 2),
        urls.map((url) => isFile ? { _tag: "File", url } : { _tag: "TextDelta", text: url })
      )
      const events = yield* Effect.provide(collect(Prediction.events(Server.model, {})), Server.make(script).layer)
      assert.deepStrictEqual(
        events.came.map((event) => event._tag === "Output" ? event.file?.url : event._tag),
        [...(isFile ? urls : [undefined, undefined]), "Done"]
      )
    }))

  const picture = "https://x.y/z.png"

  it.effect.each([
    { what: "a value with a file", output: { a: 1, m: picture }, files: [picture] },
    { what: "a number", output: 42, files: [] },
    { what: "a text and a file", output: { text: "Once", image: picture }, files: [picture] }
  ])(
    "R20, edge 7: $what, of which nothing was streamed, is there as it is when polled",
    ({ files, output }) =>
      Effect.gen(function*() {
        for (const create of [streamable, streamsFiles]) {
          for (const other of [unreadable, sends(": hi\n\n"), sends(event("logs", "Loading")), breaksAfter("")]) {
            const get = [Server.gives({ status: "succeeded", output })]
            const first = Server.make({ create: [create], other: [other], get })
            const outputs = yield* Effect.provide(collect(Prediction.stream(Server.model, {})), first.layer)
            assert.isUndefined(outputs.error)
            assert.deepStrictEqual(outputs.came.filter(({ _tag }) => _tag !== "Log"), [
              { _tag: "Json", value: output },
              ...files.map((url) => ({ _tag: "File" as const, url })),
              { _tag: "Finish", reason: "stop", id: Server.id }
            ])
            const second = Server.make({ create: [create], other: [other], get })
            const events = yield* Effect.provide(collect(Prediction.events(Server.model, {})), second.layer)
            assert.deepStrictEqual(
              events.came.flatMap((event) => event._tag === "Output" ? [event.data] : []),
              [JSON.stringify(output)]
            )
          }
        }
      })
  )

  it.effect.each([{ a: 1, m: picture }, 42])(
    "R20, edge 9: a value that came over a second connection is whole",
    (output) =>
      Effect.gen(function*() {
        const data = JSON.stringify(output)
        const { error, texts } = yield* read({
          other: [Server.status(503), sends(event("output", data), done)],
          get: [running, Server.gives({ status: "succeeded", output })]
        })
        assert.isUndefined(error)
        assert.deepStrictEqual(texts, [data])
      })
  )

  it.effect("R20, edge 7: the files of a value of which nothing was streamed are found", () =>
    Effect.gen(function*() {
      const server = Server.make({
        create: [streamable],
        other: [unreadable],
        get: [Server.gives({ status: "succeeded", output: { mask: picture } })]
      })
      const { came, error } = yield* collect(Prediction.files(Server.model, {})).pipe(Effect.provide(server.layer))
      assert.isUndefined(error)
      assert.deepStrictEqual(came.map(({ url }) => url), [picture])
    }))

  it.effect.each([
    { what: "a list of URLs", output: [picture, "https://x.y/2.png"] },
    { what: "one URL", output: picture }
  ])(
    "R20, edge 17: $what, of which nothing was streamed, is what the host would have streamed",
    ({ output }) =>
      Effect.gen(function*() {
        const urls = [output].flat()
        for (const create of [streamable, streamsFiles]) {
          const make = () =>
            Server.make({ create: [create], other: [unreadable], get: [Server.gives({ status: "succeeded", output })] })
          const outputs = yield* Effect.provide(collect(Prediction.stream(Server.model, {})), make().layer)
          assert.deepStrictEqual(
            outputs.came.slice(0, -1),
            urls.map((url) => create === streamable ? { _tag: "TextDelta", text: url } : { _tag: "File", url })
          )
          const files = yield* Effect.provide(collect(Prediction.files(Server.model, {})), make().layer)
          assert.isUndefined(files.error)
          assert.deepStrictEqual(files.came.map(({ url }) => url), urls)
        }
      })
  )

  it.effect("R20, edge 7: a value that is nested deeper than JSON can be written is no defect", () =>
    Effect.gen(function*() {
      const depth = 20_000
      const deep = `${"[".repeat(depth)}"${picture}"${"]".repeat(depth)}`
      const get = () =>
        new Response(`{"id":"${Server.id}","status":"succeeded","output":{"deep":${deep}}}`, {
          headers: { "content-type": "application/json" }
        })
      const server = Server.make({ create: [streamable], other: [unreadable], get: [get] })
      const { came, error } = yield* Effect.provide(collect(Prediction.events(Server.model, {})), server.layer)
      assert.isUndefined(error)
      assert.deepStrictEqual(came.map(String), [picture, ""])
      const some = yield* read({ other: [sends(event("output", "{"))], get: [get] })
      assert.strictEqual(some.tag, "StreamInterrupted")
    }))

  it.effect("R20, edge 7: an output that was removed before any of it was streamed is no clean end", () =>
    Effect.gen(function*() {
      const get = [Server.gives({ status: "succeeded", output: null, data_removed: true })]
      const { tag } = yield* read({ other: [unreadable], get })
      assert.strictEqual(tag, "StreamInterrupted")
    }))

  it.effect("R20, edge 18: a prediction without a stream is refused and canceled", () =>
    Effect.gen(function*() {
      const { error, server } = yield* read({ create: [Server.gives()] })
      assert(error?._tag === "InvalidRequest")
      assert.strictEqual(error.issues[0]?.field, "model")
      assert.deepStrictEqual(server.calls.map(({ kind }) => kind), ["create", "cancel"])
    }))

  it.effect("C20, edge 19: the metrics are there at the end, by the one prediction that was created", () =>
    Effect.gen(function*() {
      const metrics = { input_token_count: 3, output_token_count: 1, predict_time: 0.5 }
      const script = {
        create: [streamable],
        other: [sends(token, done)],
        get: [Server.gives({ status: "succeeded", output: ["Once"], metrics })]
      }
      const first = Server.make(script)
      const outputs = yield* Effect.provide(collect(Prediction.stream(Server.model, {})), first.layer)
      assert.deepStrictEqual(outputs.came.slice(1), [
        { _tag: "Usage", inputTokens: 3, outputTokens: 1, totalTokens: 4, seconds: 0.5 },
        { _tag: "Finish", reason: "stop", id: Server.id }
      ])
      const again = yield* Effect.provide(Prediction.get(Server.id), first.layer)
      assert.deepStrictEqual(again.metrics, metrics)
      assert.strictEqual(first.count("create"), 1)

      const second = Server.make(script)
      const events = yield* Effect.provide(collect(Prediction.events(Server.model, {})), second.layer)
      const last = events.came.at(-1)
      assert(last?._tag === "Done")
      assert.deepStrictEqual(last.prediction.metrics, metrics)
      assert.deepStrictEqual(second.calls.map(({ kind }) => kind), ["create", "other", "get"])
    }))
})

describe("a connection", () => {
  it.effect("is read no further ahead than a consumer may be behind", () =>
    Effect.gen(function*() {
      let read = 0
      const long: Server.Answer = () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              if (read === 1000) return controller.close()
              controller.enqueue(new TextEncoder().encode(event("output", `${read}`, `1:${read++}`)))
            }
          }, { highWaterMark: 0 }),
          { headers: { "content-type": "text/event-stream" } }
        )
      const server = Server.make({ create: [streamable], other: [long] })
      const seen: Array<string> = []
      const consumer = Stream.runForEach(Prediction.stream(Server.model, {}), (output) => {
        if (output._tag === "TextDelta") seen.push(output.text)
        return Effect.sleep("1 second")
      })
      const fiber = yield* Effect.fork(Effect.provide(consumer, server.layer))
      const step = Effect.map(Server.elapse(1), () => assert.isAtMost(read, seen.length + 20))
      yield* Effect.repeat(step, { until: () => seen.length === 50 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen, Array.from({ length: 50 }, (_, n) => `${n}`))
    }))

  it.effect("is given up at an event that is too large, and the prediction says what is missing", () =>
    Effect.gen(function*() {
      let closed = 0
      const large: Server.Answer = () =>
        eventStream({
          start: (controller) =>
            controller.enqueue(new TextEncoder().encode(`${event("output", "a", "1:0")}data: ${"x".repeat(33 << 20)}`)),
          cancel: () => {
            closed++
          }
        })
      const server = Server.make({ create: [streamable], other: [large], get: [gave("a", "b")] })
      const { came, error } = yield* Effect.provide(collect(Prediction.stream(Server.model, {})), server.layer)
      assert.isUndefined(error)
      assert.deepStrictEqual(came.flatMap((output) => output._tag === "TextDelta" ? [output.text] : []), ["a", "b"])
      assert.strictEqual(closed, 1)
    }))

  it.effect("a model that is polled instead can be stopped while it is waited for, and is canceled", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [running] })
      const stream = Prediction.stream(Server.model, {}, { unstreamable: "poll" })
      const fiber = yield* Effect.fork(Effect.provide(Stream.runDrain(stream), server.layer))
      yield* Server.elapse(20)
      assert.isAbove(server.count("get"), 0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(server.count("cancel"), 1)
    }))
})
