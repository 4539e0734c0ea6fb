import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as Failure from "../../http/Failure.js"
import * as Retry from "../../http/Retry.js"
import { timeoutFail } from "../../internal/clocks.js"
import { cleaner } from "../../internal/scrub.js"
import { counted } from "../../internal/underway.js"
import type { Inside } from "../../internal/work.js"
import { isRetryable, type ProviderError, ResponseError, Timeout } from "../../ProviderError.js"
import { CallSettings, type Settings } from "../CallSettings.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { annotations, type Answer, logged } from "./callLog.js"
import { provider, tokenOf, untraced } from "./http.js"
import type { Limits } from "./limits.js"

/** @internal */
export interface Call {
  /** Of the span: `predictions.get`. */
  readonly name: string
  readonly method: string
  /** Told of the call; a secret in it is not. */
  readonly url: () => string
  /** Sent twice, it does no more than once. */
  readonly isSafe: boolean
  /** After which errors it is sent again; `isSafe` decides when absent. */
  readonly while?: ((error: ProviderError) => boolean) | undefined
  /** How long the server was asked to hold its answer back. */
  readonly hold?: Duration.Duration | undefined
}

/** Nothing was started at the service, so that sending the same call again cannot do anything twice. */
const isRefusal = (error: ProviderError): boolean =>
  error._tag === "RateLimited" || (error._tag === "ResponseError" && error.reason === "connect")

/** Says that a call, which was not to be sent twice, may have done its work although it failed. */
const unsure = (error: ProviderError): ProviderError => {
  if (error._tag === "Timeout") return new Timeout({ ...error, mayHaveStarted: true })
  if (error._tag !== "ResponseError" || error.reason === "connect") return error
  const isAnswered = error.reason === "status" && error.status !== undefined && error.status < 500
  return isAnswered ? error : new ResponseError({ ...error, mayHaveStarted: true })
}

/**
 * Says what is wrong with an answer.
 *
 * @internal
 */
export const answerError = (error: ParseResult.ParseError | HttpClientError.HttpClientError): ProviderError =>
  ParseResult.isParseError(error)
    ? Failure.fromParseError({ provider }, error, {})
    : Failure.fromHttpClientError({ provider }, error)

/** What does not parse is the request: an answer that does not is told by `answerError`. */
const requestError = (error: ProviderError | ParseResult.ParseError): ProviderError =>
  ParseResult.isParseError(error) ? Failure.invalidRequest(provider, error) : error

type AnswerIn<A> = (
  scope: Scope.CloseableScope,
  own: Settings
) => Effect.Effect<Answer<A>, ProviderError | ParseResult.ParseError, Scope.Scope>

/** Sends a call once, in a fiber with its span and with a scope for its answer. */
const send = <A>(
  call: AnswerIn<A>,
  own: Settings,
  isOnce: boolean,
  span: Tracer.Span,
  clock: {
    readonly duration: Duration.Duration
    readonly onTimeout: () => Timeout
    readonly unattended: boolean
  }
): Effect.Effect<Answer<A>, ProviderError> =>
  Effect.flatMap(Scope.make(), (scope) => {
    const answer = Effect.mapError(call(scope, own), requestError)
    // what was read to its end is over: to end it once more would make an exception, with its stack, for each call
    const end = (exit: Exit.Exit<unknown, unknown>) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
    const ended = isOnce ? counted(answer, (error) => unsure(error) === error, end) : Effect.onExit(answer, end)
    const services = Context.add(Context.make(Tracer.ParentSpan, span), Scope.Scope, scope)
    const inside: Inside<Scope.Scope> = (runtime) => untraced(Runtime.updateContext(runtime, Context.merge(services)))
    return timeoutFail(ended, { ...clock, inside })
  })

/**
 * Puts on a call of the API what each needs: its place under the limits, the connect clock, retries by what is safe,
 * one kind of error, a log line, a span. For one run: to be made anew for each.
 *
 * @internal
 */
export const perform = <A>(
  config: ReplicateConfig,
  limits: Limits,
  call: AnswerIn<A>,
  { hold = Duration.zero, isSafe, method, name, url, while: mayRepeat }: Call
): Effect.Effect<A, ProviderError> => {
  const isOnce = !isSafe && mayRepeat === undefined
  const performed = (span: Tracer.Span) =>
    Effect.flatMap(CallSettings, (own) => {
      const at = () => {
        // a caller may take the token for an id
        const clean = cleaner(Option.toArray(Option.map(tokenOf(config, own), Redacted.value)))
        return { method, url: clean(Failure.publicUrl(url())) }
      }
      const duration = Duration.sum(own.connectTimeout ?? config.connectTimeout, hold)
      const clock = {
        duration,
        onTimeout: () => new Timeout({ provider, ...at(), clock: "connect", duration }),
        // the answer to what may start something says what has to be canceled
        unattended: !isSafe
      }
      const sent = Effect.mapError(send(call, own, isOnce, span, clock), (error) => {
        // the decoder of an answer does not know what was called
        const located = error._tag === "ResponseError" && error.url === undefined
          ? new ResponseError({ ...error, ...at() })
          : error
        return isOnce ? unsure(located) : located
      })
      let attempt = 0
      const next = logged(sent, at, name, () => ++attempt, span)
      return Retry.retry(limits.limited({ method, url }, next), {
        policy: config.retry,
        while: mayRepeat ?? (isSafe ? isRetryable : isRefusal)
      })
    })
  // a span keeps what it ends with, and is kept for long itself: see `fork` of internal/work.ts
  let answer: Effect.Effect<A> = Effect.never
  const spanned = Effect.useSpan(
    `Replicate.${name}`,
    { captureStackTrace: false },
    (span) =>
      Effect.map(performed(span), ([value]) => {
        for (const [key, annotation] of Object.entries(annotations(value))) span.attribute(key, annotation)
        answer = Effect.succeed(value)
      })
  )
  return Effect.flatMap(spanned, () => {
    const taken = answer
    answer = Effect.never
    return taken
  })
}
