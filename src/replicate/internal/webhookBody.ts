import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "../../internal/bytes.js"

const tooLarge = HttpServerResponse.empty({ status: 413 })
const unreadable = HttpServerResponse.empty({ status: 400 })

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
      Effect.map((pieces) => pieces.length === 1 ? Chunk.unsafeHead(pieces) : concat(pieces))
    )
  })
