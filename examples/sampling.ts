/** Says how freely the model may choose its words, and how many of them it may use. */
import { Effect } from "effect"
import { Provider } from "effect-providers"
import { replicate } from "./support/emulated.js"
import { main } from "./support/main.js"

export const program = Provider.text({
  messages: [{ role: "user", content: "Write a short story about a cat." }],
  temperature: 0.5,
  topP: 0.9,
  maxTokens: 50
})

main(import.meta.url, Effect.provide(program, replicate))
