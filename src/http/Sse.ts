/**
 * Bytes to server-sent events, as the WHATWG event-stream grammar has it.
 *
 * The parser knows nothing of connections: reconnecting, and what an event means, is the caller's.
 *
 * @since 0.1.0
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Stream from "effect/Stream"

/**
 * One event of an event stream.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** Name of the event; `message` when the server gave none. */
  readonly event: string
  /** The data lines, joined by newlines. */
  readonly data: string
  /** The last id the server gave, in this event or an earlier one; absent while it gave none. */
  readonly id: string | undefined
}

/**
 * An event grew past the size that is allowed, so the stream cannot be read on.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventTooLarge extends Data.TaggedError("EventTooLarge")<{
  /** What was allowed, in characters. */
  readonly limit: number
}> {
  override get message(): string {
    return `A server-sent event is larger than the ${this.limit} characters allowed.`
  }
}

/**
 * How an event stream is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Most characters held for one event: a line, and the data lines before it. 33554432 (32 Mi) when absent. */
  readonly maxEventSize?: number | undefined
  /**
   * What becomes of an event that has a name but no data line: dropped, as the grammar says, or emitted with empty
   * data. `drop` when absent.
   */
  readonly dataless?: "drop" | "emit" | undefined
}

/**
 * A parser in the middle of one event stream. It is mutable: one connection, one parser.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parser {
  /**
   * Takes the next piece of decoded text, cut anywhere, and gives the events it completed. A byte order mark is the
   * decoder's to strip.
   */
  readonly feed: (text: string) => ReadonlyArray<Event>
  /** What to send as `Last-Event-ID` when reconnecting; empty when there is nothing to send. */
  readonly lastEventId: string
  /** How long the server last asked to wait before reconnecting. */
  readonly retry: Duration.Duration | undefined
  /** Set when an event grew too large; `feed` gives no more events from then on. */
  readonly error: EventTooLarge | undefined
}

const LF = 10
const SPACE = 32
const COLON = 58

const none: Array<Event> = []

/** The only field a line can be of, by its first character. */
const fieldOf = (text: string, start: number): "data" | "event" | "id" | "retry" => {
  const first = text.charCodeAt(start)
  return first === 100 ? "data" : first === 101 ? "event" : first === 105 ? "id" : "retry"
}

/** Where the value of a field starts, or -1 when the line starting at `start` is not of that field. */
const valueStart = (text: string, start: number, end: number, field: string): number => {
  for (let i = 0; i < field.length; i++) if (text.charCodeAt(start + i) !== field.charCodeAt(i)) return -1
  const colon = start + field.length
  if (colon === end) return end
  if (text.charCodeAt(colon) !== COLON) return -1
  return text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1
}

const isDigits = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 48 || code > 57) return false
  }
  return text !== ""
}

