import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { originOf } from "./connection.js"

/**
 * A request that reached the emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedRequest {
  readonly method: string
  readonly origin: string
  /** With the query, as it was sent. */
  readonly path: string
  /** Whether there was an `Authorization` header; the log never holds what was in it. */
  readonly hasToken: boolean
  /** All but those that hold credentials. */
  readonly headers: Readonly<Record<string, string>>
  readonly lastEventId: string | undefined
  /** The body, when it was JSON. */
  readonly body: unknown
}

/**
 * A stream that was read from the emulator: `finished` by the event that ends it, `closed` by the client, `idle` when
 * nothing happened for 30 seconds and it was ended for that, or `dropped` by a fault.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedStream {
  readonly predictionId: string
  readonly lastEventId: string | undefined
  readonly state: "open" | "finished" | "closed" | "idle" | "dropped"
  /** Events that were sent, without comments. */
  readonly sent: number
}

/** @internal */
export type OpenStream = { -readonly [Key in keyof LoggedStream]: LoggedStream[Key] }

/** @internal */
export interface RequestLog {
  readonly add: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<void>
  readonly open: (predictionId: string, lastEventId: string | undefined) => Effect.Effect<OpenStream>
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
  readonly streams: Effect.Effect<ReadonlyArray<LoggedStream>>
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

/** The body of a request, if it is JSON; any other is left for its reader. */
const bodyOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<unknown> =>
  request.headers["content-type"]?.includes("json") === true
    ? Effect.match(request.text, {
      onFailure: () => undefined,
      onSuccess: (text) => Option.getOrUndefined(parseJson(text))
    })
    : Effect.void

/** @internal */
export const make = (): RequestLog => {
  const requests: Array<LoggedRequest> = []
  const streams: Array<OpenStream> = []
  return {
    add: Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
      const secret = yield* FiberRef.get(Headers.currentRedactedNames)
      requests.push({
        method: request.method,
        origin: originOf(request),
        path: request.url,
        hasToken: request.headers["authorization"] !== undefined,
        headers: { ...Headers.remove(request.headers, secret) },
        lastEventId: request.headers["last-event-id"],
        body: yield* bodyOf(request)
      })
    }),
    open: (predictionId, lastEventId) =>
      Effect.sync(() => {
        const opened: OpenStream = { predictionId, lastEventId, state: "open", sent: 0 }
        streams.push(opened)
        return opened
      }),
    requests: Effect.sync(() => requests.slice()),
    streams: Effect.sync(() => streams.map((stream) => ({ ...stream })))
  }
}
