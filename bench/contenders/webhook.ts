/** Deliveries of webhooks, verified one after the other. Some were tampered with, and have to be refused. */
import { createHmac, timingSafeEqual } from "node:crypto"
import type { Run, Task } from "../row.js"
import { block, isTampered } from "../work.js"

const key = Buffer.from("bench-secret-of-24-bytes")
const secret = `whsec_${key.toString("base64")}`

interface Delivery {
  readonly headers: Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>>
  readonly body: Uint8Array
}

const sign = (id: string, timestamp: string, body: Uint8Array) =>
  createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")

/** They share a few bodies, of ASCII. */
const deliveries = ({ size }: Task, length: number): ReadonlyArray<Delivery> => {
  const bytes = block(length + 8).map((byte) => 32 + byte % 90)
  const timestamp = String(Math.floor(Date.now() / 1000))
  return Array.from({ length: size }, (_, n) => {
    const id = `msg_${n}`
    const body = bytes.subarray(n % 8, n % 8 + length)
    const signature = `v1,${sign(isTampered(n) ? "other" : id, timestamp, body)}`
    return { headers: { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature }, body }
  })
}

/** Counts those that are authentic, and those that are not. */
const count = async <A>(all: ReadonlyArray<A>, isAuthentic: (delivery: A) => boolean | Promise<boolean>) => {
  let authentic = 0
  for (const delivery of all) if (await isAuthentic(delivery)) authentic++
  return { count: authentic, checksum: all.length - authentic }
}

/** What has to be done, and nothing else: the time, the hash, a comparison that does not tell where it ended. */
export const nodeCrypto = (length: number) => async (task: Task): Promise<Run> => {
  const all = deliveries(task, length)
  return () =>
    count(all, ({ body, headers }) => {
      const timestamp = headers["webhook-timestamp"]
      if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false
      const expected = Buffer.from(`v1,${sign(headers["webhook-id"], timestamp, body)}`)
      const given = Buffer.from(headers["webhook-signature"])
      return expected.length === given.length && timingSafeEqual(expected, given)
    })
}

export const ours = (length: number) => async (task: Task): Promise<Run> => {
  const Effect = await import("effect/Effect")
  const Redacted = await import("effect/Redacted")
  const Webhook = await import("effect-providers/replicate/Webhook")
  const all = deliveries(task, length)
  const verifier = await Effect.runPromise(Webhook.make({ secret: Redacted.make(secret) }))
  const isAuthentic = (delivery: Delivery) =>
    Effect.as(verifier.verify(delivery), true).pipe(
      Effect.catchIf(({ reason }) => reason === "bad-signature", () => Effect.succeed(false))
    )
  return () =>
    Effect.runPromise(Effect.gen(function*() {
      let authentic = 0
      for (const delivery of all) if (yield* isAuthentic(delivery)) authentic++
      return { count: authentic, checksum: all.length - authentic }
    }))
}

/** It is given the bodies as texts, with which it is faster. */
export const official = (length: number) => async (task: Task): Promise<Run> => {
  const { validateWebhook } = await import("replicate")
  const all = deliveries(task, length).map(({ body, headers }) => ({
    id: headers["webhook-id"],
    timestamp: headers["webhook-timestamp"],
    signature: headers["webhook-signature"],
    body: Buffer.from(body).toString(),
    secret
  }))
  return () => count(all, (delivery) => validateWebhook(delivery))
}
