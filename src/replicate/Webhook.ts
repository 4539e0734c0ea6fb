/**
 * Webhooks of Replicate: verify that a call comes from Replicate, read it, serve it.
 *
 * What is signed is the raw body: pass that on, not what a framework made of it.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ProviderError } from "../ProviderError.js"
import { WebhookError } from "./internal/webhookError.js"
import { makeInbox } from "./internal/webhookInbox.js"
import { makeKeys } from "./internal/webhookKey.js"
import { makeNews } from "./internal/webhookNews.js"
import { decodeBody, pathOf } from "./internal/webhookPayload.js"
import { authenticate } from "./internal/webhookSignature.js"
import { ReplicateClient } from "./ReplicateClient.js"
import type { Prediction } from "./schemas/Prediction.js"

export {
  /**
   * A webhook that is not to be trusted, or that could not be read. It holds nothing of the secret, the signature or
   * the body.
   *
   * @since 0.1.0
   * @category errors
   */
  WebhookError
} from "./internal/webhookError.js"

/**
 * A call of a webhook, as it arrived.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** A record with names in any case, or the `Headers` of the web or of the platform. */
  readonly headers: Headers.Input
  /** The raw body. */
  readonly body: Uint8Array | string
  /** Where it was sent to, whole or from the path on, for `Event.url`. */
  readonly url?: string | undefined
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
  /**
   * Path and query it was sent to, as the server saw them, where the delivery tells. Replicate keeps the query of a
   * webhook's URL, so that `?job=7` says which job it is about. It is not signed: who sees a webhook can send it to
   * another URL, until it is too old.
   */
  readonly url?: string | undefined
}

/**
 * How webhooks are verified.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<E = never, R = never> {
  /**
   * The secret, `whsec_…`; or how to get it, which is done when it is first needed, until it succeeds once, and again
   * when a signature does not fit, once a minute at most: it may have been rotated.
   */
  readonly secret: Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>, E, R>
  /** How far the time of signing may be from now, before or after. 5 minutes when absent. */
  readonly tolerance?: Duration.DurationInput | undefined
}

/**
 * Verifies webhooks with one secret. Fails with `WebhookError`, or as getting the secret does.
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

/**
 * Gets the secret that Replicate signs the account's webhooks with, anew each time. For `make`, `inbox` and `app`,
 * which get it once, and again when it was rotated.
 *
 * @example
 * ```ts
 * import * as Webhook from "effect-providers/replicate/Webhook"
 *
 * const verifier = Webhook.make({ secret: Webhook.defaultSecret })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaultSecret: Effect.Effect<Redacted.Redacted<string>, ProviderError, ReplicateClient> = Effect.flatMap(
  ReplicateClient,
  ({ api }) => Effect.map(api.webhooks.secret(), ({ key }) => key)
)

/**
 * Makes a verifier. It gets the secret and reads the key once: prefer it to `verify` where more than one webhook comes.
 *
 * @example
 * ```ts
 * import { Config, Effect } from "effect"
 * import * as Webhook from "effect-providers/replicate/Webhook"
 *
 * const predictionOf = Effect.gen(function*() {
 *   const webhooks = yield* Webhook.make({ secret: Config.redacted("REPLICATE_WEBHOOK_SECRET") })
 *   return (request: Webhook.Delivery) => Effect.map(webhooks.receive(request), (event) => event.prediction)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = never, R = never>(options: Options<E, R>): Effect.Effect<Verifier<E>, never, R> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<R>()
    const tolerance = Duration.toMillis(options.tolerance ?? "5 minutes")
    const { secret } = options
    const keys = yield* makeKeys(Effect.provide(Redacted.isRedacted(secret) ? Effect.succeed(secret) : secret, context))
    return {
      // a span would cost several times what the hash does
      verify: (delivery) => Effect.asVoid(authenticate(delivery, keys, tolerance)),
      receive: Effect.fn("Webhook.receive")(function*(delivery) {
        const id = yield* authenticate(delivery, keys, tolerance)
        const url = pathOf(delivery.url)
        return { id, prediction: yield* decode(delivery.body), ...(url === undefined ? {} : { url }) }
      })
    }
  })

/**
 * Verifies one webhook: that Replicate sent it, lately, and that nothing was changed.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Webhook from "effect-providers/replicate/Webhook"
 *
 * const verified = (headers: Headers, body: Uint8Array) =>
 *   Webhook.verify({ headers, body }, { secret: Redacted.make("whsec_ZXhhbXBsZQ==") })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const verify = <E = never, R = never>(
  delivery: Delivery,
  options: Options<E, R>
): Effect.Effect<void, WebhookError | E, R> => Effect.flatMap(make(options), (verifier) => verifier.verify(delivery))

/**
 * Verifies one webhook and gives what it told.
 *
 * @since 0.1.0
 * @category combinators
 */
