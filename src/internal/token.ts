import * as Redacted from "effect/Redacted"

/**
 * Whether there is a token: a blank one is none.
 *
 * @internal
 */
export const isPresent = (token: Redacted.Redacted<string> | undefined): token is Redacted.Redacted<string> =>
  token !== undefined && Redacted.value(token).trim() !== ""
