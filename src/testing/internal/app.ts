import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Answers from "./answers.js"
import { type ConnectionDropped, drop, pathOf } from "./connection.js"
import * as EventStream from "./eventStream.js"
import * as Handlers from "./handlers.js"
import * as Models from "./operations/models.js"
import { notFound, unauthenticated } from "./problem.js"
import * as RateLimit from "./rateLimit.js"
import type { RequestLog } from "./requestLog.js"
import type { State } from "./state.js"

/** @internal */
export interface Options extends State {
  readonly log: RequestLog
  /** Tokens that are valid; all of them when absent. */
  readonly tokens: ReadonlyArray<string> | undefined
}

type App = HttpApp.Default<ConnectionDropped>

const stream = ({ faults, log, predictions }: Options) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { stream_id = "" } = yield* HttpRouter.params
    const prediction = predictions.byStream(stream_id)
    if (prediction === undefined) return notFound

    const cut = yield* faults.take(request, "CutStream")
    const noIds = yield* faults.take(request, "NoEventIds")
    const lastEventId = request.headers["last-event-id"]
    const again = lastEventId === undefined
      ? undefined
      : yield* faults.take(request, "IgnoreLastEventId", "RepeatEvents")
    const body = EventStream.make(request, prediction, log, {
      lastEventId,
      repeat: again?._tag === "IgnoreLastEventId" ? Infinity : again?.events ?? 0,
      withIds: noIds === undefined,
      cutAfter: cut?.events
    })
    return HttpServerResponse.stream(body, {
      contentType: "text/event-stream; charset=utf-8",
      headers: { "cache-control": "no-store" }
    })
  })

const file = ({ predictions }: Options) =>
  Effect.gen(function*() {
    const found = yield* predictions.file(pathOf(yield* HttpServerRequest.HttpServerRequest))
    return found === undefined
      ? notFound
      : HttpServerResponse.uint8Array(found.bytes(), { contentType: found.contentType })
  })

/** The routes that are no part of the API. */
const others = (options: Options) =>
  HttpApiBuilder.Router.use((router) =>
    Effect.all([
      router.get("/stream/v1/predictions/:stream_id", stream(options)),
      router.get("/stream/v1/files/:stream_id", stream(options)),
      router.get("/files/:file", file(options)),
      router.all("*", Effect.succeed(notFound))
    ])
  )

const routes = (options: Options) =>
  Effect.flatMap(
    Layer.build(
      Layer.mergeAll(Handlers.layer(options), others(options)).pipe(
        Layer.provideMerge(Layer.mergeAll(HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer)),
        Layer.merge(HttpServer.layerContext)
      )
    ),
    (context) => Effect.map(HttpApiBuilder.httpApp, (app) => Effect.provide(app, context)).pipe(Effect.provide(context))
  )

const isAuthorized = (request: HttpServerRequest.HttpServerRequest, tokens: ReadonlyArray<string> | undefined) => {
  const token = /^(?:Bearer|Token) +(\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
  return token !== undefined && (tokens === undefined || tokens.includes(token))
}

/** Whoever has the URL of a stream or file can read it. */
const isApi = (request: HttpServerRequest.HttpServerRequest) => !/^\/(?:stream|files)\//.test(pathOf(request))

/** A search, and a file by its signed link, are there for everybody. */
const isOpen = (request: HttpServerRequest.HttpServerRequest) =>
  !isApi(request) || /^\/v1\/(?:search|files\/[^/]+\/download)$/.test(pathOf(request))

/** The faults of which a request gets one. */
const placed = ["Answer", "DropBefore", "DropAfter", "MalformedBody", "CutBody", "ContentType", "Stall"] as const

/**
 * The whole emulator as one HTTP app, which needs nothing but the request.
 *
 * @internal
 */
export const make = (options: Options) =>
  Effect.map(routes(options), (routed): App => {
    const rateLimit = RateLimit.make()

    const serve = (request: HttpServerRequest.HttpServerRequest): App => {
      if (!isOpen(request) && !isAuthorized(request, options.tokens)) return Effect.succeed(unauthenticated)
      const isQuery = String(request.method) === "QUERY" && pathOf(request) === "/v1/models"
      return isQuery ? Models.query(options, request) : routed
    }

    return Effect.interruptible(Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* options.log.add(request)
      const delay = yield* options.faults.take(request, "Delay")
      if (delay !== undefined) yield* Effect.sleep(delay.duration)

      const fault = yield* options.faults.take(request, ...placed)
      const slow = yield* options.faults.take(request, "SlowBody")
      if (fault?._tag === "Stall") return yield* Effect.never
      if (fault?._tag === "DropBefore") return yield* drop(request)
      const served = fault?._tag === "Answer" ? Answers.instead(fault) : yield* serve(request)
      if (fault?._tag === "DropAfter") return yield* drop(request)
      const spoiled = fault === undefined || fault._tag === "Answer" ? served : Answers.spoil(served, fault, request)
      const sent = slow === undefined ? spoiled : Answers.slow(spoiled, slow)
      if (!isApi(request)) return sent
      const limit = yield* rateLimit.headers(request)
      // an answer that is given tells of the rate limit what it says, and nothing else
      return fault?._tag === "Answer" ? sent : HttpServerResponse.setHeaders(sent, limit)
    }))
  })
