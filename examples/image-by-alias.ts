/** Makes images with a model that is named in full, and by its alias, and gives their URLs. */
import { Chunk, Effect, Option, Stream } from "effect"
import { Provider } from "effect-providers"
import { replicateHome } from "./support/emulated.js"
import { main } from "./support/main.js"

const draw = (model: string, content: string) =>
  Provider.stream({ model, messages: [{ role: "user", content }] }).pipe(
    Stream.filterMap((output) => output._tag === "Image" ? Option.some(output.url) : Option.none()),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

export const program = Effect.all({
  city: draw("stability-ai/stable-diffusion-3", "A futuristic cityscape"),
  cat: draw("sd-3", "A cat wearing a hat")
})

main(import.meta.url, Effect.provide(program, replicateHome))
