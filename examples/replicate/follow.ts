/** Reads what another program started: only the id goes from one to the other. */
import { Effect, Stream } from "effect"
import { Output } from "effect-providers"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

const start = Prediction.create("meta/meta-llama-3-70b-instruct", { prompt: "Why do llamas hum?" }).pipe(
  Effect.map(({ id }) => id)
)

/** Of a stream that is cut, what is missing is read on; the prediction is left to whoever started it. */
const answer = (id: string) =>
  Prediction.follow(id).pipe(
    Stream.catchTag("StreamInterrupted", (cut) => Prediction.follow(cut)),
    Output.text,
    Stream.mkString
  )

export const program = Effect.gen(function*() {
  const id = yield* start
  const followed = yield* answer(id)
  const { text: waited } = yield* Prediction.wait(id)
  return { followed, waited }
})

main(import.meta.url, Effect.provide(program, replicateClient))
