import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as Provider from "../src/Provider.js"
import { json } from "./support/fakeHttp.js"
import { settle } from "./support/replicate-server.js"
import * as fake from "./support/replicateFake.js"

/** A call of the library that has something to tell, and only to the debug log. */
const call = Effect.gen(function*() {
  const server = fake.server({
    stream: () => fake.socket(fake.event("output", "Hel"), fake.event("output", "lo")).response,
    cancel: () => json({ detail: `no such prediction, Bearer ${fake.secret}` }, { status: 404 })
  })
  yield* Provider.stream(fake.asked).pipe(Stream.take(2), Stream.runDrain, Effect.provide(server.provider()))
  yield* settle
  assert.strictEqual(server.seen("cancel").length, 1)
})

const handler = (lines: Array<string>) =>
  Logger.make(({ logLevel, message }) => lines.push(`${logLevel.label} ${message}`))

const told = "prediction p1 could not be canceled"

/** That the failure is told, once and without the key. */
const assertTold = (lines: ReadonlyArray<string>) => {
  assert.lengthOf(lines.filter((line) => line.includes(told)), 1)
  for (const line of lines) assert.notInclude(line, fake.secret)
}

describe("debug logging", () => {
  it.effect("B33: it is off unless it is switched on", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* Effect.provide(call, Logger.replace(Logger.defaultLogger, handler(lines)))
      assert.deepStrictEqual(lines, [])
    }))

  it.effect("B33: a layer is the switch, another the handler", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const debug = Layer.merge(
        Logger.minimumLogLevel(LogLevel.Debug),
        Logger.replace(Logger.defaultLogger, handler(lines))
      )
      yield* Effect.provide(call, debug)
      assertTold(lines)
      for (const line of lines) assert.match(line, /^DEBUG /)
    }))

  it.effect("B33: switched on for one call, the program's own debug lines stay off", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const program = Effect.gen(function*() {
        yield* Effect.logDebug("before")
        yield* Logger.withMinimumLogLevel(call, LogLevel.Debug)
        yield* Effect.logDebug("after")
      })
      yield* Effect.provide(program, Logger.replace(Logger.defaultLogger, handler(lines)))
      assertTold(lines)
      for (const line of lines) assert.notMatch(line, /before|after/)
    }))

  it.effect("B33: the handler may be an effect, which gets the lines in batches", () =>
    Effect.gen(function*() {
      const handled = yield* Ref.make<ReadonlyArray<string>>([])
      const batches = Logger.batched(Logger.logfmtLogger, "1 second", (lines) =>
        Ref.update(handled, (all) => [...all, ...lines]))
      const debug = Layer.merge(
        Logger.minimumLogLevel(LogLevel.Debug),
        Logger.replaceScoped(Logger.defaultLogger, batches)
      )
      yield* Effect.provide(call, debug)
      const lines = yield* Ref.get(handled)
      assertTold(lines)
    }))
})
