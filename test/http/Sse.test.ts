import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { createParser } from "eventsource-parser"
import * as Sse from "../../src/http/Sse.js"

const utf8 = (text: string) => new TextEncoder().encode(text)

const event = (data: string, event = "message", id?: string): Sse.Event => ({ event, data, id })

const parse = (text: string, options?: Sse.Options) => Sse.makeParser(options).feed(text)

const parsePieces = (pieces: ReadonlyArray<string>, options?: Sse.Options) => {
  const parser = Sse.makeParser(options)
  return pieces.flatMap((piece) => parser.feed(piece))
}

const decodeAll = (pieces: ReadonlyArray<Uint8Array>, options?: Sse.Options) =>
  Stream.fromIterable(pieces).pipe(
    Stream.rechunk(1),
    Sse.decode(options),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

/** What a decoder gave before it ended, and how it ended. */
const decodeEither = (pieces: ReadonlyArray<Uint8Array>, options?: Sse.Options) =>
  Stream.fromIterable(pieces).pipe(
    Stream.rechunk(1),
    Sse.decode(options),
    Stream.either,
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

describe("lines and fields", () => {
  const cases: ReadonlyArray<[name: string, text: string, expected: ReadonlyArray<Sse.Event>]> = [
    ["LF ends a line", "event: output\ndata: a\n\n", [event("a", "output")]],
    ["CRLF ends a line", "event: output\r\ndata: a\r\n\r\ndata: b\r\n\r\n", [event("a", "output"), event("b")]],
    ["CR ends a line", "event: output\rdata: a\r\rdata: b\r\r", [event("a", "output"), event("b")]],
    ["line ends can be mixed", "event: x\r\ndata: a\n\r\ndata: b\r\n\ndata: c\r\r\n", [
      event("a", "x"),
      event("b"),
      event("c")
    ]],
    ["LF then CR are two line ends", "data: a\n\rdata: b\n\n", [event("a"), event("b")]],
    ["the last event counts when it ends in a CR", "data: a\r\r", [event("a")]],
    ["R21: several data lines are joined by one newline", "data: a\ndata: b\ndata: c\n\n", [event("a\nb\nc")]],
    ["R21: two empty data lines are one newline", "data:\ndata: \n\n", [event("\n")]],
    ["R21: one empty data line is one event", "event: output\ndata:\n\n", [event("", "output")]],
    ["R21: a data field without colon is one event", "data\n\n", [event("")]],
    ["R21: exactly one leading space is stripped", "data:  a \n\ndata:b\n\ndata:\tc\n\n", [
      event(" a "),
      event("b"),
      event("\tc")
    ]],
    ["a value may hold colons and look like a field", "data: a: b\ndata:data: c\n\n", [event("a: b\ndata: c")]],
    ["R23: comments are ignored", ": hi\n\n:\ndata: a\n:408: 408 Request Timeout\n\n", [event("a")]],
    ["R23: unknown fields are ignored", "foo: x\nfoo\ndata: a\n\n", [event("a")]],
    ["R23: fields that only begin like a known one are ignored", "datax: 1\ndat\nids: 1\neventual: x\ndata: a\n\n", [
      event("a")
    ]],
    ["R23: field names are case-sensitive and not trimmed", "Data: x\n data: y\ndata : z\ndata: a\n\n", [event("a")]],
    ["R23: an unknown event name is kept", "event: heartbeat\ndata: a\n\n", [event("a", "heartbeat")]],
    ["the last event name of an event counts", "event: a\nevent: b\ndata: x\n\n", [event("x", "b")]],
    ["an empty event name is the default one", "event: a\nevent:\ndata: x\n\nevent\ndata: y\n\n", [
      event("x"),
      event("y")
    ]],
    ["an event name does not outlive its event", "event: a\n\ndata: x\n\n", [event("x")]],
    ["blank lines alone are no events", "\n\n\r\n\r\r\n", []],
    ["an event without data is dropped", "event: done\nid: 1\n\n", []],
    ["an unfinished event is dropped", "data: a\n\ndata: b\n", [event("a")]],
    ["an unfinished line is dropped", "data: a\n\ndata: b", [event("a")]],
    ["nothing gives nothing", "", []],
    ["other line separators are text", "data: a\u2028b\u2029c\u0085d\x0be\x0c\n\n", [
      event("a\u2028b\u2029c\u0085d\x0be\x0c")
    ]],
    ["NUL is text in data", "data: a\0b\n\n", [event("a\0b")]]
  ]
  for (const [name, text, expected] of cases) {
    it(name, () => assert.deepStrictEqual(parse(text), expected))
    it(`${name}, one character at a time`, () => assert.deepStrictEqual(parsePieces([...text]), expected))
  }

  it("CRLF split over two pieces is one line end", () => {
    assert.deepStrictEqual(parsePieces(["event: x\r", "\ndata: a\r", "\n\r", "\n"]), [event("a", "x")])
  })

  it("CRLF split by an empty piece is one line end", () => {
    assert.deepStrictEqual(parsePieces(["event: x\r", "", "\ndata: a\n\n"]), [event("a", "x")])
  })

  it("an event is given with the CR that completes it, not later", () => {
    const parser = Sse.makeParser()
    assert.deepStrictEqual(parser.feed("data: a\r\n\r"), [event("a")])
    assert.deepStrictEqual(parser.feed("\n"), [])
  })

  it("an event is given by the piece that completes it", () => {
    const parser = Sse.makeParser()
    assert.deepStrictEqual(parser.feed("data: a\n\ndata: b\n\nda"), [event("a"), event("b")])
    assert.deepStrictEqual(parser.feed("ta: c\n"), [])
    assert.deepStrictEqual(parser.feed("\n"), [event("c")])
  })

  it("a data-less event is emitted when asked for, if it has a name", () => {
    assert.deepStrictEqual(
      parse("event: done\n\nid: 3\n\n\nevent: done\nid: 4\n\nevent: x\ndata: a\n\n", { dataless: "emit" }),
      [event("", "done"), event("", "done", "4"), event("a", "x", "4")]
    )
  })
})

describe("R23: id and retry", () => {
  it("an id stays in force until the next one", () => {
    assert.deepStrictEqual(parse("data: a\n\nid: 1\ndata: b\n\ndata: c\n\nid: 2\ndata: d\n\n"), [
      event("a"),
      event("b", "message", "1"),
      event("c", "message", "1"),
      event("d", "message", "2")
    ])
  })

  it("an empty id resets it", () => {
    assert.deepStrictEqual(parse("id: 1\ndata: a\n\nid\ndata: b\n\n"), [
      event("a", "message", "1"),
      event("b", "message", "")
    ])
  })

  it("an id with a NUL is ignored", () => {
    assert.deepStrictEqual(parse("id: 1\nid: 2\0\ndata: a\n\n"), [event("a", "message", "1")])
  })

  it("the last event id moves with whole events only, also with those that have no data", () => {
    const parser = Sse.makeParser()
    assert.strictEqual(parser.lastEventId, "")
    parser.feed("id: 1\ndata: a\n")
    assert.strictEqual(parser.lastEventId, "")
    parser.feed("\n")
    assert.strictEqual(parser.lastEventId, "1")
    parser.feed("id: 2\n\n")
    assert.strictEqual(parser.lastEventId, "2")
  })

  it("retry is the last value of digits only", () => {
    const parser = Sse.makeParser()
    assert.isUndefined(parser.retry)
    for (const invalid of ["10x", "", "-1", "1.5", "1e3", " 10", "٣"]) parser.feed(`retry: ${invalid}\n`)
    assert.isUndefined(parser.retry)
    parser.feed("retry: 1500\nretry: 10x\n")
    assert.deepStrictEqual(parser.retry, Duration.millis(1500))
    assert.deepStrictEqual(parser.feed("data: a\n\n"), [event("a")])
  })
})

describe("EventTooLarge", () => {
  const limited = { maxEventSize: 10 }

  const errorAfter = (...pieces: ReadonlyArray<string>) => {
    const parser = Sse.makeParser(limited)
    for (const piece of pieces) parser.feed(piece)
    return parser.error
  }

  it("an event of the limit passes, one more character does not", () => {
    assert.isUndefined(errorAfter("data: 1234\n\n"))
    assert.deepStrictEqual(parse("data: 1234\n\n", limited), [event("1234")])
    assert.deepStrictEqual(errorAfter("data: 12345\n\n"), new Sse.EventTooLarge({ limit: 10 }))
    assert.deepStrictEqual(parse("data: a\n\ndata: 12345\n\ndata: b\n\n", limited), [event("a")])
  })

  it("its message says the limit", () => {
    const { message } = new Sse.EventTooLarge({ limit: 10 })
    assert.strictEqual(message, "A server-sent event is larger than the 10 characters allowed.")
  })

  it("nothing is parsed after it", () => {
    const parser = Sse.makeParser(limited)
    parser.feed("data: 12345")
    assert.isDefined(parser.error)
    assert.deepStrictEqual(parser.feed("\n\ndata: b\n\n"), [])
  })

  it("data lines add up, events do not", () => {
    assert.isDefined(errorAfter("data: 1\n".repeat(6)))
    assert.strictEqual(parse("data: 1\n\n".repeat(100), limited).length, 100)
  })

  it("a line that never ends is refused, whatever it is", () => {
    assert.isUndefined(errorAfter(": 123", "45678"))
    assert.isDefined(errorAfter(": 123", "456789"))
  })

  it.effect("decode fails with it after the events before it, and closes the source", () =>
    Effect.gen(function*() {
      const closed = yield* Ref.make(false)
      const seen: Array<string> = []
      const error = yield* Stream.make("data: a\n\ndata: b\n\ndata: 12345", "\n\n").pipe(
        Stream.encodeText,
        Stream.concat(Stream.never),
        Stream.ensuring(Ref.set(closed, true)),
        Sse.decode(limited),
        Stream.runForEach((event) => Effect.sync(() => seen.push(event.data))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "EventTooLarge")
      assert.strictEqual(error.limit, 10)
      assert.deepStrictEqual(seen, ["a", "b"])
      assert.isTrue(yield* Ref.get(closed))
    }))

  it.effect("a long line within the default limit passes", () =>
    Effect.gen(function*() {
      const long = "x".repeat(3_000_000)
      const bytes = utf8(`data: ${long}\n\n`)
      const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
        bytes.subarray(i * 1000, (i + 1) * 1000))
      const events = yield* decodeAll(pieces)
      assert.strictEqual(events.length, 1)
      assert.isTrue(events[0]?.data === long)
    }))
})

describe("decode", () => {
  it.effect("a byte order mark is stripped at the start", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decodeAll([utf8("\uFEFFdata: a\n\n")]), [event("a")])
    }))

  it.effect("a byte order mark may be split", () =>
    Effect.gen(function*() {
      const pieces = Array.from(utf8("\uFEFFdata: a\n\n"), (byte) => Uint8Array.of(byte))
      assert.deepStrictEqual(yield* decodeAll(pieces), [event("a")])
    }))

  it.effect("a byte order mark is text anywhere else", () =>
    Effect.gen(function*() {
      const events = yield* decodeAll([utf8("data: \uFEFFa\n\n"), utf8("\uFEFFdata: b\n\ndata: c\n\n")])
      assert.deepStrictEqual(events, [event("\uFEFFa"), event("c")])
      assert.deepStrictEqual(yield* decodeAll([utf8("\uFEFF\uFEFFdata: b\n\ndata: c\n\n")]), [event("c")])
    }))

  it.effect("UTF-8 may be split inside a character", () =>
    Effect.gen(function*() {
      const bytes = utf8("data: é🦙\n\n")
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepStrictEqual(yield* decodeAll([bytes.subarray(0, at), bytes.subarray(at)]), [event("é🦙")])
      }
    }))

  it.effect("invalid UTF-8 becomes U+FFFD", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.of(...utf8("data: a"), 0xff, 0xe2, 0x82, ...utf8("b\n\n"))
      assert.deepStrictEqual(yield* decodeAll([bytes]), [event("a\uFFFD\uFFFDb")])
    }))

  it.effect("one chunk of events for each chunk of bytes that completed some", () =>
    Effect.gen(function*() {
      const chunks = yield* Stream.fromChunks(
        Chunk.make(utf8("data: 1\n\ndata: 2\n\nda")),
        Chunk.make(utf8("ta: 3")),
        Chunk.make(utf8("\n"), utf8("\ndata: 4\n\n"), utf8("data: 5\n\n")),
        Chunk.make(utf8(": hi\n\n"))
      ).pipe(Sse.decode(), Stream.chunks, Stream.runCollect)
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(chunks).map((chunk) => Chunk.toReadonlyArray(chunk).map((event) => event.data)),
        [["1", "2"], ["3", "4", "5"]]
      )
    }))

  it.effect("an event comes out before the next bytes are asked for", () =>
    Effect.gen(function*() {
      const events = yield* Stream.make("data: a\n\n").pipe(
        Stream.encodeText,
        Stream.concat(Stream.never),
        Sse.decode(),
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(events), [event("a")])
    }))

  it.effect("errors of the source pass through after the events before them", () =>
    Effect.gen(function*() {
      const results = yield* Stream.make("data: a\n\ndata: b").pipe(
        Stream.encodeText,
        Stream.concat(Stream.fail("cut")),
        Sse.decode(),
        Stream.either,
        Stream.runCollect
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(results), [Either.right(event("a")), Either.left("cut")])
    }))

  it.effect("defects of the source stay defects", () =>
    Effect.gen(function*() {
      const exit = yield* Stream.die("bug").pipe(Sse.decode(), Stream.runDrain, Effect.exit)
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }))

  it.effect("R25: stopping early closes the source", () =>
    Effect.gen(function*() {
      const closed = yield* Ref.make(false)
      yield* Stream.make("data: a\n\n").pipe(
        Stream.encodeText,
        Stream.forever,
        Stream.ensuring(Ref.set(closed, true)),
        Sse.decode(),
        Stream.take(2),
        Stream.runDrain
      )
      assert.isTrue(yield* Ref.get(closed))
    }))

  it.effect("a decoded stream starts afresh every time it is run", () =>
    Effect.gen(function*() {
      const stream = Stream.make("data: a\n\nid: 1\ndata: b\n\ndata: cut").pipe(Stream.encodeText, Sse.decode())
      const expected = [event("a"), event("b", "message", "1")]
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(stream)), expected)
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(stream)), expected)
    }))

  it.effect("R23: a Replicate stream, as it is on the wire", () =>
    Effect.gen(function*() {
      const wire =
        ": hi\n\nevent: output\nid: 1690212292:0\ndata: Once\n\nevent: output\nid: 1690212293:0\ndata:  upon\n\n" +
        "event: logs\nid: 1690212294:0\ndata: step 1\n\nevent: output\nid: 1690212295:0\ndata: \ndata: \n\n" +
        "retry: 3000\n\nevent: done\nid: 1690212296:0\ndata: {}\n\n"
      assert.deepStrictEqual(yield* decodeAll([utf8(wire)]), [
        event("Once", "output", "1690212292:0"),
        event(" upon", "output", "1690212293:0"),
        event("step 1", "logs", "1690212294:0"),
        event("\n", "output", "1690212295:0"),
        event("{}", "done", "1690212296:0")
      ])
    }))
})

