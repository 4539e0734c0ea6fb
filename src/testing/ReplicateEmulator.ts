/**
 * Replicate's API in memory: the same declared API that the client is derived from, with predictions that live on the
 * Clock, event streams, files, signed webhooks, a log of the requests, and faults on demand.
 *
 * Any token is that of the account `emulator`, which is the owner of the models, versions and deployments it creates:
 * trainings have to have such a model for a destination.
 *
 * What a test in this process does by the `Service`, any other does over HTTP, without a token:
 *
 * | Request | Does or gives |
 * | --- | --- |
 * | `POST /__emulator/faults` | makes the next requests that match go wrong: `{ matcher, fault, times? }` |
 * | `GET /__emulator/faults` | the faults still to come |
 * | `DELETE /__emulator/faults` | forgets them |
 * | `GET /__emulator/requests` | the requests that arrived |
 * | `GET /__emulator/streams` | the streams that were opened |
 * | `GET /__emulator/predictions` | all predictions as they are now |
 * | `GET /__emulator/webhooks` | the attempts to send a webhook |
 * | `POST /__emulator/reset` | begins anew |
 *
 * A fault in JSON: `{"matcher":{"method":"POST","path":{"pattern":"/predictions$"}},"fault":{"_tag":"Answer",
 * "status":429,"headers":{"retry-after":"3"},"body":{"detail":"slow down","retry_after":3}},"times":2}`. A path is a
 * prefix, or a pattern as here; durations are milliseconds, or text such as `"10 seconds"`.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as ScopedRef from "effect/ScopedRef"
import { importKey } from "../replicate/internal/webhookKey.js"
import * as App from "./internal/app.js"
import * as Catalogue from "./internal/catalogue.js"
import type { ConnectionDropped } from "./internal/connection.js"
import * as Control from "./internal/control.js"
import * as Deployments from "./internal/deployments.js"
import * as Faults from "./internal/faults.js"
import * as Files from "./internal/files.js"
import * as LocalClient from "./internal/localClient.js"
import type { Model } from "./internal/model.js"
import * as Models from "./internal/models.js"
import * as Predictions from "./internal/predictions.js"
import * as RequestLog from "./internal/requestLog.js"
import * as Webhooks from "./internal/webhooks.js"
import * as Wire from "./internal/wire.js"

export type { ConnectionDropped } from "./internal/connection.js"
export type { ArmedFault, Fault, Matcher } from "./internal/faults.js"
export type { Field, Input, Model, Step } from "./internal/model.js"
export type { LoggedRequest, LoggedStream } from "./internal/requestLog.js"
export type { LoggedWebhook } from "./internal/webhooks.js"
export type { WirePrediction, WireTraining } from "./internal/wire.js"

/**
 * Options of the emulator; what is left out has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Models to add, or to put in the place of those with the same name. */
  readonly models?: ReadonlyArray<Model> | undefined
  /** The tokens that are valid. Default: any token is. */
  readonly tokens?: ReadonlyArray<string> | undefined
  /** Origin of the API in process; default `https://api.replicate.com`. A server goes by the `Host` of each request. */
  readonly baseUrl?: string | URL | undefined
  /** Origin the event streams are on; default that of the API. */
  readonly streamUrl?: string | URL | undefined
  /**
   * Origin the files are on; default that of the API, where clients send their token along. Replicate has output files
   * on hosts of their own, which get none: name another origin to see that.
   */
  readonly fileUrl?: string | URL | undefined
  /** Most bytes of an uploaded file; default 104857600 (100 Mi). */
  readonly maxFileSize?: number | undefined
  /** Sends the webhooks; when absent they are only logged. */
  readonly webhookClient?: HttpClient.HttpClient | undefined
  /** What webhooks are signed with, `whsec_` and base64; default a new one, which the API tells. */
  readonly webhookSecret?: Redacted.Redacted<string> | undefined
}

