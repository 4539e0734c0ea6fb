/**
 * HTTP clients for Node whose calls go through a proxy: `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { HttpProxyAgent } from "http-proxy-agent"
import { HttpsProxyAgent } from "https-proxy-agent"
import * as Dns from "node:dns"
import type * as Http from "node:http"
import * as Net from "node:net"
import { SocksProxyAgent } from "socks-proxy-agent"
import * as NoProxy from "../internal/noProxy.js"
import { ProxyFailure } from "../internal/proxyFailure.js"

/**
 * The address of a proxy, e.g. `http://user:password@proxy.example:3128`; without a scheme, `http` is meant.
 *
 * User and password are percent-encoded. `socks5` and `socks4` resolve names here, `socks5h` and `socks4a` at the
 * proxy.
 *
 * @since 0.1.0
 * @category models
 */
export type Url = string | URL | Redacted.Redacted<string>

/**
 * Which proxy calls go through; without any, they go out directly.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The proxy of every call. */
  readonly url?: Url | undefined
  /** The proxy of calls to `http:` targets, instead of `url`. */
  readonly http?: Url | undefined
  /** The proxy of calls to `https:` targets, instead of `url`. */
  readonly https?: Url | undefined
  /**
   * Targets that are called directly. `example.com` or `.example.com` is the domain and all below it, `10.0.0.1`,
   * `10.0.0.0/8` or `::1` addresses written as such in a URL, `example.com:8443` only that port, `*` everything.
   * Loopback is not implied.
   */
  readonly noProxy?: ReadonlyArray<string> | undefined
}

/**
 * A proxy URL cannot be used. What it says is left out: it may hold a password.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProxyError extends Data.TaggedError("ProxyError")<{
  readonly reason: "malformed" | "unsupported scheme" | "malformed credentials"
}> {
  override get message(): string {
    return `The proxy URL cannot be used: ${this.reason}. Write it as scheme://user:password@host:port, ` +
      `percent-encoded, with one of the schemes ${schemes.join(" ")}.`
  }
}

const schemes = ["http:", "https:", "socks4:", "socks4a:", "socks5:", "socks5h:"]

const isSocks = (proxy: URL): boolean => proxy.protocol.startsWith("socks")

/** SOCKS has one byte for the length of a user or password. */
const isCredential = (proxy: URL, text: string): boolean =>
  Option.exists(
    Option.liftThrowable(decodeURIComponent)(text),
    (decoded) => !isSocks(proxy) || new TextEncoder().encode(decoded).length < 256
  )

const parse = (url: Url): Either.Either<URL, ProxyError> => {
  const fail = (reason: ProxyError["reason"]) => Either.left(new ProxyError({ reason }))
  const text = String(Redacted.isRedacted(url) ? Redacted.value(url) : url).trim()
  const href = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(href)) return fail("malformed")
  const proxy = new URL(href)
  if (!schemes.includes(proxy.protocol)) return fail("unsupported scheme")
  // A path, query or fragment comes of a `/`, `?` or `#` in a password: the host would be a part of it.
  const rest = proxy.pathname + proxy.search + proxy.hash
  if (proxy.hostname === "" || (rest !== "" && rest !== "/")) return fail("malformed")
  const isUsable = [proxy.username, proxy.password].every((text) => isCredential(proxy, text))
  return isUsable ? Either.right(proxy) : fail("malformed credentials")
}

/** The name of a target that is looked up here: no failure of the proxy, and nothing of it is known beneath. */
class LookupError extends Error {
  readonly code: string | undefined
  constructor({ code }: NodeJS.ErrnoException) {
    super(`The name of the target could not be resolved (${code})`)
    this.code = code
  }
}

const ports: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" }

/** Without user and password. */
const addressOf = ({ hostname, port, protocol }: URL): string => `${hostname}:${port || ports[protocol] || "1080"}`

