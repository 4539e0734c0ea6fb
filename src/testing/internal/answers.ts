import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { drop } from "./connection.js"
import type { Fault } from "./faults.js"

type Of<Tag extends Fault["_tag"]> = Extract<Fault, { readonly _tag: Tag }>

/** The same answer with another body, of which the length may be known. */
const withBody = <E>(
  response: HttpServerResponse.HttpServerResponse,
  body: Stream.Stream<Uint8Array, E>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(body, {
    status: response.status,
    headers: response.headers,
    contentLength: response.body.contentLength
  })

const streamOf = ({ body }: HttpServerResponse.HttpServerResponse): Stream.Stream<Uint8Array, unknown> | undefined =>
  body._tag === "Uint8Array" ? Stream.make(body.body) : body._tag === "Stream" ? body.stream : undefined

/**
 * An answer in place of that of the service.
 *
 * @internal
 */
export const instead = ({ body = "", headers = {}, status }: Of<"Answer">): HttpServerResponse.HttpServerResponse => {
  if (typeof body === "string") return HttpServerResponse.text(body, { status, headers })
  const type = { "content-type": status < 400 ? "application/json" : "application/problem+json" }
  return HttpServerResponse.unsafeJson(body, { status, headers: Headers.setAll(Headers.fromInput(type), headers) })
}

/** The first half, as if it were all. */
const halve = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = response
  return body._tag === "Uint8Array"
    ? HttpServerResponse.uint8Array(body.body.subarray(0, body.body.length / 2), { status, headers })
    : response
}

const retype = (
  response: HttpServerResponse.HttpServerResponse,
  { contentType }: Of<"ContentType">
): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = response
  // a body that has a type of its own keeps it whatever the headers say
  return body._tag === "Uint8Array"
    ? HttpServerResponse.uint8Array(body.body, { status, headers, contentType })
    : body._tag === "Stream"
    ? HttpServerResponse.stream(body.stream, { status, headers, contentType })
    : HttpServerResponse.setHeader(response, "content-type", contentType)
}

const takeBytes = (count: number) => <E>(self: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  self.pipe(
    Stream.mapAccum(count, (left, piece) => {
      const rest = left - piece.length
      return [rest, { piece: rest < 0 ? piece.subarray(0, left) : piece, isLast: rest <= 0 }] as const
    }),
    Stream.takeUntil(({ isLast }) => isLast),
    Stream.map(({ piece }) => piece)
  )

/** The first bytes, of as many as were announced. */
const cut = (
  response: HttpServerResponse.HttpServerResponse,
  { bytes = Math.floor((response.body.contentLength ?? 0) / 2) }: Of<"CutBody">,
  request: HttpServerRequest.HttpServerRequest
): HttpServerResponse.HttpServerResponse => {
  const body = streamOf(response)
  return body === undefined
    ? response
    : withBody(response, Stream.concat(takeBytes(bytes)(body), Stream.fromEffect(drop(request))))
}

/**
 * An answer with what is to be wrong with it.
 *
 * @internal
 */
export const spoil = (
  response: HttpServerResponse.HttpServerResponse,
  fault: Of<"MalformedBody" | "CutBody" | "ContentType">,
  request: HttpServerRequest.HttpServerRequest
): HttpServerResponse.HttpServerResponse => {
  switch (fault._tag) {
    case "MalformedBody":
      return halve(response)
    case "CutBody":
      return cut(response, fault, request)
    case "ContentType":
      return retype(response, fault)
  }
}

/**
 * An answer that comes in pieces.
 *
 * @internal
 */
export const slow = (
  response: HttpServerResponse.HttpServerResponse,
  { bytes, pause }: Of<"SlowBody">
): HttpServerResponse.HttpServerResponse => {
  const body = streamOf(response)
  if (body === undefined) return response
  const pieces = Stream.mapConcat(body, (piece) =>
    Array.from(
      { length: Math.ceil(piece.length / bytes) },
      (_, n) => piece.subarray(n * bytes, (n + 1) * bytes)
    ))
  return withBody(
    response,
    Stream.mapEffect(
      Stream.zipWithIndex(pieces),
      ([piece, n]) => Effect.delay(Effect.succeed(piece), n === 0 ? 0 : pause)
    )
  )
}
