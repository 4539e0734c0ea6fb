import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Session } from "../../http/BrowserSession.js"
import * as Polling from "../../http/Polling.js"
import { toJson } from "../../internal/errorBody.js"
import { InvalidRequest, Issue, Timeout } from "../../ProviderError.js"
import { outcomeOf } from "../../replicate/internal/outcome.js"
import { Prediction } from "../../replicate/schemas/Prediction.js"

/** @internal */
export interface Site {
  readonly provider: string
  readonly session: Session
  /** Without a slash at its end. */
  readonly baseUrl: string
  readonly polling: Polling.Policy
  readonly connectTimeout: Duration.DurationInput | undefined
}

/** @internal */
export interface Body {
  readonly model: string
  readonly version: string
  readonly input: Readonly<Record<string, unknown>>
}

const parseJson = Schema.decodeUnknown(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

const decodeCreated = Schema.decodeUnknown(Schema.Struct({ id: Schema.NonEmptyString }))

const decodePrediction = Schema.decodeUnknown(Prediction)

/** The site echoes the input, which an error must not show. */
const withoutInput = (reply: Readonly<Record<string, unknown>>): string => {
  const { input: _, ...rest } = reply
  return Option.getOrElse(toJson(rest), () => "")
}

/** Reads a reply whatever content type it claims to be of. */
const read = Effect.fnUntraced(function*(session: Session, response: HttpClientResponse.HttpClientResponse) {
  const body = yield* session.text(response)
  const reply = yield* Effect.mapError(
    parseJson(body),
    () => session.malformed(response, { why: "the answer is no JSON object", body })
  )
  const malformed = (why: string) => session.malformed(response, { why, body: withoutInput(reply) })
  return { reply, malformed }
})

const create = Effect.fnUntraced(function*({ baseUrl, connectTimeout, provider, session }: Site, body: Body) {
  const request = yield* Effect.mapError(
    HttpClientRequest.bodyJson(HttpClientRequest.post(`${baseUrl}/prediction`), body),
    () =>
      new InvalidRequest({ provider, issues: [new Issue({ field: "extra", message: "expected what JSON can hold" })] })
  )
  const { malformed, reply } = yield* read(session, yield* session.send(request, { connectTimeout }))
  return yield* Effect.mapBoth(decodeCreated(reply), {
    onFailure: () => malformed("the answer has no id"),
    onSuccess: ({ id }) => id
  })
})

const look = Effect.fnUntraced(function*({ baseUrl, connectTimeout, session }: Site, id: string) {
  const request = HttpClientRequest.setUrlParam(HttpClientRequest.get(`${baseUrl}/poll`), "id", id)
  const { malformed, reply } = yield* read(session, yield* session.send(request, { connectTimeout }))
  if (typeof reply.status !== "string") return yield* malformed("the answer has no status")
  return yield* Effect.mapError(decodePrediction({ ...reply, id }), () => malformed("the answer is no prediction"))
})

const exhausted = { _tag: "Exhausted" } as const

/**
 * Creates a prediction on the site and looks at it until it is final. Fails unless it succeeded.
 *
 * @internal
 */
export const predict = Effect.fnUntraced(function*(site: Site, body: Body) {
  const { polling, provider } = site
  const id = yield* create(site, body)
  const startedAt = yield* Clock.currentTimeMillis
  const timeout = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    new Timeout({
      provider,
      clock: "total",
      duration: Duration.millis(now - startedAt),
      detail: "the prediction timed out"
    }))
  const final = yield* Effect.catchTag(
    Polling.poll({
      get: look(site, id),
      until: (prediction) => prediction.isTerminal,
      policy: polling,
      exhausted: () => exhausted
    }),
    "Exhausted",
    () => timeout
  )
  return yield* outcomeOf(provider, final, Option.none())
})
