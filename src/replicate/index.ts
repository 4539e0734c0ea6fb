/**
 * Replicate's API: the client, and what is made with it.
 *
 * @since 0.1.0
 */
export * as CallSettings from "./CallSettings.js"
export * as FileInput from "./FileInput.js"
export * as FileOutput from "./FileOutput.js"
export * as ModelRef from "./ModelRef.js"
export * as Models from "./Models.js"
export * as Pages from "./Pages.js"
export * as Prediction from "./Prediction.js"
export * as PredictionEvent from "./PredictionEvent.js"
export * as PredictionOptions from "./PredictionOptions.js"
export * as Progress from "./Progress.js"
export * as ReplicateApi from "./ReplicateApi.js"
export * as ReplicateClient from "./ReplicateClient.js"
export * as ReplicateConfig from "./ReplicateConfig.js"
export * as Training from "./Training.js"
export * as Webhook from "./Webhook.js"
