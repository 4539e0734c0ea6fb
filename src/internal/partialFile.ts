import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

let made = 0

/**
 * A name for the file beside a file that is being written: no other's, also where `Random` is seeded.
 *
 * @internal
 */
export const partialFile = (target: string): Effect.Effect<string> =>
  Effect.map(
    Effect.all([Random.nextIntBetween(0, 0x7fffffff), Clock.currentTimeMillis]),
    (numbers) => `${target}.${[...numbers, made++].map((n) => n.toString(36)).join("-")}.part`
  )
