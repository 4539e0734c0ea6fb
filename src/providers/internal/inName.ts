import { changed } from "../../internal/changed.js"
import type { ProviderError } from "../../ProviderError.js"

/**
 * The same error as one of another provider, for a provider that calls through another one's client.
 *
 * @internal
 */
export const inName = (provider: string) => (error: ProviderError): ProviderError =>
  error._tag === "AllProvidersFailed" ? error : changed(error, { provider })
