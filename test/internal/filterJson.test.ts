import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { filterJson } from "../../src/internal/filterJson.js"

const fence = "```"
const block = (label: string, content: string) => `${fence}${label}\n${content}\n${fence}`

/** Between these, one block ends and the next begins: what stands there is in neither. */
const otherKinds = `${block("sh", "a")}\nb\n${block("sh", "c")}`

describe("filterJson", () => {
  const cases: ReadonlyArray<[what: string, text: string, expected: string]> = [
    ["a block labelled json", `Here it is:\n${block("json", "{\"a\": 1}")}\nAnything else?`, "{\"a\": 1}"],
    ["a block without a label", block("", "{\"a\": 1}"), "{\"a\": 1}"],
    ["the first of several", `${block("json", "1")}\n${block("", "2")}`, "1"],
    ["not a block of another kind", `${block("python", "print(1)")}\nthus\n${block("json", "1")}`, "1"],
    ["the text when its blocks are of another kind", otherKinds, otherKinds],
    ["not a block whose label only begins so", `${block("json5", "1")}\n${block("JSON", "2")}`, "2"],
    ["a block of several lines, with the space inside", block("json", "{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}"],
    ["an empty block", `${fence}json\n${fence}\n1\n${block("", "2")}`, ""],
    ["a block that is indented", `- so:\n  ${fence}json\n  1\n  ${fence}`, "1"],
    ["a block with the line ends of Windows", `so:\r\n${fence}json\r\n1\r\n${fence}\r\n`, "1"],
    ["without a block, the text without the space around it", " \n{\"a\": 1}\n", "{\"a\": 1}"],
    ["of a block that is cut off, the text", `${fence}json\n{"a":`, `${fence}json\n{"a":`],
    ["nothing of nothing", "", ""]
  ]
  for (const [what, text, expected] of cases) {
    it(`gives ${what}`, () => assert.strictEqual(filterJson(text), expected))
  }

  it.prop(
    "finds any JSON in a block, whatever is said before",
    [FastCheck.json(), FastCheck.string()],
    ([json, talk]) => {
      assert.strictEqual(filterJson(`${talk.replaceAll("`", "'")}\n${block("json", json)}\nbye`), json.trim())
    }
  )

  it("a text of nothing but beginnings of blocks takes no longer than another", () => {
    const text = `${fence}python\n`.repeat(100_001)
    assert.strictEqual(filterJson(text), text.trim())
  })
})
