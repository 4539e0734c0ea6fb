/**
 * The sites that need no key, in memory, as they behaved: the predictions of replicate.com's home page, and the chat
 * of chatgptfree.ai with its page, nonce and streamed replies; with a log of the requests, and faults on demand.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Answers from "./internal/answers.js"
import { type ConnectionDropped, drop, pathOf } from "./internal/connection.js"
import * as Faults from "./internal/faults.js"
import * as Chat from "./internal/keylessChat.js"
import * as Home from "./internal/keylessHome.js"
import * as KeylessLog from "./internal/keylessLog.js"
import * as Malformed from "./internal/keylessMalformed.js"
import * as LocalClient from "./internal/localClient.js"

export type { ConnectionDropped } from "./internal/connection.js"
export type { Matcher } from "./internal/faults.js"
export type { Reply } from "./internal/keylessChat.js"
export type { AskedPrediction, Course } from "./internal/keylessHome.js"
export type { LoggedRequest } from "./internal/keylessLog.js"
export type { Malformed } from "./internal/keylessMalformed.js"

/**
 * What goes wrong on demand. `CutStream` is for streamed replies of the chat.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = Extract<
  Faults.Fault,
  {
    readonly _tag:
      | "Answer"
      | "Delay"
      | "DropBefore"
      | "DropAfter"
      | "Stall"
      | "CutStream"
      | "MalformedBody"
      | "CutBody"
      | "ContentType"
  }
>

/**
 * Cloudflare's page in place of the answer.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KeylessEmulator } from "effect-providers/testing"
 *
 * const blocked = Effect.flatMap(KeylessEmulator.KeylessEmulator, ({ fail }) => fail({}, KeylessEmulator.cloudflare))
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export const cloudflare: Fault = {
  _tag: "Answer",
  status: 403,
  headers: { "content-type": "text/html; charset=UTF-8", server: "cloudflare" },
  body: "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
}

/**
 * Answers that the sites ought not to give, each of which a client should tell as an error.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Provider } from "effect-providers"
 * import { KeylessEmulator } from "effect-providers/testing"
 *
 * const outcomes = Effect.forEach(KeylessEmulator.malformed, ({ fault, matcher, what }) =>
 *   Effect.gen(function*() {
 *     const emulator = yield* KeylessEmulator.KeylessEmulator
 *     yield* emulator.fail(matcher, fault)
 *     return { what, outcome: yield* Effect.either(Provider.text({ prompt: "Hello" })) }
 *   }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const malformed: ReadonlyArray<Malformed.Malformed> = Malformed.malformed

/**
 * Options of the emulator; what is left out has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How each prediction of the home page goes. */
  readonly prediction?: ((asked: Home.AskedPrediction) => Home.Course) | undefined
  /** What the chat replies to a message. Default: its words, one by one. */
  readonly reply?: ((message: string) => Chat.Reply) | undefined
  /** Origins that are reached in process. Default: those of the sites. A server takes any. */
  readonly origins?: ReadonlyArray<string> | undefined
}

/**
 * An emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The emulator as an HTTP app, to be served. */
  readonly app: HttpApp.Default<ConnectionDropped>
  /** Reaches the emulator without a socket; any other origin is unreachable. */
  readonly client: HttpClient.HttpClient
  /** The requests that arrived, first to last. */
  readonly requests: Effect.Effect<ReadonlyArray<KeylessLog.LoggedRequest>>
  /** Makes the chat's nonce stale: messages with it are refused, and the page has a new one. */
  readonly renewNonce: Effect.Effect<void>
  /**
   * Makes the next requests that match go wrong; once when `times` is absent. Of the faults that take the place of
   * the answer, one is used for each request, oldest first.
   */
  readonly fail: (matcher: Faults.Matcher, fault: Fault, times?: number) => Effect.Effect<void>
}

/**
 * The emulator in use.
 *
 * @since 0.1.0
 * @category context
 */
