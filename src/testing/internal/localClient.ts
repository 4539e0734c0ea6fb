import * as Headers from "@effect/platform/Headers"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { ConnectionDropped } from "./connection.js"
import { type Body, LocalRequest, LocalResponse } from "./localMessage.js"

interface Sent {
  readonly body: Body
  readonly contentType?: string | undefined
}

const encodeBody = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Sent, HttpClientError.RequestError> => {
  const { body } = request
  switch (body._tag) {
    case "Empty":
      return Effect.succeed({ body: Stream.empty })
    case "Uint8Array":
      return Effect.succeed({ body: Stream.make(body.body) })
    case "Stream":
      return Effect.succeed({ body: body.stream })
    case "FormData":
      return Effect.sync(() => {
        const encoded = new Response(body.formData)
        return {
          body: Stream.suspend(() =>
            Stream.fromReadableStream(() => encoded.body ?? new ReadableStream(), () => undefined)
          ),
          contentType: encoded.headers.get("content-type") ?? undefined
        }
      })
    case "Raw":
      return new HttpClientError.RequestError({ request, reason: "Encode", description: "a raw body needs a socket" })
  }
}

const arrive = (request: HttpClientRequest.HttpClientRequest, url: URL) =>
  Effect.map(encodeBody(request), ({ body, contentType }) => {
    const headers = Headers.setAll(request.headers, {
      host: url.host,
      "x-forwarded-proto": url.protocol.slice(0, -1),
      ...(contentType === undefined ? {} : { "content-type": contentType })
    })
    const target = `${url.pathname}${url.search}`
    return new LocalRequest({ method: request.method, headers, url: target, originalUrl: target }, body)
  })

/**
 * A client that reaches an app at some origins, and nothing else, without sockets. The app runs in a fiber of its own,
 * as behind a socket: what the caller must not be interrupted in says nothing about the server.
 *
 * @internal
 */
export const make = (app: HttpApp.Default<ConnectionDropped>, origins: ReadonlySet<string>): HttpClient.HttpClient =>
  HttpClient.make((request, url) => {
    const failure = (description: string) =>
      new HttpClientError.RequestError({ request, reason: "Transport", description })
    if (!origins.has(url.origin)) return Effect.fail(failure(`${url.origin} is not reachable`))
    return Effect.flatMap(arrive(request, url), (arrived) => {
      const answer = app.pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, arrived),
        Effect.scoped,
        Effect.mapBoth({
          onFailure: ({ message }) => failure(message),
          onSuccess: (response) => new LocalResponse(request, response)
        })
      )
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          Effect.forkDaemon(answer),
          (fiber) => Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
        )
      )
    })
  })
