import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A request as the fake server saw it. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export const json = (body: unknown, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify(body), {
    status: 200,
    ...init,
    headers: { "content-type": "application/json", ...init.headers }
  })

/** A body of server-sent events that ends after the given text, each piece a network chunk of its own. */
export const sse = (...pieces: ReadonlyArray<string>): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
        controller.close()
      }
    }),
    { headers: { "content-type": "text/event-stream" } }
  )

/** A failure of the connection itself, with the system's code. */
export class Unreachable {
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}

/** An HttpClient without sockets: `handle` answers, and every request is kept. */
export const make = (handle: (request: Seen) => Response | Unreachable | Effect.Effect<Response | Unreachable>) => {
  const requests: Array<Seen> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function*() {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const seen: Seen = {
        method: request.method,
        url: url.toString(),
        headers: { ...request.headers },
        body: text === "" ? undefined : request.body.contentType?.includes("json") === true ? JSON.parse(text) : text
      }
      requests.push(seen)
      const answer = handle(seen)
      const response = Effect.isEffect(answer) ? yield* answer : answer
      if (response instanceof Unreachable) {
        return yield* new HttpClientError.RequestError({
          request,
          reason: "Transport",
          cause: Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error(), response) })
        })
      }
      return HttpClientResponse.fromWeb(request, response)
    })
  )
  return { requests, client, layer: Layer.succeed(HttpClient.HttpClient, client) }
}
