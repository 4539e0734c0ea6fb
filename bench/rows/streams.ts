import type { Contender, Row } from "../row.js"
import { tokensChecksum } from "../work.js"
import { official, overFetch, overUndici } from "./http.js"

/** One stream, read by each contender. */
const single = (ratio: number): ReadonlyArray<Contender> => [
  { name: "fetch", start: async (task) => (await import("../contenders/fetch.js")).stream(task) },
  {
    name: "Prediction.stream",
    start: async (task) => (await import("../contenders/ours.js")).stream(await overFetch())(task),
    goal: { ratio }
  },
  {
    name: "Prediction.stream, mapChunks",
    start: async (task) => (await import("../contenders/ours.js")).mapChunks(await overFetch())(task),
    goal: { ratio }
  },
  {
    name: "Provider.stream",
    start: async (task) => (await import("../contenders/provider.js")).stream(await overFetch())(task),
    goal: { ratio }
  },
  {
    name: "Prediction.stream, undici's layer",
    start: async (task) => (await import("../contenders/ours.js")).stream(await overUndici())(task),
    goal: { ratio }
  },
  {
    name: "Provider.stream, an effect each",
    start: async (task) => (await import("../contenders/provider.js")).forEach(await overFetch())(task)
  },
  {
    name: "fetch + eventsource-parser",
    start: async (task) => (await import("../contenders/eventSource.js")).stream(task),
    peer: true
  },
  {
    name: "plain composition",
    start: async (task) => (await import("../contenders/platform.js")).stream(await overFetch())(task),
    peer: true
  },
  {
    name: official,
    start: async (task) => (await import("../contenders/official.js")).stream(task),
    peer: true
  }
]

/** So many streams at the same time, read by each contender. */
const many = (ratio: number, count: (size: number) => number): ReadonlyArray<Contender> => [
  { name: "fetch", start: async (task) => (await import("../contenders/fetch.js")).streams(count)(task) },
  {
    name: "Prediction.stream",
    start: async (task) => (await import("../contenders/ours.js")).streams(await overFetch(), count)(task),
    goal: { ratio }
  },
  {
    name: "Provider.stream",
    start: async (task) => (await import("../contenders/provider.js")).streams(await overFetch(), count)(task),
    goal: { ratio }
  },
  {
    name: "Prediction.stream, undici's layer",
    start: async (task) => (await import("../contenders/ours.js")).streams(await overUndici(), count)(task),
    goal: { ratio }
  },
  {
    name: "Provider.stream, undici's layer",
    start: async (task) => (await import("../contenders/provider.js")).streams(await overUndici(), count)(task),
    goal: { ratio }
  },
  {
    name: "plain composition",
    start: async (task) => (await import("../contenders/platform.js")).streams(await overFetch(), count)(task),
    peer: true
  },
  {
    name: official,
    start: async (task) => (await import("../contenders/official.js")).streams(count)(task),
    peer: true
  }
]

/** What streams have to show that are all of one length. */
const tokens = (streams: number, events: number) => ({
  count: streams * events,
  checksum: Math.imul(streams, tokensChecksum(events))
})

const eventsPerStream = 200
const pacedStreams = 50

export const streams: ReadonlyArray<Row> = [
  {
    name: "stream",
    about: (size) => `1 stream of ${size} token events, each a chunk of HTTP`,
    unit: "event",
    size: 200_000,
    floors: ["fetch"],
    contenders: single(2),
    expected: (size) => tokens(1, size),
    serve: async () => (await import("../servers/events.js")).smallChunks
  },
  {
    name: "stream-64k",
    about: (size) => `1 stream of ${size} token events, in chunks of 64 KiB`,
    unit: "event",
    size: 200_000,
    floors: ["fetch"],
    contenders: single(1.8),
    expected: (size) => tokens(1, size),
    serve: async () => (await import("../servers/events.js")).largeChunks
  },
  {
    name: "streams",
    about: (size) => `${size} streams at the same time, of ${eventsPerStream} token events`,
    unit: "event",
    units: (size) => size * eventsPerStream,
    size: 500,
    floors: ["fetch"],
    contenders: many(2, (size) => size),
    expected: (size) => tokens(size, eventsPerStream),
    serve: async () => (await import("../servers/events.js")).shortStreams(eventsPerStream)
  },
  {
    name: "paced",
    about: (size) => `${pacedStreams} streams at the same time, of ${size} token events, one each 5 ms`,
    unit: "event",
    units: (size) => size * pacedStreams,
    size: 400,
    floors: ["fetch"],
    contenders: many(1.6, () => pacedStreams),
    expected: (size) => tokens(pacedStreams, size),
    serve: async () => (await import("../servers/events.js")).pacedStreams
  }
]
