/** Prints the answers of a text model that needs no key, piece by piece: asked for by its name, and by its alias. */
import { Console, Effect, Stream } from "effect"
import { Output, Provider } from "effect-providers"
import { replicateHome } from "./support/emulated.js"
import { main } from "./support/main.js"

const print = (model: string, content: string) =>
  Provider.stream({ model, messages: [{ role: "user", content }] }).pipe(
    Output.text,
    Stream.runForEach((chunk) => Console.log(chunk))
  )

export const program = Effect.zipRight(
  print("google-deepmind/gemma-2b-it", "Translate to French: Hello"),
  print("gemma-2b", "Write a short poem about the sea")
)

main(import.meta.url, Effect.provide(program, replicateHome))
