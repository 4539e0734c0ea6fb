import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "./pull.js"

/** In bytes. A write costs as much as several chunks of a network; one that is larger than this can take Linux longer. */
const blockSize = 512 * 1024

/**
 * Writes the bytes of a pull, gathered in blocks; `write` is done with its bytes when it ends.
 *
 * @internal
 */
export const writeAll = <E, R, E2, R2>(
  pull: Pull.Pull<Uint8Array, E, R>,
  write: (bytes: Uint8Array) => Effect.Effect<void, E2, R2>
): Effect.Effect<void, E | E2, R | R2> =>
  Effect.suspend(() => {
    const block = new Uint8Array(blockSize)
    let filled = 0
    const flush = Effect.suspend(() => {
      const bytes = block.subarray(0, filled)
      filled = 0
      return bytes.length === 0 ? Effect.void : write(bytes)
    })
    const add = (bytes: Uint8Array): Effect.Effect<void, E2, R2> => {
      const fitting = bytes.subarray(0, blockSize - filled)
      block.set(fitting, filled)
      filled += fitting.length
      return filled < blockSize ? Effect.void : Effect.flatMap(flush, () => add(bytes.subarray(fitting.length)))
    }
    const next: Effect.Effect<void, E | E2, R | R2> = Effect.matchEffect(pull, {
      onFailure: (end): Effect.Effect<void, E | E2, R2> => Option.isNone(end) ? flush : Effect.fail(end.value),
      onSuccess: (chunk) => Effect.flatMap(Effect.forEach(chunk, add, { discard: true }), () => next)
    })
    return next
  })
