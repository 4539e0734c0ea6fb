import { Effect } from "effect"
import { createServer, request } from "node:http"

/** Forwards HTTP calls while the scope is open, for whoever has the `user:password`. Gives its URL with them. */
export const localProxy = (credentials: string) => {
  const ticket = `Basic ${Buffer.from(credentials).toString("base64")}`
  const server = createServer((incoming, outgoing) => {
    const { "proxy-authorization": shown, ...headers } = incoming.headers
    if (shown !== ticket) return void outgoing.writeHead(407).end()
    const forwarded = request(incoming.url ?? "", { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    forwarded.on("error", () => outgoing.destroy())
    outgoing.on("close", () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  return Effect.acquireRelease(
    Effect.async<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resume(Effect.succeed(`http://${credentials}@127.0.0.1:${port}`))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
}