/**
 * An emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The emulator as an HTTP app, to be served: the API under `/v1`, streams under `/stream`, files under `/files`. */
  readonly app: HttpApp.Default<ConnectionDropped>
  /** Reaches the emulator without a socket; any other origin is unreachable. */
  readonly client: HttpClient.HttpClient
  /** The requests that arrived, first to last. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestLog.LoggedRequest>>
  /** The streams that were opened, first to last. */
  readonly streams: Effect.Effect<ReadonlyArray<RequestLog.LoggedStream>>
  /** All predictions as the API would give them now, newest first. */
  readonly predictions: Effect.Effect<ReadonlyArray<Wire.WirePrediction>>
  /** The attempts to send a webhook, first to last. */
  readonly webhooks: Effect.Effect<ReadonlyArray<Webhooks.LoggedWebhook>>
  /** What the links that download files are signed with. */
  readonly fileSecret: string
  /**
   * Makes the next requests that match go wrong; once when `times` is absent. Of the faults that take the place of an
   * answer or spoil it, one is used for each request, oldest first; `Delay` and `SlowBody` go with any. Those of a
   * stream (`CutStream`, `IgnoreLastEventId`, `RepeatEvents`, `NoEventIds`) wait for one that is opened: what is
   * dropped or answered otherwise does not use them up. To cut a stream for good, cut it again after 0 events.
   */
  readonly fail: (matcher: Faults.Matcher, fault: Faults.Fault, times?: number) => Effect.Effect<void>
  /** The faults that are still to come, oldest first. */
  readonly faults: Effect.Effect<ReadonlyArray<Faults.ArmedFault>>
  /** Forgets all faults that are still to come. */
  readonly disarm: Effect.Effect<void>
  /**
   * Begins anew, with nothing in it and the same secrets. Requests under way are answered as they would have been;
   * webhooks are not sent any more.
   */
  readonly reset: Effect.Effect<void>
}

/**
 * The emulator in use.
 *
 * @since 0.1.0
 * @category context
 */
export class ReplicateEmulator
  extends Context.Tag("effect-providers/testing/ReplicateEmulator")<ReplicateEmulator, Service>()
{}

const randomBytes = (length: number) =>
  Effect.map(Effect.replicateEffect(Random.nextIntBetween(0, 256), length), (bytes) => Uint8Array.from(bytes))

const originOf = (url: string | URL): string => new URL(url).origin

