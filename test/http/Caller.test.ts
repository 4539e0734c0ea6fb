import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Caller from "effect-providers/http/Caller"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { brokenMessage } from "../support/brokenBody.js"
import * as fakeHttp from "../support/fakeHttp.js"

const url = "https://service.example/answer?key=private"
const get = HttpClientRequest.get(url)

/** A caller before a service that answers as told. */
const setup = (answer: Parameters<typeof fakeHttp.make>[0], options: Partial<Caller.Options> = {}) =>
  Effect.gen(function*() {
    const http = fakeHttp.make(answer)
    const client = yield* Effect.provide(HttpClient.HttpClient, http.layer)
    return { http, caller: Caller.make(client, { provider: "Service", ...options }) }
  })

/** A body of so many pieces of 1 MiB, and how many of them were asked for. */
const large = (pieces: number) => {
  const piece = new Uint8Array(1 << 20).fill(120)
  const asked = { count: 0 }
  const body = new ReadableStream({
    pull: (controller) => {
      if (asked.count === pieces) controller.close()
      else {
        asked.count++
        controller.enqueue(piece)
      }
    }
  }, { highWaterMark: 0 })
  return { asked, body }
}

describe("Caller", () => {
  it.effect("sends requests, and no trace headers", () =>
    Effect.gen(function*() {
      const { caller, http } = yield* setup(() => new Response("h\u00e9llo"))
      const response = yield* Effect.withSpan(caller.send(get), "traced")
      assert.strictEqual(yield* caller.text(response), "h\u00e9llo")
      assert.deepStrictEqual(http.requests[0]?.headers, {})
    }))

  it.effect("reads text whole, wherever the network cuts it", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode("\ufeffh\u00e9llo \u{1f999}")
      const { caller } = yield* setup(() =>
        new Response(
          new ReadableStream({
            start: (controller) => {
              for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
              controller.close()
            }
          })
        )
      )
      assert.strictEqual(yield* Effect.flatMap(caller.send(get), caller.text), "h\u00e9llo \u{1f999}")
    }))

  it.effect("a connect clock that is no duration is refused, and nothing is sent", () =>
    Effect.gen(function*() {
      for (const own of [true, false]) {
        const connectTimeout = "soon" as never
        const { caller, http } = yield* setup(() => new Response("hi"), own ? {} : { connectTimeout })
        const error = yield* Effect.flip(caller.send(get, own ? { connectTimeout } : {}))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["connectTimeout"])
        assert.lengthOf(http.requests, 0)
      }
    }))

  it.effect("C27: a request without an answer does not outlive what failed beside it", () =>
    Effect.gen(function*() {
      const { caller } = yield* setup(() => Effect.never)
      const failing = Effect.zipRight(Effect.sleep("1 second"), Effect.fail("no"))
      const fiber = yield* Effect.fork(Effect.flip(Effect.all([caller.send(get), failing], { concurrency: 2 })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(fiber.unsafePoll()?._tag, "Success")
    }))

  it.effect("reads no body as empty text", () =>
    Effect.gen(function*() {
      const { caller } = yield* setup(() => new Response(null, { status: 204 }))
      assert.strictEqual(yield* Effect.flatMap(caller.send(get), caller.text), "")
    }))

  it.effect("reads text of 32 MiB, and not of more", () =>
    Effect.gen(function*() {
      const fits = large(32)
      const { caller: allowed } = yield* setup(() => new Response(fits.body))
      assert.strictEqual((yield* Effect.flatMap(allowed.send(get), allowed.text)).length, 32 << 20)

      const endless = large(Infinity)
      const { caller } = yield* setup(() => new Response(endless.body))
      const error = yield* Effect.flip(Effect.flatMap(caller.send(get), caller.text))
      assert.deepInclude({ ...error }, {
        _tag: "ResponseError",
        reason: "malformed",
        url: "https://service.example/answer",
        detail: "the answer is larger than the 33554432 bytes allowed"
      })
      assert.isAtMost(endless.asked.count, 34)
    }))

  it.effect("takes an answer that broke before it was read for no end", () =>
    Effect.gen(function*() {
      const { caller } = yield* setup(() => new Response(""))
      const response = yield* brokenMessage
      for (const read of [caller.text(response), Stream.runDrain(caller.bytes(response))]) {
        const error = yield* Effect.flip(read)
        assert.strictEqual(error._tag === "ResponseError" && error.reason, "network")
      }
    }))

  it.effect("gives bytes as they arrive, whatever their number, and closes the body with the stream", () =>
    Effect.gen(function*() {
      const { asked, body } = large(Infinity)
      const { caller } = yield* setup(() => new Response(body))
      const response = yield* caller.send(get)
      const chunks = yield* Stream.runCollect(Stream.take(caller.bytes(response), 40))
      assert.strictEqual(Chunk.size(chunks), 40)
      assert.isAtMost(asked.count, 42)
    }))

  for (const status of [0, 302, 404, 500]) {
    it.effect(`an answer of status ${status} is an error`, () =>
      Effect.gen(function*() {
        const { caller } = yield* setup(() => status === 0 ? Response.error() : new Response("no", { status }))
        assert.deepInclude({ ...(yield* Effect.flip(caller.send(get))) }, { _tag: "ResponseError", status })
      }))
  }

  it.effect("tells of a header that cannot be sent, before any I/O and without its value", () =>
    Effect.gen(function*() {
      const { caller, http } = yield* setup(() => new Response("fine"))
      for (const key of ["s3cr3t\n", "s3cr3t\u0142", "s3cr3t\u0000"]) {
        const error = yield* Effect.flip(caller.send(HttpClientRequest.setHeader(get, "x-key", key)))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["headers.x-key"])
        assert.notInclude(JSON.stringify(error), "s3cr3t")
      }
      assert.deepStrictEqual(http.requests, [])
      yield* caller.send(HttpClientRequest.setHeader(get, "x-key", "\u00e9 \t"))
    }))

  it.effect("tells of a header whose name cannot be sent, before any I/O", () =>
    Effect.gen(function*() {
      const { caller, http } = yield* setup(() => new Response("fine"))
      for (const name of ["bad name", "", "x:y", "x-\u0142", "x\n"]) {
        const error = yield* Effect.flip(caller.send(HttpClientRequest.setHeader(get, name, "s3cr3t")))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), [`headers.${name}`])
        assert.notInclude(JSON.stringify(error), "s3cr3t")
      }
      assert.deepStrictEqual(http.requests, [])
      yield* caller.send(HttpClientRequest.setHeader(get, "!#$%&'*+-.^_`|~09az", ""))
    }))

  it.effect("gives up on an answer that does not come: 30 seconds, or what is told", () =>
    Effect.gen(function*() {
      for (
        const [own, call, millis] of [
          [undefined, undefined, 30_000],
          ["9 seconds", undefined, 9000],
          ["9 seconds", "2 seconds", 2000]
        ] as const
      ) {
        const { caller } = yield* setup(() => Effect.never, { connectTimeout: own })
        const fiber = yield* Effect.fork(Effect.flip(caller.send(get, { connectTimeout: call })))
        yield* TestClock.adjust(millis - 1)
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust(1)
        assert.deepInclude({ ...(yield* Fiber.join(fiber)) }, {
          _tag: "Timeout",
          clock: "connect",
          provider: "Service"
        })
      }
    }))

  it.effect("tells of a connection that cannot be made, or breaks within the body", () =>
    Effect.gen(function*() {
      const { caller: alone } = yield* setup(() => new fakeHttp.Unreachable("ECONNREFUSED"))
      assert.deepInclude({ ...(yield* Effect.flip(alone.send(get))) }, { _tag: "ResponseError", reason: "connect" })
      const { caller } = yield* setup(() =>
        new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError("terminated")) }))
      )
      for (
        const read of [
          caller.text,
          (response: Parameters<typeof caller.bytes>[0]) => Stream.runDrain(caller.bytes(response))
        ]
      ) {
        const error = yield* Effect.flip(Effect.flatMap(caller.send(get), read))
        assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "network" })
      }
    }))

  it.effect("keeps secrets and what the request carries out of what errors tell", () =>
    Effect.gen(function*() {
      const options = { secrets: [Redacted.make("s3cr3t")] }
      const said = "s3cr3t, token-of-the-call, crumb-of-the-site"
      const { caller } = yield* setup(() => new Response("fine"), options)
      const request = get.pipe(
        HttpClientRequest.bearerToken("token-of-the-call"),
        HttpClientRequest.setHeader("cookie", "a=crumb-of-the-site")
      )
      const response = yield* caller.send(request)
      const hidden = "<redacted>, <redacted>, <redacted>"
      const odd = caller.malformed(response, { why: "odd", body: said })
      assert.strictEqual(odd.detail, `odd: ${hidden}`)
      assert.strictEqual(odd.url, "https://service.example/answer")
      const reported = Option.getOrThrow(caller.reported(response, { error: said }))
      assert.include(reported.message, hidden)
      assert.isTrue(Option.isNone(caller.reported(response, { data: said })))

      const { caller: refused } = yield* setup(() => fakeHttp.json({ error: said }, { status: 500 }), options)
      assert.include((yield* Effect.flip(refused.send(request))).message, hidden)
    }))

  it.effect("keeps keys in whatever header out of what errors tell, and those in headers the program names", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.setHeaders(get, {
        "x-api-key": "sk-live-12345678",
        "proxy-authorization": "Basic of-the-proxy",
        "x-own-token": "of-the-program"
      })
      const said = "sk-live-12345678, of-the-proxy, of-the-program"
      const { caller } = yield* setup(() => new Response("fine"))
      const { caller: refused } = yield* setup(() => fakeHttp.json({ error: said }, { status: 500 }))
      const told = Effect.gen(function*() {
        const response = yield* caller.send(request)
        return [
          caller.malformed(response, { why: "odd", body: said }).message,
          Option.getOrThrow(caller.reported(response, { error: said })).message,
          (yield* Effect.flip(refused.send(request))).message
        ]
      })
      for (const message of yield* told) assert.include(message, "<redacted>, <redacted>, of-the-program")
      for (const message of yield* Effect.locally(told, Headers.currentRedactedNames, ["x-own-token"])) {
        assert.include(message, "<redacted>, <redacted>, <redacted>")
      }
    }))
})
