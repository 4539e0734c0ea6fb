/** Asks with the same seed twice, and with another once. */
import { Effect } from "effect"
import { Provider } from "effect-providers"
import { replicate } from "./support/emulated.js"
import { main } from "./support/main.js"

/** The seed is an input of the model and goes into `extra`: `seed` is for providers that report it as a parameter. */
const story = (seed: number) => Provider.text({ prompt: "Write a short story about a cat.", extra: { seed } })

export const program = Effect.all(
  { first: story(42), again: story(42), other: story(7) },
  { concurrency: "unbounded" }
)

main(import.meta.url, Effect.provide(program, replicate))
