/** Asks a site that needs no key. Its provider is known not to work today, and has to be told to try all the same. */
import { Effect } from "effect"
import { Provider } from "effect-providers"
import { chatgptFree } from "./support/emulated.js"
import { main } from "./support/main.js"

export const program = Provider.text({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "What is the capital of France?" }]
})

main(import.meta.url, Effect.provide(program, chatgptFree))
