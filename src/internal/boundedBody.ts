import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

const bodyLimit = 64 * 1024

/**
 * The beginning of a body, and whether that is all of it. Whatever is wrong with the body, the status still counts.
 *
 * @internal
 */
export const readBody = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    // the runtime logs what its fibers fail with, and the platform's errors hold the request
    const body = Stream.orElseFail(response.stream, () => "broken")
    const read = Stream.runForEachWhile(body, (bytes) =>
      Effect.sync(() => {
        text += decoder.decode(bytes.subarray(0, bodyLimit - size), { stream: true })
        size += bytes.length
        return size <= bodyLimit
      }))
    return read.pipe(
      // the limit holds even where the caller must not be interrupted, and where closing the body hangs as well
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeoutOption("5 seconds"),
      Effect.catchAllCause(() => Effect.succeedNone),
      Effect.map((done) => ({ text, whole: Option.isSome(done) && size <= bodyLimit }))
    )
  })
