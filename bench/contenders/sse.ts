/** Decoders of server-sent events, without a server: bytes in, events out. */
import * as Sse from "effect-providers/http/Sse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as EventSource from "eventsource-parser"
import type { Run, Task } from "../row.js"
import { mix, token } from "../work.js"

interface Event {
  readonly event?: string | undefined
  readonly data: string
  readonly id?: string | undefined
}

/** What comes, piece by piece. It is made of few pieces, so that holding it costs the collector nothing. */
interface Pieces {
  readonly length: number
  readonly at: (index: number) => Uint8Array
}

/** Takes the next text, and hands over the events it completed. */
type Feed = (text: string) => void

const encoder = new TextEncoder()

const cut = (bytes: Uint8Array, size: number): Pieces => ({
  length: Math.ceil(bytes.length / size),
  at: (index) => bytes.subarray(index * size, (index + 1) * size)
})

const texts = (count: number) =>
  Array.from({ length: count }, (_, n) => `event: output\nid: 1690212292:${n}\ndata: ${token(n)}\n\n`)

/** One event in each piece. */
export const eventPieces = (size: number): Pieces => {
  const known = texts(Math.min(size, 10_000)).map((text) => encoder.encode(text))
  return { length: size, at: (index) => known[index % known.length] ?? new Uint8Array() }
}

/** Pieces of 64 KiB. */
export const largePieces = (size: number): Pieces => cut(encoder.encode(texts(size).join("")), 64 * 1024)

/** One data line of so many kilobytes, in pieces of one. */
export const longLine = (size: number): Pieces => cut(encoder.encode(`data: ${"x".repeat(size * 1000)}\n\n`), 1000)

const tally = () => {
  const proof = { count: 0, checksum: 0 }
  const add = ({ data }: Event): void => {
    proof.count++
    proof.checksum = mix(proof.checksum, data)
  }
  return { proof, add }
}

/** The parser alone. */
const parsed =
  (make: (onEvent: (event: Event) => void) => Feed) =>
  (pieces: (size: number) => Pieces) =>
  async ({ size }: Task): Promise<Run> => {
    const input = pieces(size)
    return async () => {
      const { add, proof } = tally()
      const decoder = new TextDecoder()
      const feed = make(add)
      for (let i = 0; i < input.length; i++) feed(decoder.decode(input.at(i), { stream: true }))
      return proof
    }
  }

/** For events of this shape alone, which is the least that it can cost. Quadratic when a line spans pieces. */
const feedByHand = (onEvent: (event: Event) => void): Feed => {
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

export const byHand = parsed(feedByHand)

export const ours = parsed((onEvent) => {
  const parser = Sse.makeParser()
  return (text) => parser.feed(text).forEach(onEvent)
})

export const eventSource = parsed((onEvent) => EventSource.createParser({ onEvent }).feed)

type Decode = (bytes: Stream.Stream<Uint8Array>) => Stream.Stream<Event, unknown>

/** In a stream, with one chunk for each piece, as a socket gives it. */
const streamed =
  (decode: () => Decode) => (pieces: (size: number) => Pieces) => async ({ size }: Task): Promise<Run> => {
    const input = pieces(size)
    const bytes = Stream.unfoldChunk(
      0,
      (i) => i < input.length ? Option.some([Chunk.of(input.at(i)), i + 1] as const) : Option.none()
    )
    return async () => {
      const { add, proof } = tally()
      const take = (events: Chunk.Chunk<Event>) =>
        Effect.sync(() => {
          for (const event of events) add(event)
        })
      await Effect.runPromise(Stream.runForEachChunk(decode()(bytes), take))
      return proof
    }
  }

export const oursStreamed = streamed(() => Sse.decode())

/** The loop by hand in `Stream.mapChunks`: the least that a stream of events can cost. */
export const byHandStreamed = streamed(() => {
  const decoder = new TextDecoder()
  let out: Array<Event> = []
  const feed = feedByHand((event) => out.push(event))
  return Stream.mapChunks((pieces) => {
    out = []
    for (const bytes of pieces) feed(decoder.decode(bytes, { stream: true }))
    return Chunk.unsafeFromArray(out)
  })
})
