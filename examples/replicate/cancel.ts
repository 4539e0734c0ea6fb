/** Starts a prediction in the background, looks after it, and cancels it. */
import { Effect } from "effect"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = Effect.gen(function*() {
  // whoever starts it in the background is asked for a bound: after that, the server stops it
  const { id } = yield* Prediction.create("emulator/slow", { prompt: "Count to 240" }, { cancelAfter: "10 minutes" })
  yield* Effect.sleep("3 seconds")
  const { status } = yield* Prediction.get(id)
  const canceled = yield* Prediction.cancel(id)
  return { before: status, after: canceled.status }
})

main(import.meta.url, Effect.provide(program, replicateClient))
