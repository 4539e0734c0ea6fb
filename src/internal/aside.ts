import type { Output } from "../Output.js"

/**
 * Whether an output is no part of an answer: it stays true when another provider answers, or has to be acted on before
 * this one can.
 *
 * @internal
 */
export const isAside = (output: Output): boolean =>
  output._tag === "ProviderInfo" || output._tag === "Log" || output._tag === "LoginRequest"
