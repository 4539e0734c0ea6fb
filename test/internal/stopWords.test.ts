import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as FastCheck from "effect/FastCheck"
import { stopWords } from "../../src/internal/stopWords.js"
import * as Output from "../../src/Output.js"

type Outputs = ReadonlyArray<Output.Output>

const textOf = (outputs: Outputs): string =>
  outputs.map((output) => output._tag === "TextDelta" ? output.text : "").join("")

const withoutText = (outputs: Outputs): Outputs => outputs.filter((output) => output._tag !== "TextDelta")

/** Texts are deltas, numbers are other outputs. */
const toOutputs = (pieces: ReadonlyArray<string | number>): Outputs =>
  pieces.map((piece) => typeof piece === "string" ? Output.textDelta(piece) : { _tag: "Json", value: piece })

/** What comes out for each chunk, up to the one that ends it, and what was left. */
const run = (stops: ReadonlyArray<string>, chunks: ReadonlyArray<Outputs>) => {
  const limiter = stopWords(stops)
  const taken: Array<Outputs> = []
  for (const chunk of chunks) {
    const { outputs, reached } = limiter.take(Chunk.fromIterable(chunk))
    taken.push(Chunk.toReadonlyArray(outputs))
    if (reached) return { taken, reached, outputs: taken.flat() }
  }
  return { taken, reached: false, outputs: [...taken.flat(), ...limiter.rest()] }
}

const runPieces = (stops: ReadonlyArray<string>, ...chunks: ReadonlyArray<ReadonlyArray<string | number>>) =>
  run(stops, chunks.map(toOutputs))

/** The answer, if it came character by character and each time the first stop text found in it cut it. */
const truncated = (text: string, stops: ReadonlyArray<string>): string => {
  for (let length = 1; length <= text.length; length++) {
    const soFar = text.slice(0, length)
    const stop = stops.find((stop) => soFar.includes(stop))
    if (stop !== undefined) return soFar.slice(0, soFar.indexOf(stop))
  }
  return text
}

/** How long the longest end of a text is that a stop text begins with. */
const pending = (text: string, stops: ReadonlyArray<string>): number =>
  Math.max(0, ...stops.flatMap((stop) => [...stop].map((_, n) => text.endsWith(stop.slice(0, n)) ? n : 0)))

// few letters, so that stop texts come up, overlap and nearly come up
const letters = (size: { readonly minLength: number; readonly maxLength: number }) =>
  FastCheck.string({ ...size, unit: FastCheck.constantFrom("a", "b", "c") })
const someStops = FastCheck.array(letters({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 })
const piece = FastCheck.oneof(
  { weight: 4, arbitrary: letters({ minLength: 0, maxLength: 4 }) },
  { weight: 1, arbitrary: FastCheck.nat(9) }
)
const someChunks = FastCheck.array(FastCheck.array(piece, { maxLength: 5 }), { maxLength: 8 })
const often = { fastCheck: { numRuns: 2000 } }

describe("stopWords", () => {
  it.prop("however a text is cut, it ends where it would if it came character by character", [someStops, someChunks], ([
    stops,
    chunks
  ]) => {
    const text = textOf(toOutputs(chunks.flat()))
    const { outputs, reached } = runPieces(stops, ...chunks)
    assert.strictEqual(textOf(outputs), truncated(text, stops))
    assert.strictEqual(reached, stops.some((stop) => text.includes(stop)))
  }, often)

  it.prop("other outputs pass, in order, up to the delta that completes a stop text", [someStops, someChunks], ([
    stops,
    chunks
  ]) => {
    const all = toOutputs(chunks.flat())
    const passed: Array<Output.Output> = []
    let text = ""
    for (const output of all) {
      if (output._tag === "TextDelta") text += output.text
      else passed.push(output)
      if (stops.some((stop) => text.includes(stop))) break
    }
    assert.deepStrictEqual(withoutText(runPieces(stops, ...chunks).outputs), passed)
  }, often)

  it.prop("held back is the longest end that a stop text begins with, and no more", [someStops, someChunks], ([
    stops,
    chunks
  ]) => {
    const { reached, taken } = runPieces(stops, ...chunks)
    for (let n = 0; n < (reached ? taken.length - 1 : taken.length); n++) {
      const text = textOf(toOutputs(chunks.slice(0, n + 1).flat()))
      assert.strictEqual(textOf(taken.slice(0, n + 1).flat()), text.slice(0, text.length - pending(text, stops)))
    }
  }, often)

  it("a stop text spread over deltas and chunks ends the text before it", () => {
    const { outputs, reached } = runPieces(["<end>"], ["one <", "e"], ["n"], ["d> two"], [" three"])
    assert.strictEqual(reached, true)
    assert.deepStrictEqual(outputs, toOutputs(["one "]))
  })

  it("of several, the one that is complete first ends the text, whatever their order", () => {
    for (const stops of [["one", "two"], ["two", "one"]]) {
      assert.strictEqual(textOf(runPieces(stops, ["zero one two"]).outputs), "zero ")
    }
  })

  it("of those that end at the same place, the first of the list counts", () => {
    assert.strictEqual(textOf(runPieces(["end", "d"], ["the end"]).outputs), "the ")
    assert.strictEqual(textOf(runPieces(["d", "end"], ["the end"]).outputs), "the en")
  })

  it("of those that overlap, the one that is complete first counts", () => {
    assert.strictEqual(textOf(runPieces(["abcd", "bc"], ["-abcd"]).outputs), "-a")
  })

  it("a chunk in which nothing matches stays the same chunk", () => {
    const limiter = stopWords(["stop", "\n\n"])
    const chunk = Chunk.fromIterable(toOutputs(["one", 2, "", "three\n."]))
    assert.strictEqual(limiter.take(chunk).outputs, chunk)
  })

  it("what turns out to be no stop text is let out where it was, deltas that are whole as they are", () => {
    const deltas = toOutputs(["a", "s", "t", "o", "b"])
    const { taken } = run(["stop"], [deltas.slice(0, 3), deltas.slice(3)])
    assert.deepStrictEqual(taken, [toOutputs(["a"]), toOutputs(["st", "o", "b"])])
    assert.strictEqual(taken[0]?.[0], deltas[0])
    assert.strictEqual(taken[1]?.[2], deltas[4])
  })

  it("other outputs do not wait for text that is held back", () => {
    assert.deepStrictEqual(
      runPieces(["stop"], ["one s", 1], [2], ["top two", 3]).taken,
      [toOutputs(["one ", 1]), toOutputs([2]), []]
    )
  })

  it("the end lets out what was held back, and so does Finish, before itself", () => {
    const finish: Output.Output = { _tag: "Finish", reason: "length" }
    const deltas = toOutputs(["one s", "to"])
    assert.strictEqual(textOf(run(["stop"], [deltas]).outputs), "one sto")
    assert.deepStrictEqual(run(["stop"], [[...deltas, finish]]).outputs, [...deltas, finish])
    assert.deepStrictEqual(run(["stop"], [deltas, [finish]]).outputs, [...toOutputs(["one ", "sto"]), finish])
  })

  it("a million deltas take no longer than a million deltas should", () => {
    const delta = Output.textDelta("a")
    const { outputs, reached } = run(["ab"], [Array.from({ length: 1_000_000 }, () => delta)])
    assert.strictEqual(reached, false)
    assert.strictEqual(outputs.length, 1_000_000)
  })
})
