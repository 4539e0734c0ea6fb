import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"

/**
 * Gives the next item of one call; none when each had its turn.
 *
 * @internal
 */
export type Turns<A> = Effect.Effect<Option.Option<A>>

const inOrder = <A>(items: Iterable<A>): Turns<A> => {
  const iterator = items[Symbol.iterator]()
  return Effect.sync(() => {
    const next = iterator.next()
    return next.done === true ? Option.none() : Option.some(next.value)
  })
}

const rotating = <A>(items: ReadonlyArray<A>): Effect.Effect<Turns<A>> => {
  let index = 0
  return Effect.sync(() => {
    // calls at the same time share the index, and still none asks the same item twice
    const waiting = new Set(items.keys())
    return Effect.sync(() => {
      if (waiting.size === 0) return Option.none()
      while (!waiting.has(index)) index = (index + 1) % items.length
      const turn = index
      waiting.delete(turn)
      index = (index + 1) % items.length
      return Option.fromNullable(items[turn])
    })
  })
}

/**
 * Gives what starts a call: `shuffled` shuffles for each, `rotating` shuffles once and goes on where the last one was.
 *
 * @internal
 */
export const make = <A extends {}>(
  items: ReadonlyArray<A>,
  order: "given" | "shuffled" | "rotating"
): Effect.Effect<Effect.Effect<Turns<A>>> => {
  switch (order) {
    case "given":
      return Effect.succeed(Effect.sync(() => inOrder(items)))
    case "shuffled":
      return Effect.succeed(Effect.map(Random.shuffle(items), inOrder))
    case "rotating":
      return Effect.map(Random.shuffle(items), (shuffled) => rotating(Chunk.toReadonlyArray(shuffled)))
  }
}
