import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Output } from "../Output.js"
import type { Blocked, FileError, MissingAuth, ProviderError } from "../ProviderError.js"
import { isAside } from "./aside.js"
import { encode, type Secret } from "./credentialFile.js"

/** @internal */
export interface AuthedCall<R> {
  /** Why there is no call without a credential. */
  readonly absent: MissingAuth
  /** Where the credential is kept. */
  readonly place: {
    readonly get: Effect.Effect<Option.Option<Secret>>
    readonly set: (secret: Secret) => Effect.Effect<void, FileError>
    readonly remove: Effect.Effect<void, FileError>
    readonly turn: Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
  }
  readonly authenticate: Stream.Stream<Output | Secret, ProviderError, R>
  readonly call: (
    secret: Secret,
    refreshed: (secret: Secret) => Effect.Effect<void>
  ) => Stream.Stream<Output, ProviderError, R>
}

type Answer<R> = Stream.Stream<Output, ProviderError, R>

type Refusal = MissingAuth | Blocked

const isRefusal = (error: ProviderError): error is Refusal => error._tag === "MissingAuth" || error._tag === "Blocked"

const isSame = (a: Secret, b: Secret) => Equal.equals(encode(a), encode(b))

const orWarn = (change: Effect.Effect<void, FileError>) =>
  Effect.catchAll(change, (error) => Effect.logWarning(error.message))

/**
 * Calls with the stored secret, or else with the one of a login. A login has its turn until the call gave an output
 * and the secret is stored, so that whoever waited finds it.
 *
 * @internal
 */
export const authedCall = <R>({ absent, authenticate, call, place }: AuthedCall<R>): Answer<R> => {
  /** A block says nothing about the secret, and what another fiber stored meanwhile is not the one refused. */
  const forget = (error: Refusal, refused: Secret) =>
    error._tag === "Blocked"
      ? Effect.void
      : Effect.flatMap(place.get, (stored) =>
        Option.exists(stored, (secret) => isSame(secret, refused)) ? orWarn(place.remove) : Effect.void)

  const giveUp = (error: Refusal, refused: Secret): Answer<R> =>
    Stream.fromEffect(Effect.zipRight(forget(error, refused), Effect.fail(error)))

  const use = (secret: Secret, how: {
    readonly isNew?: boolean | undefined
    readonly onAnswer?: Effect.Effect<void> | undefined
    readonly onRefusal?: ((error: Refusal) => Answer<R>) | undefined
  } = {}): Answer<R> =>
    Stream.suspend(() => {
      let latest = secret
      let isStored = how.isNew !== true
      let isAnswered = false

      const store = Effect.suspend(() => {
        if (isStored || !isAnswered) return Effect.void
        isStored = true
        return orWarn(place.set(latest))
      })
      const refreshed = (secret: Secret) =>
        Effect.suspend(() => {
          latest = secret
          isStored = false
          return store
        })
      const { onAnswer = Effect.void, onRefusal = (error) => giveUp(error, secret) } = how
      const onOutputs = (chunk: Chunk.Chunk<Output>) => {
        if (isAnswered || Chunk.every(chunk, isAside)) return Effect.succeed(chunk)
        isAnswered = true
        return Effect.as(Effect.zipRight(store, onAnswer), chunk)
      }
      return call(secret, refreshed).pipe(
        Stream.mapChunksEffect(onOutputs),
        Stream.catchAll((error) =>
          !isRefusal(error) ? Stream.fail(error) : isAnswered ? giveUp(error, latest) : onRefusal(error)
        )
      )
    })

  const logIn = (why: Refusal, endTurn: Effect.Effect<void>): Answer<R> =>
    Stream.suspend(() => {
      let found = Option.none<Secret>()
      const outputs = Stream.filterMap(authenticate, (item) => {
        if (!Redacted.isRedacted(item)) return Option.some(item)
        found = Option.some(item)
        return Option.none()
      })
      const answer = Stream.suspend(() =>
        Option.isNone(found) ? Stream.fail(why) : use(found.value, { isNew: true, onAnswer: endTurn })
      )
      return Stream.concat(outputs, answer)
    })

  const again = (why: Refusal, refused: Option.Option<Secret>): Answer<R> =>
    Stream.unwrapScoped(Effect.gen(function*() {
      const endTurn = yield* place.turn
      if (Option.isSome(refused)) yield* forget(why, refused.value)
      const other = Option.filter(yield* place.get, (stored) => !Option.exists(refused, (it) => isSame(it, stored)))
      if (Option.isNone(other)) return logIn(why, endTurn)
      yield* endTurn
      return use(other.value)
    }))

  return Stream.unwrap(Effect.map(
    place.get,
    Option.match({
      onNone: () => again(absent, Option.none()),
      onSome: (secret) => use(secret, { onRefusal: (error) => again(error, Option.some(secret)) })
    })
  ))
}
