import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ProviderError } from "../../ProviderError.js"
import type { Answer } from "./callLog.js"

/**
 * In the request of a call that may start something: who is told that it is on its way, and how to get the answer. Then
 * the answer is theirs: an interruption leaves it on its way, where it would be waited for otherwise.
 *
 * @internal
 */
export const attend: unique symbol = Symbol("attend")

/**
 * `hold` is how long the server was asked to hold the answer back.
 *
 * @internal
 */
export type Attend<A> = (answer: Effect.Effect<Answer<A>, ProviderError>, hold: Duration.Duration) => void

/** @internal */
export interface Attended<A> {
  readonly [attend]?: Attend<A> | undefined
}
