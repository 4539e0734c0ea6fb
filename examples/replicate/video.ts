/**
 * Makes a video, which takes minutes, and saves it. The server gives it up at the same time as this program does, so
 * that nothing is paid for in vain even if the program is killed.
 */
import { Effect } from "effect"
import * as Polling from "effect-providers/http/Polling"
import { Prediction } from "effect-providers/replicate"
import { replicateClient } from "../support/emulated.js"
import { main } from "../support/main.js"

export const program = (path: string) =>
  Prediction.run("minimax/video-01", { prompt: "a llama walks through the rain" }, {
    timeout: "20 minutes",
    cancelAfter: "20 minutes",
    polling: Polling.fixed("5 seconds")
  }).pipe(
    // such a model gives one file, and not a list
    Effect.flatMap(({ files: [video] }) => Effect.fromNullable(video)),
    Effect.flatMap((video) => video.save(path))
  )

main(import.meta.url, Effect.provide(program("out/llama.mp4"), replicateClient))
