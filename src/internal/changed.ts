import type { ProviderError } from "../ProviderError.js"

/**
 * The same error with other values in some of its fields.
 *
 * @internal
 */
export const changed = <E extends ProviderError>(error: E, fields: { readonly [K in keyof E]?: E[K] }): E => {
  // all errors of a tag are of one class, and made of their fields
  const Class = error.constructor as new(fields: object) => E
  return new Class({ ...error, ...fields })
}
