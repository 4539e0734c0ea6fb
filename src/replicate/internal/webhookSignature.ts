import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"

const algorithm = { name: "HMAC", hash: "SHA-256" }
const encoder = new TextEncoder()

/**
 * Reads the key out of a webhook secret, `whsec_` and base64.
 *
 * @internal
 */
export const importKey = (secret: Redacted.Redacted<string>): Effect.Effect<CryptoKey, "malformed-secret"> =>
  Effect.fromNullable(/^whsec_(.+)$/.exec(Redacted.value(secret).trim())?.[1]).pipe(
    Effect.flatMap(Encoding.decodeBase64),
    Effect.flatMap((key) =>
      Effect.tryPromise(() => crypto.subtle.importKey("raw", new Uint8Array(key), algorithm, false, ["sign"]))
    ),
    // the errors underneath quote the secret
    Effect.mapError(() => "malformed-secret" as const)
  )

const join = (head: Uint8Array, body: Uint8Array) => {
  const whole = new Uint8Array(head.length + body.length)
  whole.set(head)
  whole.set(body, head.length)
  return whole
}

/**
 * Signs a body and what stands before it, as an entry of the signature header.
 *
 * @internal
 */
export const sign = (key: CryptoKey, head: string, body: Uint8Array | string): Effect.Effect<string> =>
  Effect.promise(() =>
    crypto.subtle.sign(
      algorithm,
      key,
      typeof body === "string" ? encoder.encode(head + body) : join(encoder.encode(head), body)
    )
  ).pipe(Effect.map((digest) => `v1,${Encoding.encodeBase64(new Uint8Array(digest))}`))

/**
 * Compares texts in a time that does not tell where they differ. As texts, because base64 has several spellings of
 * the same bytes.
 *
 * @internal
 */
export const isSame = (expected: string, given: string): boolean => {
  let difference = expected.length ^ given.length
  for (let i = 0; i < expected.length; i++) difference |= expected.charCodeAt(i) ^ given.charCodeAt(i)
  return difference === 0
}
