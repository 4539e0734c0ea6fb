import * as Headers from "@effect/platform/Headers"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import type { Delivery } from "../Webhook.js"
import { isUint8Array } from "./fileContent.js"
import { WebhookError } from "./webhookError.js"
import { algorithm, type Keys } from "./webhookKey.js"

const encoder = new TextEncoder()

/** Bodies are copied to one buffer, as an array for each would cost about as much as its hash. */
const bufferSize = 512 * 1024
let buffer: Uint8Array<ArrayBuffer> | undefined

const bytes = (size: number): Uint8Array<ArrayBuffer> =>
  size > bufferSize ? new Uint8Array(size) : (buffer ??= new Uint8Array(bufferSize)).subarray(0, size)

const join = (head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> => {
  const whole = bytes(head.length + body.length)
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
      // it copies what it is given before it returns, so that the buffer is free again
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

const refuse = (reason: WebhookError["reason"], detail?: string) => Either.left(new WebhookError({ reason, detail }))

/** The id, what is signed before the body, and the signatures: of headers that are right, with a time near enough. */
const readHeaders = (input: Headers.Input, now: number, tolerance: number) => {
  const headers = Headers.fromInput(input)
  const id = headers["webhook-id"] ?? ""
  const timestamp = headers["webhook-timestamp"] ?? ""
  const signatures = headers["webhook-signature"] ?? ""
  if (id === "") return refuse("missing-header", "webhook-id")
  if (timestamp === "") return refuse("missing-header", "webhook-timestamp")
  if (signatures === "") return refuse("missing-header", "webhook-signature")
  if (!/^\d{1,15}$/.test(timestamp)) return refuse("malformed-header", "webhook-timestamp")
  if (!signatures.includes(",")) return refuse("malformed-header", "webhook-signature")
  const age = now - Number(timestamp) * 1000
  if (age > tolerance) return refuse("too-old")
  if (age < -tolerance) return refuse("too-new")
  return Either.right({ id, head: `${id}.${timestamp}.`, signatures: signatures.split(" ") })
}

/**
 * Gives the id of a delivery that was signed with the key, or a newer one, no longer than the tolerance (in milliseconds) from now.
 *
 * @internal
 */
export const authenticate = Effect.fnUntraced(function*<E>(
  { body, headers }: Delivery,
  keys: Keys<E>,
  tolerance: number
) {
  // what a framework gives when it was not asked for the raw body
  if (typeof body !== "string" && !isUint8Array(body)) {
    return yield* new WebhookError({
      reason: "malformed-body",
      detail: "expected the raw body, a text or a Uint8Array"
    })
  }
  const { head, id, signatures } = yield* readHeaders(headers, yield* Clock.currentTimeMillis, tolerance)
  const fits = (key: CryptoKey) =>
    Effect.map(sign(key, head, body), (expected) => signatures.some((given) => isSame(expected, given)))
  const key = yield* keys.current
  if (yield* fits(key)) return id
  const newer = yield* keys.newer(key)
  if (Option.isSome(newer) && (yield* fits(newer.value))) return id
  return yield* new WebhookError({ reason: "bad-signature" })
})
