/** The server of one row, in a process of its own: `server.mjs ROW`. It tells its parent where it is, and what it did. */
import { createServer } from "node:http"
import { rows } from "./rows.js"

const [, , name] = process.argv
const serve = await rows.find((row) => row.name === name)?.serve?.()
if (serve === undefined) throw new Error(`the row ${name} has no server`)

let requests = 0

const server = createServer((request, response) => {
  requests++
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://bench")
  const slash = pathname.indexOf("/", 1)
  const size = Number(pathname.slice(1, slash))
  const base = `http://${request.headers.host}/${size}`
  serve({ base, size, path: pathname.slice(slash), query: searchParams, request, response })
})

// a connection that was kept open is not to be closed under a client that waits for its next look
server.keepAliveTimeout = 120_000

server.listen(0, "127.0.0.1", 4096, () => {
  const address = server.address()
  process.send?.({ port: typeof address === "object" ? address?.port : undefined })
})

process.on("message", () => {
  const { system, user } = process.cpuUsage()
  process.send?.({ cpu: (user + system) / 1000, requests })
})

// a server without a parent has nobody to serve
process.on("disconnect", () => process.exit())
