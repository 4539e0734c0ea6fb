import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import type { Event, Verifier } from "../Webhook.js"
import { readBody } from "./webhookBody.js"
import { WebhookError } from "./webhookError.js"

const status: Record<WebhookError["reason"], number> = {
  "missing-header": 400,
  "malformed-header": 400,
  "malformed-body": 400,
  "bad-signature": 401,
  "too-old": 401,
  "too-new": 401,
  "malformed-secret": 500
}

/** Tells the caller what it did wrong, and the log what we did. */
const refusal = (error: unknown): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  error instanceof WebhookError && error.reason !== "malformed-secret"
    ? Effect.succeed(HttpServerResponse.text(error.message, { status: status[error.reason] }))
    : Effect.as(
      Effect.logError("Webhooks cannot be verified", error),
      HttpServerResponse.empty({ status: error instanceof WebhookError ? status[error.reason] : 503 })
    )

const accepted = HttpServerResponse.empty({ status: 200 })
const full = HttpServerResponse.empty({ status: 503 })

/**
 * Makes the app that puts what it receives into a mailbox, and turns away what does not fit.
 *
 * @internal
 */
export const makeInbox = Effect.fnUntraced(function*<E>(
  verifier: Verifier<E>,
  options: { readonly capacity?: number | undefined; readonly maxBodySize?: number | undefined }
) {
  const { capacity = 256, maxBodySize = 10 * 1024 * 1024 } = options
  const mailbox = yield* Mailbox.make<Event>({ capacity, strategy: "dropping" })
  const app: HttpApp.Default = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* readBody(request, maxBodySize)
    const event = yield* Effect.catchAll(
      verifier.receive({ headers: request.headers, body, url: request.originalUrl }),
      (error) => Effect.flip(refusal(error))
    )
    return (yield* mailbox.offer(event)) ? accepted : full
  }).pipe(Effect.merge)
  return { app, mailbox }
})