/** Failures of SOCKS carry the system's code in their text only. */
const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "ERR_PROXY_HANDSHAKE"
  if ("code" in cause && typeof cause.code === "string") return cause.code
  return /\bE[A-Z_]{4,}\b/.exec(cause.message)?.[0] ?? "ERR_PROXY_HANDSHAKE"
}

/**
 * Gives up a connection with the request it is made for. Node tells nobody of a destroyed request that has no socket
 * yet, hence the replaced method; it is put back at once, as the connection may serve other requests afterwards.
 */
const connecting = async <A>(
  proxy: URL,
  request: Http.ClientRequest,
  connect: (signal: AbortSignal) => Promise<A>
): Promise<A> => {
  const controller = new AbortController()
  const destroy = request.destroy
  request.destroy = (error) => {
    controller.abort()
    return destroy.call(request, error)
  }
  try {
    return await connect(controller.signal)
  } catch (cause) {
    throw cause instanceof LookupError ? cause : new ProxyFailure(addressOf(proxy), codeOf(cause))
  } finally {
    request.destroy = destroy
  }
}

class ForwardAgent extends HttpProxyAgent<string> {
  constructor(url: URL, options: Http.AgentOptions) {
    super(url, options)
    // The package leaves it out: a TLS proxy could not tell which certificate is wanted.
    if (Net.isIP(this.connectOpts.host ?? "") === 0) this.connectOpts.servername = url.hostname
  }

  override connect(...[request, options]: Parameters<HttpProxyAgent<string>["connect"]>) {
    return connecting(this.proxy, request, (signal) => {
      this.connectOpts.signal = signal
      return super.connect(request, options)
    })
  }
}

class TunnelAgent extends HttpsProxyAgent<string> {
  override connect(...[request, options]: Parameters<HttpsProxyAgent<string>["connect"]>) {
    return connecting(this.proxy, request, async (signal) => {
      this.connectOpts.signal = signal
      let status = 200
      request.once("proxyConnect", (answer: { readonly statusCode: number }) => {
        status = answer.statusCode
      })
      const socket = await super.connect(request, options)
      if (status === 200) return socket
      // What the proxy says when it refuses must not pass for an answer of the target.
      socket.destroy()
      throw new ProxyFailure(addressOf(this.proxy), `ERR_PROXY_${status}`)
    })
  }
}

const lookupOf = (family: 0 | 4): Net.LookupFunction => (host, options, callback) =>
  Dns.lookup(
    host,
    { ...options, family },
    (error, ...found) => callback(error && new LookupError(error), ...found)
  )

/** An abandoned handshake is not cut short here: its socket is out of reach. The package gives it 30 seconds. */
class SocksAgent extends SocksProxyAgent {
  private readonly url: URL

  constructor(url: URL, options: Http.AgentOptions) {
    super(url, options)
    this.url = url
    // A URL writes an IPv6 address in brackets, a socket does not.
    this.proxy.host = url.hostname.replace(/[[\]]/g, "")
  }

  override connect(...[request, options]: Parameters<SocksProxyAgent["connect"]>) {
    // SOCKS4 has no IPv6 addresses
    const lookup = lookupOf(this.proxy.type === 4 ? 4 : 0)
    return connecting(this.url, request, () => super.connect(request, { ...options, lookup }))
  }
}

const agentFor = Effect.fnUntraced(function*(url: Url | undefined, protocol: "http:" | "https:") {
  if (url === undefined) return undefined
  const proxy = yield* parse(url)
  const Agent = isSocks(proxy) ? SocksAgent : protocol === "http:" ? ForwardAgent : TunnelAgent
  return yield* Effect.acquireRelease(
    // Left to itself, an agent finds its protocol out from the call stack.
    Effect.sync(() => Object.assign(new Agent(proxy, { keepAlive: true }), { protocol })),
    (agent) => Effect.sync(() => agent.destroy())
  )
})

