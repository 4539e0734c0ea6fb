/**
 * Replicate's API in memory: the same declared API that the client is derived from, with predictions that live on the
 * Clock, event streams, files, a log of the requests, and faults on demand.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { importKey } from "../replicate/internal/webhookSignature.js"
import * as App from "./internal/app.js"
import * as Catalogue from "./internal/catalogue.js"
import type { ConnectionDropped } from "./internal/connection.js"
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
export type { Fault, Matcher } from "./internal/faults.js"
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
  /** Origin the files are on; default that of the API. */
  readonly fileUrl?: string | URL | undefined
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
   * Makes the next requests that match go wrong; once when `times` is absent. Of the faults that take the place of
   * the answer, one is used for each request, oldest first.
   */
  readonly fail: (matcher: Faults.Matcher, fault: Faults.Fault, times?: number) => Effect.Effect<void>
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
 *   return yield* emulator.requests
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const faults = Faults.make()
    const log = RequestLog.make()
    const predictions = Predictions.make()
    const webhookSecret = options.webhookSecret ??
      Redacted.make(`whsec_${Encoding.encodeBase64(yield* randomBytes(24))}`)
    const webhookKey = yield* Effect.cached(Effect.orDie(importKey(webhookSecret)))
    // a secret that is malformed is told at once
    if (options.webhookSecret !== undefined) yield* webhookKey
    const webhooks = yield* Webhooks.make(webhookKey, options.webhookClient)
    const fileSecret = Encoding.encodeBase64(yield* randomBytes(24))
    const streamOrigin = options.streamUrl === undefined ? undefined : originOf(options.streamUrl)
    const fileOrigin = options.fileUrl === undefined ? undefined : originOf(options.fileUrl)
    const origin = originOf(options.baseUrl ?? "https://api.replicate.com")
    const app = yield* App.make({
      models: Models.make([...Catalogue.builtIn, ...options.models ?? []], yield* Clock.currentTimeMillis),
      predictions,
      examples: new Map(),
      deployments: Deployments.make(),
      files: Files.make(fileSecret),
      webhooks,
      webhookSecret,
      streamOrigin,
      fileOrigin,
      faults,
      log,
      tokens: options.tokens
    })
    return {
      app,
      client: LocalClient.make(app, new Set([origin, streamOrigin ?? origin, fileOrigin ?? origin])),
      requests: log.requests,
      streams: log.streams,
      predictions: Effect.flatMap(
        predictions.list,
        Effect.forEach((prediction) => Wire.encode(prediction, "read"))
      ),
      webhooks: webhooks.sent,
      fileSecret,
      fail: (matcher, fault, times = 1) => faults.add(matcher, fault, times)
    }
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
