import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
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

/** The body that undici's `request` gives. */
interface Undici extends Unread, AsyncIterable<Uint8Array> {}

const isUnread = (u: unknown): u is Unread =>
  Predicate.hasProperty(u, "bodyUsed") && u.bodyUsed === false &&
  Predicate.hasProperty(u, "text") && typeof u.text === "function"

const isWeb = (u: unknown): u is Web =>
  isUnread(u) && Predicate.hasProperty(u, "body") && Predicate.hasProperty(u.body, "getReader")

const isUndici = (u: unknown): u is Undici => isUnread(u) && Predicate.hasProperty(u, Symbol.asyncIterator)

/**
 * What a response of the platform was made of: it keeps that, without a word in its type. To read it takes a tenth of
 * the steps that the response's own `text` and `stream` take; where there is nothing known here, those are read, and
 * those of a response that was wrapped.
 */
const sourceOf = (response: Response): Web | Undici | undefined => {
  if (!Object.hasOwn(response, "source") || !Predicate.hasProperty(response, "source")) return
  if (Object.hasOwn(response, "text") || Object.hasOwn(response, "stream")) return
  const { source } = response
  if (isWeb(source)) return source
  return Predicate.hasProperty(source, "body") && isUndici(source.body) ? source.body : undefined
}

const broken = (response: Response) => (cause: unknown) =>
  new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode", cause })

/**
 * The text of a body that is read once.
 *
 * @internal
 */
export const text = (response: Response): Effect.Effect<string, HttpClientError.ResponseError> => {
  const source = sourceOf(response)
  return source === undefined
    ? response.text
    : Effect.tryPromise({ try: () => source.text(), catch: broken(response) })
}

const readerOf = (source: Web | Undici) => {
  if ("body" in source) {
    const reader = source.body.getReader()
    return { read: () => reader.read(), close: () => reader.cancel() }
  }
  const chunks = source[Symbol.asyncIterator]()
  return { read: () => chunks.next(), close: async (): Promise<void> => void await chunks.return?.() }
}

/**
 * Gives away the chunks of a body that is read once. Its request is to be sent by `HttpClient.withScope`, with the same
 * scope: nothing else ends a body that is not read to its end.
 *
 * @internal
 */
export const forEach = (
  response: Response,
  scope: Scope.Scope,
  take: Push.Take<Uint8Array>
): Effect.Effect<void, HttpClientError.ResponseError> =>
  Effect.suspend(() => {
    const source = sourceOf(response)
    if (source === undefined) return Scope.extend(Push.forEachChunk(response.stream, take), scope)
    const { close, read } = readerOf(source)
    const fail = broken(response)
    let isClosed = false
    const reading = async (): Promise<Effect.Effect<void, HttpClientError.ResponseError>> => {
      while (true) {
        let bytes: Uint8Array | undefined
        try {
          bytes = (await read()).value
        } catch (cause) {
          return Effect.fail(fail(cause))
        }
        if (bytes === undefined || isClosed) return Effect.void
        const flow = take(Chunk.of(bytes))
        if (flow === false) return Effect.void
        if (flow !== true) await new Promise<void>(flow)
      }
    }
    // Not waited for: an iterator is not closed before its last read is over, which the end of the request comes after;
    // and one that is broken cannot be closed.
    const closing = Effect.sync(() => {
      isClosed = true
      void close().catch(() => {})
    })
    return Effect.zipRight(Scope.addFinalizer(scope, closing), Effect.flatten(Effect.promise(reading)))
  })