/**
 * Makes an emulator with nothing in it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ReplicateEmulator } from "effect-providers/testing"
 *
 * const program = Effect.gen(function*() {
 *   const emulator = yield* ReplicateEmulator.make()
 *   yield* emulator.fail({ method: "POST" }, { _tag: "DropAfter" })
 *   yield* emulator.fail({ path: "/v1/models" }, { _tag: "Answer", status: 429, headers: { "retry-after": "3" } }, 2)
 *   return yield* emulator.requests
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const webhookSecret = options.webhookSecret ??
      Redacted.make(`whsec_${Encoding.encodeBase64(yield* randomBytes(24))}`)
    // an interruption would be cached
    const webhookKey = yield* Effect.cached(Effect.uninterruptible(Effect.orDie(importKey(webhookSecret))))
    // a secret that is malformed is told at once
    if (options.webhookSecret !== undefined) yield* webhookKey
    const fileSecret = Encoding.encodeBase64(yield* randomBytes(24))
    const streamOrigin = options.streamUrl === undefined ? undefined : originOf(options.streamUrl)
    const fileOrigin = options.fileUrl === undefined ? undefined : originOf(options.fileUrl)
    const origin = originOf(options.baseUrl ?? "https://api.replicate.com")

    const start = Effect.gen(function*() {
      const state: App.Options = {
        models: Models.make([...Catalogue.builtIn, ...options.models ?? []], yield* Clock.currentTimeMillis),
        predictions: Predictions.make(),
        examples: new Map(),
        deployments: Deployments.make(),
        files: Files.make(fileSecret),
        maxFileSize: options.maxFileSize,
        webhooks: yield* Webhooks.make(webhookKey, options.webhookClient),
        webhookSecret,
        streamOrigin,
        fileOrigin,
        faults: Faults.make(),
        log: RequestLog.make(),
        tokens: options.tokens
      }
      return { state, app: yield* App.make(state) }
    })
    const current = yield* ScopedRef.fromAcquire(start)
    const now = <A>(f: (state: App.Options) => Effect.Effect<A>) =>
      Effect.flatMap(ScopedRef.get(current), ({ state }) => f(state))

    const api = Effect.flatMap(ScopedRef.get(current), ({ app }) => app)
    const app: Service["app"] = Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request) => Control.isControl(request) ? Control.answer(emulator, request) : api
    )
    const emulator: Service = {
      app,
      client: LocalClient.make(app, new Set([origin, streamOrigin ?? origin, fileOrigin ?? origin])),
      requests: now(({ log }) => log.requests),
      streams: now(({ log }) => log.streams),
      predictions: now(({ predictions }) =>
        Effect.flatMap(predictions.list, Effect.forEach((prediction) => Wire.encode(prediction, "read")))
      ),
      webhooks: now(({ webhooks }) => webhooks.sent),
      fileSecret,
      fail: (matcher, fault, times = 1) => now(({ faults }) => faults.add(matcher, fault, times)),
      faults: now(({ faults }) => faults.armed),
      disarm: now(({ faults }) => faults.disarm),
      reset: ScopedRef.set(current, start)
    }
    return emulator
  })

/**
 * Provides an emulator, and the HTTP client that reaches it without a socket.
 *
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Prediction, ReplicateClient } from "effect-providers/replicate"
 * import { ReplicateEmulator } from "effect-providers/testing"
 *
 * const answer = Prediction.run("meta/meta-llama-3-70b-instruct", { prompt: "Hello" }).pipe(
 *   Effect.map((prediction) => prediction.text),
 *   Effect.provide(ReplicateClient.layer({ token: Redacted.make("r8_any") })),
 *   Effect.provide(ReplicateEmulator.layer())
 * )
 * ```
 *
 * @example
 * ```ts
 * // webhooks that are served in this process
 * import { FetchHttpClient, HttpApp, HttpClient } from "@effect/platform"
 * import { Console, Effect, Layer, Redacted } from "effect"
 * import { Webhook } from "effect-providers/replicate"
 * import { ReplicateEmulator } from "effect-providers/testing"
 *
 * const webhookSecret = Redacted.make("whsec_ZXhhbXBsZQ==")
 *
 * const emulator = Layer.unwrapScoped(Effect.gen(function*() {
 *   const app = yield* Webhook.app({ secret: webhookSecret, onEvent: ({ prediction }) => Console.log(prediction.status) })
 *   const handle = HttpApp.toWebHandler(app)
 *   const webhookClient = yield* HttpClient.HttpClient.pipe(
 *     Effect.provide(FetchHttpClient.layer),
 *     Effect.provideService(FetchHttpClient.Fetch, (input, init) => handle(new Request(input, init)))
 *   )
 *   return ReplicateEmulator.layer({ webhookClient, webhookSecret })
 * }))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<ReplicateEmulator | HttpClient.HttpClient> =>
  Layer.scopedContext(
    Effect.map(
      make(options),
      (emulator) => Context.make(ReplicateEmulator, emulator).pipe(Context.add(HttpClient.HttpClient, emulator.client))
    )
  )

/**
 * Serves the emulator on any `HttpServer`.
 *
 * @since 0.1.0
 * @category layers
 */
export const serve: Layer.Layer<never, never, ReplicateEmulator | HttpServer.HttpServer> = Layer.unwrapEffect(
  Effect.map(ReplicateEmulator, ({ app }) => HttpServer.serve(app))
)
