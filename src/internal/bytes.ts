import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as Push from "./push.js"

/** @internal */
export const concat = (parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const all = Array.from(parts)
  const bytes = new Uint8Array(all.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of all) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/**
 * All bytes of a stream. Not by `Stream.runCollect`: `Chunk.appendAll`, which it uses, may lose chunks that are slices.
 *
 * @internal
 */
export const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Uint8Array<ArrayBuffer>, E, R> =>
  Effect.suspend(() => {
    const parts: Array<Uint8Array> = []
    const read = Push.forEachChunk(stream, (chunk) => {
      for (const part of chunk) parts.push(part)
      return true
    })
    return Effect.map(Effect.scoped(read), () => concat(parts))
  })