/** The algorithm of the HTML standard (9.2.6), step by step, over a whole text. */
const reference = (text: string): ReadonlyArray<Sse.Event> => {
  const events: Array<Sse.Event> = []
  let data = ""
  let type = ""
  let lastEventId: string | undefined
  // What follows the last line end is an unfinished line.
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === "") {
      if (data !== "") {
        events.push({ event: type === "" ? "message" : type, data: data.replace(/\n$/, ""), id: lastEventId })
      }
      data = ""
      type = ""
      continue
    }
    const [, field, value] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line) ?? []
    if (field === "event") type = value ?? ""
    if (field === "data") data += (value ?? "") + "\n"
    if (field === "id" && !value?.includes("\0")) lastEventId = value ?? ""
  }
  return events
}

const ending = FastCheck.constantFrom("\n", "\r\n", "\r")

const line = FastCheck.oneof(
  { weight: 4, arbitrary: FastCheck.constant("") },
  {
    weight: 4,
    arbitrary: FastCheck.tuple(
      FastCheck.constantFrom("data", "event", "id", "retry", "", "unknown", "Data", "dat", "datas", "data "),
      FastCheck.constantFrom("", ":", ": ", ":  ", "::"),
      FastCheck.constantFrom("", "a", "10", "10x", "b c", "é🦙", "\0", "\uFEFF", "\u2028", "data: x")
    ).map((parts) => parts.join(""))
  },
  { weight: 2, arbitrary: FastCheck.string({ unit: "binary" }).map((text) => `data: ${text.replace(/[\r\n]/g, "")}`) }
)

