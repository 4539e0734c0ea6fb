import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Body from "./body.js"
import { timeoutFail } from "./clocks.js"
import * as Push from "./push.js"

/** Takes bytes in, up to a number of them, and gives their text. */
const makeCollector = (most: number) => {
  const decoder = new TextDecoder()
  let text = ""
  let size = 0
  return {
    take: (chunk: Chunk.Chunk<Uint8Array>): boolean => {
      for (const bytes of chunk) {
        text += decoder.decode(bytes.subarray(0, Math.max(0, most - size)), { stream: true })
        size += bytes.length
      }
      return size <= most
    },
    isFull: () => size > most,
    text: () => text + decoder.decode()
  }
}

/**
 * The text of a body; none when it is larger than `most` bytes, and then it is not read to the end.
 *
 * @internal
 */
export const readText = (
  response: HttpClientResponse.HttpClientResponse,
  most: number
): Effect.Effect<Option.Option<string>, HttpClientError.ResponseError> =>
  Effect.suspend(() => {
    const { isFull, take, text } = makeCollector(most)
    return Effect.scoped(Push.forEachChunk(Body.stream(response), take)).pipe(
      Effect.catchIf(({ reason }) => reason === "EmptyBody", () => Effect.void),
      Effect.map(() => isFull() ? Option.none() : Option.some(text()))
    )
  })

const beginning = 64 * 1024
const longest = Duration.seconds(5)

/**
 * The beginning of a body, and whether that is all of it. Whatever is wrong with the body, the status still counts.
 *
 * @internal
 */
export const readBody = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.suspend(() => {
    const { isFull, take, text } = makeCollector(beginning)
    // the runtime logs what its fibers fail with, and the platform's errors hold the request
    const body = Stream.mapError(Body.stream(response), () => "broken")
    return Effect.scoped(Push.forEachChunk(body, take)).pipe(
      // the limit holds even where the caller must not be interrupted, and where closing the body hangs as well
      Effect.disconnect,
      Effect.interruptible,
      timeoutFail({ duration: longest, onTimeout: () => "late" }),
      Effect.exit,
      Effect.map((exit) => ({ text: text(), whole: Exit.isSuccess(exit) && !isFull() }))
    )
  })
