/** Asks a site that needs no key. Its provider is known not to work today, and has to be told to try all the same. */
import { Effect } from "effect"
import { Provider } from "effect-providers"
import { chatgptFree } from "./support/emulated.js"
import { main } from "./support/main.js"

const ask = (content: string, model?: string) => Provider.text({ model, messages: [{ role: "user", content }] })

export const program = Effect.all({
  byDefault: ask("Hello, how are you?"),
  byName: ask("Translate this into French: \"Hello, how are you?\"", "gpt-4o-mini-2024-07-18"),
  byAlias: ask("What is the capital of France?", "gpt-4o-mini")
})

main(import.meta.url, Effect.provide(program, chatgptFree))