export class KeylessEmulator
  extends Context.Tag("effect-providers/testing/KeylessEmulator")<KeylessEmulator, Service>()
{}

const words = (message: string): Chat.Reply => ({ _tag: "Deltas", deltas: message.match(/\S+\s*/g) ?? [] })

/**
 * Makes an emulator with nothing in it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KeylessEmulator } from "effect-providers/testing"
 *
 * const program = Effect.gen(function*() {
 *   const emulator = yield* KeylessEmulator.make({ prediction: () => ({ polls: 3, status: "failed", error: "no luck" }) })
 *   yield* emulator.fail({ path: "/wp-admin/" }, KeylessEmulator.cloudflare)
 *   return yield* emulator.requests
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service> =>
  Effect.sync(() => {
    const faults = Faults.make()
    const log = KeylessLog.make()
    const home = Home.make(options.prediction ?? (() => ({})))
    const chat = Chat.make(options.reply ?? words)

    const serve = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest, entry: KeylessLog.Entry) {
      switch (`${request.method} ${pathOf(request)}`) {
        case "POST /api/prediction":
          return home.create(entry.body)
        case "GET /api/poll":
          return home.poll(new URLSearchParams(request.url.split("?")[1]).get("id") ?? "")
        case "GET /":
          return chat.page()
        case "POST /wp-admin/admin-ajax.php": {
          const cut = yield* faults.take(request, "CutStream")
          return chat.post(request, entry, cut?.events)
        }
        default:
          return HttpServerResponse.text("Not Found", { status: 404 })
      }
    })

    const app: Service["app"] = Effect.interruptible(Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const entry = yield* log.add(request)
      const delay = yield* faults.take(request, "Delay")
      if (delay !== undefined) yield* Effect.sleep(delay.duration)

      const fault = yield* faults.take(request, "Answer", "DropBefore", "DropAfter", "Stall")
      if (fault?._tag === "Stall") return yield* Effect.never
      if (fault?._tag === "DropBefore") return yield* drop(request)
      const response = fault?._tag === "Answer" ? Answers.instead(fault) : yield* serve(request, entry)
      if (fault?._tag === "DropAfter") return yield* drop(request)
      const flaw = yield* faults.take(request, "MalformedBody", "CutBody", "ContentType")
      return flaw === undefined ? response : Answers.spoil(response, flaw, request)
    }))

    return {
      app,
      client: LocalClient.make(
        app,
        new Set(options.origins ?? ["https://homepage.replicate.com", "https://chatgptfree.ai"])
      ),
      requests: log.requests,
      renewNonce: Effect.sync(chat.renewNonce),
      fail: (matcher, fault, times = 1) => faults.add(matcher, fault, times)
    }
  })

/**
 * Provides an emulator, and the HTTP client that reaches it without a socket.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Provider } from "effect-providers"
 * import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
 * import { KeylessEmulator } from "effect-providers/testing"
 *
 * const answer = Provider.text({ prompt: "Hello" }).pipe(
 *   Effect.provide(ChatgptFree.layer({ ignoreWorking: true }).pipe(Layer.provide(KeylessEmulator.layer())))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<KeylessEmulator | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      (emulator) => Context.make(KeylessEmulator, emulator).pipe(Context.add(HttpClient.HttpClient, emulator.client))
    )
  )

/**
 * Serves the emulator on any `HttpServer`.
 *
 * @example
 * ```ts
 * import { NodeHttpServer } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { KeylessEmulator } from "effect-providers/testing"
 * import { createServer } from "node:http"
 *
 * const served = KeylessEmulator.serve.pipe(
 *   Layer.provide(KeylessEmulator.layer()),
 *   Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 8080 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const serve: Layer.Layer<never, never, KeylessEmulator | HttpServer.HttpServer> = Layer.unwrapEffect(
  Effect.map(KeylessEmulator, ({ app }) => HttpServer.serve(app))
)
