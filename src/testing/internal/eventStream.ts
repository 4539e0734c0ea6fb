import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { type ConnectionDropped, drop } from "./connection.js"
import { type Prediction, removedAt, until } from "./predictions.js"
import type { OpenStream, RequestLog } from "./requestLog.js"
import * as Timeline from "./timeline.js"

interface Event {
  readonly at: number
  readonly id: string
  readonly event: "output" | "logs" | "error" | "done"
  readonly data: string
}

/** @internal */
export interface Options {
  readonly lastEventId: string | undefined
  /** How many events before the missed ones are sent again. */
  readonly repeat: number
  readonly withIds: boolean
  /** After how many events the connection is dropped. */
  readonly cutAfter: number | undefined
}

type Unnumbered = Omit<Event, "id" | "at">

const eventOf = (content: Timeline.Content): Unnumbered => {
  switch (content._tag) {
    case "Text":
      return { event: "output", data: content.text }
    case "File":
      return { event: "output", data: content.url }
    case "Json":
      return { event: "output", data: JSON.stringify(content.value) }
    case "Log":
      return { event: "logs", data: content.text }
    case "Fail":
      return { event: "error", data: JSON.stringify({ detail: content.error }) }
  }
}

const doneData = {
  succeeded: "{}",
  failed: `{"reason":"error"}`,
  canceled: `{"reason":"canceled"}`,
  aborted: `{"reason":"canceled"}`
}

/** A stream on which nothing happens for so long ends. */
const idleLimit = Duration.toMillis("30 seconds")

/** What ends a stream of which there is nothing to tell, now or ever. */
const timeout = ":408: 408 Request Timeout"

/** All events of a prediction. An id is the second of the event, and its number in that second. */
const eventsOf = ({ completedAt, happenings, status }: Timeline.Timeline): ReadonlyArray<Event> => {
  let second = -1
  let number = 0
  const numbered = (at: number, event: Unnumbered): Event => {
    const now = Math.floor(at / 1000)
    number = now === second ? number + 1 : 0
    second = now
    return { ...event, at, id: `${second}:${number}` }
  }
  return [
    ...happenings.map(({ at, content }) => numbered(at, eventOf(content))),
    numbered(completedAt, { event: "done", data: doneData[status] })
  ]
}

const encoder = new TextEncoder()

const comment = (line: string) => encoder.encode(`${line}\n\n`)

type Item = Event | typeof timeout

const encode = (item: Item, withIds: boolean): Uint8Array => {
  if (item === timeout) return comment(timeout)
  const { data, event, id } = item
  const lines = data.split(/\r\n?|\n/).map((line) => `data: ${line}\n`).join("")
  return encoder.encode(`event: ${event}\n${withIds ? `id: ${id}\n` : ""}${lines}\n`)
}

interface Cursor {
  readonly timeline: Timeline.Timeline
  readonly events: ReadonlyArray<Event>
  readonly next: number
}

/** The events that are due next, once one is; or what ends the stream when none is for too long. */
const advance = Effect.fnUntraced(function*(prediction: Prediction, cursor: Cursor) {
  const upcoming = cursor.events[cursor.next]
  if (upcoming === undefined) return Option.none()
  const limit = (yield* Clock.currentTimeMillis) + idleLimit
  yield* until(prediction, Math.min(upcoming.at, limit))
  const timeline = yield* Ref.get(prediction.timeline)
  const events = timeline === cursor.timeline ? cursor.events : eventsOf(timeline)
  const now = yield* Clock.currentTimeMillis
  let next = cursor.next
  while ((events[next]?.at ?? Infinity) <= now) next++
  const isIdle = next === cursor.next && upcoming.at > limit
  const due: ReadonlyArray<Item> = isIdle ? [timeout] : events.slice(cursor.next, next)
  return Option.some(
    [Chunk.unsafeFromArray(due), { timeline, events, next: isIdle ? events.length : next }] as const
  )
})

/** The events after the last one seen, each when it happens. */
const follow = (
  prediction: Prediction,
  timeline: Timeline.Timeline,
  { lastEventId, repeat }: Options
) => {
  const events = eventsOf(timeline)
  const next = Math.max(0, events.findIndex(({ id }) => id === lastEventId) + 1 - repeat)
  return Stream.unfoldChunkEffect({ timeline, events, next }, (cursor: Cursor) => advance(prediction, cursor))
}

const count = (opened: OpenStream) => (items: Chunk.Chunk<Item>) => {
  for (const item of items) {
    if (item === timeout) {
      opened.state = "idle"
    } else {
      opened.sent++
      if (item.event === "done") opened.state = "finished"
    }
  }
  return items
}

/**
 * The body of a prediction's event stream: what happened so far at once, then what happens as it does.
 *
 * @internal
 */
export const make = (
  request: HttpServerRequest.HttpServerRequest,
  prediction: Prediction,
  log: RequestLog,
  options: Options
): Stream.Stream<Uint8Array, ConnectionDropped> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const timeline = yield* Ref.get(prediction.timeline)
    if ((yield* Clock.currentTimeMillis) >= removedAt(prediction, timeline)) return Stream.make(comment(timeout))

    const opened = yield* Effect.acquireRelease(log.open(prediction.id, options.lastEventId), (opened) =>
      Effect.sync(() => {
        if (opened.state === "open") {
          opened.state = "closed"
        }
      }))
    const send = (items: Stream.Stream<Item>) =>
      items.pipe(
        Stream.mapChunks(count(opened)),
        Stream.map((item) =>
          encode(item, options.withIds)
        )
      )
    const cut = Stream.suspend(() => {
      if (opened.state !== "open") return Stream.empty
      opened.state = "dropped"
      return Stream.fromEffect(drop(request))
    })
    const events = follow(prediction, timeline, options)
    return Stream.concat(
      Stream.make(comment(": hi")),
      options.cutAfter === undefined ? send(events) : Stream.concat(send(Stream.take(events, options.cutAfter)), cut)
    )
  }))
