// @effect-diagnostics unnecessaryPipeChain:off -- these are the pipes of sockets
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { EventEmitter } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Tls from "node:tls"

/** A server on the loopback interface, closed with the scope. */
export interface Listening {
  readonly port: number
  /** How many connections were made so far. */
  readonly connections: () => number
  /** Done once at least one connection was made and none is open any more. */
  readonly idle: Effect.Effect<void>
}

const until = (events: EventEmitter, event: string, isDone: () => boolean) =>
  Effect.async<void>((resume) => {
    if (isDone()) resume(Effect.void)
    else events.once(event, () => resume(Effect.void))
  })

const listening = (server: Net.Server): Effect.Effect<Listening, never, Scope.Scope> => {
  const open = new Set<Net.Socket>()
  let connections = 0
  server.on("connection", (socket: Net.Socket) => {
    connections++
    open.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      open.delete(socket)
      if (open.size === 0) server.emit("idle")
    })
  })
  const start = Effect.async<Listening>((resume) => {
    server.listen(0, "127.0.0.1", () => {
      resume(Effect.succeed({
        port: (server.address() as Net.AddressInfo).port,
        connections: () => connections,
        idle: until(server, "idle", () => connections > 0 && open.size === 0)
      }))
    })
  })
  return Effect.acquireRelease(start, () =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of open) socket.destroy()
    }))
}

/** A port nothing listens on: it was free a moment ago. */
export const deadPort: Effect.Effect<number> = Effect.scoped(
  Effect.map(Effect.suspend(() => listening(Net.createServer())), (server) => server.port)
)

/** A self-signed pair for localhost that protects nothing; it is here so that the tests need no openssl. */
const selfSigned = () => ({
  key: Fs.readFileSync(new URL("tls/key.pem", import.meta.url), "utf8"),
  cert: Fs.readFileSync(new URL("tls/cert.pem", import.meta.url), "utf8")
})

export interface Origin extends Listening {
  readonly seen: ReadonlyArray<{ readonly url: string; readonly headers: Http.IncomingHttpHeaders }>
  /** Sends more of the body at `/stream`, or ends it. */
  readonly send: (text: string | undefined) => Effect.Effect<void>
  /** Done once a client at `/stream` or `/silent` went away. */
  readonly left: Effect.Effect<void>
  /** Done once a request has arrived. */
  readonly arrived: Effect.Effect<void>
}

/** Answers `hello`, or what is posted; at `/stream`, with headers and then what it is told to send; at `/silent`, never. */
export const origin = (protocol: "http" | "https"): Effect.Effect<Origin, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Array<Origin["seen"][number]> = []
    const events = new EventEmitter()
    let response: Http.ServerResponse | undefined
    let left = false
    const handler: Http.RequestListener = (request, answer) => {
      seen.push({ url: request.url ?? "", headers: request.headers })
      events.emit("arrived")
      if (request.url === "/stream" || request.url === "/silent") {
        response = answer
        answer.on("close", () => {
          left = !answer.writableFinished
          events.emit("left")
        })
        if (request.url === "/stream") answer.flushHeaders()
      } else if (request.method === "POST") request.pipe(answer)
      else answer.end("hello")
    }
    const server = protocol === "http" ? Http.createServer(handler) : Https.createServer(selfSigned(), handler)
    return Effect.map(listening(server), (listening) => ({
      ...listening,
      seen,
      send: (text: string | undefined) =>
        Effect.sync(() => {
          if (text === undefined) response?.end()
          else response?.write(text)
        }),
      left: until(events, "left", () => left),
      arrived: until(events, "arrived", () => seen.length > 0)
    }))
  })

export interface Proxy extends Listening {
  /** What was asked of it, e.g. `GET http://origin.test/`, `CONNECT origin.test:443`, `SOCKS5 origin.test:80`. */
  readonly seen: ReadonlyArray<string>
  /** User and password as they arrived, decoded. */
  readonly credentials: ReadonlyArray<string>
  /** The server names that TLS clients asked for. */
  readonly servernames: ReadonlyArray<string>
  /** Done once anything was asked of it. */
  readonly asked: Effect.Effect<void>
}

export interface ProxyOptions {
  /** `user:password` that is asked for; `user` alone for SOCKS4. */
  readonly auth?: string | undefined
  /** Takes the request for a connection and never answers. */
  readonly hang?: boolean | undefined
}

/** Whatever name is asked for, the target is on this machine. */
const dial = (port: number, client: Net.Socket, onConnect: (target: Net.Socket) => void) => {
  const target = Net.connect(port, "127.0.0.1", () => onConnect(target))
  target.on("error", () => client.destroy())
  target.on("close", () => client.destroy())
  client.on("close", () => target.destroy())
}

const basic = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : Buffer.from(header.replace(/^Basic /, ""), "base64").toString()

