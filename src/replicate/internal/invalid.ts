import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
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
 * A duration that was given, which programs without types may have made of anything.
 *
 * @internal
 */
export const durationOf = (
  field: string,
  input: Duration.DurationInput
): Either.Either<Duration.Duration, InvalidRequest> =>
  // Duration takes them for zero
  typeof input === "number" && !(input >= 0)
    ? Either.left(invalid(field, `expected a duration, not ${input}`))
    : Either.fromOption(
      Duration.decodeUnknown(input),
      () => invalid(field, "expected a duration: milliseconds, or text such as 30 seconds")
    )
