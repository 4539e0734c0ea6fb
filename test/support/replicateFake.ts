import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import type * as Output from "../../src/Output.js"
import * as Provider from "../../src/Provider.js"
import * as Replicate from "../../src/providers/Replicate.js"
import * as fakeHttp from "./fakeHttp.js"
import { timed } from "./replicate-server.js"

export const secret = "r8_layer_secret"
/** The key of a single call. */
export const ownKey = Redacted.make("r8_own_secret")
export const id = "p1"
export const predictionUrl = `https://api.replicate.com/v1/predictions/${id}`
export const createUrl = "https://api.replicate.com/v1/models/meta/meta-llama-3-70b-instruct/predictions"
/** The query is a capability: whoever has it can read the output. */
export const streamUrl = "https://stream.replicate.example/v1/streams/abc?key=capability"

/** A prediction as the API writes it. */
export const prediction = (fields: Readonly<Record<string, unknown>> = {}) => ({
  id,
  model: "meta/meta-llama-3-70b-instruct",
  version: "hidden",
  status: "starting",
  input: {},
  output: null,
  error: null,
  logs: "",
  created_at: "2025-01-01T00:00:00.123456789Z",
  data_removed: false,
  urls: { get: predictionUrl, cancel: `${predictionUrl}/cancel`, stream: streamUrl },
  ...fields
})

/** One event of a stream, each line of `data` on a line of its own. */
export const event = (name: string, data: string, id?: string): string => {
  const lines = data.split("\n").map((line) => `data: ${line}\n`)
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}${lines.join("")}\n`
}

export const done = event("done", "{}")

/** A stream whose other end is in the hand of the test. */
export const socket = (...pieces: ReadonlyArray<string>) => {
  const encoder = new TextEncoder()
  const state = { canceled: 0 }
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given
      for (const piece of pieces) given.enqueue(encoder.encode(piece))
    },
    cancel() {
      state.canceled++
    }
  })
  return {
    state,
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    push: (text: string) => Effect.sync(() => controller?.enqueue(encoder.encode(text))),
    breakOff: () => Effect.sync(() => controller?.error(new TypeError("terminated")))
  }
}

type Answer = ReturnType<Parameters<typeof fakeHttp.make>[0]>
type Handler = (request: fakeHttp.Seen, n: number) => Answer

/** What the server answers to the calls of one kind, `n` counting from 0. What is left out goes well. */
export interface Routes {
  readonly create?: Handler
  readonly stream?: Handler
  readonly read?: Handler
  readonly cancel?: Handler
}

type Route = keyof Routes

const routeOf = (request: fakeHttp.Seen): Route =>
  request.url === streamUrl
    ? "stream"
    : request.method === "GET"
    ? "read"
    : request.url.endsWith("/cancel")
    ? "cancel"
    : "create"

const wellDone: Required<Routes> = {
  create: () => fakeHttp.json(prediction(), { status: 201 }),
  stream: () => fakeHttp.sse(event("output", "Hel"), event("output", "lo"), done),
  read: () => fakeHttp.json(prediction({ status: "succeeded", output: ["Hel", "lo"] })),
  cancel: () => fakeHttp.json(prediction({ status: "canceled" }))
}

/** Replicate, without sockets. */
export const server = (routes: Routes = {}) => {
  const counts = new Map<Route, number>()
  const http = fakeHttp.make((request) => {
    const route = routeOf(request)
    const n = counts.get(route) ?? 0
    counts.set(route, n + 1)
    return (routes[route] ?? wellDone[route])(request, n)
  })
  return {
    ...http,
    /** The calls of one kind, in order. */
    seen: (route: Route) => http.requests.filter((request) => routeOf(request) === route),
    /** The provider in front of the server, with a key unless told otherwise. */
    provider: (options: Replicate.Options = {}) =>
      Layer.provide(Replicate.layer({ apiKey: Redacted.make(secret), ...options }), http.layer)
  }
}

/** Every way an error is usually printed. */
export const printed = (error: unknown): string =>
  [String(error), JSON.stringify(error), inspect(error, { depth: 10, showHidden: true })].join("\n")

export const asked: Provider.Request = { prompt: "Hi" }

export const processing = () => fakeHttp.json(prediction({ status: "processing" }))

export const succeeded = (output: unknown, fields: Readonly<Record<string, unknown>> = {}) => () =>
  fakeHttp.json(prediction({ status: "succeeded", output, ...fields }))

/** The pieces of text of an answer, in order. */
export const texts = (outputs: ReadonlyArray<Output.Output>): ReadonlyArray<string> =>
  outputs.flatMap((output) => output._tag === "TextDelta" ? [output.text] : [])

/** What came, and how it ended: `ok`, or the tag of the error. */
export const ended = Effect.fnUntraced(function*(of: ReturnType<typeof server>) {
  const outputs: Array<Output.Output> = []
  const end = yield* Provider.stream(asked).pipe(
    Stream.runForEach((output) => Effect.sync(() => outputs.push(output))),
    Effect.match({ onFailure: (error) => error, onSuccess: () => "ok" as const }),
    timed,
    Effect.provide(of.provider({ maxRetries: 0 }))
  )
  return { end, tag: end === "ok" ? end : end._tag, text: texts(outputs).join(""), outputs }
})

/** The error of a request, and that no key is told in it. */
export const errorOf = (of: ReturnType<typeof server>, request = asked, options: Replicate.Options = {}) =>
  Provider.text(request).pipe(
    Effect.flip,
    timed,
    Effect.provide(of.provider(options)),
    Effect.tap((error) => Effect.sync(() => assert.notInclude(printed(error), secret)))
  )
