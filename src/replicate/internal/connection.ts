import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Failure from "../../http/Failure.js"
import * as Sse from "../../http/Sse.js"
import * as Body from "../../internal/body.js"
import { timeoutFail } from "../../internal/clocks.js"
import type * as Push from "../../internal/push.js"
import type { Inside } from "../../internal/work.js"
import { type ProviderError, ResponseError, Timeout } from "../../ProviderError.js"
import type { Service } from "../ReplicateClient.js"
import { isHeaderValue, provider } from "./http.js"
import type { PredictionReader } from "./reader.js"

/** An id that a header cannot carry is kept to ourselves: the server then begins anew. */
const resumeAt = (id: string | undefined) => (request: HttpClientRequest.HttpClientRequest) =>
  id !== undefined && isHeaderValue(id) ? HttpClientRequest.setHeader(request, "last-event-id", id) : request

/**
 * Opens one connection to a stream, for as long as the scope is open, and gives away what the reader makes of its events
 * until it or the stream ends.
 *
 * @internal
 */
export const connect = <A>(
  client: Service,
  url: string,
  reader: PredictionReader<A>,
  scope: Scope.Scope,
  take: Push.Take<A>
): Effect.Effect<void, ProviderError | Sse.EventTooLarge> => {
  const duration = client.config.connectTimeout
  const request = HttpClientRequest.get(url).pipe(
    HttpClientRequest.accept("text/event-stream"),
    HttpClientRequest.setHeader("cache-control", "no-store"),
    resumeAt(reader.lastEventId)
  )
  const fromHttp = (error: HttpClientError.HttpClientError) => Failure.fromHttpClientError({ provider }, error)
  const inside: Inside<Scope.Scope> = Runtime.provideService(Scope.Scope, scope)
  const decoder = new TextDecoder()
  const parser = Sse.makeParser({ dataless: "emit" })
  const takeBytes: Push.Take<Uint8Array> = (chunk) => {
    let text = ""
    for (const bytes of chunk) text += decoder.decode(bytes, { stream: true })
    const pieces = reader.read(parser.feed(text))
    const flow = Chunk.isEmpty(pieces) || take(pieces)
    return reader.done === undefined && parser.error === undefined && flow
  }
  // a body that is not read would keep its connection open
  return HttpClient.withScope(client.web).execute(request).pipe(
    Effect.mapError(fromHttp),
    timeoutFail({
      duration,
      onTimeout: () => new Timeout({ provider, clock: "connect", duration }),
      inside
    }),
    Effect.flatMap((response): Effect.Effect<void, ProviderError | Sse.EventTooLarge> => {
      if (response.status !== 200) return Effect.flip(Failure.fromResponse({ provider }, response))
      const type = Headers.get(response.headers, "content-type")
      return type._tag === "Some" && type.value.includes("text/event-stream")
        ? Effect.mapError(Body.forEach(response, scope, takeBytes), fromHttp)
        : Effect.fail(new ResponseError({ provider, reason: "malformed", detail: "the stream is not an event stream" }))
    }),
    Effect.flatMap(() => parser.error ?? Effect.void)
  )
}
