import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import { isProviderError, type ProviderError, ResponseError } from "../ProviderError.js"
import { systemErrors } from "./systemErrors.js"

/** Codes of broken connections. Others, such as `ENOENT` or `ERR_INVALID_ARG_TYPE`, tell of files, or of bugs. */
const networkCode =
  /^(?:ECONN\w+|E(?:HOST|NET)\w+|EPIPE|EPROTO|ETIMEDOUT|UND_ERR_(?:\w+_TIMEOUT|SOCKET|ABORTED|CLOSED)|HPE_\w+|ERR_(?:TLS|SSL|HTTP2)_\w+|ERR_STREAM_PREMATURE_CLOSE)$/

/** Names of errors that a request ends with. The platforms tell other errors of `fetch` by their texts alone. */
const networkName = /^(?:AbortError|TimeoutError|NetworkError)$/
const networkText =
  /^(?:fetch failed|terminated|failed to fetch|load failed|network error|networkerror when |error sending request|error reading a body|network connection lost|unable to connect|the network connection was lost|the socket connection was closed|socket hang up|other side closed|premature close)/i

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

const isNetwork = (error: unknown, depth = 0, seen: Set<unknown> = new Set()): boolean => {
  if (!Predicate.isRecord(error) || depth > 8 || seen.has(error)) return false
  seen.add(error)
  return networkName.test(textOf(error.name)) || networkText.test(textOf(error.message)) ||
    Arr.ensure(error.cause).some((cause) => isNetwork(cause, depth + 1, seen))
}

/** The status of an answer, as SDKs put it into their errors. */
const statusOf = (error: unknown): Option.Option<number> =>
  Predicate.isRecord(error)
    ? Arr.findFirst([error.status, error.statusCode].filter(Predicate.isNumber), (status) =>
      status >= 400 && status < 600)
    : Option.none()

const kindOf = (error: unknown): string => {
  if (!Predicate.isError(error)) return "what is no error"
  const name = textOf(error.name)
  return /^[A-Z]\w{0,40}$/.test(name) ? name : "Error"
}

const malformed = (provider: string, kind: string) =>
  new ResponseError({ provider, reason: "malformed", detail: `the provider threw ${kind}` })

const read = (
  provider: string,
  thrown: unknown,
  fromStatus: (status: number) => Option.Option<ProviderError>
): ProviderError => {
  // an Effect that ran as a promise
  const error = Runtime.isFiberFailure(thrown) ? Cause.squash(thrown[Runtime.FiberFailureCauseId]) : thrown
  if (isProviderError(error)) return error
  return Option.getOrElse(Option.flatMap(statusOf(error), fromStatus), () => {
    const broken = systemErrors(error).filter(({ beforeSending, code }) => beforeSending || networkCode.test(code))
    const [first] = broken
    if (first !== undefined) {
      const reason = broken.every(({ beforeSending }) => beforeSending) ? "connect" : "network"
      return new ResponseError({ provider, reason, code: first.code })
    }
    return isNetwork(error)
      ? new ResponseError({ provider, reason: "network" })
      : malformed(provider, kindOf(error))
  })
}

/**
 * Tells what was thrown where a provider is asked. It may hold anything, so only its kind is told, unless it is an error
 * of ours. A broken connection may be tried again, and so may what an SDK throws of a status; a bug may not. What throws
 * when it is looked at is an error like others.
 *
 * @internal
 */
export const fromThrown = (
  provider: string,
  thrown: unknown,
  fromStatus: (status: number) => Option.Option<ProviderError>
): ProviderError =>
  Either.getOrElse(
    Either.try(() => read(provider, thrown, fromStatus)),
    () => malformed(provider, "what cannot be read")
  )
