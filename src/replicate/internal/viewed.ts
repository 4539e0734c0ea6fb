import * as Effect from "effect/Effect"
import * as ModelRef from "../ModelRef.js"
import type { Followed, FollowOptions, Input, StreamOptions } from "../PredictionOptions.js"
import { ReplicateClient } from "../ReplicateClient.js"
import type { Prediction } from "../schemas/Prediction.js"
import * as engine from "./engine.js"
import { predictions } from "./jobs.js"
import { prepare } from "./prepare.js"
import { followed, predictionStream } from "./stream.js"
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

/**
 * Gives what a view makes of the output of a prediction that is there.
 *
 * @internal
 */
export const followedBy = <A>(view: View<A>, of: Followed, options: FollowOptions) =>
  Effect.flatMap(ReplicateClient, (client) => {
    const untilFinal = (prediction: Prediction) => engine.untilFinal(predictions(client), prediction, options)
    return engine.clocked(followed(client, of, { view, untilFinal }), client.config, options)
  })
