import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

/**
 * How a body is sent, and how it ends: `chunked` and `sized` tell where the end is, `closed` is over with its
 * connection; `whole` says all it announced, `cut` closes the connection before that, `reset` breaks it.
 */
export interface Body {
  readonly text: string
  readonly framing: "chunked" | "sized" | "closed"
  readonly end: "whole" | "cut" | "reset"
}

const send = (response: Http.ServerResponse, { end, framing, text }: Body) => {
  const length = Buffer.byteLength(text) + (end === "whole" ? 0 : 100)
  if (framing === "closed") {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
  }
  response.writeHead(200, {
    "content-type": "text/event-stream",
    ...(framing === "sized" ? { "content-length": length } : {})
  })
  if (end === "whole") response.end(text)
  // what is written has to be on its way first: a reset may overtake it
  else response.write(text, () => end === "cut" ? response.socket?.end() : response.socket?.resetAndDestroy())
}

/** Serves what a handler makes of each request on a loopback port, while the scope is open; gives the URL. */
export const rawServer = (
  handler: (request: Http.IncomingMessage, send: (body: Body) => void, response: Http.ServerResponse) => void
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.suspend(() => {
    const server = Http.createServer((request, response) =>
      handler(request.resume(), (body) => send(response, body), response)
    )
    return Effect.acquireRelease(
      Effect.async<string>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
        })
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
  })
