import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import * as Body from "../../src/internal/body.js"

const request = HttpClientRequest.get("https://example.com/")

const pieces = ["one", "two", "three"]

interface Told {
  closed: boolean
}

const nextTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** As many as it takes until nothing goes on any more. */
const turns = Effect.repeatN(nextTurn, 20)

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

/** A body as undici's, that gives one piece a turn. */
class UndiciBody extends Readable {
  readonly bodyUsed = false
  private readonly rest = pieces.map((piece) => new TextEncoder().encode(piece))

  constructor(told: Told, isBroken: boolean, isEndless: boolean) {
    super({
      highWaterMark: 1,
      read: () =>
        void setImmediate(() => {
          const piece = this.rest.shift()
          if (piece !== undefined) this.push(piece)
          else if (isBroken) this.destroy(new Error("cut"))
          else if (!isEndless) this.push(null)
        }),
      destroy: (error, callback) => {
        told.closed = true
        callback(error)
      }
    })
    // as the platform does
    this.on("error", () => {})
  }

  text(): Promise<string> {
    return text(this)
  }
}

/** As platform-node's client of undici has it. */
const fromUndici = (body: object): HttpClientResponse.HttpClientResponse =>
  Object.assign(HttpClientResponse.fromWeb(request, new Response("not this")), { source: { body } })

const undici = (told: Told, isBroken = false, isEndless = false) =>
  fromUndici(new UndiciBody(told, isBroken, isEndless))

/** A body of undici's that gives what it is told to, when it is told to. */
class DrivenBody extends Readable {
  get bodyUsed(): boolean {
    return Readable.isDisturbed(this)
  }

  override _read(): void {}

  text(): Promise<string> {
    return text(this)
  }
}

const driven = () => {
  const body = new DrivenBody()
  // as the platform does
  return body.on("error", () => {})
}

/** One that is read as the platform says. */
const unknown = (): HttpClientResponse.HttpClientResponse =>
  Object.create(HttpClientResponse.fromWeb(request, new Response("not this")), {
    stream: { value: Stream.fromIterable(pieces).pipe(Stream.rechunk(1), Stream.encodeText) }
  })

