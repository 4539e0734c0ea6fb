import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { ReplicateApi } from "../../replicate/ReplicateApi.js"
import { originOf } from "./connection.js"
import type { Deployments } from "./deployments.js"
import type { Faults } from "./faults.js"
import type { Files } from "./files.js"
import type { Models } from "./models.js"
import type { Prediction, Predictions } from "./predictions.js"
import type { Webhooks } from "./webhooks.js"

/**
 * The API as it is served: the client has the prefix in its base URL.
 *
 * @internal
 */
export const Api = ReplicateApi.prefix("/v1")

/** @internal */
export interface State {
  readonly models: Models
  readonly predictions: Predictions
  /** What each model shows as its example, once somebody looked. */
  readonly examples: Map<string, Prediction>
  readonly deployments: Deployments
  readonly files: Files
  /** Most bytes of an uploaded file, where it is not what the service takes. */
  readonly maxFileSize: number | undefined
  readonly faults: Faults
  readonly webhooks: Webhooks
  /** What webhooks are signed with. */
  readonly webhookSecret: Redacted.Redacted<string>
  /** Origins of streams and files, where they are not the API's own. */
  readonly streamOrigin: string | undefined
  readonly fileOrigin: string | undefined
}

/**
 * Whose token it is, whichever token.
 *
 * @internal
 */
export const account = {
  type: "user",
  username: "emulator",
  name: "Emulator",
  github_url: "https://github.com/emulator",
  avatar_url: null
}

/** @internal */
export const hardware = [
  { name: "CPU", sku: "cpu" },
  { name: "Nvidia T4 GPU", sku: "gpu-t4" },
  { name: "Nvidia L40S GPU", sku: "gpu-l40s" },
  { name: "Nvidia H100 GPU", sku: "gpu-h100" }
]

/** @internal */
export const isHardware = (sku: string): boolean => hardware.some((one) => one.sku === sku)

/**
 * Where things are that a request creates.
 *
 * @internal
 */
export const originsOf = (state: State, request: HttpServerRequest.HttpServerRequest) => {
  const origin = originOf(request)
  return { origin, streamOrigin: state.streamOrigin ?? origin, fileOrigin: state.fileOrigin ?? origin }
}

/** @internal */
export const json = <A>(body: Effect.Effect<A>, status = 200): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(body, (value) => HttpServerResponse.unsafeJson(value, { status }))
