import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** A longer hint is no wait but something else, such as a time since 1970. */
const longest = Duration.days(30)

/**
 * A wait that a service told, unless it is too long to be one.
 *
 * @internal
 */
export const hint: (wait: Duration.Duration) => Option.Option<Duration.Duration> = Option.liftPredicate(
  Duration.lessThanOrEqualTo(longest)
)
