/** The client of this library, over the HTTP client it is given. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as ReplicateClient from "effect-providers/replicate/ReplicateClient"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import type { Run } from "../row.js"
import { token } from "./raw.js"

export type Http = Layer.Layer<HttpClient.HttpClient>

type Services = Layer.Layer.Success<ReturnType<typeof ReplicateClient.layer>>

/** Builds the client before the measuring, and runs the work with it. */
export const withClient = async (
  base: string,
  http: Http,
  work: Effect.Effect<Awaited<ReturnType<Run>>, unknown, Services>
): Promise<Run> => {
  const client = Layer.provide(ReplicateClient.layer({ token: Redacted.make(token), baseUrl: `${base}/v1` }), http)
  const runtime = ManagedRuntime.make(client)
  await runtime.runtime()
  return () => runtime.runPromise(work)
}
