import { ReplicateEmulator } from "effect-providers/testing"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import Replicate from "replicate"
import { listen } from "./emulatorServer.js"
import { passing } from "./passing.js"

/** Host that the emulator's files are on: the official client takes https URLs only for files. */
const fileOrigin = "https://files.test"

/** A model that takes 3 seconds: the hold of a create can end before it does, with the work half done. */
const unhurried: ReplicateEmulator.Model = {
  name: "test/unhurried",
  kind: "text",
  streams: false,
  boot: 0,
  script: () => [{ _tag: "Text", after: "3 seconds", text: "done" }]
}

/** Gives thirty words at once. */
const words: ReplicateEmulator.Model = {
  name: "test/words",
  kind: "text",
  boot: 0,
  script: () => Array.from({ length: 30 }, (_, n) => ({ _tag: "Text", after: "10 millis", text: ` word${n}` }))
}

/** The official client before the emulator, over a socket. The emulator's time is the TestClock's. */
export const official = Effect.gen(function*() {
  const { context, node, url } = yield* listen
  const emulator = yield* ReplicateEmulator.make({ fileUrl: fileOrigin, models: [unhurried, words] })
  yield* Effect.provide(
    Layer.build(ReplicateEmulator.serve),
    Context.add(context, ReplicateEmulator.ReplicateEmulator, emulator)
  )
  const local = (target: string | URL | Request) =>
    target instanceof Request ? target : String(target).replace(fileOrigin, url)
  const client = new Replicate({
    auth: "r8_official",
    baseUrl: `${url}/v1`,
    fetch: (target, init) => fetch(local(target), init)
  })
  return { client, emulator, node, url }
})

/** Waits for a promise, while the emulator's time goes on. */
export const elapse = <A>(promise: () => Promise<A>, step?: Duration.DurationInput) =>
  passing(Effect.mapError(Effect.tryPromise(promise), ({ error }) => error), step)
