import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * A request that reached the emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedRequest {
  readonly method: string
  /** With the query, as it was sent. */
  readonly path: string
  /** All but those that hold credentials. */
  readonly headers: Readonly<Record<string, string>>
  /** The names of the cookies that were sent; the log never holds their values. */
  readonly cookies: ReadonlyArray<string>
  /** The body, if it was JSON; the fields in order, if it was a form. */
  readonly body: unknown
  /** What became of a streamed reply: `closed` by the client, `dropped` by a fault. */
  readonly stream: "open" | "finished" | "closed" | "dropped" | undefined
}

/** @internal */
export type Entry = { -readonly [Key in keyof LoggedRequest]: LoggedRequest[Key] }

/** @internal */
export interface KeylessLog {
  readonly add: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<Entry>
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
}

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

const parse = (contentType: string, text: string): unknown =>
  contentType.startsWith("application/x-www-form-urlencoded")
    ? Object.fromEntries(new URLSearchParams(text))
    : Option.getOrUndefined(parseJson(text))

/** @internal */
export const make = (): KeylessLog => {
  const entries: Array<Entry> = []
  return {
    add: Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
      const secret = yield* FiberRef.get(Headers.currentRedactedNames)
      const text = yield* Effect.orElseSucceed(request.text, () => "")
      const entry: Entry = {
        method: request.method,
        path: request.url,
        headers: { ...Headers.remove(request.headers, secret) },
        cookies: Object.keys(request.cookies),
        body: parse(request.headers["content-type"] ?? "", text),
        stream: undefined
      }
      entries.push(entry)
      return entry
    }),
    requests: Effect.sync(() => entries.map((entry) => ({ ...entry })))
  }
}
