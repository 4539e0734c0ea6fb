import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const tooLarge = HttpServerResponse.empty({ status: 413 })
const unreadable = HttpServerResponse.empty({ status: 400 })

const join = (pieces: Chunk.Chunk<Uint8Array>, size: number): Uint8Array => {
  if (pieces.length === 1) return Chunk.unsafeHead(pieces)
  const whole = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}

/**
 * Reads a body of at most so many bytes, or fails with the answer to give.
 *
 * @internal
 */
export const readBody = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<Uint8Array, HttpServerResponse.HttpServerResponse> =>
  Effect.suspend(() => {
    if (Number(request.headers["content-length"]) > limit) return Effect.fail(tooLarge)
    // the header may be absent, or lie
    let size = 0
    return request.stream.pipe(
      Stream.takeUntil((piece) => (size += piece.length) > limit),
      Stream.runCollect,
      Effect.mapError(() => unreadable),
      Effect.filterOrFail(() => size <= limit, () => tooLarge),
      Effect.map((pieces) => join(pieces, size))
    )
  })
