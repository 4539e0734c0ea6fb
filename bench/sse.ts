/**
 * What decoding server-sent events costs, next to eventsource-parser and to a loop written by hand for the one shape
 * of event that is measured. Run with `npx tsx bench/sse.ts`.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as EventSource from "eventsource-parser"
import * as Sse from "../src/http/Sse.js"

const EVENTS = 200_000
const RUNS = 7

type Feed = (text: string) => void
type Bytes = ReadonlyArray<Uint8Array>

const contenders: Record<string, (onEvent: (event: object) => void) => Feed> = {
  "Sse.makeParser": (onEvent) => {
    const parser = Sse.makeParser()
    return (text) => parser.feed(text).forEach(onEvent)
  },
  "eventsource-parser": (onEvent) => EventSource.createParser({ onEvent }).feed,
  "by hand": (onEvent) => {
    let rest = ""
    let event = "message"
    let data = ""
    let id: string | undefined
    return (text) => {
      const buffer = rest === "" ? text : rest + text
      let start = 0
      for (let end = buffer.indexOf("\n"); end !== -1; end = buffer.indexOf("\n", start)) {
        if (start === end) {
          onEvent({ event, data, id })
          event = "message"
          data = ""
        } else if (buffer.startsWith("data: ", start)) data = buffer.slice(start + 6, end)
        else if (buffer.startsWith("event: ", start)) event = buffer.slice(start + 7, end)
        else if (buffer.startsWith("id: ", start)) id = buffer.slice(start + 4, end)
        start = end + 1
      }
      rest = buffer.slice(start)
    }
  }
}

const expect = (expected: number, count: number) => {
  if (count !== expected) throw new Error(`expected ${expected} events, got ${count}`)
}

/** Text decoding and parsing, no stream. */
const parse = (make: (onEvent: (event: object) => void) => Feed) => async (chunks: Bytes, events: number) => {
  let count = 0
  const decoder = new TextDecoder()
  const feed = make(() => void count++)
  for (const bytes of chunks) feed(decoder.decode(bytes, { stream: true }))
  expect(events, count)
}

/** A stream with one chunk per read, as a socket gives it. */
const reads = (chunks: Bytes) =>
  Stream.unfoldChunk(0, (i) => {
    const bytes = chunks[i]
    return bytes === undefined ? Option.none() : Option.some([Chunk.of(bytes), i + 1])
  })

const count = (stream: Stream.Stream<object, unknown>) => {
  let total = 0
  return Effect.runPromise(Stream.runForEachChunk(stream, (chunk) => {
    total += chunk.length
    return Effect.void
  })).then(() => total)
}

const streamed = async (chunks: Bytes, events: number) => expect(events, await count(Sse.decode()(reads(chunks))))

/** The loop by hand in `Stream.mapChunks`: the least a stream of events can cost. */
const streamedByHand = async (chunks: Bytes, events: number) => {
  const decoder = new TextDecoder()
  let out: Array<object> = []
  const feed = contenders["by hand"]!((event) => out.push(event))
  const decoded = Stream.mapChunks(reads(chunks), (chunk) => {
    out = []
    for (const bytes of chunk) feed(decoder.decode(bytes, { stream: true }))
    return Chunk.unsafeFromArray(out)
  })
  expect(events, await count(decoded))
}

const rows: Record<string, (chunks: Bytes, events: number) => Promise<void>> = {
  ...Object.fromEntries(Object.entries(contenders).map(([name, make]) => [name, parse(make)])),
  "Sse.decode (stream)": streamed,
  "by hand (stream)": streamedByHand
}

const split = (bytes: Uint8Array, size: number): Bytes =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

const encoder = new TextEncoder()
const texts = (events: number) =>
  Array.from({ length: events }, (_, i) => `event: output\nid: 1690212292:${i}\ndata: token ${i} of the answer\n\n`)

const inputs = (events: number): Record<string, [chunks: Bytes, events: number]> => ({
  [`${events} events, one per chunk`]: [texts(events).map((text) => encoder.encode(text)), events],
  [`${events} events, 64 KiB chunks`]: [split(encoder.encode(texts(events).join("")), 64 * 1024), events]
})

const oneLine = (megabytes: number): Record<string, [chunks: Bytes, events: number]> => ({
  [`one data line of ${megabytes} MB, 1 KB chunks`]: [
    split(encoder.encode(`data: ${"x".repeat(megabytes * 1e6)}\n\n`), 1000),
    1
  ]
})

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!

for (
  const [input, [chunks, events]] of Object.entries({
    ...inputs(EVENTS),
    ...inputs(EVENTS / 10),
    ...inputs(EVENTS * 10),
    ...oneLine(3),
    ...oneLine(30)
  })
) {
  const times: Record<string, Array<number>> = {}
  // Taking turns, so that a slow moment of the machine falls on all of them.
  for (let run = 0; run < RUNS; run++) {
    for (const [name, measure] of Object.entries(rows)) {
      // By hand it is quadratic when a line spans chunks.
      if (events === 1 && name.startsWith("by hand")) continue
      const start = performance.now()
      await measure(chunks, events)
      if (run > 0) (times[name] ??= []).push(performance.now() - start)
    }
  }
  console.log(input)
  console.table(Object.fromEntries(
    Object.entries(times).map(([name, runs]) => {
      const floor = times[name.endsWith("(stream)") ? "by hand (stream)" : "by hand"]
      return [name, {
        ms: Number(median(runs).toFixed(1)),
        "of by hand": floor === undefined ? "" : (median(runs) / median(floor)).toFixed(2)
      }]
    })
  ))
}
