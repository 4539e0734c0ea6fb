/** Makes a batch of pictures, a few at a time, then downloads what succeeded. One failure loses nothing of the others. */
import { Effect, Either } from "effect"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

const prompts = ["a llama", "a goat", "an alpaca", "a vicuña"]

export const program = (directory: string) =>
  Effect.gen(function*() {
    const results = yield* Prediction.runAll([
      ...prompts.map((prompt) => ({ model: "black-forest-labs/flux-schnell", input: { prompt } })),
      { model: "emulator/fail", input: {} }
    ], { concurrency: 2, mode: "either" })

    const files = results.filter(Either.isRight).flatMap(({ right }) => right.files)
    const saved = yield* Effect.forEach(files, (file, n) => file.save(`${directory}/${n + 1}.png`), { concurrency: 4 })
    return { saved, failed: results.filter(Either.isLeft).map(({ left }) => left.message) }
  })

main(import.meta.url, Effect.provide(program("out/batch"), replicateClient))
