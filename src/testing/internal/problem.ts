import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { InvalidField } from "./model.js"

/**
 * An error as the service answers it, in the form of RFC 7807.
 *
 * @internal
 */
export const problem = (
  status: number,
  detail: string,
  more?: { readonly title?: string; readonly invalid_fields?: ReadonlyArray<InvalidField> }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify({ ...more, detail, status }), {
    status,
    contentType: "application/problem+json"
  })

/** @internal */
export const unauthenticated = problem(401, "You did not pass a valid authentication token", {
  title: "Unauthenticated"
})

/** @internal */
export const notFound = problem(404, "The requested resource could not be found.")

/** @internal */
export const invalid = (fields: ReadonlyArray<InvalidField>): HttpServerResponse.HttpServerResponse =>
  problem(422, fields.map(({ description, field }) => `- ${field}: ${description}\n`).join(""), {
    title: "Input validation failed",
    invalid_fields: fields
  })
