import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as SynchronizedRef from "effect/SynchronizedRef"
import { WebhookError } from "./webhookError.js"

/** @internal */
export const algorithm = { name: "HMAC", hash: "SHA-256" }

/** Whoever sends what is not authentic has the secret got again; this is how often at most. */
const leastAge = Duration.toMillis("1 minute")

/**
 * Reads the key out of a webhook secret, `whsec_` and base64.
 *
 * @internal
 */
export const importKey = (secret: Redacted.Redacted<string>): Effect.Effect<CryptoKey, WebhookError> =>
  Effect.fromNullable(/^whsec_(.+)$/.exec(Redacted.value(secret).trim())?.[1]).pipe(
    Effect.flatMap(Encoding.decodeBase64),
    Effect.flatMap((key) =>
      Effect.tryPromise(() => crypto.subtle.importKey("raw", new Uint8Array(key), algorithm, false, ["sign"]))
    ),
    // the errors beneath quote the secret
    Effect.mapError(() => new WebhookError({ reason: "malformed-secret" }))
  )

/** @internal */
export interface Keys<E> {
  /** The key; the secret is got when it is first needed, once for all who wait for it, until that succeeds. */
  readonly current: Effect.Effect<CryptoKey, E>
  /** Another key than the one that was tried, if there is one by now. */
  readonly newer: (tried: CryptoKey) => Effect.Effect<Option.Option<CryptoKey>>
}

interface Kept {
  readonly key: CryptoKey
  readonly gotAt: number
}

/**
 * Makes the keeper of the key.
 *
 * @internal
 */
export const makeKeys = <E>(
  secret: Effect.Effect<Redacted.Redacted<string>, E>
): Effect.Effect<Keys<E | WebhookError>> =>
  Effect.map(SynchronizedRef.make<Kept | undefined>(undefined), (ref): Keys<E | WebhookError> => {
    const get: Effect.Effect<Kept, E | WebhookError> = Effect.zipWith(
      Effect.flatMap(secret, importKey),
      Clock.currentTimeMillis,
      (key, gotAt) => ({ key, gotAt })
    )
    const first = SynchronizedRef.modifyEffect(
      ref,
      (kept) => Effect.map(kept === undefined ? get : Effect.succeed(kept), (kept) => [kept.key, kept])
    )
    const again = (tried: CryptoKey, now: number) =>
      Effect.catchAllCause(
        get,
        (cause) =>
          Effect.as(Effect.logDebug("The secret of webhooks could not be got again", cause), { key: tried, gotAt: now })
      )
    return {
      // not behind the lock, where getting it again may take its time
      current: Effect.flatMap(
        SynchronizedRef.get(ref),
        (kept) => kept === undefined ? first : Effect.succeed(kept.key)
      ),
      newer: (tried) =>
        SynchronizedRef.modifyEffect(ref, (kept) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const isFresh = kept === undefined || now - kept.gotAt < leastAge
            return Effect.map(isFresh ? Effect.succeed(kept) : again(tried, now), (kept) => [
              Option.filter(Option.fromNullable(kept?.key), (key) => key !== tried),
              kept
            ])
          }))
    }
  })
