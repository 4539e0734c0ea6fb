import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/**
 * A duration that was given, which programs without types may have made of anything; or what `onInvalid` makes of what
 * was expected instead.
 *
 * @internal
 */
export const durationOf = <E>(
  input: Duration.DurationInput,
  onInvalid: (message: string) => E
): Either.Either<Duration.Duration, E> =>
  Either.fromOption(
    // Duration takes them for zero
    typeof input !== "object" && /^-|NaN/.test(String(input)) ? Option.none() : Duration.decodeUnknown(input),
    () => onInvalid("expected a duration: milliseconds, or text such as 30 seconds")
  )
