import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Failure from "../../http/Failure.js"
import * as Sse from "../../http/Sse.js"
import * as Body from "../../internal/body.js"
import { timeoutFail } from "../../internal/clocks.js"
import type { Inside } from "../../internal/fork.js"
import * as Pull from "../../internal/pull.js"
import { type ProviderError, ResponseError, Timeout } from "../../ProviderError.js"
import type { Service } from "../ReplicateClient.js"
import { isHeaderValue, provider } from "./http.js"
import type { PredictionReader } from "./reader.js"

/** An id that a header cannot carry is kept to ourselves: the server then begins anew. */
const resumeAt = (id: string | undefined) => (request: HttpClientRequest.HttpClientRequest) =>
  id !== undefined && isHeaderValue(id) ? HttpClientRequest.setHeader(request, "last-event-id", id) : request

/**
 * Opens one connection to a stream, for as long as the scope is open, and gives what the reader makes of its events
 * until it or the stream ends.
 *
 * @internal
 */
export const connect = <A>(client: Service, url: string, reader: PredictionReader<A>, scope: Scope.Scope) => {
  const duration = client.config.connectTimeout
  const request = HttpClientRequest.get(url).pipe(
    HttpClientRequest.accept("text/event-stream"),
    HttpClientRequest.setHeader("cache-control", "no-store"),
    resumeAt(reader.lastEventId)
  )
  const fromHttp = (error: HttpClientError.HttpClientError) => Failure.fromHttpClientError({ provider }, error)
  const inside: Inside<Scope.Scope> = Runtime.provideService(Scope.Scope, scope)
  // a body that is not read would keep its connection open
  const opened = HttpClient.withScope(client.web).execute(request).pipe(
    Effect.mapError(fromHttp),
    timeoutFail({
      duration,
      onTimeout: () => new Timeout({ provider, clock: "connect", duration }),
      inside
    }),
    Effect.flatMap((response) => {
      if (response.status !== 200) return Effect.flip(Failure.fromResponse({ provider }, response))
      const type = Headers.get(response.headers, "content-type")
      return type._tag === "Some" && type.value.includes("text/event-stream")
        ? Body.bytes(response, scope)
        : Effect.fail(new ResponseError({ provider, reason: "malformed", detail: "the stream is not an event stream" }))
    })
  )
  return Effect.map(opened, (bytes) => {
    const decoder = new TextDecoder()
    const parser = Sse.makeParser({ dataless: "emit" })
    const next: Pull.Pull<A, ProviderError | Sse.EventTooLarge> = Effect.suspend(() => {
      if (reader.done !== undefined) return Pull.end
      return parser.error === undefined ? read : Pull.fail(parser.error)
    })
    const read = Effect.flatMap(Effect.mapError(bytes, Option.map(fromHttp)), (chunk) => {
      let text = ""
      for (const bytes of chunk) text += decoder.decode(bytes, { stream: true })
      const pieces = reader.read(parser.feed(text))
      return Chunk.isEmpty(pieces) ? next : Effect.succeed(pieces)
    })
    return next
  })
}
