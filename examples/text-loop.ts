/** Prints an answer piece by piece, as the model says it. */
import { Console, Effect, Stream } from "effect"
import { Output, Provider } from "effect-providers"
import { replicate } from "./support/emulated.js"
import { main } from "./support/main.js"

export const program = Provider.stream({ messages: [{ role: "user", content: "Hello, Replicate!" }] }).pipe(
  Output.text,
  Stream.runForEach((text) => Console.log(`Replicate says: ${text}`))
)

main(import.meta.url, Effect.provide(program, replicate))
