import * as Arr from "effect/Array"
import * as Predicate from "effect/Predicate"
import { ProxyFailure } from "./proxyFailure.js"

/**
 * With one of these, no connection came about, so that nothing was sent. A host or network that is unreachable is none
 * of them: that happens to an open connection as well.
 */
const connectCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

/** @internal */
export interface SystemError {
  readonly code: string
  readonly beforeSending: boolean
  /** The proxy that made no connection. */
  readonly proxy: string | undefined
}

/**
 * The system's errors at the bottom of a chain of causes, each once; several when several addresses were tried.
 *
 * @internal
 */
export const systemErrors = (
  cause: unknown,
  depth = 0,
  seen: Set<unknown> = new Set()
): ReadonlyArray<SystemError> => {
  if (!Predicate.isRecord(cause) || depth > 8 || seen.has(cause)) return []
  seen.add(cause)
  const beneath = Arr.ensure(Array.isArray(cause.errors) ? cause.errors : cause.cause)
    .flatMap((error) => systemErrors(error, depth + 1, seen))
  const { code } = cause
  if (beneath.length > 0 || typeof code !== "string") return beneath
  const proxy = cause instanceof ProxyFailure ? cause.proxy : undefined
  return [{ code, beforeSending: cause.syscall === "connect" || connectCodes.has(code), proxy }]
}
