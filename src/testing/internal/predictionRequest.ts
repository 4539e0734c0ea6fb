import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { InvalidField } from "./model.js"
import { invalid, problem } from "./problem.js"

type Checked<A> = Effect.Effect<A, HttpServerResponse.HttpServerResponse>

const fieldTypes: Readonly<Record<string, string>> = {
  Missing: "required",
  Unexpected: "additional_property_not_allowed"
}

const invalidField = ({ _tag, message, path }: ParseResult.ArrayFormatterIssue): InvalidField => ({
  type: fieldTypes[_tag] ?? "invalid_type",
  field: path.length === 0 ? "(root)" : path.join("."),
  description: _tag === "Unexpected" ? `Additional property ${String(path.at(-1))} is not allowed` : message
})

/**
 * The JSON body of a request; one with a field too many or too few is refused.
 *
 * @internal
 */
export const readBody = <A, I>(
  request: HttpServerRequest.HttpServerRequest,
  schema: Schema.Schema<A, I>
): Checked<A> => {
  const decode = Schema.decodeUnknown(schema, { errors: "all", onExcessProperty: "error" })
  return Effect.flatMap(
    Effect.mapError(request.json, () => problem(400, "The request body is not valid JSON.")),
    (json) =>
      Effect.mapError(
        decode(json),
        (error) => invalid(ParseResult.ArrayFormatter.formatErrorSync(error).map(invalidField))
      )
  )
}

/**
 * What is wrong with the URL of a webhook. The service wants HTTPS; what is tested often has none.
 *
 * @internal
 */
export const webhookIssues = (webhook: string | undefined): ReadonlyArray<InvalidField> =>
  webhook === undefined || URL.canParse(webhook) && /^https?:$/.test(new URL(webhook).protocol)
    ? []
    : [{ type: "invalid", field: "webhook", description: "Must be an HTTP URL" }]

const absent: Effect.Effect<number | undefined> = Effect.sync(() => undefined)

/**
 * How many seconds `Prefer` asks for the answer to be held back; none when it asks for nothing.
 *
 * @internal
 */
export const readHold = (prefer: string | undefined): Checked<number | undefined> => {
  if (prefer === undefined) return absent
  const match = /^wait(?:=(\d{1,2}))?$/.exec(prefer)
  const seconds = Number(match?.[1] ?? 60)
  return match === null || seconds < 1 || seconds > 60
    ? Effect.fail(problem(422, "Prefer: expected wait or wait=n, n from 1 to 60"))
    : Effect.succeed(seconds)
}

/**
 * How many milliseconds `Cancel-After` lets the prediction live.
 *
 * @internal
 */
export const readLifetime = (cancelAfter: string | undefined): Checked<number | undefined> => {
  if (cancelAfter === undefined) return absent
  const match = /^(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(cancelAfter)
  const [hours, minutes, seconds] = [1, 2, 3].map((group) => Number(match?.[group] ?? 0))
  const total = ((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)
  return total < 5
    ? Effect.fail(problem(422, "Cancel-After: expected a duration such as 30s, 5m or 1h30m45s, 5 seconds or more"))
    : Effect.succeed(total * 1000)
}
