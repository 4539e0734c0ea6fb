import * as Chunk from "effect/Chunk"
import * as Output from "../Output.js"

interface Found {
  /** Where the stop text begins, and with it the end of the answer. */
  readonly start: number
  readonly end: number
}

/**
 * The stop text that is complete first; of those that end at the same place, the first of the list. So the answer does
 * not depend on how it was cut into deltas.
 */
const find = (text: string, stops: ReadonlyArray<string>): Found | undefined => {
  let found: Found | undefined
  for (const stop of stops) {
    const start = text.indexOf(stop)
    const end = start + stop.length
    if (start !== -1 && (found === undefined || end < found.end)) found = { start, end }
  }
  return found
}

/** How much of the end of a text without a stop text may be the beginning of one. */
const pending = (text: string, stops: ReadonlyArray<string>, longest: number): number => {
  for (let start = Math.max(0, text.length - longest + 1); start < text.length; start++) {
    const tail = text.slice(start)
    if (stops.some((stop) => stop.startsWith(tail))) return tail.length
  }
  return 0
}

/** Keeps the text before `start`, and the other outputs before the delta in which the text reaches `end`. */
const before = ({ end, start }: Found, outputs: ReadonlyArray<Output.Output>): Chunk.Chunk<Output.Output> => {
  const kept: Array<Output.Output> = []
  let read = 0
  for (const output of outputs) {
    if (output._tag !== "TextDelta") kept.push(output)
    else {
      const { length } = output.text
      if (read + length <= start) kept.push(output)
      else if (read < start) kept.push(Output.textDelta(output.text.slice(0, start - read)))
      read += length
      if (read >= end) break
    }
  }
  return Chunk.unsafeFromArray(kept)
}

/**
 * Ends the text before the first of some stop texts, none of them empty, also when it comes in pieces.
 *
 * Held back is only what may be the beginning of one: the next text lets it out, or the end, or a `Finish`. Other
 * outputs do not wait for it, and do not interrupt a stop text.
 *
 * @internal
 */
export const stopWords = (stops: ReadonlyArray<string>) => {
  const longest = Math.max(...stops.map((stop) => stop.length))
  let held = ""
  return {
    take: (chunk: Chunk.Chunk<Output.Output>) => {
      const outputs = Chunk.toReadonlyArray(chunk)
      let text = held
      let finished = false
      for (const output of outputs) {
        if (output._tag === "TextDelta") text += output.text
        else if (output._tag === "Finish") finished = true
      }
      const found = find(text, stops)
      const keep = found === undefined && !finished ? pending(text, stops, longest) : 0
      if (found === undefined && keep === 0 && held === "") return { outputs: chunk, reached: false }

      const all = held === "" ? outputs : [Output.textDelta(held), ...outputs]
      held = text.slice(text.length - keep)
      return {
        outputs: before(found ?? { start: text.length - keep, end: Infinity }, all),
        reached: found !== undefined
      }
    },
    rest: () => held === "" ? Chunk.empty<Output.Output>() : Chunk.of(Output.textDelta(held))
  }
}
