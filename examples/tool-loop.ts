/** Lets the model use a tool: as long as it asks for one, the tool is called, and the model asked again. */
import { Effect, Schema } from "effect"
import { type Message, Provider, type ProviderError } from "effect-providers"
import { local } from "./openai-compatible.js"
import { main } from "./support/main.js"

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { said: { type: "string" } }, required: ["said"] }
  }
}

const Asked = Schema.Struct({ said: Schema.String })

/** What the tool says to a call: also of one that makes no sense, so that the model can try another. */
const answerTo = ({ id, params }: Message.ToolCall): Effect.Effect<Message.Message> =>
  Schema.decodeUnknown(Asked)(params).pipe(
    Effect.map(({ said }) => `22 degrees and clear skies, when asked "${said}"`),
    Effect.catchTag("ParseError", (error) => Effect.succeed(`no such call: ${error.message}`)),
    Effect.map((content) => ({ role: "tool", content, toolCallId: id }))
  )

type Answer = Effect.Effect<string, ProviderError.ProviderError, Provider.Provider>

const converse = (messages: ReadonlyArray<Message.Message>, rounds: number): Answer =>
  Effect.gen(function*() {
    // the last round has no tool, so that it ends with an answer
    const outputs = yield* Provider.collect({ messages, ...(rounds > 1 ? { tools: [weather] } : {}) })
    const text = outputs.map((output) => output._tag === "TextDelta" ? output.text : "").join("")
    const toolCalls = outputs.filter((output) => output._tag === "ToolCall")
    if (toolCalls.length === 0) return text
    const answers = yield* Effect.forEach(toolCalls, answerTo)
    return yield* converse([...messages, { role: "assistant", content: text, toolCalls }, ...answers], rounds - 1)
  })

export const program = converse([{ role: "user", content: "How is the weather in Rome?" }], 5)

main(import.meta.url, Effect.provide(program, local))
