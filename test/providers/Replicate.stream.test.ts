import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Output from "../../src/Output.js"
import * as Provider from "../../src/Provider.js"
import { json, sse, Unreachable } from "../support/fakeHttp.js"
import * as fake from "../support/replicateFake.js"

const { asked, done, ended, event, prediction, processing, succeeded, texts } = fake

/** What a request gives when the stream is these pieces. */
const outputsOf = (...pieces: ReadonlyArray<string>) =>
  Provider.collect(asked).pipe(Effect.provide(fake.server({ stream: () => sse(...pieces) }).provider()))

/** What a model may give as one token: any text that an event can carry. */
const token = FastCheck.oneof(
  FastCheck.constantFrom("", "\n", " ", "\n\n", " a", "é", "🦙", "data: x", ":", "event: done"),
  FastCheck.string({ unit: "grapheme" })
).map((text) => text.replace(/[\r\u2028\u2029]/g, ""))

describe("Replicate: the text", () => {
  it.effect("R01: text arrives as it is produced", () =>
    Effect.gen(function*() {
      const socket = fake.socket()
      const server = fake.server({ stream: () => socket.response, read: succeeded(["Hel", "lo"]) })
      const seen = yield* Queue.unbounded<Output.Output>()
      yield* Effect.fork(
        Stream.runForEach(Provider.stream(asked), (output) => Queue.offer(seen, output)).pipe(
          Effect.provide(server.provider())
        )
      )
      assert.strictEqual((yield* Queue.take(seen))._tag, "ProviderInfo")
      yield* socket.push(event("output", "Hel"))
      assert.deepStrictEqual(yield* Queue.take(seen), Output.textDelta("Hel"))
      yield* socket.push(event("output", "lo"))
      assert.deepStrictEqual(yield* Queue.take(seen), Output.textDelta("lo"))
      assert.strictEqual(yield* Queue.size(seen), 0)
      yield* socket.push(done)
      assert.deepStrictEqual(yield* Queue.take(seen), { _tag: "Finish", reason: "stop", id: fake.id })
    }))

  it.effect("R01: who answers comes first, what was used and Finish last", () =>
    Effect.gen(function*() {
      const metrics = { input_token_count: 5, output_token_count: 2, predict_time: 0.5 }
      const server = fake.server({ read: succeeded(["Hel", "lo"], { metrics }) })
      const outputs = yield* Provider.collect(asked).pipe(Effect.provide(server.provider()))
      assert.deepStrictEqual(outputs, [
        {
          _tag: "ProviderInfo",
          name: "Replicate",
          url: "https://replicate.com",
          label: undefined,
          model: "meta/meta-llama-3-70b-instruct"
        },
        Output.textDelta("Hel"),
        Output.textDelta("lo"),
        { _tag: "Usage", inputTokens: 5, outputTokens: 2, totalTokens: 7, seconds: 0.5 },
        { _tag: "Finish", reason: "stop", id: fake.id }
      ])
    }))

  type Reason = Output.Of<"Finish">["reason"]
  const ends: ReadonlyArray<[what: string, request: Provider.Request, metrics: object | undefined, reason: Reason]> = [
    ["all tokens it was allowed", { maxTokens: 2 }, { output_token_count: 2 }, "length"],
    ["more tokens than it was allowed", { maxTokens: 2 }, { token_output_count: 3 }, "length"],
    ["fewer tokens than it was allowed", { maxTokens: 3 }, { output_token_count: 2 }, "stop"],
    ["any number of tokens, as nothing was said of them", {}, { output_token_count: 2 }, "stop"],
    ["a number of tokens that it does not tell", { maxTokens: 2 }, { predict_time: 1 }, "stop"],
    ["what it does not tell at all", { maxTokens: 2 }, undefined, "stop"],
    [
      "all tokens that `extra` allowed",
      { maxTokens: 9, extra: { max_new_tokens: 2 } },
      { output_token_count: 2 },
      "length"
    ],
    ["tokens without bound", { extra: { max_new_tokens: -1 } }, { output_token_count: 2 }, "stop"],
    ["tokens bounded by no number", { extra: { max_new_tokens: "1" } }, { output_token_count: 2 }, "stop"]
  ]
  for (const [what, limits, metrics, reason] of ends) {
    it.effect(`R10: an answer that took ${what} ends with \`${reason}\``, () =>
      Effect.gen(function*() {
        const server = fake.server({ read: succeeded(["Hel", "lo"], { metrics }) })
        const outputs = yield* Provider.collect({ ...asked, ...limits }).pipe(Effect.provide(server.provider()))
        assert.strictEqual(texts(outputs).join(""), "Hello")
        assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason, id: fake.id })
      }))
  }

  it.effect("R30: the whole answer is one string", () =>
    Effect.gen(function*() {
      const text = yield* Provider.text(asked).pipe(Effect.provide(fake.server().provider()))
      assert.strictEqual(text, "Hello")
    }))

  it.effect("R30: an answer without text is an empty string", () =>
    Effect.gen(function*() {
      const server = fake.server({ stream: () => sse(done), read: succeeded([]) })
      assert.strictEqual(yield* Provider.text(asked).pipe(Effect.provide(server.provider())), "")
    }))

  const events: ReadonlyArray<[what: string, stream: string, texts: ReadonlyArray<string>]> = [
    ["fragments in order", event("output", "Hel") + event("output", "lo"), ["Hel", "lo"]],
    ["empty data is a line break", event("output", "a") + event("output", "") + event("output", "b"), ["a", "\n", "b"]],
    ["data: without anything is a line break", "event: output\ndata:\n\n", ["\n"]],
    ["no data line at all is a line break", "event: output\n\n", ["\n"]],
    ["a lone line break, as two empty lines, is one", "event: output\ndata: \ndata: \n\n", ["\n"]],
    ["several lines keep the breaks between them", "event: output\ndata: a\ndata: b\ndata: \n\n", ["a\nb\n"]],
    ["one space is stripped, not two", "event: output\ndata:  x\n\n", [" x"]],
    ["no space is needed", "event:output\ndata:x\n\n", ["x"]],
    ["CRLF ends lines", "event: output\r\ndata: a\r\ndata: b\r\n\r\n", ["a\nb"]],
    ["CR ends lines", "event: output\rdata: a\r\revent: output\rdata: b\r\r", ["a", "b"]],
    ["a byte order mark is none of the text", "\uFEFFevent: output\ndata: a\n\n", ["a"]],
    ["JSON is text like any other", event("output", `{"a":1}`), [`{"a":1}`]],
    ["a long line", event("output", "x".repeat(300_000)), ["x".repeat(300_000)]]
  ]
  for (const [what, stream, expected] of events) {
    it.effect(`R21: ${what}`, () =>
      Effect.map(outputsOf(stream, done), (outputs) => assert.deepStrictEqual(texts(outputs), expected)))
  }

  it.effect.prop(
    "R21: the text is what was sent, however the network cuts it",
    [FastCheck.array(token, { maxLength: 8 }), FastCheck.integer({ min: 1, max: 7 })],
    ([tokens, size]) =>
      Effect.gen(function*() {
        const bytes = new TextEncoder().encode(tokens.map((token) => event("output", token)).join("") + done)
        const stream = () =>
          new Response(
            new ReadableStream({
              start(controller) {
                for (let i = 0; i < bytes.length; i += size) controller.enqueue(bytes.slice(i, i + size))
                controller.close()
              }
            }),
            { headers: { "content-type": "text/event-stream" } }
          )
        const outputs = yield* Provider.collect(asked).pipe(Effect.provide(fake.server({ stream }).provider()))
        assert.deepStrictEqual(texts(outputs), tokens.map((token) => token === "" ? "\n" : token))
      }),
    { fastCheck: { numRuns: 50 } }
  )

  it.effect("R21: a network chunk of many tokens stays one chunk", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1000 }, (_, n) => event("output", String(n))).join("")
      const server = fake.server({ stream: () => sse(many, done) })
      const chunks = yield* Provider.stream(asked).pipe(
        Stream.chunks,
        Stream.runCollect,
        Effect.provide(server.provider())
      )
      assert.include(Chunk.toReadonlyArray(chunks).map(Chunk.size), 1000)
    }))

  it.effect("R23: ids, retry, comments, logs and unknown events do not disturb the text", () =>
    Effect.gen(function*() {
      const outputs = yield* outputsOf(
        ": hi\n\n",
        "retry: 10\n\n",
        "id: 1690212292:0\nevent: output\nretry: 5\ndata: Hel\n: in between\nfoo: bar\n\n",
        event("logs", "Loading weights\n50%", "1690212292:1"),
        event("metric", "{}", "1690212292:2"),
        "data: no name\n\n",
        "\n\n\n",
        event("output", "lo", "1690212292:3"),
        done
      )
      assert.deepStrictEqual(texts(outputs), ["Hel", "lo"])
      assert.deepStrictEqual(outputs.filter((output) => output._tag === "Log"), [
        { _tag: "Log", text: "Loading weights\n50%" }
      ])
    }))
})

