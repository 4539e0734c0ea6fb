/**
 * Generative-model providers as Effect Layers that stream typed outputs.
 *
 * @since 0.1.0
 */
export * as Credentials from "./Credentials.js"
export * as Fallback from "./Fallback.js"
export * as Message from "./Message.js"
export * as ModelCatalog from "./ModelCatalog.js"
export * as Output from "./Output.js"
export * as Parameters from "./Parameters.js"
export * as Provider from "./Provider.js"
export * as ProviderError from "./ProviderError.js"
export * as ProviderRegistry from "./ProviderRegistry.js"
export * as ChatgptFree from "./providers/ChatgptFree.js"
export * as Replicate from "./providers/Replicate.js"
export * as ReplicateHome from "./providers/ReplicateHome.js"
export * as Quota from "./Quota.js"
export * as Request from "./Request.js"
