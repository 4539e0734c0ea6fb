/** Makes an image with a model that is named by its alias, and gives the URLs. */
import { Chunk, Effect, Option, Stream } from "effect"
import { Provider } from "effect-providers"
import { replicateHome } from "./support/emulated.js"
import { main } from "./support/main.js"

export const program = Provider.stream({
  model: "sd-3",
  messages: [{ role: "user", content: "A cat wearing a hat" }]
}).pipe(
  Stream.filterMap((output) => output._tag === "Image" ? Option.some(output.url) : Option.none()),
  Stream.runCollect,
  Effect.map(Chunk.toReadonlyArray)
)

main(import.meta.url, Effect.provide(program, replicateHome))
