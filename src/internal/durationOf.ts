import * as Duration from "effect/Duration"
import * as Either from "effect/Either"

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
  // Duration takes them for zero
  typeof input === "number" && !(input >= 0)
    ? Either.left(onInvalid(`expected a duration, not ${input}`))
    : Either.fromOption(
      Duration.decodeUnknown(input),
      () => onInvalid("expected a duration: milliseconds, or text such as 30 seconds")
    )