/** As the platform wraps one that ends with whoever waits for it. */
const wrapped = (original: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse =>
  Object.create(HttpClientResponse.fromWeb(request, new Response("not this")), {
    original: { value: original },
    source: { value: undefined },
    stream: { get: () => original.stream }
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
        yield* Body.forEach(make(told, false, true), scope, (chunk) => texts.push(textOf(chunk)) < 2)
        assert.deepStrictEqual(texts, ["one", "two"])
        yield* turns
        assert.isFalse(told.closed)
        yield* Scope.close(scope, Exit.void)
        yield* nextTurn
        assert.isTrue(told.closed)
        assert.deepStrictEqual(texts, ["one", "two"])
      })
  )

  it.effect("web: one that ends after the last chunk that was wanted has nothing to be closed", () =>
    Effect.gen(function*() {
      const told = { closed: false }
      const scope = yield* Scope.make()
      yield* Body.forEach(web(told), scope, () => false)
      yield* turns
      yield* Scope.close(scope, Exit.void)
      yield* turns
      assert.isFalse(told.closed)
    }))

  it.effect("undici: one that ends after the last chunk that was wanted is read to its end", () =>
    Effect.gen(function*() {
      const body = new UndiciBody({ closed: false }, false, false)
      const scope = yield* Scope.make()
      yield* Body.forEach(fromUndici(body), scope, () => false)
      assert.isFalse(body.readableEnded)
      yield* turns
      assert.isTrue(body.readableEnded)
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("web: one that goes on and on after the last chunk that was wanted is not read for ever", () =>
    Effect.gen(function*() {
      let given = 0
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        given++
        controller.enqueue(new Uint8Array(1))
      }
      const scope = yield* Scope.make()
      yield* Body.forEach(
        HttpClientResponse.fromWeb(request, new Response(new ReadableStream({ pull }))),
        scope,
        () => false
      )
      yield* turns
      assert.isAtMost(given, 20)
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect.each(kinds)("$kind: one that is waited for is ended without a wait", ({ make }) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const texts: Array<string> = []
      const take = (chunk: Chunk.Chunk<Uint8Array>) => texts.push(textOf(chunk)) > 0
      const waiting = yield* Effect.fork(Body.forEach(make({ closed: false }, false, true), scope, take))
      yield* turns
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
          yield* turns
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
      const late = new Promise<ReadableStreamReadResult<Uint8Array>>((resolve) => {
        arrive = () => resolve({ done: false, value: new Uint8Array(1) })
      })
      const body = { getReader: () => ({ read: () => late, cancel: () => Promise.resolve() }) }
      const source = { bodyUsed: false, text: () => Promise.reject(), body }
      const response = Object.assign(web({ closed: false }), { source })
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

  it.effect("undici: what comes in one turn is given at once", () =>
    Effect.gen(function*() {
      const body = driven()
      const scope = yield* Scope.make()
      const texts: Array<string> = []
      const reading = yield* Effect.fork(
        Body.forEach(fromUndici(body), scope, (chunk) => texts.push(textOf(chunk)) > 0)
      )
      // where it flows, each piece is an event
      yield* nextTurn
      for (const piece of pieces) body.push(piece)
      yield* nextTurn
      assert.deepStrictEqual(texts, ["one|two|three"])
      body.push(null)
      yield* Fiber.join(reading)
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("undici: what came before it broke is given first, also to one that had to be waited for", () =>
    Effect.gen(function*() {
      const body = driven()
      const scope = yield* Scope.make()
      const texts: Array<string> = []
      let goOn: (() => void) | undefined
      const reading = yield* Effect.fork(Effect.either(Body.forEach(fromUndici(body), scope, (chunk) => {
        texts.push(textOf(chunk))
        if (goOn !== undefined) return true
        body.emit("data", new TextEncoder().encode("two"))
        return (next) => {
          goOn = next
          body.emit("data", new TextEncoder().encode("three"))
          body.destroy(new Error("cut"))
        }
      })))
      yield* nextTurn
      body.push("one")
      yield* nextTurn
      assert.deepStrictEqual(texts, ["one"])
      goOn?.()
      const end = yield* Fiber.join(reading)
      assert.deepStrictEqual(texts, ["one", "two|three"])
      assert.strictEqual(Either.isLeft(end) ? String(end.left.cause) : "ended", "Error: cut")
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("undici: one that is closed before its end is an error", () =>
    Effect.gen(function*() {
      const body = driven()
      const scope = yield* Scope.make()
      const reading = yield* Effect.fork(Effect.flip(Body.forEach(fromUndici(body), scope, () => true)))
      yield* nextTurn
      body.destroy()
      const { cause, reason } = yield* Fiber.join(reading)
      assert.deepStrictEqual([reason, String(cause)], ["Decode", "Error: closed before its end"])
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("undici: one that breaks while its reader comes about, or waits, is an error", () =>
    Effect.gen(function*() {
      let yielded = 0
      for (let at = 1; at <= 25; at++) {
        const body = driven()
        let operations = 0
        // yields to the event loop once, and the body breaks meanwhile
        const scheduler: Scheduler.Scheduler = {
          shouldYield: () => {
            if (++operations !== at) return false
            yielded++
            body.destroy(new Error("cut"))
            return 0
          },
          scheduleTask: (task) => void setImmediate(task)
        }
        const read = Effect.scopedWith((scope) => Body.forEach(fromUndici(body), scope, () => true))
        const reading = yield* Effect.fork(Effect.withScheduler(Effect.flip(read), scheduler))
        yield* turns
        body.destroy(new Error("cut"))
        yield* turns
        const end = yield* Fiber.poll(reading)
        const error = Option.flatMap(end, Exit.match({ onFailure: Option.none, onSuccess: Option.some }))
        assert.strictEqual(String(Option.getOrUndefined(error)?.cause), "Error: cut", `at operation ${at}`)
      }
      assert.isAbove(yielded, 10)
    }))

  it.effect.each([
    {
      when: "that is not to go on",
      take: (): boolean => false
    },
    {
      when: "at which it is thrown",
      take: (): boolean => {
        throw new Error("bug")
      }
    }
  ])("undici: what comes after a chunk $when does not pile up", ({ take }) =>
    Effect.gen(function*() {
      const body = driven()
      const scope = yield* Scope.make()
      const reading = yield* Effect.fork(Effect.exit(Body.forEach(fromUndici(body), scope, take)))
      yield* nextTurn
      body.push("one")
      yield* Fiber.join(reading)
      for (let n = 0; n < 20; n++) {
        body.push("more")
        yield* nextTurn
      }
      assert.isTrue(body.isPaused())
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect.each([
    { what: "a body of undici's", wrap: fromUndici },
    { what: "one in a response that was wrapped", wrap: (body: object) => wrapped(fromUndici(body)) },
    {
      what: "a message of node:http",
      wrap: (body: object) => Object.assign(HttpClientResponse.fromWeb(request, new Response("")), { source: body })
    }
  ])("$what that broke before it was read is an error", ({ wrap }) =>
    Effect.gen(function*() {
      const body = driven()
      body.push("one")
      body.destroy(new Error("cut"))
      yield* nextTurn
      const response = wrap(body)
      const scope = yield* Scope.make()
      for (
        const error of [
          yield* Effect.flip(Body.text(response)),
          yield* Effect.flip(Stream.runDrain(Body.stream(response))),
          yield* Effect.flip(Body.forEach(response, scope, () => true))
        ]
      ) {
        assert.deepStrictEqual([error._tag, error.reason, String(error.cause)], [
          "ResponseError",
          "Decode",
          "Error: cut"
        ])
      }
      yield* Scope.close(scope, Exit.void)
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
