import type * as Path from "@effect/platform/Path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

let made = 0

/** Bytes of the longest name that file systems take. */
const longest = 255

/** Makes room for a suffix in a name, and breaks no character. A name that is too long itself stays so, to be told. */
const shortened = (name: string, suffix: string): string => {
  const encoder = new TextEncoder()
  if (encoder.encode(name).length > longest) return name
  return name.slice(0, encoder.encodeInto(name, new Uint8Array(longest - suffix.length)).read)
}

/**
 * A name for the file beside a file that is being written: no other's, also where `Random` is seeded.
 *
 * @internal
 */
export const partialFile = (paths: Path.Path, target: string): Effect.Effect<string> =>
  Effect.map(
    Effect.all([Random.nextIntBetween(0, 0x7fffffff), Clock.currentTimeMillis]),
    (numbers) => {
      const suffix = `.${[...numbers, made++].map((n) => n.toString(36)).join("-")}.part`
      return paths.join(paths.dirname(target), `${shortened(paths.basename(target), suffix)}${suffix}`)
    }
  )