/**
 * Makes a parser for one event stream.
 *
 * @example
 * ```ts
 * import * as Sse from "effect-providers/http/Sse"
 *
 * const parser = Sse.makeParser()
 *
 * console.log(parser.feed("id: 7\ndata: Once"))
 * // []
 * console.log(parser.feed(" upon\n\n"))
 * // [{ event: "message", data: "Once upon", id: "7" }]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeParser = (options?: Options): Parser => {
  const maxEventSize = options?.maxEventSize ?? 32 * 1024 * 1024
  const emitDataless = options?.dataless === "emit"

  let name = ""
  let data: string | undefined
  let id: string | undefined
  let lastEventId = ""
  let retry: Duration.Duration | undefined
  let error: EventTooLarge | undefined
  // what the text at hand completed
  let completed: Array<Event> = none
  // The start of a line whose end has not come. Only appended to, never looked at: that keeps it a rope in the engine,
  // and a long line linear.
  let held = ""
  let afterCarriageReturn = false

  // an array literal holds one event in little memory, where the first push takes that of 17
  const emit = (event: Event) => {
    if (completed === none) completed = [event]
    else completed.push(event)
  }

  const dispatch = () => {
    lastEventId = id ?? ""
    if (data !== undefined) emit({ event: name === "" ? "message" : name, data, id })
    else if (emitDataless && name !== "") emit({ event: name, data: "", id })
    name = ""
    data = undefined
  }

  const setField = (text: string, start: number, end: number) => {
    const field = fieldOf(text, start)
    const from = valueStart(text, start, end, field)
    if (from === -1) return
    const value = text.slice(from, end)
    switch (field) {
      case "data":
        data = data === undefined ? value : `${data}\n${value}`
        break
      case "event":
        name = value
        break
      case "id":
        if (!value.includes("\0")) id = value
        break
      case "retry":
        if (isDigits(value)) retry = Duration.millis(Number(value))
        break
    }
  }

  const fits = (lineLength: number): boolean => {
    if (lineLength + (data === undefined ? 0 : data.length) <= maxEventSize) return true
    error = new EventTooLarge({ limit: maxEventSize })
    held = ""
    data = undefined
    return false
  }

  const endLine = (text: string, start: number, end: number) => {
    if (start === end) dispatch()
    else if (fits(end - start)) setField(text, start, end)
  }

  const scan = (text: string) => {
    if (error !== undefined || text === "") return
    let start = afterCarriageReturn && text.charCodeAt(0) === LF ? 1 : 0
    afterCarriageReturn = false
    let lf = text.indexOf("\n", start)
    let cr = text.indexOf("\r", start)
    while (lf !== -1 || cr !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
      if (held === "") {
        endLine(text, start, end)
      } else {
        const whole = held + text.slice(start, end)
        held = ""
        endLine(whole, 0, whole.length)
      }
      if (error !== undefined) return
      start = end + 1
      if (end === cr) {
        if (lf === start) start++
        else afterCarriageReturn = start === text.length
        cr = text.indexOf("\r", start)
      }
      if (lf !== -1 && lf < start) lf = text.indexOf("\n", start)
    }
    if (start < text.length) {
      held += text.slice(start)
      fits(held.length)
    }
  }

  const feed = (text: string): ReadonlyArray<Event> => {
    completed = none
    scan(text)
    return completed
  }

  return {
    feed,
    get lastEventId() {
      return lastEventId
    },
    get retry() {
      return retry
    },
    get error() {
      return error
    }
  }
}

/**
 * Decodes a stream of bytes into server-sent events: one chunk of events for each chunk of bytes that completed some.
 *
 * Invalid UTF-8 becomes U+FFFD. An event that the input ends in the middle of is dropped. Fails with `EventTooLarge`
 * after the events before it.
 *
 * @example
 * ```ts
 * import * as Sse from "effect-providers/http/Sse"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const bytes = Stream.make("data: Once\n\nda", "ta:  upon\n\n").pipe(Stream.encodeText)
 *
 * bytes.pipe(Sse.decode(), Stream.runForEach((event) => Effect.log(event.data)), Effect.runPromise)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const decode =
  (options?: Options) => <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Event, E | EventTooLarge, R> =>
    Stream.suspend(() => {
      const decoder = new TextDecoder()
      const parser = makeParser(options)

      const loop: Channel.Channel<Chunk.Chunk<Event>, Chunk.Chunk<Uint8Array>, E | EventTooLarge, E, void, unknown> =
        Channel.readWithCause({
          onInput: (chunk: Chunk.Chunk<Uint8Array>) => {
            let text = ""
            for (const bytes of chunk) text += decoder.decode(bytes, { stream: true })
            const events = parser.feed(text)
            const next = parser.error === undefined ? loop : Channel.fail(parser.error)
            if (events.length === 0) return next
            return Channel.flatMap(Channel.write(Chunk.unsafeFromArray(events)), () => next)
          },
          onFailure: Channel.failCause,
          onDone: () => Channel.void
        })

      return Stream.pipeThroughChannel(self, loop)
    })
