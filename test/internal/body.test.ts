import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Body from "../../src/internal/body.js"

const request = HttpClientRequest.get("https://example.com/")

const pieces = ["one", "two", "three"]

interface Told {
  closed: boolean
}

const nextTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** What fails after its pieces when `isBroken`, and has no end when `isEndless`, nor one of being closed. */
const webStream = (told: Told, isBroken: boolean, isEndless: boolean) => {
  const rest = pieces.map((piece) => new TextEncoder().encode(piece))
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = rest.shift()
      if (piece !== undefined) controller.enqueue(piece)
      else if (isBroken) controller.error(new Error("cut"))
      else if (!isEndless) controller.close()
    },
    cancel: () => {
      told.closed = true
      return isEndless ? new Promise(() => {}) : undefined
    }
  }, { highWaterMark: 0 })
}

const web = (told: Told, isBroken = false, isEndless = false) =>
  HttpClientResponse.fromWeb(request, new Response(webStream(told, isBroken, isEndless)))

/** As platform-node's client of undici has it. */
const undici = (told: Told, isBroken = false, isEndless = false): HttpClientResponse.HttpClientResponse => {
  const body = {
    bodyUsed: false,
    text: () => isBroken ? Promise.reject(new Error("cut")) : Promise.resolve(pieces.join("")),
    async *[Symbol.asyncIterator]() {
      try {
        for (const piece of pieces) yield new TextEncoder().encode(piece)
        if (isBroken) throw new Error("cut")
        // as an iterator of Node does, it closes after its last read
        if (isEndless) await new Promise(() => {})
      } finally {
        told.closed = true
      }
    }
  }
  return Object.assign(HttpClientResponse.fromWeb(request, new Response("not this")), { source: { body } })
}

/** One that is read as the platform says. */
const unknown = (): HttpClientResponse.HttpClientResponse =>
  Object.create(HttpClientResponse.fromWeb(request, new Response("not this")), {
    stream: { value: Stream.fromIterable(pieces).pipe(Stream.rechunk(1), Stream.encodeText) }
  })

const textOf = (bytes: Chunk.Chunk<Uint8Array>) =>
  Chunk.toReadonlyArray(bytes).map((piece) => new TextDecoder().decode(piece)).join("|")

/** Reads a body, and gives its texts and what it failed with. */
const drain = (response: HttpClientResponse.HttpClientResponse, scope: Scope.Scope) =>
  Effect.gen(function*() {
    let texts = ""
    const read = Body.forEach(response, scope, (chunk) => {
      texts += `${textOf(chunk)}|`
      return true
    })
    const end = yield* Effect.either(read)
    return { texts, error: Either.getLeft(end) }
  })

const kinds = [{ kind: "web", make: web }, { kind: "undici", make: undici }]

describe("body", () => {
  it.effect.each(kinds)("$kind: its text, and its bytes to their end", ({ make }) =>
    Effect.gen(function*() {
      const told = { closed: false }
      assert.strictEqual(yield* Body.text(make(told)), "onetwothree")
      const scope = yield* Scope.make()
      const { error, texts } = yield* drain(make(told), scope)
      assert.strictEqual(texts, "one|two|three|")
      assert.deepStrictEqual(error, Option.none())
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect.each(kinds)(
    "$kind: what breaks is an error of decoding, with its cause",
    ({ make }) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const error = yield* Effect.flip(Body.text(make({ closed: false }, true)))
        const { error: late, texts } = yield* drain(make({ closed: false }, true), scope)
        assert.strictEqual(texts, "one|two|three|")
        for (const { _tag, cause, reason } of [error, Option.getOrThrow(late)]) {
          assert.deepStrictEqual([_tag, reason, String(cause)], ["ResponseError", "Decode", "Error: cut"])
        }
        // also one that is broken
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.effect.each(kinds)(
    "$kind: is ended with its scope when it is not read to its end",
    ({ make }) =>
      Effect.gen(function*() {
        const told = { closed: false }
        const scope = yield* Scope.make()
        const texts: Array<string> = []
        yield* Body.forEach(make(told), scope, (chunk) => texts.push(textOf(chunk)) < 2)
        assert.deepStrictEqual(texts, ["one", "two"])
        assert.isFalse(told.closed)
        yield* Scope.close(scope, Exit.void)
        yield* nextTurn
        assert.isTrue(told.closed)
      })
  )

  it.effect.each(kinds)("$kind: one that is waited for is ended without a wait", ({ make }) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const texts: Array<string> = []
      const take = (chunk: Chunk.Chunk<Uint8Array>) => texts.push(textOf(chunk)) > 0
      const waiting = yield* Effect.fork(Body.forEach(make({ closed: false }, false, true), scope, take))
      yield* nextTurn
      assert.deepStrictEqual(texts, pieces)
      yield* Fiber.interrupt(waiting)
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect.each([...kinds, { kind: "unknown", make: unknown }])(
    "$kind: waits with the next chunk until there is room for it",
    ({ make }) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const texts: Array<string> = []
        let goOn: (() => void) | undefined
        const reading = yield* Effect.fork(Body.forEach(make({ closed: false }), scope, (chunk) => {
          texts.push(textOf(chunk))
          return (next) => {
            goOn = next
          }
        }))
        for (const [at] of pieces.entries()) {
          yield* nextTurn
          assert.deepStrictEqual(texts, pieces.slice(0, at + 1))
          goOn?.()
        }
        yield* Fiber.join(reading)
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.effect.each([...kinds, { kind: "unknown", make: unknown }])(
    "$kind: what is thrown at a chunk is a defect",
    ({ make }) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const bug = new Error("bug")
        const exit = yield* Effect.exit(Body.forEach(make({ closed: false }), scope, () => {
          throw bug
        }))
        assert.deepStrictEqual(exit, Exit.die(bug))
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.effect("what comes after it is ended is given to nobody", () =>
    Effect.gen(function*() {
      let arrive = () => {}
      const late = new Promise<IteratorResult<Uint8Array>>((resolve) => {
        arrive = () => resolve({ done: false, value: new Uint8Array(1) })
      })
      const body = {
        bodyUsed: false,
        text: () => Promise.reject(),
        [Symbol.asyncIterator]: () => ({ next: () => late })
      }
      const response = Object.assign(web({ closed: false }), { source: { body } })
      const scope = yield* Scope.make()
      let given = 0
      const reading = yield* Effect.fork(Body.forEach(response, scope, () => given++ > 0))
      yield* nextTurn
      yield* Fiber.interrupt(reading)
      yield* Scope.close(scope, Exit.void)
      arrive()
      yield* nextTurn
      assert.strictEqual(given, 0)
    }))

  it.effect("one that was read is read again as the platform keeps it", () =>
    Effect.gen(function*() {
      const response = web({ closed: false })
      assert.strictEqual(yield* response.text, "onetwothree")
      assert.strictEqual(yield* Body.text(response), "onetwothree")
    }))

  it.effect("one that is wrapped is read as it says", () =>
    Effect.gen(function*() {
      const response: HttpClientResponse.HttpClientResponse = Object.create(web({ closed: false }), {
        text: { value: Effect.succeed("as it says") },
        stream: { value: Stream.make(new TextEncoder().encode("as it says")) }
      })
      assert.strictEqual(yield* Body.text(response), "as it says")
      const { texts } = yield* Effect.scoped(
        Effect.flatMap(Effect.scope, (scope) => drain(response, scope))
      )
      assert.strictEqual(texts, "as it says|")
    }))

  it.effect("one without a body has no text", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Body.text(HttpClientResponse.fromWeb(request, new Response(null))), "")
    }))
})
