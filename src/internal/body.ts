import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { asyncOnce } from "./asyncOnce.js"
import * as Push from "./push.js"

type Response = HttpClientResponse.HttpClientResponse

interface Unread {
  readonly bodyUsed: false
  readonly text: () => Promise<string>
}

/** As `fetch` gives it. */
interface Web extends Unread {
  readonly body: ReadableStream<Uint8Array>
}

/** The body that undici's `request` gives: a `Readable` of Node. */
interface Undici extends Unread {
  readonly on: {
    (event: "data", listener: (bytes: Uint8Array) => void): unknown
    (event: "end" | "close", listener: () => void): unknown
    (event: "error", listener: (cause: unknown) => void): unknown
  }
  readonly pause: () => unknown
  readonly resume: () => unknown
  readonly destroy: () => unknown
}

const isUnread = (u: unknown): u is Unread =>
  Predicate.hasProperty(u, "bodyUsed") && u.bodyUsed === false && Predicate.hasProperty(u, "text")

const isWeb = (u: unknown): u is Web =>
  isUnread(u) && Predicate.hasProperty(u, "body") && Predicate.hasProperty(u.body, "getReader")

const isUndici = (u: unknown): u is Undici => isUnread(u) && Predicate.hasProperty(u, "pause")

/**
 * What a response of the platform was made of: it keeps that, without a word in its type.
 *
 * @internal
 */
export const sourceOf = (response: Response): unknown => {
  const inner = Predicate.hasProperty(response, "original") ? response.original : response
  return Predicate.hasProperty(inner, "source") ? inner.source : undefined
}

/** As Node has it: undici keeps it in its answer, node:http is it. */
const bodyOf = (response: Response): unknown => {
  const source = sourceOf(response)
  return Predicate.hasProperty(source, "body") ? source.body : source
}

/**
 * A source that can be read as it is, which takes a tenth of the steps that the response's own `text` and `stream` take;
 * where there is nothing known here, those are read, and those of a response that was wrapped.
 */
const readable = (response: Response): Web | Undici | undefined => {
  if (!Object.hasOwn(response, "source")) return
  if (Object.hasOwn(response, "text") || Object.hasOwn(response, "stream")) return
  const source = sourceOf(response)
  if (isWeb(source)) return source
  const body = bodyOf(response)
  return isUndici(body) ? body : undefined
}

const brokenBy = (response: Response) => (cause: unknown) =>
  new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode", cause })

/** What a body of Node broke with before anybody read it, where the platform would wait for ever, or for no bytes. */
const brokenBefore = (response: Response): HttpClientError.ResponseError | undefined => {
  const body = bodyOf(response)
  return Predicate.hasProperty(body, "errored") && body.errored ? brokenBy(response)(body.errored) : undefined
}

/**
 * The text of a body that is read once.
 *
 * @internal
 */
export const text = (response: Response): Effect.Effect<string, HttpClientError.ResponseError> => {
  const source = readable(response)
  return source === undefined
    ? brokenBefore(response) ?? response.text
    : asyncOnce((resume) => {
      source.text().then(
        (text) => resume(Effect.succeed(text)),
        (cause) => resume(brokenBy(response)(cause))
      )
    })
}

/**
 * The bytes of a body.
 *
 * @internal
 */
export const stream = (response: Response): Stream.Stream<Uint8Array, HttpClientError.ResponseError> =>
  Stream.suspend(() => {
    const error = brokenBefore(response)
    return error === undefined ? response.stream : Stream.fail(error)
  })

type Ended = Effect.Effect<void, HttpClientError.ResponseError>

/** What reads a body, and gives what it ended with; what is not taken any more can be read on. */
interface Reader {
  readonly read: (take: Push.Take<Uint8Array>) => Promise<Ended>
  readonly close: () => unknown
}

const webReader = ({ body }: Web, fail: (cause: unknown) => Ended): Reader => {
  const reader = body.getReader()
  return {
    read: async (take) => {
      while (true) {
        let bytes: Uint8Array | undefined
        try {
          bytes = (await reader.read()).value
        } catch (cause) {
          return fail(cause)
        }
        if (bytes === undefined) return Effect.void
        const flow = take(Chunk.of(bytes))
        if (flow === false) return Effect.void
        if (flow !== true) await new Promise<void>(flow)
      }
    },
    // not waited for, as it may have no end; and what is broken cannot be closed
    close: () => void reader.cancel().catch(() => {})
  }
}

/** By its events, all that came in one turn at once: its iterator takes several turns for each chunk. */
const undiciReader = (body: Undici, fail: (cause: unknown) => Ended): Reader => {
  let arrived: Array<Uint8Array> = []
  let end: Ended | undefined
  let wake = () => {}
  const ended = (as: Ended) => {
    end ??= as
    wake()
  }
  // all of them now: what is over before a listener is there is never told again
  body.on("data", (bytes) => {
    arrived.push(bytes)
    wake()
  })
  body.on("end", () => ended(Effect.void))
  body.on("error", (cause) => ended(fail(cause)))
  body.on("close", () => ended(fail(new Error("closed before its end"))))

  const news = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  const read = async (take: Push.Take<Uint8Array>): Promise<Ended> => {
    body.resume()
    while (true) {
      while (arrived.length === 0) {
        if (end !== undefined) return end
        await news()
      }
      const chunk = Chunk.unsafeFromArray(arrived)
      arrived = []
      const flow = take(chunk)
      if (flow === false) return Effect.void
      if (flow === true) continue
      body.pause()
      await new Promise<void>(flow)
      body.resume()
    }
  }
  return {
    // what nobody takes any more is not to pile up
    read: (take) => read(take).finally(() => body.pause()),
    close: () => body.destroy()
  }
}

/** Chunks that are read on after the last one that was wanted. */
const mostUnwanted = 16

/**
 * Gives away the chunks of a body that is read once. After the last one that was wanted it is read on, as a body that ends
 * leaves its connection to the next call. Its request is to be sent by `HttpClient.withScope`, with the same scope:
 * nothing else ends a body that is not read to its end.
 *
 * @internal
 */
export const forEach = (response: Response, scope: Scope.Scope, take: Push.Take<Uint8Array>): Ended =>
  Effect.suspend(() => {
    const source = readable(response)
    if (source === undefined) return Scope.extend(Push.forEachChunk(stream(response), take), scope)
    const broken = brokenBy(response)
    const fail = (cause: unknown) => Effect.fail(broken(cause))
    const { close, read } = "pause" in source ? undiciReader(source, fail) : webReader(source, fail)
    let isClosed = false
    const closing = Effect.sync(() => {
      isClosed = true
      close()
    })
    const reading = Effect.promise(() =>
      read((chunk) => !isClosed && take(chunk)).finally(() => {
        let left = mostUnwanted
        void read(() => !isClosed && left-- > 0)
      })
    )
    return Effect.zipRight(Scope.addFinalizer(scope, closing), Effect.flatten(reading))
  })
