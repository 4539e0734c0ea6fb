import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as Message from "../src/Message.js"

const message = (role: string, content: Message.Message["content"]): Message.Message => ({ role, content })
const system = (content: Message.Message["content"]) => message("system", content)
const user = (content: Message.Message["content"]) => message("user", content)
const assistant = (content: Message.Message["content"]) => message("assistant", content)

const turn = FastCheck.tuple(FastCheck.constantFrom("user", "assistant"), FastCheck.string())

const rows: ReadonlyArray<[string, ReadonlyArray<Message.Message>, Message.FormatPromptOptions | undefined, string]> = [
  ["one message is given as it is", [user("Hi ")], undefined, "Hi "],
  ["one message with role labels", [user("Hi")], { addRoleLabels: true }, "User: Hi\nAssistant:"],
  ["a system message alone", [system("S")], undefined, "S"],
  [
    "a whole conversation, text not trimmed",
    [system("S"), user("U"), assistant("A"), message("tool", "X"), user("  pad ")],
    undefined,
    "System: S\nUser: U\nAssistant: A\nTool: X\nUser:   pad \nAssistant:"
  ],
  ["blank messages vanish", [user("a"), assistant(" \n"), user("b")], undefined, "User: a\nUser: b\nAssistant:"],
  ["continue", [user("a"), assistant("b")], { continue: true }, "User: a\nAssistant: b"],
  ["continue with one message", [user("a")], { continue: true }, "a"],
  ["without system", [system("S"), user("U")], { includeSystem: false }, "User: U\nAssistant:"],
  ["without developer", [message("developer", "D"), user("U")], { includeSystem: false }, "User: U\nAssistant:"],
  ["a system message alone, without system", [system("S")], { includeSystem: false }, "S"],
  ["upper-case role", [message("SYSTEM", "S")], { addRoleLabels: true }, "System: S\nAssistant:"],
  ["unusual role", [message("myRole x", "R")], { addRoleLabels: true }, "Myrole x: R\nAssistant:"],
  [
    "every part with a text counts",
    [
      user([
        { type: "text", text: "a" },
        { type: "image_url", image_url: { url: "https://example.com/a.png" } },
        { text: "b" },
        { type: "text", text: "c", name: "c" }
      ]),
      assistant("A")
    ],
    undefined,
    "User: abc\nAssistant: A\nAssistant:"
  ],
  ["parts alone", [user([{ type: "text", text: "a" }, { type: "text", text: "b" }])], undefined, "ab"],
  ["one part outside a list", [user({ type: "text", text: "a" })], undefined, "a"],
  ["null content is no text", [user(null), user("b")], undefined, "User: b\nAssistant:"],
  ["null content alone", [user(null)], undefined, ""],
  ["no parts", [user([])], { addRoleLabels: true }, "\nAssistant:"],
  ["no messages with role labels", [], { addRoleLabels: true }, "\nAssistant:"],
  ["no messages", [], undefined, ""]
]

describe("Message", () => {
  for (const [name, messages, options, expected] of rows) {
    it(`R08, B24: prompt: ${name}`, () => assert.strictEqual(Message.formatPrompt(messages, options), expected))
  }

  it("B24: a list of bare strings is refused by the Schema, not by a crash", () => {
    assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(Message.Message)({ role: "user", content: ["a", "b"] })))
  })

  it("R26: what a part has besides text survives decoding", () => {
    const part = { type: "image_url", image_url: { url: "https://example.com/a.png" } }
    assert.deepStrictEqual(
      Schema.decodeUnknownSync(Message.Message)({ role: "user", content: [part] }).content,
      [part]
    )
  })

  it.prop(
    "R08: every message that is not blank is in the prompt, in order",
    [FastCheck.array(turn, { minLength: 2 })],
    ([turns]) => {
      const prompt = Message.formatPrompt(turns.map(([role, content]) => message(role, content)))
      let rest = prompt
      for (const [role, content] of turns.filter(([, content]) => content.trim() !== "")) {
        const label = role === "user" ? "User: " : "Assistant: "
        assert.isTrue(rest.startsWith(`${label}${content}\n`))
        rest = rest.slice(label.length + content.length + 1)
      }
      assert.isTrue(rest === "Assistant:" || rest === "\nAssistant:")
    }
  )

  it("B24: the system prompt is all system messages, a line each", () => {
    assert.strictEqual(Message.systemPrompt([system("a"), user("U"), system([{ text: "b" }])]), "a\nb")
    assert.strictEqual(Message.systemPrompt([user("U")]), "")
  })

  it("B24: the last user message is what was said since the last answer", () => {
    assert.strictEqual(Message.lastUserMessage([user("a"), assistant("A"), user(" b "), user(" "), user("c")]), "b\nc")
    assert.strictEqual(Message.lastUserMessage([user("a"), user("b"), assistant("A"), message("tool", "T")]), "a\nb")
    assert.strictEqual(Message.lastUserMessage([system("S")]), "")
    assert.strictEqual(Message.lastUserMessage([]), "")
  })

  it("B24: the media prompt is the one given, else the last user message", () => {
    assert.strictEqual(Message.mediaPrompt([system("S"), user("a")]), "a")
    assert.strictEqual(Message.mediaPrompt([user("a")], "llama"), "llama")
    assert.strictEqual(Message.mediaPrompt([user("a")], ""), "")
  })

  it("B24: a prompt too long loses its middle, then all but system and last, then its labels", () => {
    const turns = [system("S"), ...Array.from({ length: 7 }, (_, i) => user(`message ${i}`))]
    const users = [0, 1, 4, 5, 6].map((i) => `User: message ${i}\n`).join("")
    const ends = `System: S\n${users}Assistant:`
    const last = "System: S\nUser: message 6\nAssistant:"
    assert.strictEqual(Message.formatPromptMaxLength(turns, 1000), Message.formatPrompt(turns))
    assert.strictEqual(Message.formatPromptMaxLength(turns, Message.formatPrompt(turns).length - 1), ends)
    assert.strictEqual(Message.formatPromptMaxLength(turns, ends.length), ends)
    assert.strictEqual(Message.formatPromptMaxLength(turns, ends.length - 1), last)
    assert.strictEqual(Message.formatPromptMaxLength(turns, last.length - 1), "message 6")
    assert.strictEqual(Message.formatPromptMaxLength([user("a"), system("b")], 1), "b")
    assert.strictEqual(Message.formatPromptMaxLength([], 0), "")
  })
})