export const httpProxy = (
  protocol: "http" | "https",
  options: ProxyOptions = {}
): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    const credentials: Array<string> = []
    const servernames: Array<string> = []
    const admits = (request: Http.IncomingMessage): boolean => {
      seen.push(`${request.method} ${request.url}`)
      server.emit("asked")
      const given = basic(request.headers["proxy-authorization"])
      if (given !== undefined) credentials.push(given)
      return options.auth === undefined || given === options.auth
    }
    const forward: Http.RequestListener = (request, response) => {
      if (!admits(request)) {
        response.writeHead(407, { "proxy-authenticate": "Basic" }).end("proxy says no")
        return
      }
      const { pathname, port, search } = new URL(request.url ?? "")
      const { "proxy-authorization": _, "proxy-connection": __, ...headers } = request.headers
      const outgoing = Http.request({
        host: "127.0.0.1",
        port,
        path: pathname + search,
        method: request.method,
        headers
      })
      outgoing.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
      })
      outgoing.on("error", () => response.destroy())
      response.on("close", () => outgoing.destroy())
      request.pipe(outgoing)
    }
    const server = protocol === "http" ? Http.createServer(forward) : Https.createServer(selfSigned(), forward)
    server.on("connect", (request: Http.IncomingMessage, client: Net.Socket) => {
      client.on("error", () => client.destroy())
      if (!admits(request)) {
        client.end("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 13\r\n\r\nproxy says no")
      } else if (options.hang === true) {
        client.resume().on("end", () => client.end())
      } else {
        dial(Number(/:(\d+)$/.exec(request.url ?? "")?.[1]), client, (target) => {
          client.write("HTTP/1.1 200 OK\r\n\r\n")
          client.pipe(target).pipe(client)
        })
      }
    })
    server.on(
      "secureConnection",
      (socket: Tls.TLSSocket & { readonly servername?: string | false }) => servernames.push(socket.servername || "")
    )
    const asked = until(server, "asked", () => seen.length > 0)
    return Effect.map(listening(server), (listening) => ({ ...listening, seen, credentials, servernames, asked }))
  })

/** Takes from a socket what is asked for, once it is there. */
const reader = (socket: Net.Socket) => {
  const take = (n: number): Promise<Buffer> =>
    new Promise((resolve) => {
      const attempt = () => {
        const bytes: Buffer | null = n === 0 ? Buffer.alloc(0) : socket.read(n)
        if (bytes === null) socket.once("readable", attempt)
        else resolve(bytes)
      }
      attempt()
    })
  const takeText = async (): Promise<string> => {
    let text = ""
    for (let byte = (await take(1))[0]; byte !== 0; byte = (await take(1))[0]) text += String.fromCharCode(byte ?? 0)
    return text
  }
  return { take, takeText }
}

export const socksProxy = (options: ProxyOptions = {}): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    const credentials: Array<string> = []

    const connect = (client: Net.Socket, asked: string, port: number, granted: Buffer) => {
      seen.push(`${asked}:${port}`)
      server.emit("asked")
      dial(port, client, (target) => {
        client.write(granted)
        client.pipe(target).pipe(client)
      })
    }

    const version4 = async (client: Net.Socket) => {
      const { take, takeText } = reader(client)
      const head = await take(7)
      const port = head.readUInt16BE(1)
      const address = [...head.subarray(3)].join(".")
      const user = await takeText()
      if (user !== "") credentials.push(user)
      const isNamed = address === "0.0.0.1"
      const host = isNamed ? await takeText() : address
      if (options.auth !== undefined && user !== options.auth) client.end(Buffer.from([0, 93, 0, 0, 0, 0, 0, 0]))
      else connect(client, `SOCKS4${isNamed ? "a" : ""} ${host}`, port, Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]))
    }

    const version5 = async (client: Net.Socket) => {
      const { take } = reader(client)
      const sized = async () => (await take((await take(1))[0] ?? 0)).toString()
      const methods = await take((await take(1))[0] ?? 0)
      const method = options.auth === undefined ? 0 : 2
      if (!methods.includes(method)) return void client.end(Buffer.from([5, 255]))
      client.write(Buffer.from([5, method]))
      if (method === 2) {
        await take(1)
        const given = `${await sized()}:${await sized()}`
        credentials.push(given)
        if (given !== options.auth) return void client.end(Buffer.from([1, 1]))
        client.write(Buffer.from([1, 0]))
      }
      const kind = (await take(4))[3]
      const host = kind === 3
        ? await sized()
        : kind === 1
        ? [...await take(4)].join(".")
        : `[${(await take(16)).toString("hex")}]`
      const port = (await take(2)).readUInt16BE()
      connect(client, `SOCKS5 ${host}`, port, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    }

    const server = Net.createServer(async (client) => {
      client.on("error", () => client.destroy())
      const version = (await reader(client).take(1))[0]
      if (version === 4) await version4(client)
      else await version5(client)
    })
    const asked = until(server, "asked", () => seen.length > 0)
    return Effect.map(listening(server), (listening) => ({ ...listening, seen, credentials, servernames: [], asked }))
  })
