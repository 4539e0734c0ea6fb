import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Failure from "../../http/Failure.js"
import * as RateLimiter from "../../http/RateLimiter.js"
import type { ProviderError } from "../../ProviderError.js"
import type { RateLimits, ReplicateConfig } from "../ReplicateConfig.js"
import type { Answer } from "./callLog.js"
import { currentToken } from "./http.js"

/** @internal */
export interface Target {
  readonly method: string
  readonly url: () => string
}

/** @internal */
export interface Limits {
  /**
   * Waits until a request may go out, sends it, and learns from its answer. The wait can be interrupted also where
   * the request cannot.
   */
  readonly limited: <A, E extends ProviderError>(
    target: Target,
    send: Effect.Effect<Answer<A>, E>
  ) => Effect.Effect<Answer<A>, E>
}

type Limiters = Readonly<Record<keyof RateLimits, RateLimiter.RateLimiter>>

/** Tokens whose calls are remembered; the one that was used longest ago is forgotten first. */
const capacity = 1000

const kindOf = ({ method, url }: Target): keyof RateLimits => {
  const path = Failure.publicUrl(url())
  if (method === "POST" && path.endsWith("/predictions")) return "creates"
  return method === "GET" && /\/predictions\/[^/]+$/.test(path) ? "reads" : "others"
}

/**
 * Makes what holds the calls of a client to its limits.
 *
 * @internal
 */
export const makeLimits = (config: ReplicateConfig): Limits => {
  const { rateLimit } = config
  if (rateLimit === undefined) return { limited: (_, send) => send }

  const make = (kind: keyof RateLimits) => RateLimiter.make({ limit: rateLimit[kind], interval: "1 minute" })
  const makeAll = Effect.all({ creates: make("creates"), reads: make("reads"), others: make("others") })

  /** By token, the one that was used last at the end. */
  const known = new Map<string | undefined, Limiters>()

  const use = (token: string | undefined, made: Limiters): Limiters => {
    // another call with the token may have come first
    const limiters = known.get(token) ?? made
    known.delete(token)
    known.set(token, limiters)
    const [oldest] = known.keys()
    if (known.size > capacity) known.delete(oldest)
    return limiters
  }

  const limitersOf = Effect.flatMap(currentToken(config), (secret) => {
    const token = Option.getOrUndefined(Option.map(secret, Redacted.value))
    const limiters = known.get(token)
    return Effect.map(limiters === undefined ? makeAll : Effect.succeed(limiters), (limiters) => use(token, limiters))
  })

  // a call that would have to wait longer finds out by itself, and fails with an error that tells the wait
  const isWaitedFor = Duration.lessThanOrEqualTo(config.retry.maxWait)

  return {
    limited: (target, send) =>
      Effect.gen(function*() {
        const limiter = (yield* limitersOf)[kindOf(target)]
        yield* Effect.interruptible(limiter.take)
        const answer = yield* Effect.tapError(send, (error) =>
          error._tag === "RateLimited" && error.retryAfter !== undefined && isWaitedFor(error.retryAfter)
            ? limiter.pause(error.retryAfter)
            : Effect.void)
        const remaining = RateLimiter.remaining(answer[1].headers)
        if (Option.isSome(remaining) && isWaitedFor(remaining.value.reset)) {
          yield* limiter.learn(remaining.value)
        }
        return answer
      })
  }
}
