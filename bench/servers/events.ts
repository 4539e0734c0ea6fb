import type { ServerResponse } from "node:http"
import type { Serve } from "../row.js"
import { finished, prediction, token } from "../work.js"
import { json, notFound, perSize, pump } from "./answer.js"

const event = (n: number): string => `event: output\nid: 1690212292:${n}\ndata: ${token(n)}\n\n`

const done = "event: done\nid: 1690212293:0\ndata: {}\n\n"

/** A piece of a body as HTTP frames it. */
const framed = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

/**
 * Predictions that are streamed: each has so many events, and `send` sends them. The finished prediction holds the
 * whole output, as Replicate's does.
 */
const streamed = (
  eventsOf: (size: number) => number,
  send: (response: ServerResponse, events: number) => void
): Serve => {
  let made = 0
  const output = perSize((size) => Array.from({ length: eventsOf(size) }, (_, n) => token(n)))
  const final = perSize((size) => Buffer.from(JSON.stringify(prediction("http://bench", "p0", finished(output(size))))))

  return (call) => {
    const { base, path, request, response, size } = call
    if (request.method === "POST") {
      request.resume()
      const id = `p${made++}`
      const { urls, ...rest } = prediction(base, id)
      return json(
        response,
        201,
        JSON.stringify({ ...rest, urls: { ...urls, stream: `${base}/streams/${id}` } })
      )
    }
    if (path.startsWith("/v1/predictions/")) return json(response, 200, final(size))
    if (!path.startsWith("/streams/")) return notFound(call)
    response.writeHead(200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" })
    response.flushHeaders()
    send(response, eventsOf(size))
  }
}

/** Cuts a body that is framed already into what one write takes. */
const slices = (body: Buffer, size: number) => {
  let at = 0
  return (): Uint8Array | undefined => {
    if (at >= body.length) return undefined
    at += size
    return body.subarray(at - size, at)
  }
}

const writeSize = 64 * 1024

/** Sends a body that was framed once: framing it anew each time would make the server the limit. */
const sendFramed = (frames: (events: number) => ReadonlyArray<string>) => {
  const body = perSize((events) => Buffer.from(frames(events).map(framed).join("")))
  return (response: ServerResponse, events: number) => {
    const { socket } = response
    if (socket !== null) pump(socket, slices(body(events), writeSize), () => response.end())
  }
}

const events = (count: number): Array<string> => [...Array.from({ length: count }, (_, n) => event(n)), done]

/** One stream as fast as it goes, each event a chunk of HTTP of its own. */
export const smallChunks = streamed((size) => size, sendFramed(events))

/** The same in chunks of 64 KiB. */
export const largeChunks = streamed(
  (size) => size,
  sendFramed((count) => {
    const text = events(count).join("")
    return Array.from(
      { length: Math.ceil(text.length / writeSize) },
      (_, n) => text.slice(n * writeSize, (n + 1) * writeSize)
    )
  })
)

const eventsPerWrite = 20

/** Short streams, which take turns: some events of each, then of the next. */
export const shortStreams = (eventsPerStream: number): Serve => {
  const all = events(eventsPerStream)
  const writes = Array.from(
    { length: Math.ceil(all.length / eventsPerWrite) },
    (_, n) => Buffer.from(all.slice(n * eventsPerWrite, (n + 1) * eventsPerWrite).map(framed).join(""))
  )
  return streamed(() => eventsPerStream, (response) => {
    const step = (n: number) => {
      const bytes = writes[n]
      if (bytes === undefined) return void response.end()
      response.socket?.write(bytes)
      setImmediate(step, n + 1)
    }
    step(0)
  })
}

const paceMillis = 5

/** Streams that get an event each 5 ms, all at the same moments. */
export const pacedStreams = (() => {
  const open = new Map<ServerResponse, { readonly events: number; readonly since: number; sent: number }>()
  const frames = perSize((count) => events(count).map((text) => Buffer.from(framed(text))))
  let timer: NodeJS.Timeout | undefined

  const tick = () => {
    const now = performance.now()
    for (const [response, stream] of open) {
      // a timer that came late makes up for it
      const due = Math.min(Math.floor((now - stream.since) / paceMillis), stream.events + 1)
      for (; stream.sent < due; stream.sent++) {
        const frame = frames(stream.events)[stream.sent]
        if (frame !== undefined) response.socket?.write(frame)
      }
      if (stream.sent > stream.events) {
        open.delete(response)
        response.end()
      }
    }
    if (open.size === 0) timer = void clearInterval(timer)
  }

  return streamed((size) => size, (response, events) => {
    open.set(response, { events, since: performance.now(), sent: 0 })
    response.on("close", () => open.delete(response))
    timer ??= setInterval(tick, paceMillis)
  })
})()
