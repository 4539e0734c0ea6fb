import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Failure from "../../http/Failure.js"
import type { Prediction } from "../schemas/Prediction.js"
import { PredictionFromJson } from "./fromJson.js"
import { provider } from "./http.js"
import { WebhookError } from "./webhookError.js"

const decoder = new TextDecoder("utf-8", { fatal: true })
const decodePrediction = Schema.decodeUnknown(PredictionFromJson)
const malformedBody = (detail: string | undefined) => new WebhookError({ reason: "malformed-body", detail })

/** @internal */
export const decodeBody = (body: Uint8Array | string): Effect.Effect<Prediction, WebhookError> =>
  Effect.try({
    try: (): unknown => JSON.parse(typeof body === "string" ? body : decoder.decode(body)),
    catch: () => malformedBody("expected JSON")
  }).pipe(
    Effect.flatMap(decodePrediction),
    Effect.catchTag("ParseError", (error) => malformedBody(Failure.fromParseError({ provider }, error, {}).detail))
  )

/**
 * The URL of a delivery without its origin, in which there may be a password.
 *
 * @internal
 */
export const pathOf = (url: string | undefined): string | undefined => {
  if (url === undefined || url.startsWith("/")) return url
  if (!URL.canParse(url)) return undefined
  const { pathname, search } = new URL(url)
  return pathname + search
}
