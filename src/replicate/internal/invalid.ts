import type * as Duration from "effect/Duration"
import type * as Either from "effect/Either"
import { durationOf as decode } from "../../internal/durationOf.js"
import { InvalidRequest, Issue } from "../../ProviderError.js"
import { provider } from "./http.js"

/**
 * A request that is wrong in one field.
 *
 * @internal
 */
export const invalid = (field: string, message: string): InvalidRequest =>
  new InvalidRequest({ provider, issues: [new Issue({ field, message })] })

/**
 * A duration that was given.
 *
 * @internal
 */
export const durationOf = (
  field: string,
  input: Duration.DurationInput
): Either.Either<Duration.Duration, InvalidRequest> => decode(input, (message) => invalid(field, message))
