import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { sse } from "../support/fakeHttp.js"
import * as fake from "../support/replicateFake.js"

const { asked, done, event, processing, succeeded } = fake

describe("Replicate: odd servers", () => {
  it.effect("R22: a page that only looks like events is not taken for the stream", () =>
    Effect.gen(function*() {
      const page = `<p>\n\n${event("output", "nonsense")}${done}`
      const stream = () => new Response(page, { headers: { "content-type": "text/html" } })
      const server = fake.server({ stream, read: succeeded(["Hel", "lo"]) })
      assert.deepInclude(yield* fake.ended(server), { tag: "ok", text: "Hello" })
    }))

  it.effect("R22: neither is a success without an answer", () =>
    Effect.gen(function*() {
      const stream = () =>
        new Response(event("output", "nonsense") + done, {
          status: 203,
          headers: { "content-type": "text/event-stream" }
        })
      const server = fake.server({ stream, read: succeeded(["Hel", "lo"]) })
      assert.deepInclude(yield* fake.ended(server), { tag: "ok", text: "Hello" })
    }))

  it.effect("R23: an id that no header can carry is not sent back", () =>
    Effect.gen(function*() {
      const server = fake.server({
        stream: (_, n) => n === 0 ? sse(event("output", "Hel", "\u0001☃")) : sse(event("output", "lo", "z"), done),
        read: (_, n) => n === 0 ? processing() : succeeded(["Hel", "lo"])()
      })
      assert.deepInclude(yield* fake.ended(server), { tag: "ok", text: "Hello" })
      assert.deepStrictEqual(server.seen("stream").map(({ headers }) => headers["last-event-id"]), [
        undefined,
        undefined
      ])
    }))

  it.effect("R14: headers that cannot be sent are refused, before any request and without their values", () =>
    Effect.gen(function*() {
      const server = fake.server()
      for (const headers of [{ "x-odd": "snow ☃ r8_hidden" }, { "x-break": "a\nb: r8_hidden" }, { "bad name": "1" }]) {
        const error = yield* fake.errorOf(server, { ...asked, headers })
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.notInclude(fake.printed(error), "r8_hidden")
      }
      assert.deepStrictEqual(server.requests, [])
    }))
})
