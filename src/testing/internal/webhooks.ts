import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Failure from "../../http/Failure.js"
import { sign } from "../../replicate/internal/webhookSignature.js"
import type { WebhookEvent } from "../../replicate/schemas/Prediction.js"
import { type Prediction, randomId, until } from "./predictions.js"
import * as Timeline from "./timeline.js"
import * as Wire from "./wire.js"

/**
 * One attempt to deliver a webhook.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedWebhook {
  /** The id of the message: the same when it is sent again. */
  readonly id: string
  readonly url: string
  readonly event: "start" | "output" | "logs" | "completed"
  /** Counts from 1. */
  readonly attempt: number
  /** The status of the answer, when there was one. */
  readonly status?: number
  /** Why there was no answer. */
  readonly failure?: string
  /** The prediction or training, as it was when the event happened. */
  readonly body: Wire.WirePrediction | Wire.WireTraining
}

/** @internal */
export interface Webhooks {
  /** Calls the webhook of a prediction, if it has one, until its end was told. */
  readonly follow: (prediction: Prediction) => Effect.Effect<void>
  /** The attempts, first to last. */
  readonly sent: Effect.Effect<ReadonlyArray<LoggedWebhook>>
}

type Event = typeof WebhookEvent.Type

interface Message extends Pick<LoggedWebhook, "url" | "event" | "body"> {}

/** Outputs and logs are told no more often than this, in milliseconds. */
const interval = 500

const patience = Duration.minutes(1)

/** The end is told again 1, 3, 7, 15, 31 and 63 seconds after it was refused, and later when no answer came. */
const again = Schedule.upTo(Schedule.exponential("1 second"), "1 minute")

const eventOf = ({ _tag }: Timeline.Content): Event | undefined =>
  _tag === "Log" ? "logs" : _tag === "Fail" ? undefined : "output"

/** The events that are told of a life, unless it ends early. */
const eventsOf = ({ completedAt, happenings, startedAt }: Timeline.Timeline, wanted: ReadonlySet<Event>) => {
  const events: Array<{ readonly at: number; readonly event: Event }> = []
  if (wanted.has("start") && startedAt <= completedAt) events.push({ at: startedAt, event: "start" })
  let last = -Infinity
  for (const { at, content } of happenings) {
    const event = eventOf(content)
    if (event === undefined || !wanted.has(event) || at - last < interval || at >= completedAt) continue
    events.push({ at, event })
    last = at
  }
  // there is always an end to wait for: it may come early
  return [...events, { at: completedAt, event: "completed" as const }]
}

const origin = { provider: "The webhook's receiver" }

/** The request of a message, signed now. */
const signed = Effect.fnUntraced(function*(key: CryptoKey, id: string, { body, url }: Message) {
  const text = JSON.stringify(body)
  const timestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  return HttpClientRequest.post(url, {
    headers: {
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": yield* sign(key, `${id}.${timestamp}.`, text)
    }
  }).pipe(HttpClientRequest.bodyText(text, "application/json"))
})

const send = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Pick<LoggedWebhook, "status" | "failure">> =>
  client.execute(request).pipe(
    // a body that is not read would keep its connection open
    Effect.tap((response) => Effect.ignore(response.text)),
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
    Effect.timeoutTo({
      duration: patience,
      onSuccess: ({ status }) => ({ status }),
      onTimeout: () => ({ failure: `${origin.provider} did not answer within ${Duration.format(patience)}.` })
    }),
    Effect.catchAll((error) => Effect.succeed({ failure: Failure.fromHttpClientError(origin, error).message })),
    Effect.catchAllDefect((defect) => Effect.succeed({ failure: `The client that sends webhooks died: ${defect}` }))
  )

/**
 * Calls webhooks by a client, in fibers that live no longer than the scope. Without a client, what would be sent is
 * only logged.
 *
 * @internal
 */
export const make = (
  key: Effect.Effect<CryptoKey>,
  client: HttpClient.HttpClient | undefined
): Effect.Effect<Webhooks, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const log: Array<LoggedWebhook> = []
    // the receiver is a third party
    const untraced = client?.pipe(HttpClient.withTracerDisabledWhen(() => true))

    const deliver = Effect.fnUntraced(function*(message: Message) {
      const id = `msg_${yield* randomId()}`
      if (untraced === undefined) {
        log.push({ id, attempt: 1, failure: "The emulator was given no client to send webhooks with.", ...message })
        return
      }
      let attempts = 0
      const attempt = Effect.gen(function*() {
        const result = yield* send(untraced, yield* signed(yield* key, id, message))
        log.push({ id, attempt: ++attempts, ...result, ...message })
        return result.status !== undefined && result.status < 400
      })
      const isRepeated = message.event === "completed"
      yield* isRepeated ? Effect.repeat(attempt, { schedule: again, until: (isTaken) => isTaken }) : attempt
    })

    /** Takes down each event when it happens, and lets it be delivered after those before. */
    const follow = Effect.fnUntraced(function*(prediction: Prediction, url: string) {
      const wanted = new Set<Event>(prediction.webhookEventsFilter ?? ["output", "completed"])
      const turns = yield* Effect.makeSemaphore(1)
      const timeline = yield* Ref.get(prediction.timeline)
      for (const { at, event: planned } of eventsOf(timeline, wanted)) {
        yield* until(prediction, at)
        const event = (yield* Ref.get(prediction.timeline)) === timeline ? planned : "completed"
        if (wanted.has(event)) {
          const body = yield* prediction.trains === undefined
            ? Wire.encode(prediction, "read")
            : Wire.encodeTraining(prediction)
          yield* Effect.forkIn(turns.withPermits(1)(deliver({ url, event, body })), scope)
        }
        if (event === "completed") return
      }
    })

    return {
      follow: (prediction) =>
        prediction.webhook === undefined
          ? Effect.void
          : Effect.forkIn(follow(prediction, prediction.webhook), scope),
      sent: Effect.sync(() => log.slice())
    }
  })
