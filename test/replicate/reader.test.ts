import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import type { Output } from "../../src/Output.js"
import { PredictionReader } from "../../src/replicate/internal/reader.js"
import { outputs } from "../../src/replicate/internal/views.js"
import { Prediction } from "../../src/replicate/schemas/Prediction.js"

const output = (id: string | undefined, data: string) => ({ event: "output", id, data })

const texts = (reader: PredictionReader<Output>, ...events: ReadonlyArray<ReturnType<typeof output>>) =>
  Chunk.toReadonlyArray(reader.read(events)).map((read) => read._tag === "TextDelta" ? read.text : read._tag)

const finished = (output: unknown, data_removed = false) =>
  new Prediction({ id: "p1", status: "succeeded", output, data_removed })

const rest = (reader: PredictionReader<Output>, prediction: Prediction) =>
  Option.map(
    reader.rest(prediction),
    (more) =>
      Chunk.toReadonlyArray(more).map((read) =>
        read._tag === "TextDelta" ? read.text : read._tag === "File" ? read.url : ""
      ).join("")
  )

/** A text reader that took in these texts. */
const after = (...taken: ReadonlyArray<string>) => {
  const reader = new PredictionReader(outputs, false)
  texts(reader, ...taken.map((text, n) => output(`100:${n}`, text)))
  return reader
}

describe("PredictionReader", () => {
  it("a replay is told by the second before the number", () => {
    const reader = new PredictionReader(outputs, false)
    texts(reader, output("99:9", "a"), output("100:0", "b"))
    reader.reconnect()
    assert.deepStrictEqual(texts(reader, output("99:9", "a"), output("100:0", "b"), output("100:1", "c")), ["c"])
  })

  it("a server that honours the last id replays nothing", () => {
    const reader = after("a", "b")
    reader.reconnect()
    assert.deepStrictEqual(texts(reader, output("100:2", "c"), output("101:0", "d")), ["c", "d"])
  })

  it("ids that cannot be compared, sent anew from the first, are dropped by count", () => {
    const reader = new PredictionReader(outputs, false)
    texts(reader, output("x", "a"), output("y", "b"))
    reader.reconnect()
    assert.deepStrictEqual(texts(reader, output("x", "a"), output("y", "b"), output("z", "c")), ["c"])
  })

  it("ids that cannot be compared and are new are no replay", () => {
    const reader = new PredictionReader(outputs, false)
    texts(reader, output("x", "a"), output("y", "b"))
    reader.reconnect()
    assert.deepStrictEqual(texts(reader, output("z", "c"), output("w", "d")), ["c", "d"])
  })

  it("without ids, as many events as came before are dropped", () => {
    const reader = new PredictionReader(outputs, false)
    texts(reader, output(undefined, "a"), output(undefined, "b"))
    reader.reconnect()
    const again = [output(undefined, "a"), output(undefined, "b"), output(undefined, "c")]
    assert.deepStrictEqual(texts(reader, ...again), ["c"])
  })

  it.each([
    ["the rest of a list", ["Hel"], ["Hel", "lo"], "lo"],
    ["the rest of one text", ["Hel"], "Hello", "lo"],
    ["nothing more", ["Hel", "lo"], ["Hello"], ""],
    ["parts that are no text", ["1", "2"], [1, 2, 3], "3"],
    ["nothing to a value that is no text", [`{"a":`, "1}"], { a: 1 }, ""],
    ["nothing to a number", ["42"], 42, ""],
    ["nothing to an empty text, where there is no output", [""], null, ""],
    ["line ends as a stream has them", ["a\nb\n"], "a\r\nb\rc\r\n", "c\n"],
    ["line ends that a stream cannot carry", ["a\nb"], ["a\r\nb", " end"], " end"],
    ["a carriage return at a seam", ["a\n"], ["a\r", "\nb"], "b"]
  ])("the finished prediction adds %s", (_, taken, whole, more) => {
    assert.deepStrictEqual(rest(after(...taken), finished(whole)), Option.some(more))
  })

  it.each([
    ["that begins otherwise", "Goodbye world"],
    ["that is shorter", "Hel"],
    ["that is no text", null]
  ])("an output %s does not complete what arrived", (_, whole) => {
    assert.deepStrictEqual(rest(after("Hello"), finished(whole)), Option.none())
  })

  it("an output that JSON cannot hold completes nothing, also where it begins with what was given", () => {
    const deep: unknown = Array.from({ length: 100_000 }).reduce((inner) => [inner], [])
    assert.deepStrictEqual(rest(after("a"), finished(["a", deep])), Option.none())
  })

  it("an output that was removed completes nothing, whatever stands in its place", () => {
    assert.deepStrictEqual(rest(after("Hello"), finished("Hello world", true)), Option.none())
  })

  it("files are completed by their number", () => {
    const reader = new PredictionReader(outputs, true)
    texts(reader, output("1:0", "data:image/png;base64,AA=="))
    const urls = ["https://files.example/1.png", "https://files.example/2.png"]
    assert.deepStrictEqual(rest(reader, finished(urls)), Option.some(urls[1] ?? ""))
    assert.deepStrictEqual(rest(reader, finished([])), Option.none())
  })

  it.each([
    ["a text", `{"detail":"out of \\"memory\\""}`, `out of "memory"`],
    ["an object", `{"detail":{"code":"E1001"}}`, `{"code":"E1001"}`],
    ["nothing", `{"detail":null}`, "null"],
    ["no detail", `{"reason":"x"}`, `{"reason":"x"}`],
    ["no JSON", "out of memory", "out of memory"],
    ["JSON of no object", "[1]", "[1]"]
  ])("an error event tells its detail: %s", (_, data, detail) => {
    const reader = new PredictionReader(outputs, false)
    reader.read([{ event: "error", id: undefined, data }])
    assert.strictEqual(reader.error, detail)
  })
})
