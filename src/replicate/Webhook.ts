/**
 * Webhooks of Replicate: verify that a call comes from Replicate, read it, serve it.
 *
 * The signature is over the raw body: hand that on, not what a framework made of it.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SynchronizedRef from "effect/SynchronizedRef"
import * as Failure from "../http/Failure.js"
import { provider } from "./internal/http.js"
import { readBody } from "./internal/webhookBody.js"
import { makeNews } from "./internal/webhookNews.js"
import * as Signature from "./internal/webhookSignature.js"
import { Prediction } from "./schemas/Prediction.js"

const explain = {
  "missing-header": "it lacks a header",
  "malformed-header": "a header is malformed",
  "malformed-secret": "the secret to verify it with is not `whsec_` followed by base64",
  "too-old": "it was signed too long ago; it may be a replay, or a clock is wrong",
  "too-new": "it was signed in the future; a clock is wrong",
  "bad-signature": "no `v1` signature fits; the secret is another, or the body is not the one that was sent",
  "malformed-body": "its body is not a prediction"
}

/**
 * A webhook that is not to be trusted, or that could not be read.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookError extends Schema.TaggedError<WebhookError>("effect-providers/replicate/WebhookError")(
  "WebhookError",
  {
    reason: Schema.Literal(
      "missing-header",
      "malformed-header",
      "malformed-secret",
      "too-old",
      "too-new",
      "bad-signature",
      "malformed-body"
    ),
    /** The header it is about, or what was expected of the body. Never a value that was found. */
    detail: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    return `The webhook is refused: ${explain[this.reason]}${this.detail === undefined ? "" : ` (${this.detail})`}.`
  }
}

/**
 * A call of a webhook, as it arrived.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** A record with names in any case, a `Headers` of the web, or one of the platform. */
  readonly headers: Headers.Input
  /** The raw body. */
  readonly body: Uint8Array | string
}

/**
 * What a webhook told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** The id of the message: the same when it is sent again. */
  readonly id: string
  /** The prediction as it was then. A training comes in the same shape. */
  readonly prediction: Prediction
}

/**
 * How webhooks are verified.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<E = never, R = never> {
  /** The secret, `whsec_…`; or how to get it, which is done when it is first needed, until it succeeds once. */
  readonly secret: Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>, E, R>
  /** How far the time of signing may be from now, before or after. 5 minutes when absent. */
  readonly tolerance?: Duration.DurationInput | undefined
}

/**
 * Verifies webhooks with one secret.
 *
 * @since 0.1.0
 * @category models
 */
export interface Verifier<E = never> {
  /** Succeeds if Replicate sent this, lately, and nothing was changed. */
  readonly verify: (delivery: Delivery) => Effect.Effect<void, WebhookError | E>
  /** Verifies, then decodes. */
  readonly receive: (delivery: Delivery) => Effect.Effect<Event, WebhookError | E>
}

/** Runs an effect until it succeeds once; whoever comes while it runs waits for it. */
const cachedSuccess = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<Effect.Effect<A, E, R>> =>
  Effect.map(SynchronizedRef.make(Option.none<A>()), (cache) =>
    SynchronizedRef.modifyEffect(cache, (cached) =>
      Option.isSome(cached)
        ? Effect.succeed([cached.value, cached])
        : Effect.map(self, (value) => [value, Option.some(value)])))

const header = (headers: Headers.Headers, name: string) =>
  Effect.mapError(
    Effect.filterOrFail(Effect.fromNullable(headers[name]), (value) => value !== ""),
    () => new WebhookError({ reason: "missing-header", detail: name })
  )

/**
 * Makes a verifier, which keeps its secret. Better than `verify` where there is more than one webhook to verify.
 *
 * @example
 * ```ts
 * import { Config, Effect } from "effect"
 * import { Webhook } from "effect-providers/replicate"
 *
 * const program = Effect.gen(function*() {
 *   const webhooks = yield* Webhook.make({ secret: Config.redacted("REPLICATE_WEBHOOK_SECRET") })
 *   return (request: { headers: Record<string, string>; body: Uint8Array }) => webhooks.receive(request)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*<E = never, R = never>(options: Options<E, R>) {
  const context = yield* Effect.context<R>()
  const tolerance = Duration.toMillis(options.tolerance ?? "5 minutes")
  const secret = Redacted.isRedacted(options.secret) ? Effect.succeed(options.secret) : options.secret
  const key = yield* secret.pipe(
    Effect.provide(context),
    Effect.flatMap((secret) =>
      Effect.mapError(Signature.importKey(secret), (reason) => new WebhookError({ reason }))
    ),
    cachedSuccess
  )

  const authentic = Effect.fnUntraced(function*(delivery: Delivery) {
    const headers = Headers.fromInput(delivery.headers)
    const id = yield* header(headers, "webhook-id")
    const timestamp = yield* header(headers, "webhook-timestamp")
    const signatures = yield* header(headers, "webhook-signature")
    const malformed = !/^\d{1,15}$/.test(timestamp)
      ? "webhook-timestamp"
      : !signatures.includes(",")
      ? "webhook-signature"
      : undefined
    if (malformed !== undefined) return yield* new WebhookError({ reason: "malformed-header", detail: malformed })
    const age = (yield* Clock.currentTimeMillis) - Number(timestamp) * 1000
    if (age > tolerance) return yield* new WebhookError({ reason: "too-old" })
    if (age < -tolerance) return yield* new WebhookError({ reason: "too-new" })
    const expected = yield* Signature.sign(yield* key, `${id}.${timestamp}.`, delivery.body)
    const isKnown = signatures.split(" ").some((given) => Signature.isSame(expected, given))
    return isKnown ? id : yield* new WebhookError({ reason: "bad-signature" })
  })

  const verifier: Verifier<E> = {
    verify: Effect.fn("Webhook.verify")((delivery) => Effect.asVoid(authentic(delivery))),
    receive: Effect.fn("Webhook.receive")(function*(delivery) {
      const id = yield* authentic(delivery)
      return { id, prediction: yield* decode(delivery.body) }
    })
  }
  return verifier
})

/**
 * Verifies one webhook: that Replicate sent it, lately, and that nothing was changed.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { Webhook } from "effect-providers/replicate"
 *
 * const checked = (headers: Headers, body: Uint8Array) =>
 *   Webhook.verify({ headers, body }, { secret: Redacted.make("whsec_ZXhhbXBsZQ==") })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const verify = <E = never, R = never>(
  delivery: Delivery,
  options: Options<E, R>
): Effect.Effect<void, WebhookError | E, R> => Effect.flatMap(make(options), (verifier) => verifier.verify(delivery))

/**
 * Verifies one webhook and gives what it told.
 *
 * @since 0.1.0
 * @category constructors
 */
export const receive = <E = never, R = never>(
  delivery: Delivery,
  options: Options<E, R>
): Effect.Effect<Event, WebhookError | E, R> => Effect.flatMap(make(options), (verifier) => verifier.receive(delivery))

const decoder = new TextDecoder("utf-8", { fatal: true })

const malformedBody = (detail: string | undefined) => new WebhookError({ reason: "malformed-body", detail })

const decodePrediction = Schema.decodeUnknown(Prediction)
