/** Runs a model to its end, and tells what came out and what it took. */
import { Effect } from "effect"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = Prediction.run("meta/meta-llama-3-70b-instruct", { prompt: "Why do llamas hum?" }).pipe(
  Effect.map(({ id, metrics, text }) => ({ id, text, seconds: metrics?.["predict_time"] })),
  Effect.catchTags({
    PredictionFailed: ({ code, transient }) => Effect.succeed({ failed: code, tryAgain: transient }),
    PredictionCanceled: ({ status }) => Effect.succeed({ failed: status, tryAgain: false })
  })
)

main(import.meta.url, Effect.provide(program, replicateClient))