export const receive = <E = never, R = never>(
  delivery: Delivery,
  options: Options<E, R>
): Effect.Effect<Event, WebhookError | E, R> => Effect.flatMap(make(options), (verifier) => verifier.receive(delivery))

/**
 * Reads the body of a webhook, which proves nothing of who sent it. Fails with `WebhookError`, `malformed-body`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const decode = (body: Uint8Array | string): Effect.Effect<Prediction, WebhookError> => decodeBody(body)

/**
 * Drops what tells nothing new, as webhooks come twice and out of order: a message that was there before, anything
 * after the end of its prediction, and anything but the end that has less output or logs than was there before.
 *
 * `remember` is for how many predictions, and for how many messages, that is known; 10000 when absent.
 *
 * @since 0.1.0
 * @category combinators
 */
export const dropStale =
  (options: { readonly remember?: number | undefined } = {}) =>
  <E, R>(self: Stream.Stream<Event, E, R>): Stream.Stream<Event, E, R> =>
    Stream.suspend(() => {
      const isNews = makeNews(options.remember ?? 10_000)
      return Stream.filter(self, ({ id, prediction }) => isNews(id, prediction))
    })

/**
 * How webhooks are served.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServeOptions<E = never, R = never> extends Options<E, R> {
  /** Most events that wait for the handler; 256 when absent. */
  readonly capacity?: number | undefined
  /** Most bytes of a body; 10485760 (10 Mi) when absent. */
  readonly maxBodySize?: number | undefined
  /** As for `dropStale`. */
  readonly remember?: number | undefined
}

/** An inbox and what closes it. */
const open = Effect.fnUntraced(function*<E, R>(options: ServeOptions<E, R>) {
  const { app, mailbox } = yield* makeInbox(yield* make(options), options)
  return { app, events: dropStale(options)(Mailbox.toStream(mailbox)), close: mailbox.end }
})

/**
 * Makes an HTTP app that answers webhooks at once, and a stream, for one reader, of what they told without what is
 * stale. When the scope closes the stream ends, after the events that were taken.
 *
 * The app answers 200 to what is taken, 400 to what is malformed, 401 to what is not authentic, 413 to what is too
 * large, and 503 while the events find no place or the secret cannot be got: Replicate then sends the last event of a
 * prediction again.
 *
 * @example
 * ```ts
 * import { Console, Effect, Redacted, Stream } from "effect"
 * import * as Webhook from "effect-providers/replicate/Webhook"
 *
 * const program = Effect.gen(function*() {
 *   const { app, events } = yield* Webhook.inbox({ secret: Redacted.make("whsec_ZXhhbXBsZQ==") })
 *   yield* Effect.forkScoped(Stream.runForEach(events, (event) => Console.log(event.prediction.status)))
 *   return app
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const inbox = <E = never, R = never>(
  options: ServeOptions<E, R>
): Effect.Effect<
  { readonly app: HttpApp.Default; readonly events: Stream.Stream<Event> },
  never,
  R | Scope.Scope
> => Effect.acquireRelease(open(options), ({ close }) => close)

/**
 * Makes the app of an `inbox` and hands its events to a handler, one after the other. A handler that dies is logged.
 * When the scope closes, the events that were taken are handled first: they will not be sent again.
 *
 * @example
 * ```ts
 * import { HttpLayerRouter } from "@effect/platform"
 * import { Config, Console, Effect } from "effect"
 * import * as Webhook from "effect-providers/replicate/Webhook"
 *
 * const route = HttpLayerRouter.use((router) =>
 *   Webhook.app({
 *     secret: Config.redacted("REPLICATE_WEBHOOK_SECRET"),
 *     onEvent: ({ prediction }) => Console.log(prediction.id, prediction.status)
 *   }).pipe(Effect.flatMap((app) => router.add("POST", "/hooks/replicate", app)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const app = <E = never, R = never, R2 = never>(
  options: ServeOptions<E, R> & { readonly onEvent: (event: Event) => Effect.Effect<void, never, R2> }
): Effect.Effect<HttpApp.Default, never, R | R2 | Scope.Scope> =>
  Effect.gen(function*() {
    const { app, close, events } = yield* open(options)
    const handled = Stream.runForEach(events, (event) =>
      Effect.catchAllCause(options.onEvent(event), (cause) =>
        Effect.logError("A webhook's handler died", cause)))
    const worker = yield* Effect.forkScoped(handled)
    // runs before the worker is interrupted
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(close, Fiber.await(worker))
    )
    return app
  })