/**
 * Makes an `HttpClient` that calls through a proxy. Connections are kept alive, and closed with the scope.
 *
 * A proxy that cannot be reached, or refuses to connect, fails the call with a `RequestError` of reason `Transport`,
 * whose cause has the host and port of the `proxy` and a `code`: the system's (`ECONNREFUSED`), `ERR_PROXY_407` with the
 * status of a refused tunnel, or `ERR_PROXY_HANDSHAKE`. A provider makes a `ResponseError` of it that tells the same.
 * For an `http:` target, an HTTP proxy's refusal is a response like any other.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Proxy from "effect-providers/http/Proxy"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* Proxy.make({ url: "socks5h://127.0.0.1:9050", noProxy: ["localhost", "10.0.0.0/8"] })
 *   const response = yield* client.get("https://api.replicate.com")
 *   return yield* response.text
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<HttpClient.HttpClient, ProxyError, Scope.Scope> =>
  Effect.gen(function*() {
    const direct = yield* NodeHttpClient.makeAgent({ keepAlive: true })
    const http = yield* agentFor(options.http ?? options.url, "http:")
    const https = yield* agentFor(options.https ?? options.url, "https:")
    const client = (agent: NodeHttpClient.HttpAgent) =>
      Effect.provideService(NodeHttpClient.make, NodeHttpClient.HttpAgent, agent)
    const directly = yield* client(direct)
    const proxied = yield* client({ ...direct, http: http ?? direct.http, https: https ?? direct.https })
    const isExempt = NoProxy.make(options.noProxy ?? [])
    return HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
      Effect.flatMap((request) =>
        (Option.exists(HttpClientRequest.toUrl(request), isExempt) ? directly : proxied).execute(request)
      ),
      Effect.succeed
    )
  })

/**
 * Provides an `HttpClient` that calls through a proxy. Fails with `ProxyError` when its URL cannot be used.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Replicate } from "effect-providers"
 * import { Proxy } from "effect-providers/node"
 *
 * const proxied = Proxy.layer({ url: "http://user:password@proxy.example:3128" })
 *
 * const live = Replicate.layerConfig().pipe(Layer.provide(proxied))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<HttpClient.HttpClient, ProxyError> =>
  Layer.scoped(HttpClient.HttpClient, make(options))

/** A variable that is empty counts as absent. */
const variable = (name: string) => Config.withDefault(Config.nonEmptyString(name), undefined)

const url = (name: string) =>
  Config.mapOrFail(variable(name), (value) =>
    value === undefined
      ? Either.right(undefined)
      : Either.mapBoth(parse(value), {
        onLeft: (error) => ConfigError.InvalidData([], `${name}: ${error.message}`),
        onRight: () => Redacted.make(value)
      }))

const inBothCases = <A>(name: string, read: (name: string) => Config.Config<A | undefined>) =>
  Config.zipWith(read(name.toLowerCase()), read(name), (lower, upper) => lower ?? upper)

/**
 * Reads the environment: `HTTPS_PROXY` and `HTTP_PROXY` for targets of that scheme, else `ALL_PROXY`; `NO_PROXY`, a
 * list with commas; in lower case as well, which comes first. A malformed URL is a `ConfigError` that names the
 * variable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEnv: Config.Config<Options> = Config.all({
  url: inBothCases("ALL_PROXY", url),
  http: inBothCases("HTTP_PROXY", url),
  https: inBothCases("HTTPS_PROXY", url),
  noProxy: Config.map(inBothCases("NO_PROXY", variable), (list) => list?.split(/[\s,]+/))
})

/**
 * Provides an `HttpClient` that calls through the proxies of the environment, or of any other `Config`; without any,
 * it calls directly.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Replicate } from "effect-providers"
 * import { Proxy } from "effect-providers/node"
 *
 * const live = Replicate.layerConfig().pipe(Layer.provide(Proxy.layerConfig()))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<Options> = fromEnv
): Layer.Layer<HttpClient.HttpClient, ConfigError.ConfigError | ProxyError> =>
  Layer.unwrapEffect(Effect.map(config, layer))
