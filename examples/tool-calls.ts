/** Offers a tool to the model, and gives the calls of it that the model asks for. */
import { Chunk, Effect, Option, Stream } from "effect"
import { Provider } from "effect-providers"
import { local } from "./openai-compatible.js"
import { main } from "./support/main.js"

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  }
}

export const program = Provider.stream({
  messages: [{ role: "user", content: "Write a short story about the weather in Rome." }],
  tools: [weather]
}).pipe(
  Stream.filterMap((output) => output._tag === "ToolCall" ? Option.some(output) : Option.none()),
  Stream.runCollect,
  Effect.map(Chunk.toReadonlyArray)
)

main(import.meta.url, Effect.provide(program, local))