const documentOf = (lineEnding: FastCheck.Arbitrary<string>) =>
  FastCheck.tuple(
    FastCheck.array(FastCheck.tuple(line, lineEnding).map((parts) => parts.join("")), { maxLength: 30 }),
    line
  ).map(([lines, unfinished]) => lines.join("") + unfinished)

/** Text of nothing but what the grammar cares for: nearly every character is an edge. */
const soup = FastCheck.string({
  unit: FastCheck.constantFrom("\n", "\r", "data", "event", "id", ":", " ", "x", "é", "🦙", "\uFEFF", "\0"),
  maxLength: 60
})

const bytes = FastCheck.oneof(
  documentOf(ending).map(utf8),
  soup.map(utf8),
  // Damaged bytes inside a document: invalid and truncated sequences.
  FastCheck.tuple(documentOf(ending).map(utf8), FastCheck.uint8Array({ maxLength: 6 }), FastCheck.nat()).map(
    ([document, damage, at]) => {
      const cut = at % (document.length + 1)
      return Uint8Array.of(...document.subarray(0, cut), ...damage, ...document.subarray(cut))
    }
  )
)

const cuts = FastCheck.oneof(
  FastCheck.array(FastCheck.nat(), { maxLength: 20 }),
  FastCheck.constant("everywhere" as const)
)

