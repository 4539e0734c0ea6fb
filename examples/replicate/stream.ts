/** Streams text as the model produces it, and tells at the end what it took. */
import { Effect, Stream } from "effect"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = (print: (text: string) => Effect.Effect<void>) =>
  Prediction.events("meta/meta-llama-3-70b-instruct", { prompt: "Why do llamas hum?" }).pipe(
    // as text, an event is what it holds of the output
    Stream.tap((event) => print(String(event))),
    Stream.runFold(
      {},
      (summary, event) => event._tag === "Done" ? { id: event.prediction.id, ...event.prediction.metrics } : summary
    )
  )

const toTerminal = (text: string) => Effect.sync(() => void process.stdout.write(text))

main(import.meta.url, Effect.provide(program(toTerminal), replicateClient))
