import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import type * as Tracer from "effect/Tracer"
import type { ProviderError } from "../../ProviderError.js"
import { Prediction } from "../schemas/Prediction.js"

/**
 * What an answer said, and the answer.
 *
 * @internal
 */
export type Answer<A> = readonly [value: A, response: HttpClientResponse.HttpClientResponse]

/**
 * What is told of an answer, in spans and in the log: of a prediction which it is and how it stands, of anything else
 * nothing.
 *
 * @internal
 */
export const annotations = (value: unknown): Readonly<Record<string, unknown>> =>
  value instanceof Prediction
    ? { "prediction.id": value.id, "prediction.model": value.model, "prediction.status": value.status }
    : {}

const ending = (exit: Exit.Exit<Answer<unknown>, ProviderError>): Readonly<Record<string, unknown>> => {
  if (Exit.isSuccess(exit)) return { status: exit.value[1].status, ...annotations(exit.value[0]) }
  const failure = Cause.failureOrCause(exit.cause)
  if (Either.isRight(failure)) return { error: Cause.isInterruptedOnly(failure.right) ? "interrupted" : "defect" }
  const error = failure.left
  return "status" in error && typeof error.status === "number"
    ? { status: error.status, error: error._tag }
    : { error: error._tag }
}

/**
 * Tells the debug log of one try of a call: what was called, how that ended, and how long it took. `at.url` is told as
 * it is, `count` which try it is. The line is told of `span`, where there is one.
 *
 * @internal
 */
export const logged = <A, E extends ProviderError>(
  self: Effect.Effect<Answer<A>, E>,
  at: () => { readonly method: string; readonly url: string },
  name: string,
  count: () => number,
  span?: Tracer.Span
): Effect.Effect<Answer<A>, E> =>
  Effect.withFiberRuntime((fiber) => {
    const attempt = count()
    if (LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Debug)) return self
    return Effect.clockWith((clock) => {
      const startedAt = clock.unsafeCurrentTimeMillis()
      return Effect.onExit(self, (exit) => {
        const { method, url } = at()
        const line = Effect.annotateLogs(Effect.logDebug(`Replicate.${name}`), {
          method,
          path: url.replace(/^https?:\/\/[^/]*/, ""),
          ...ending(exit),
          attempt,
          ms: Math.round(clock.unsafeCurrentTimeMillis() - startedAt)
        })
        return span === undefined ? line : Effect.withParentSpan(line, span)
      })
    })
  })
