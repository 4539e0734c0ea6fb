import type * as Effect from "effect/Effect"
import type { ProviderError } from "../../ProviderError.js"
import type { Service } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import type { Prediction } from "../schemas/Prediction.js"
import type { Training } from "../schemas/Training.js"

/**
 * One kind of what runs at Replicate, and lives as a prediction does: how it is read and canceled.
 *
 * @internal
 */
export interface Jobs<A extends Prediction> {
  readonly name: string
  readonly config: ReplicateConfig
  readonly get: (id: string) => Effect.Effect<A, ProviderError>
  readonly cancel: (id: string) => Effect.Effect<A, ProviderError>
}

/** @internal */
export const predictions = ({ api, config }: Service): Jobs<Prediction> => ({
  name: "prediction",
  config,
  get: (id) => api.predictions.get({ path: { prediction_id: id } }),
  cancel: (id) => api.predictions.cancel({ path: { prediction_id: id } })
})

/** @internal */
export const trainings = ({ api, config }: Service): Jobs<Training> => ({
  name: "training",
  config,
  get: (id) => api.trainings.get({ path: { training_id: id } }),
  cancel: (id) => api.trainings.cancel({ path: { training_id: id } })
})
