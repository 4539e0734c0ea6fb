import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import { originOf } from "./connection.js"
import { problem } from "./problem.js"

const size = 100

/** The first or last item that is not on the page asked for, and where the page is from there. */
interface Cursor {
  readonly side: "after" | "before"
  readonly key: string
}

const read = (text: string): Cursor | undefined => {
  const parts = /^(after|before):([^]*)$/.exec(Either.getOrElse(Encoding.decodeBase64UrlString(text), () => ""))
  return parts === null ? undefined : { side: parts[1] === "after" ? "after" : "before", key: parts[2] ?? "" }
}

const invalidCursor = problem(404, "Invalid cursor")

/**
 * One page of a list, of 100 items, with opaque links to the pages around it. A link stands for a place between two
 * items, so that what is added meanwhile moves nothing.
 *
 * @internal
 */
export const paginate = <A>(
  request: HttpServerRequest.HttpServerRequest,
  items: ReadonlyArray<A>,
  keyOf: (item: A) => string,
  encode: (item: A) => Effect.Effect<unknown>
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const asked = new URL(request.url, originOf(request))
  const link = (side: Cursor["side"], item: A | undefined) => {
    if (item === undefined) return null
    const url = new URL(asked)
    url.searchParams.set("cursor", Encoding.encodeBase64Url(`${side}:${keyOf(item)}`))
    return url.href
  }

  const text = asked.searchParams.get("cursor")
  const cursor = text === null ? undefined : read(text)
  const at = cursor === undefined ? -1 : items.findIndex((item) => keyOf(item) === cursor.key)
  if (text !== null && at < 0) return Effect.succeed(invalidCursor)

  const start = cursor?.side === "before" ? Math.max(0, at - size) : at + 1
  const end = cursor?.side === "before" ? at : start + size
  const page = items.slice(start, end)
  return Effect.map(Effect.forEach(page, encode), (results) =>
    HttpServerResponse.unsafeJson({
      next: end < items.length ? link("after", page.at(-1)) : null,
      previous: start > 0 ? link("before", page[0]) : null,
      results
    }))
}
