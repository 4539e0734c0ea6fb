/** Makes pictures and saves them: written beside, then renamed, so that no half picture is ever there. */
import { Effect } from "effect"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = (directory: string) =>
  Prediction.run("black-forest-labs/flux-schnell", { prompt: "a llama on a rocket", num_outputs: 2 }).pipe(
    Effect.flatMap(({ files, id }) =>
      Effect.forEach(files, (file, n) => file.save(`${directory}/${id}-${n + 1}.png`), { concurrency: 4 })
    )
  )

main(import.meta.url, Effect.provide(program("out"), replicateClient))
