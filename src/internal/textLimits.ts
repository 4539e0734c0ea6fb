import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Output } from "../Output.js"
import type { Request } from "../Request.js"
import { stopWords } from "./stopWords.js"

/**
 * What decides, chunk by chunk, where an answer ends.
 *
 * @internal
 */
export interface Limiter {
  /** What of a chunk goes out, and whether the answer ends with it. If that ends with a `Finish`, it is the answer's. */
  readonly take: (
    chunk: Chunk.Chunk<Output>
  ) => { readonly outputs: Chunk.Chunk<Output>; readonly reached: boolean }
  /** What is still to go out when the source ends before the limit is reached. */
  readonly rest: () => Chunk.Chunk<Output>
}

/** Ends the answer after a number of tokens. A text delta counts as one: nothing else is known of the tokenizer. */
const maxTokens = (most: number): Limiter => {
  let left = most
  return {
    take: (chunk) => {
      const outputs = Chunk.toReadonlyArray(chunk)
      const last = outputs.findIndex((output) => isToken(output) && --left === 0)
      if (last === -1) return { outputs: chunk, reached: false }
      // with no token more, an answer that ends in the same chunk was not cut
      const next = outputs.findIndex((output, at) => at > last && (isToken(output) || output._tag === "Finish"))
      const end = outputs[next]?._tag === "Finish" ? next : last
      return { outputs: Chunk.unsafeFromArray(outputs.slice(0, end + 1)), reached: true }
    },
    rest: Chunk.empty
  }
}

const isToken = (output: Output): boolean => output._tag === "TextDelta" && output.text !== ""

const write = (outputs: Chunk.Chunk<Output>) => Chunk.isEmpty(outputs) ? Channel.void : Channel.write(outputs)

const finishes = {
  stop: { _tag: "Finish", reason: "stop" },
  length: { _tag: "Finish", reason: "length" }
} satisfies Record<string, Output>

/**
 * Whether an output is the end of an answer that was cut here: then it is whole, even if nothing was left of it.
 *
 * @internal
 */
export const isCut = (output: Output): boolean => output === finishes.stop || output === finishes.length

/** Ends a stream where the limiter says, with `Finish`; its source is stopped. */
const limit = <E, R>(
  self: Stream.Stream<Output, E, R>,
  reason: keyof typeof finishes,
  makeLimiter: () => Limiter
): Stream.Stream<Output, E, R> =>
  Stream.suspend(() => {
    const limiter = makeLimiter()
    const loop: Channel.Channel<Chunk.Chunk<Output>, Chunk.Chunk<Output>, E, E, void, unknown> = Channel.readWithCause({
      onInput: (chunk: Chunk.Chunk<Output>) => {
        const { outputs, reached } = limiter.take(chunk)
        if (!reached) return Channel.flatMap(write(outputs), () => loop)
        if (Option.exists(Chunk.last(outputs), ({ _tag }) => _tag === "Finish")) return Channel.write(outputs)
        // flat, because `Chunk.appendAll`, and with it `Stream.runCollect`, may lose slices and what is nested
        return Channel.write(Chunk.unsafeFromArray<Output>([...outputs, finishes[reason]]))
      },
      onFailure: (cause) => Channel.flatMap(write(limiter.rest()), () => Channel.failCause(cause)),
      onDone: () => write(limiter.rest())
    })
    return Stream.pipeThroughChannel(self, loop)
  })

/**
 * The stop texts of a request; those that are empty do not count.
 *
 * @internal
 */
export const stopsOf = ({ stop = [] }: Pick<Request, "stop">): ReadonlyArray<string> =>
  (typeof stop === "string" ? [stop] : stop).filter((text) => text !== "")

/**
 * Ends an answer where a request asks for it: before the first of its stop texts, with `Finish` for the reason `stop`,
 * or after `maxTokens` text deltas, with the reason `length`. Stop texts that are empty do not count.
 *
 * @internal
 */
export const enforce = <E, R>(
  self: Stream.Stream<Output, E, R>,
  request: Pick<Request, "stop" | "maxTokens">,
  which: { readonly stop: boolean; readonly maxTokens: boolean }
): Stream.Stream<Output, E, R> => {
  const most = which.maxTokens ? request.maxTokens : undefined
  const stops = which.stop ? stopsOf(request) : []
  // tokens are counted as they came: stop words may cut a delta in two
  const counted = most === undefined ? self : limit(self, "length", () => maxTokens(most))
  return stops.length === 0 ? counted : limit(counted, "stop", () => stopWords(stops))
}
