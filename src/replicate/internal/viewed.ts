import * as Effect from "effect/Effect"
import * as ModelRef from "../ModelRef.js"
import type { Input, StreamOptions } from "../PredictionOptions.js"
import { ReplicateClient } from "../ReplicateClient.js"
import * as engine from "./engine.js"
import { predictions } from "./jobs.js"
import { prepare } from "./prepare.js"
import { predictionStream } from "./stream.js"
import type { View } from "./views.js"

/**
 * Runs a model and gives what a view makes of its output.
 *
 * @internal
 */
export const viewed = <A>(view: View<A>, model: ModelRef.Input, input: Input, options: StreamOptions) =>
  Effect.flatMap(ReplicateClient, (client) => {
    const source = predictionStream(client, prepare(client, model, input, { ...options, stream: true }), {
      view,
      model: ModelRef.format(model),
      isLatest: options.latestVersion ?? client.config.latestVersion,
      unstreamable: options.unstreamable ?? "fail",
      untilFinal: (prediction) => engine.untilFinal(predictions(client), prediction, options)
    })
    return engine.clocked(source, client.config, options)
  })