describe("Replicate: how the stream ends", () => {
  it.effect("R22: done ends it at once, though the server keeps the socket open", () =>
    Effect.gen(function*() {
      const socket = fake.socket(event("output", "Hello"), done, event("output", "never"))
      const server = fake.server({ stream: () => socket.response })
      const outputs = yield* Provider.collect(asked).pipe(Effect.provide(server.provider()))
      assert.deepStrictEqual(texts(outputs), ["Hello"])
      assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason: "stop", id: fake.id })
      assert.strictEqual(socket.state.canceled, 1)
      assert.strictEqual(server.seen("cancel").length, 0)
    }))

  it.effect("R22: done needs no data", () =>
    Effect.gen(function*() {
      const socket = fake.socket(event("output", "Hello"), "event: done\n\n")
      const server = fake.server({ stream: () => socket.response })
      assert.strictEqual(yield* Provider.text(asked).pipe(Effect.provide(server.provider())), "Hello")
    }))

  it.effect("R22: done ends it well, though the prediction cannot be read", () =>
    Effect.gen(function*() {
      const read = () => json({ detail: "no" }, { status: 500 })
      const { outputs, tag, text } = yield* ended(fake.server({ read }))
      assert.strictEqual(tag, "ok")
      assert.strictEqual(text, "Hello")
      assert.deepStrictEqual(outputs.map((output) => output._tag), ["ProviderInfo", "TextDelta", "TextDelta", "Finish"])
    }))

  it.effect("R22: done ends it well, though the prediction is said to run for long", () =>
    Effect.map(ended(fake.server({ read: processing })), ({ tag, text }) => {
      assert.strictEqual(tag, "ok")
      assert.strictEqual(text, "Hello")
    }))

  const rests: ReadonlyArray<[what: string, arrived: ReadonlyArray<string>, output: unknown, text: string]> = [
    ["all had arrived", ["Hel", "lo"], ["Hel", "lo"], "Hello"],
    ["the end was missing", ["Hel"], ["Hel", "lo", " there"], "Hello there"],
    ["all was missing", [], ["Hel", "lo"], "Hello"],
    ["the output is one string", ["Hel"], "Hello", "Hello"],
    ["the middle of a token was the last to arrive", ["Once", " up"], ["Once", " upon", "", " a"], "Once upon a"]
  ]
  for (const [what, arrived, output, text] of rests) {
    it.effect(`R22: a close without done, and the prediction succeeded: ${what}`, () =>
      Effect.gen(function*() {
        const pieces = arrived.map((token) => event("output", token))
        const server = fake.server({ stream: () => sse(...pieces), read: succeeded(output) })
        const result = yield* ended(server)
        assert.strictEqual(result.tag, "ok")
        assert.strictEqual(result.text, text)
        assert.deepStrictEqual(result.outputs.at(-1), { _tag: "Finish", reason: "stop", id: fake.id })
        assert.strictEqual(server.seen("stream").length, 1)
        assert.strictEqual(server.seen("cancel").length, 0)
      }))
  }

  it.effect("R22: half an event at the close is no text, but the prediction's output is", () =>
    Effect.gen(function*() {
      const stream = () => sse(event("output", "Hel"), "event: output\ndata: l")
      const { tag, text } = yield* ended(fake.server({ stream, read: succeeded(["Hel", "lo"]) }))
      assert.deepStrictEqual([tag, text], ["ok", "Hello"])
    }))

  it.effect("R22: a close without done, and the output was removed, is no clean end", () =>
    Effect.gen(function*() {
      const stream = () => sse(event("output", "Hel"))
      const read = () => json(prediction({ status: "succeeded", output: null, data_removed: true }))
      const { end, text } = yield* ended(fake.server({ stream, read }))
      assert(end !== "ok" && end._tag === "StreamInterrupted")
      assert.strictEqual(end.resumable, false)
      assert.strictEqual(text, "Hel")
    }))

  const endings = [
    ["failed", "PredictionFailed"],
    ["canceled", "PredictionCanceled"],
    ["aborted", "PredictionCanceled"]
  ]
  for (const [status, expected] of endings) {
    it.effect(`R22: a close without done, and the prediction ${status}, is an error`, () =>
      Effect.gen(function*() {
        const read = () => json(prediction({ status, error: "out of luck" }))
        const server = fake.server({ stream: () => sse(event("output", "Hel")), read })
        const { tag, text } = yield* ended(server)
        assert.deepStrictEqual([tag, text], [expected, "Hel"])
        assert.strictEqual(server.seen("cancel").length, 0)
      }))
  }

  it.effect("R22: a close without done, while it still runs, is read on from the last id", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: (_, n) =>
          n === 0
            ? sse(event("output", "Hel", "100:0"), event("output", "l", "100:1"))
            : sse(event("output", "o", "100:2"), event("done", "{}", "100:3")),
        read: (_, n) => n === 0 ? processing() : succeeded(["Hel", "l", "o"])()
      })
      const { tag, text } = yield* ended(server)
      assert.deepStrictEqual([tag, text], ["ok", "Hello"])
      assert.deepStrictEqual(server.seen("stream").map((request) => request.headers["last-event-id"]), [
        undefined,
        "100:1"
      ])
      assert.deepStrictEqual(server.seen("stream").filter((request) => "authorization" in request.headers), [])
      assert.strictEqual(server.seen("create").length, 1)
    }))

  it.effect("R22: a socket that breaks is read on like one that closes", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: (_, n) => {
          if (n > 0) return sse(event("output", "lo", "100:1"), done)
          const socket = fake.socket(event("output", "Hel", "100:0"))
          return Effect.as(Effect.forkDaemon(Effect.delay(socket.breakOff(), "1 second")), socket.response)
        },
        read: (_, n) => n === 0 ? processing() : succeeded(["Hel", "lo"])()
      })
      const { tag, text } = yield* ended(server)
      assert.deepStrictEqual([tag, text], ["ok", "Hello"])
    }))

  it.effect("R22: a stream that cannot be opened at first is opened again", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: (_, n) =>
          n === 0
            ? new Unreachable("ECONNRESET")
            : n === 1
            ? json({ detail: "busy" }, { status: 503 })
            : n === 2
            ? new Response("<html></html>", { headers: { "content-type": "text/html" } })
            : sse(event("output", "Hello"), done),
        read: (_, n) => n < 3 ? processing() : succeeded(["Hello"])()
      })
      const { tag, text } = yield* ended(server)
      assert.deepStrictEqual([tag, text], ["ok", "Hello"])
      assert.strictEqual(server.seen("stream").length, 4)
    }))

  it.effect("R22: a stream that brings nothing is given up, and the prediction is waited for", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: () => sse(": hi\n\n", ":408: 408 Request Timeout\n"),
        read: (_, n) => n < 8 ? processing() : succeeded(["Hel", "lo"])()
      })
      const { tag, text } = yield* ended(server)
      assert.deepStrictEqual([tag, text], ["ok", "Hello"])
      assert.isAtMost(server.seen("stream").length, 6)
    }))

  it.effect("R22: a close without done is StreamInterrupted when nothing more can be learned", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: () => sse(event("output", "Hel", "100:0"), event("output", "lo", "100:1")),
        read: () => json({ detail: "no" }, { status: 500 })
      })
      const { end, text } = yield* ended(server)
      assert(end !== "ok" && end._tag === "StreamInterrupted")
      assert.strictEqual(text, "Hello")
      assert.strictEqual(end.provider, "Replicate")
      assert.strictEqual(end.predictionId, fake.id)
      assert.strictEqual(end.events, 2)
      assert.strictEqual(end.characters, 5)
      assert.strictEqual(end.lastEventId, "100:1")
      assert.strictEqual(end.url, "https://stream.replicate.example")
      assert.notInclude(fake.printed(end), "capability")
      assert.notInclude(fake.printed(end), fake.secret)
    }))

  it.effect("R22: what StreamInterrupted says can be read on is not canceled", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: () => sse(event("output", "Hel")),
        read: () => json({ detail: "no" }, { status: 500 })
      })
      const { end } = yield* ended(server)
      assert(end !== "ok" && end._tag === "StreamInterrupted")
      assert.strictEqual(server.seen("cancel").length, end.resumable ? 0 : 1)
    }))

  it.effect.prop(
    "R22: a stream that is cut and replayed gives the text once",
    [
      FastCheck.array(token, { minLength: 1, maxLength: 6 }),
      FastCheck.array(FastCheck.nat(6), { maxLength: 3 }),
      FastCheck.constantFrom("resumes", "replays with ids", "replays without ids")
    ],
    ([tokens, cuts, kind]) =>
      Effect.gen(function*() {
        const all = tokens.map((token, n) =>
          event("output", token, kind === "replays without ids" ? undefined : `7:${n}`)
        )
        const server = fake.server({
          stream: ({ headers }, n) => {
            const last = /:(\d+)$/.exec(headers["last-event-id"] ?? "")?.[1]
            const from = kind === "resumes" && last !== undefined ? Number(last) + 1 : 0
            const cut = cuts[n]
            return cut === undefined ? sse(...all.slice(from), done) : sse(...all.slice(from, Math.max(from, cut)))
          },
          read: (_, n) => n < cuts.length ? processing() : succeeded(tokens)()
        })
        const result = yield* ended(server)
        assert.strictEqual(result.tag, "ok")
        assert.deepStrictEqual(texts(result.outputs), tokens.map((token) => token === "" ? "\n" : token))
      }),
    { fastCheck: { numRuns: 40 } }
  )
})
