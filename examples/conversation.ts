/** Asks several questions, each with all that was said before it. */
import { Effect } from "effect"
import { type Message, Provider } from "effect-providers"
import { replicate } from "./support/emulated.js"
import { main } from "./support/main.js"

const ask = Effect.fnUntraced(function*(said: ReadonlyArray<Message.Message>, question: string) {
  const messages = [...said, { role: "user", content: question }]
  const answer = yield* Provider.text({ messages })
  return [...messages, { role: "assistant", content: answer }]
})

const instructions: ReadonlyArray<Message.Message> = [{ role: "system", content: "Answer in one sentence." }]

export const program = Effect.reduce(["What is a llama?", "Where do they live?"], instructions, ask)

main(import.meta.url, Effect.provide(program, replicate))