const split = (bytes: Uint8Array, cuts: ReadonlyArray<number> | "everywhere"): ReadonlyArray<Uint8Array> => {
  if (cuts === "everywhere") return Array.from(bytes, (byte) => Uint8Array.of(byte))
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

describe("properties", () => {
  const often = { fastCheck: { numRuns: 150 } }

  it.effect.prop(
    "any split of the bytes gives the events of the standard's algorithm",
    [bytes, cuts],
    ([bytes, cuts]) =>
      Effect.gen(function*() {
        const expected = reference(new TextDecoder().decode(bytes))
        assert.deepStrictEqual(yield* decodeAll([bytes]), expected)
        assert.deepStrictEqual(yield* decodeAll(split(bytes, cuts)), expected)
      }),
    often
  )

  it.effect.prop("any split gives the same, with data-less events and a small limit", [
    bytes,
    cuts,
    FastCheck.integer({ min: 1, max: 30 })
  ], ([bytes, cuts, maxEventSize]) =>
    Effect.gen(function*() {
      const options = { maxEventSize, dataless: "emit" } as const
      assert.deepStrictEqual(
        yield* decodeEither(split(bytes, cuts), options),
        yield* decodeEither([bytes], options)
      )
    }), often)

  // Left out, because eventsource-parser decides otherwise there: ids (it has them per event, the standard in force
  // until the next), a lone CR as line end (it holds back a last one), and a start that is a byte order mark read as
  // Latin-1 (it strips that one; U+FEFF it leaves to the decoder, too). Its absent event name is the default one.
  it.prop("eventsource-parser gives the same names and data", [
    documentOf(FastCheck.constantFrom("\n", "\r\n")).filter((text) => !text.startsWith("\u00EF\u00BB\u00BF"))
  ], ([text]) => {
    const expected: Array<{ event: string; data: string }> = []
    createParser({
      onEvent: ({ data, event }) => expected.push({ event: event ?? "message", data })
    }).feed(text)
    assert.deepStrictEqual(parse(text).map(({ data, event }) => ({ event, data })), expected)
  }, often)
})
