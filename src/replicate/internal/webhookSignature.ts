import * as Headers from "@effect/platform/Headers"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import type { Delivery } from "../Webhook.js"
import { isUint8Array } from "./fileContent.js"
import { WebhookError } from "./webhookError.js"
import { algorithm, type Keys } from "./webhookKey.js"

const encoder = new TextEncoder()

const join = (head: Uint8Array, body: Uint8Array) => {
  const whole = new Uint8Array(head.length + body.length)
  whole.set(head)
  whole.set(body, head.length)
  return whole
}

/**
 * The entry of the signature header that fits a body and what is signed before it.
 *
 * @internal
 */
export const sign = (key: CryptoKey, head: string, body: Uint8Array | string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => {
      const signed = typeof body === "string" ? encoder.encode(head + body) : join(encoder.encode(head), body)
      return crypto.subtle.sign(algorithm, key, signed)
    }),
    (digest) => `v1,${Encoding.encodeBase64(new Uint8Array(digest))}`
  )

/**
 * Compares in a time that does not tell where the difference is. Texts and not bytes, because base64 has several
 * spellings of the same bytes.
 */
const isSame = (expected: string, given: string): boolean => {
  let difference = expected.length ^ given.length
  for (let i = 0; i < expected.length; i++) difference |= expected.charCodeAt(i) ^ given.charCodeAt(i)
  return difference === 0
}

const header = (headers: Headers.Headers, name: string): Effect.Effect<string, WebhookError> => {
  const value = headers[name]
  return value === undefined || value === ""
    ? Effect.fail(new WebhookError({ reason: "missing-header", detail: name }))
    : Effect.succeed(value)
}

/**
 * Gives the id of a delivery that was signed with the key, or a newer one, no longer than the tolerance (in milliseconds) from now.
 *
 * @internal
 */
export const authenticate = Effect.fnUntraced(function*<E>(
  delivery: Delivery,
  keys: Keys<E>,
  tolerance: number
) {
  // what a framework gives when it was not asked for the raw body
  if (typeof delivery.body !== "string" && !isUint8Array(delivery.body)) {
    return yield* new WebhookError({
      reason: "malformed-body",
      detail: "expected the raw body, a text or a Uint8Array"
    })
  }
  const headers = Headers.fromInput(delivery.headers)
  const id = yield* header(headers, "webhook-id")
  const timestamp = yield* header(headers, "webhook-timestamp")
  const signatures = yield* header(headers, "webhook-signature")
  if (!/^\d{1,15}$/.test(timestamp)) {
    return yield* new WebhookError({ reason: "malformed-header", detail: "webhook-timestamp" })
  }
  if (!signatures.includes(",")) {
    return yield* new WebhookError({ reason: "malformed-header", detail: "webhook-signature" })
  }
  const age = (yield* Clock.currentTimeMillis) - Number(timestamp) * 1000
  if (age > tolerance) return yield* new WebhookError({ reason: "too-old" })
  if (age < -tolerance) return yield* new WebhookError({ reason: "too-new" })
  const fits = (key: CryptoKey) =>
    Effect.map(
      sign(key, `${id}.${timestamp}.`, delivery.body),
      (expected) => signatures.split(" ").some((given) => isSame(expected, given))
    )
  const key = yield* keys.current
  if (yield* fits(key)) return id
  const newer = yield* keys.newer(key)
  if (Option.isSome(newer) && (yield* fits(newer.value))) return id
  return yield* new WebhookError({ reason: "bad-signature" })
})
