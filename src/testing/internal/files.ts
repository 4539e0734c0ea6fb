import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import { randomId } from "./predictions.js"
import { account } from "./state.js"
import { timestamp } from "./wire.js"

/** @internal */
export interface File {
  readonly id: string
  readonly name: string
  readonly contentType: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly sha256: string
  readonly metadata: unknown
  readonly createdAt: number
}

/** A link to a file, as its owner signs it. */
interface Link {
  readonly owner: string
  /** Seconds since 1970. */
  readonly expiry: number
  /** In base64. */
  readonly signature: string
}

/** @internal */
export interface Files {
  /** Those that have not expired, newest first. */
  readonly list: Effect.Effect<ReadonlyArray<File>>
  readonly get: (id: string) => Effect.Effect<File | undefined>
  readonly add: (file: Pick<File, "name" | "contentType" | "bytes" | "metadata">) => Effect.Effect<File>
  readonly remove: (id: string) => void
  /** Whether a link is signed by the account, and has not expired. */
  readonly isSigned: (id: string, link: Link) => Effect.Effect<boolean>
}

const retention = Duration.toMillis("24 hours")

const encoder = new TextEncoder()

/** @internal */
export const make = (secret: string): Files => {
  const files = new Map<string, File>()
  const isKept = (now: number) => (file: File) => now < file.createdAt + retention
  const list = Effect.map(Clock.currentTimeMillis, (now) => Arr.reverse(files.values()).filter(isKept(now)))
  const key = Effect.promise(() =>
    crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
  )
  return {
    list,
    get: (id) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const file = files.get(id)
        return file !== undefined && isKept(now)(file) ? file : undefined
      }),
    add: Effect.fnUntraced(function*(given) {
      const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", given.bytes))
      const file: File = {
        ...given,
        id: yield* randomId(48),
        sha256: Encoding.encodeHex(new Uint8Array(digest)),
        createdAt: yield* Clock.currentTimeMillis
      }
      files.set(file.id, file)
      return file
    }),
    remove: (id) => {
      files.delete(id)
    },
    isSigned: Effect.fnUntraced(function*(id, { expiry, owner, signature }) {
      const now = yield* Clock.currentTimeMillis
      const bytes = Encoding.decodeBase64(signature)
      if (Either.isLeft(bytes) || owner !== account.username || now >= expiry * 1000) return false
      const signed = encoder.encode(`${owner} ${id} ${expiry}`)
      const verifier = yield* key
      return yield* Effect.promise(() => crypto.subtle.verify("HMAC", verifier, new Uint8Array(bytes.right), signed))
    })
  }
}

/**
 * A file as the service writes it.
 *
 * @internal
 */
export const encode = (file: File, origin: string) => ({
  id: file.id,
  name: file.name,
  content_type: file.contentType,
  size: file.bytes.length,
  etag: file.sha256.slice(0, 32),
  checksums: { sha256: file.sha256 },
  metadata: file.metadata,
  created_at: timestamp(file.createdAt, file.id, 3),
  expires_at: timestamp(file.createdAt + retention, file.id, 3),
  urls: { get: `${origin}/v1/files/${file.id}` }
})
