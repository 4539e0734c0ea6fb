/** Gives a model files: from disk, and from memory. Small ones become a part of the input, larger ones are uploaded. */
import { Effect } from "effect"
import { FileInput, Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = (path: string) =>
  Effect.gen(function*() {
    const readme = yield* FileInput.fromPath(path)
    const { text } = yield* Prediction.run("meta/meta-llama-3-70b-instruct", {
      prompt: "What is in these files?",
      documents: [readme, FileInput.make(new TextEncoder().encode("wool"), { name: "llama.txt" })],
      // larger than 256 kB: uploaded before the prediction is created
      picture: new Blob([new Uint8Array(300_000)], { type: "image/png" })
    })
    return text
  })

main(import.meta.url, Effect.provide(program("README.md"), replicateClient))
