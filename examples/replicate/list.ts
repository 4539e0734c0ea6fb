/** Lists the predictions of the last day, however many pages they are on, and counts how they ended. */
import { DateTime, Effect, Stream } from "effect"
import { Pages, Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = Effect.gen(function*() {
  yield* Prediction.run("emulator/json", { prompt: "one two three" })
  yield* Effect.flip(Prediction.run("emulator/fail", {}))

  const createdAfter = DateTime.subtract(yield* DateTime.now, { days: 1 })
  return yield* Pages.predictions({ createdAfter, limit: 1000 }).items.pipe(
    Stream.runFold(
      new Map<string, number>(),
      (counts, { status }) => counts.set(status, (counts.get(status) ?? 0) + 1)
    ),
    Effect.map((counts) => Object.fromEntries(counts))
  )
})

main(import.meta.url, Effect.provide(program, replicateClient))
