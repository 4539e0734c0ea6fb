import * as Chunk from "effect/Chunk"
import * as Stream from "effect/Stream"
import type { Of, Output } from "../Output.js"
import { type ProviderError, ResponseError } from "../ProviderError.js"
import { isAside } from "./aside.js"
import type { Clean } from "./scrub.js"
import { isCut } from "./textLimits.js"

/** @internal */
export interface Failed {
  readonly error: ProviderError
  /** Content came before it, so that another provider's answer would be mixed in. */
  readonly afterContent: boolean
}

/**
 * What makes an answer: text or thought that is not the empty text, media, a value, a call of a tool. An answer without
 * any is empty, whatever else it says, its `Finish` included. A cut that left nothing is content as well: the answer was
 * there, and another one would be cut the same way.
 */
const isContent = (output: Output): boolean => {
  switch (output._tag) {
    case "TextDelta":
    case "ReasoningDelta":
      return output.text !== ""
    case "Image":
    case "Audio":
    case "Video":
    case "File":
    case "Json":
    case "ToolCall":
      return true
    default:
      return isCut(output)
  }
}

/**
 * Holds back what an answer says about itself until its content begins; from there on chunks pass untouched. `info`
 * comes first unless the answer says itself who gives it. An answer without content fails. A failure before content is
 * logged, in one line.
 *
 * @internal
 */
export const attempt = (
  info: Of<"ProviderInfo">,
  answer: Stream.Stream<Output, ProviderError>,
  clean: Clean
): Stream.Stream<Output, Failed> =>
  Stream.suspend(() => {
    let introduced = false
    let started = false
    let held = Chunk.empty<Output>()

    const introduce = (outputs: Chunk.Chunk<Output>): Chunk.Chunk<Output> => {
      if (introduced || !Chunk.isNonEmpty(outputs)) return outputs
      introduced = true
      return Chunk.headNonEmpty(outputs)._tag === "ProviderInfo" ? outputs : Chunk.prepend(outputs, info)
    }

    const log = (error: ProviderError): Output => ({
      _tag: "Log",
      text: clean(`${info.name} failed with ${error._tag}: ${error.message}`)
    })

    const empty = new ResponseError({ provider: info.name, reason: "malformed", detail: "the answer is empty" })

    return answer.pipe(
      Stream.mapChunks((chunk) => {
        if (started) return chunk
        if (Chunk.some(chunk, isContent)) {
          started = true
          return introduce(Chunk.appendAll(held, chunk))
        }
        const [waiting, passing] = Chunk.partition(chunk, isAside)
        held = Chunk.appendAll(held, waiting)
        return introduce(passing)
      }),
      Stream.concat(Stream.suspend(() => started ? Stream.empty : Stream.fail(empty))),
      Stream.catchAll((error) => {
        const failure = Stream.fail({ error, afterContent: started })
        return started ? failure : Stream.concat(Stream.fromChunk(introduce(Chunk.of(log(error)))), failure)
      })
    )
  })
