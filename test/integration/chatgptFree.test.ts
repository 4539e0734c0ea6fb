import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Proxy from "effect-providers/http/Proxy"
import * as Output from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type Body, rawServer } from "../support/rawServer.js"

const page = `<div data-post-id="106" data-nonce="abc"></div>`
const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

const clients = { fetch: FetchHttpClient.layer, node: Layer.orDie(Proxy.layer({})) }

/** The outputs of a reply that is sent as told, and the error at its end. */
const observe = (client: keyof typeof clients, reply: Body) =>
  Effect.gen(function*() {
    const baseUrl = yield* rawServer(({ method }, send) =>
      send(method === "GET" ? { text: page, framing: "sized", end: "whole" } : reply)
    )
    const outputs: Array<Output.Output> = []
    const end = yield* Provider.stream({ prompt: "Hello" }).pipe(
      Stream.runForEach((output) => Effect.sync(() => outputs.push(output))),
      Effect.either,
      Effect.provide(Layer.provide(ChatgptFree.layer({ ignoreWorking: true, baseUrl }), clients[client]))
    )
    return { outputs: outputs.slice(1), error: Either.isLeft(end) ? end.left : undefined }
  })

const said = ["Hel", "lo"].map(Output.textDelta)
const framings = ["chunked", "sized", "closed"] as const

for (const client of ["fetch", "node"] as const) {
  describe(`ChatgptFree over a socket, by ${client}`, () => {
    for (const framing of framings) {
      it.scopedLive(`F09: a ${framing} reply that ends between events ends for an unknown reason`, () =>
        Effect.gen(function*() {
          const text = delta("Hel") + delta("lo")
          assert.deepStrictEqual(yield* observe(client, { text, framing, end: "whole" }), {
            outputs: [...said, { _tag: "Finish", reason: "unknown" }],
            error: undefined
          })
        }))

      it.scopedLive(`F12: a ${framing} reply that ends within an event is an error after what arrived`, () =>
        Effect.gen(function*() {
          const text = delta("Hel") + delta("lo") + delta("there").slice(0, 30)
          const { error, outputs } = yield* observe(client, { text, framing, end: "whole" })
          assert.deepStrictEqual(outputs, said)
          assert(error?._tag === "ResponseError")
          assert.strictEqual(error.reason, "malformed")
        }))
    }

    for (const framing of ["chunked", "sized"] as const) {
      for (const end of ["cut", "reset"] as const) {
        it.scopedLive(`F12: a ${framing} reply whose connection is ${end} is interrupted, never at its end`, () =>
          Effect.gen(function*() {
            const text = delta("Hel") + delta("lo")
            const { error, outputs } = yield* observe(client, { text, framing, end })
            assert.deepStrictEqual(outputs, said)
            assert(error?._tag === "StreamInterrupted")
            assert.deepInclude({ ...error }, { events: 2, characters: 5, resumable: false, provider: "ChatgptFree" })
          }))

        it.scopedLive(`F12: a ${framing} reply whose connection is ${end} before it says anything`, () =>
          Effect.gen(function*() {
            const { error, outputs } = yield* observe(client, { text: ": wait\n\n", framing, end })
            assert.deepStrictEqual(outputs, [])
            assert(error?._tag === "ResponseError")
            assert.strictEqual(error.reason, "network")
          }))
      }
    }

    it.scopedLive("F12: a JSON reply whose connection is cut", () =>
      Effect.gen(function*() {
        const text = `{"status":"success","data":"Hel`
        const { error, outputs } = yield* observe(client, { text, framing: "sized", end: "cut" })
        assert.deepStrictEqual(outputs, [])
        assert(error?._tag === "ResponseError")
        assert.strictEqual(error.reason, "network")
      }))
  })
}
