import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Fallback from "effect-providers/Fallback"
import * as ModelCatalog from "effect-providers/ModelCatalog"
import type * as Output from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
import * as KeylessEmulator from "effect-providers/testing/KeylessEmulator"
import * as MockProvider from "effect-providers/testing/MockProvider"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

const post = { method: "POST" }
const page = { method: "GET" }
const asked: Provider.Request = { messages: [{ role: "user", content: "Hello there" }] }
const model = "gpt-4o-mini-2024-07-18"

/** A provider, told to try it all the same, before an emulator of its own. */
const setup = (emulated: KeylessEmulator.Options = {}, options: ChatgptFree.Options = {}) =>
  Effect.gen(function*() {
    const emulator = yield* KeylessEmulator.make(emulated)
    const cookies: Array<string | undefined> = []
    const client = HttpClient.tapRequest(emulator.client, ({ headers }) =>
      Effect.sync(() => cookies.push(headers["cookie"])))
    const provider = yield* Effect.provideService(
      ChatgptFree.make({ ignoreWorking: true, ...options }),
      HttpClient.HttpClient,
      client
    )
    const ask = (request: Provider.Request) =>
      Effect.provideService(Provider.collect(request), Provider.Provider, provider)
    const calls = Effect.map(emulator.requests, (requests) =>
      requests.map(({ method }) => method))
    return { emulator, provider, ask, calls, cookies }
  })

/** What the provider makes of the text of a reply. */
const outputsOf = (text: string) =>
  Effect.flatMap(setup({ reply: () => ({ _tag: "Text", text }) }), ({ ask }) => ask(asked))

const texts = (outputs: ReadonlyArray<Output.Output>) =>
  outputs.flatMap((output) => output._tag === "TextDelta" ? [output.text] : [])

const delta = (content: unknown) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
const done = "data: [DONE]\n\n"

describe.sequential("ChatgptFree: the request", () => {
  it.effect("F01: text arrives as it streams", () =>
    Effect.gen(function*() {
      const { provider } = yield* setup({
        reply: () => ({ _tag: "Deltas", deltas: ["Hel", "lo"], every: "1 second" })
      })
      const seen: Array<Output.Output> = []
      const fiber = yield* Effect.fork(
        Stream.runForEach(provider.stream(asked), (output) => Effect.sync(() => seen.push(output)))
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(texts(seen), ["Hel"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, [
        { _tag: "ProviderInfo", name: "ChatgptFree", url: "https://chatgptfree.ai", label: undefined, model },
        { _tag: "TextDelta", text: "Hel" },
        { _tag: "TextDelta", text: "lo" },
        { _tag: "Finish", reason: "stop" }
      ])
    }))

  it.effect("B01: an option that is no duration is told by each call, and nothing is sent", () =>
    Effect.gen(function*() {
      for (const field of ["timeout", "idleTimeout", "connectTimeout"]) {
        const { ask, calls } = yield* setup({}, { [field]: "soon" })
        const errors = yield* Effect.all([Effect.flip(ask(asked)), Effect.flip(ask(asked))], { concurrency: 2 })
        for (const error of errors) {
          assert(error._tag === "InvalidRequest")
          assert.deepStrictEqual(error.issues.map((issue) => issue.field), [field])
        }
        assert.deepStrictEqual(yield* calls, [])
      }
    }))

  it.effect.each(["soon", -1])(
    "B01: a connect clock of %s is told also by a call that waits for another's page",
    (wrong) =>
      Effect.gen(function*() {
        const { ask } = yield* setup({}, { connectTimeout: wrong as never })
        const both = [ask({ ...asked, connectTimeout: "10 seconds" }), Effect.asVoid(ask(asked))]
        const [own, joined] = yield* Effect.all(both, { concurrency: 2, mode: "either" })
        assert(own !== undefined && Either.isRight(own))
        assert(joined !== undefined && Either.isLeft(joined) && joined.left._tag === "InvalidRequest")
        assert.deepStrictEqual(joined.left.issues.map((issue) => issue.field), ["connectTimeout"])
      })
  )

  it.effect("F02: the page is read once, whatever the number of calls", () =>
    Effect.gen(function*() {
      const { ask, calls } = yield* setup()
      yield* ask(asked)
      yield* ask(asked)
      assert.deepStrictEqual(yield* calls, ["GET", "POST", "POST"])
    }))

  it.effect("F16: the page is read once by calls that start together", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Delay", duration: "1 second" })
      const fiber = yield* Effect.fork(Effect.all([ask(asked), ask(asked), ask(asked)], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      for (const outputs of yield* Fiber.join(fiber)) assert.deepStrictEqual(texts(outputs), ["Hello ", "there"])
      assert.deepStrictEqual(yield* calls, ["GET", "POST", "POST", "POST"])
    }))

  it.effect("F16: who gives up while the page is read leaves it to the next", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Stall" })
      const first = yield* Effect.fork(ask(asked))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.fork(ask(asked))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* calls, ["GET"])
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(texts(yield* Fiber.join(second)), ["Hello ", "there"])
      assert.deepStrictEqual(yield* calls, ["GET", "GET", "POST"])
    }))

  const eight = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.forEach(Array.from({ length: 8 }), () => Effect.fork(effect))

  it.effect("F16: calls that wait for a page share its failure, and a later call looks anew", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Delay", duration: "1 second" })
      yield* emulator.fail(page, { _tag: "Answer", status: 503 })
      const fibers = yield* eight(Effect.flip(ask(asked)))
      yield* TestClock.adjust("1 second")
      for (const error of yield* Fiber.join(Fiber.all(fibers))) {
        assert.deepInclude({ ...error }, { _tag: "ResponseError", status: 503 })
      }
      assert.deepStrictEqual(yield* calls, ["GET"])
      assert.deepStrictEqual(texts(yield* ask(asked)), ["Hello ", "there"])
      assert.deepStrictEqual(yield* calls, ["GET", "GET", "POST"])
    }))

  it.effect("F16: calls whose nonce was refused share the failure of the page, too", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* ask(asked)
      yield* emulator.renewNonce
      yield* emulator.fail(page, { _tag: "Delay", duration: "1 second" })
      yield* emulator.fail(page, KeylessEmulator.cloudflare)
      const fibers = yield* eight(Effect.flip(ask(asked)))
      yield* TestClock.adjust("1 second")
      for (const error of yield* Fiber.join(Fiber.all(fibers))) assert.strictEqual(error._tag, "Blocked")
      assert.strictEqual((yield* calls).filter((method) => method === "GET").length, 2)
    }))

  it.effect("F16: a page that one call gave up soon is still waited for by those that have the time", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Stall" })
      const hasty = yield* Effect.fork(Effect.flip(ask({ ...asked, connectTimeout: "1 second" })))
      yield* TestClock.adjust(0)
      const fibers = yield* eight(ask(asked))
      yield* TestClock.adjust("1 second")
      assert.deepInclude({ ...(yield* Fiber.join(hasty)) }, { _tag: "Timeout", clock: "connect" })
      for (const outputs of yield* Fiber.join(Fiber.all(fibers))) {
        assert.deepStrictEqual(texts(outputs), ["Hello ", "there"])
      }
      assert.strictEqual((yield* calls).filter((method) => method === "GET").length, 2)
    }))

  it.effect("F16: one that waits for a page gives up when its own connect clock runs out", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup({}, { connectTimeout: "20 seconds" })
      yield* emulator.fail(page, { _tag: "Delay", duration: "50 seconds" })
      const patient = yield* Effect.fork(ask({ ...asked, connectTimeout: "1 minute" }))
      yield* TestClock.adjust("10 seconds")
      for (const [connectTimeout, seconds] of [["2 seconds", 2], [undefined, 20]] as const) {
        const hasty = yield* Effect.fork(Effect.flip(ask({ ...asked, connectTimeout })))
        yield* TestClock.adjust(Duration.millis(seconds * 1000 - 1))
        assert.isTrue(Option.isNone(yield* Fiber.poll(hasty)))
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(hasty)
        assert.deepInclude({ ...error }, { _tag: "Timeout", clock: "connect", provider: "ChatgptFree", method: "GET" })
      }
      yield* TestClock.adjust("18 seconds")
      assert.deepStrictEqual(texts(yield* Fiber.join(patient)), ["Hello ", "there"])
      assert.deepStrictEqual(yield* calls, ["GET", "POST"])
    }))

  it.effect("F16: of those that are left by the one that read the page, one reads it", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Stall" })
      const first = yield* Effect.fork(ask(asked))
      yield* TestClock.adjust(0)
      const fibers = yield* eight(ask(asked))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      for (const outputs of yield* Fiber.join(Fiber.all(fibers))) {
        assert.deepStrictEqual(texts(outputs), ["Hello ", "there"])
      }
      assert.strictEqual((yield* calls).filter((method) => method === "GET").length, 2)
    }))

  it.effect("F16: one that waits for the page is interrupted at once", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* emulator.fail(page, { _tag: "Delay", duration: "1 minute" })
      const first = yield* Effect.fork(ask(asked))
      yield* TestClock.adjust(0)
      const second = yield* Effect.fork(ask(asked))
      yield* TestClock.adjust(0)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(second)))
      const third = yield* Effect.fork(Effect.flip(ask({ ...asked, timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      assert.deepInclude({ ...(yield* Fiber.join(third)) }, { _tag: "Timeout", clock: "total" })
      yield* Fiber.interrupt(first)
    }))

  const pages: ReadonlyArray<[what: string, html: string, detail: string]> = [
    ["nothing", "<html></html>", "No post id found"],
    ["a nonce alone", `<div data-nonce="abc">`, "No post id found"],
    ["a post id of letters", `<div data-post-id="x1" data-nonce="abc">`, "No post id found"],
    ["single quotes", `<div data-post-id='1' data-nonce='abc'>`, "No post id found"],
    ["a post id alone", `<div data-post-id="1">`, "No nonce found"],
    ["an empty nonce", `<div data-post-id="1" data-nonce="">`, "No nonce found"]
  ]
  for (const [what, body, detail] of pages) {
    it.effect(`F03: a page with ${what}: ${detail}, and the next call looks again`, () =>
      Effect.gen(function*() {
        const { ask, calls, emulator } = yield* setup()
        yield* emulator.fail(page, { _tag: "Answer", status: 200, body })
        const error = yield* Effect.flip(ask(asked))
        assert(error._tag === "ResponseError")
        assert.strictEqual(error.reason, "malformed")
        assert.strictEqual(error.detail, detail)
        yield* ask(asked)
        assert.deepStrictEqual(yield* calls, ["GET", "GET", "POST"])
      }))
  }

  it.effect("F04: the model is checked, and not sent", () =>
    Effect.gen(function*() {
      const { ask, emulator, provider } = yield* setup()
      for (const name of [undefined, "", model, "gpt-4o-mini"]) {
        assert.deepStrictEqual((yield* ask({ ...asked, model: name }))[0], {
          _tag: "ProviderInfo",
          name: "ChatgptFree",
          url: "https://chatgptfree.ai",
          label: undefined,
          model
        })
      }
      assert.notInclude(JSON.stringify((yield* emulator.requests).map(({ body }) => body)), "gpt-4o")
      const error = yield* Effect.flip(ask({ ...asked, model: "gpt-5" }))
      assert.strictEqual(error._tag, "ModelNotFound")
      assert.deepStrictEqual(ModelCatalog.models(provider.catalog), [model])
    }))

  it.effect("F05: the conversation is the message, a prompt goes as it is", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* ask({ messages: [{ role: "system", content: "S" }, { role: "user", content: "U & Ü" }] })
      yield* ask({ prompt: "mine" })
      const [, first, second] = yield* emulator.requests
      assert.strictEqual(Reflect.get(Object(first?.body), "message"), "System: S\nUser: U & Ü\nAssistant:")
      assert.strictEqual(Reflect.get(Object(second?.body), "message"), "mine")
      for (const request of [{}, { system: "S" }, { messages: [{ role: "user", content: " " }] }]) {
        assert.strictEqual((yield* Effect.flip(ask(request)))._tag, "InvalidRequest")
      }
    }))

  it.effect("F05: what says nothing is refused before any I/O", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const requests: ReadonlyArray<Provider.Request> = [
        {},
        { prompt: " \n", system: "S" },
        { messages: [{ role: "user", content: "" }] }
      ]
      for (const request of requests) {
        const error = yield* Effect.flip(ask(request))
        assert(error._tag === "InvalidRequest")
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["prompt" in request ? "prompt" : "messages"])
      }
      assert.deepStrictEqual(yield* emulator.requests, [])
    }))

  it.effect("F05: a system prompt goes before the conversation, or before the prompt", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const system = "Be brief"
      yield* ask({ ...asked, system })
      yield* ask({ prompt: "mine", system })
      yield* ask({ messages: [{ role: "system", content: "Rhyme" }, { role: "user", content: "Hi" }], system })
      const posted = (yield* emulator.requests).filter(({ method }) => method === "POST")
      assert.deepStrictEqual(posted.map(({ body }) => Reflect.get(Object(body), "message")), [
        "System: Be brief\nUser: Hello there\nAssistant:",
        "System: Be brief\nUser: mine\nAssistant:",
        "System: Be brief\nSystem: Rhyme\nUser: Hi\nAssistant:"
      ])
    }))

  it.effect("F06: the form's fields in order, and the headers of a browser", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* ask(asked)
      const [got, posted, ...others] = yield* emulator.requests
      assert(got !== undefined && posted !== undefined && others.length === 0)
      assert.deepStrictEqual([got.method, got.path], ["GET", "/"])
      assert.deepStrictEqual([posted.method, posted.path], ["POST", "/wp-admin/admin-ajax.php"])
      assert.deepStrictEqual(Object.entries(Object(posted.body)), [
        ["_wpnonce", "nonce00001"],
        ["post_id", "106"],
        ["url", "https://chatgptfree.ai"],
        ["action", "wpaicg_chat_shortcode_message"],
        ["message", "Hello there"],
        ["bot_id", "0"]
      ])
      const headers = {
        authority: "chatgptfree.ai",
        accept: "*/*",
        "accept-language": "en,fr-FR;q=0.9,fr;q=0.8,es-ES;q=0.7,es;q=0.6,en-US;q=0.5,am;q=0.4,de;q=0.3",
        origin: "https://chatgptfree.ai",
        referer: "https://chatgptfree.ai/chat/",
        "sec-ch-ua": `"Chromium";v="118", "Google Chrome";v="118", "Not=A?Brand";v="99"`,
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": `"macOS"`,
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "same-origin",
        "user-agent":
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36"
      }
      const added = { host: "chatgptfree.ai", "x-forwarded-proto": "https" }
      assert.deepStrictEqual(got.headers, { ...headers, ...added })
      const { "content-length": _, ...rest } = posted.headers
      assert.deepStrictEqual(rest, { ...headers, ...added, "content-type": "application/x-www-form-urlencoded" })
    }))

  it.effect("F07: the caller's cookies, and the page's with them", () =>
    Effect.gen(function*() {
      const own = { cf_clearance: Redacted.make("let-me-in"), visitor: Redacted.make("old") }
      const { ask, cookies } = yield* setup({}, { cookies: own })
      yield* ask(asked)
      assert.deepStrictEqual(cookies, [
        "cf_clearance=let-me-in; visitor=old",
        "cf_clearance=let-me-in; visitor=visitor-of-page-1"
      ])
    }))

  it.effect("F08: whatever HTTP client is provided is used; the total clock is set to 2 minutes", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ reply: () => ({ _tag: "Deltas", deltas: ["a", "b"], every: "90 seconds" }) })
      const fiber = yield* Effect.fork(Effect.flip(ask(asked)))
      yield* TestClock.adjust("120 seconds")
      const error = yield* Fiber.join(fiber)
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, "total")
      assert.deepStrictEqual(error.duration, Duration.minutes(2))
    }))

  it.effect("F06: a base URL that is none is told with each call", () =>
    Effect.gen(function*() {
      for (const baseUrl of ["nonsense", "ftp://site.example", ""]) {
        const { ask, emulator } = yield* setup({}, { baseUrl })
        assert.strictEqual((yield* Effect.flip(ask(asked)))._tag, "InvalidRequest")
        assert.deepStrictEqual(yield* emulator.requests, [])
      }
    }))

  it.effect("F14: refused unless told otherwise, with a word on how", () =>
    Effect.gen(function*() {
      const { ask, calls, provider } = yield* setup({}, { ignoreWorking: false })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "InvalidRequest")
      assert.include(error.message, "ignoreWorking: true")
      assert.isFalse(provider.info.working)
      assert.deepStrictEqual(yield* calls, [])
    }))

  it.effect("F15: metadata and parameters", () =>
    Effect.gen(function*() {
      const { provider } = yield* setup()
      assert.deepStrictEqual(provider.info, ChatgptFree.info)
      assert.isTrue(provider.info.supportsStream)
      assert.isFalse(provider.info.needsAuth)
      assert.deepStrictEqual(
        provider.parameters.map(({ name }) => name),
        ["model", "messages", "prompt", "system", "maxTokens", "stop", "timeout", "idleTimeout", "connectTimeout"]
      )
    }))

  it.effect("F15: the parameters tell the clocks that are run", () =>
    Effect.gen(function*() {
      const clocksOf = (options: ChatgptFree.Options) =>
        Effect.map(setup({}, options), ({ provider }) =>
          provider.parameters.filter(({ name }) =>
            /timeout$/i.test(name)
          ).map((parameter) => parameter.default))
      assert.deepStrictEqual(yield* clocksOf({}), ["2 minutes", undefined, "30 seconds"])
      const own = { timeout: "7 seconds", idleTimeout: "6 seconds", connectTimeout: "5 seconds" } as const
      assert.deepStrictEqual(yield* clocksOf(own), ["7 seconds", "6 seconds", "5 seconds"])
    }))

  it.effect("F18: unknown options do no harm", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      const request = { ...asked, temperature: 1, webSearch: true }
      assert.deepStrictEqual(texts(yield* ask(request)), ["Hello ", "there"])
    }))

  it.effect("F18: ending the stream early closes the connection", () =>
    Effect.gen(function*() {
      const { emulator, provider } = yield* setup({
        reply: () => ({ _tag: "Deltas", deltas: ["a", "b", "c"], every: "1 second" })
      })
      const fiber = yield* Effect.fork(Stream.runCollect(Stream.take(provider.stream(asked), 2)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual((yield* emulator.requests).map(({ stream }) => stream), [undefined, "closed"])
    }))

  it.effect("F14: layerConfig without a configuration is the layer without options", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.make()
      const error = yield* Effect.flip(Provider.text(asked)).pipe(
        Effect.provide(ChatgptFree.layerConfig()),
        Effect.provideService(HttpClient.HttpClient, emulator.client)
      )
      assert.deepInclude({ ...error }, { _tag: "InvalidRequest", provider: "ChatgptFree" })
    }))

  it.effect("layerConfig takes its options from the configuration", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.make()
      const live = ChatgptFree.layerConfig(Config.all({ ignoreWorking: Config.boolean("TRY") }))
      const text = yield* Provider.text(asked).pipe(
        Effect.provide(live),
        Effect.provideService(HttpClient.HttpClient, emulator.client),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["TRY", "true"]])))
      )
      assert.strictEqual(text, "Hello there")
    }))
})

/** What Azure says of the prompt, before any delta. */
const filtered = `data: {"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}\n\n`

/** A last event, as services differ in it. */
const closing = (choice: object) => `data: ${JSON.stringify({ choices: [{ finish_reason: "length", ...choice }] })}\n\n`

describe.sequential("ChatgptFree: the reply", () => {
  const replies: ReadonlyArray<[row: string, text: string, texts: ReadonlyArray<string>]> = [
    ["F09: deltas until [DONE], and no further", delta("He") + delta("y") + done + delta("more"), ["He", "y"]],
    ["F09: deltas without [DONE]", delta("He") + delta("y"), ["He", "y"]],
    ["F09: the last line needs no end", delta("He") + delta("y").trimEnd(), ["He", "y"]],
    ["F09: CRLF ends lines", delta("a\r\nb").replaceAll("\n", "\r\n"), ["a\r\nb"]],
    ["F09: a line that is not JSON is skipped", delta("a") + "data: {oops\n\n" + delta("b") + done, ["a", "b"]],
    ["F09: null, absent and empty content is skipped", delta(null) + delta(undefined) + delta("") + delta("a"), ["a"]],
    ["F09: other fields and comments", `: hi\nevent: message\nid: 1\nretry: 9\n${delta("a")}${done}`, ["a"]],
    ["F09: data needs no space", delta("a").replace("data: ", "data:") + done, ["a"]],
    ["F10: plain JSON", `{"status":"success","data":"Hello"}`, ["Hello"]],
    ["F10: JSON over several lines", `{\n  "status": "success",\n  "data": "Hello"\n}\n`, ["Hello"]],
    ["F10: JSON after deltas", delta("a") + `{"data":"Hello"}\n` + done, ["a", "Hello"]],
    ["F10: JSON before deltas comes last all the same", `{"data":"Hello"}\n` + delta("a") + done, ["a", "Hello"]],
    ["F10: JSON after deltas, whose last line needs no end", delta("a") + `{\n"data":"Hello"\n}`, ["a", "Hello"]],
    ["F09: a last event with null for a delta", delta("a") + closing({ delta: null }) + done, ["a"]],
    ["F09: a last event without delta", delta("a") + closing({}) + done, ["a"]],
    ["F09: a last event of what it cost", delta("a") + `data: {"choices":[],"usage":{"total_tokens":3}}\n\n` + done, [
      "a"
    ]],
    ["F09: first events that have no choice", filtered + filtered + delta("a") + done, ["a"]],
    ["F10: JSON after an event that has no choice", `${filtered}{"data":"Hello"}\n`, ["Hello"]],
    ["F09: an event without choices after deltas", delta("a") + `data: {"object":"chunk"}\n\n` + delta("b"), [
      "a",
      "b"
    ]],
    ["F09: JSON beside a line that is none", `data: {oops\n\n{"data":"Hello"}\n${done}`, ["Hello"]],
    ["F12: noise before deltas, without [DONE]", "<br>Notice\n" + delta("a"), ["a"]],
    ["F12: what surrounds a reply that was understood", delta("a") + "<br>Notice\n" + done, ["a"]]
  ]
  for (const [row, text, expected] of replies) {
    it.effect(row, () =>
      Effect.map(outputsOf(text), (outputs) => {
        assert.deepStrictEqual(texts(outputs), expected)
        assert.strictEqual(outputs.at(-1)?._tag, "Finish")
      }))
  }

  const empty: ReadonlyArray<[what: string, text: string]> = [
    ["an end alone", done],
    ["empty deltas", delta("") + delta(null) + done],
    ["a reason alone", `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n`],
    ["JSON with an empty text", `{"status":"success","data":""}`]
  ]
  for (const [what, text] of empty) {
    it.effect(`F09 F10: ${what} is an answer without text`, () =>
      Effect.gen(function*() {
        const outputs = yield* outputsOf(text)
        assert.strictEqual(texts(outputs).join(""), "")
        assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason: "stop" })
      }))

    it.effect(`F09 F10: after ${what} a fallback asks the next provider`, () =>
      Effect.gen(function*() {
        const { provider } = yield* setup({ reply: () => ({ _tag: "Text", text }) })
        const { provider: next } = yield* MockProvider.make(["instead"])
        const fallback = yield* Fallback.make([provider, next])
        const answer = Provider.text({ prompt: "Hello" })
        assert.strictEqual(yield* Effect.provideService(answer, Provider.Provider, fallback), "instead")
      }))
  }

  it.effect("F10: data that is no text is given as JSON", () =>
    Effect.map(
      outputsOf(`{"data":{"a":1}}`),
      (outputs) => assert.deepStrictEqual(outputs[1], { _tag: "Json", value: { a: 1 } })
    ))

  it.effect("F09: why the model stopped", () =>
    Effect.gen(function*() {
      const last = (reason: string) => `data: {"choices":[{"delta":{},"finish_reason":"${reason}"}]}\n\n`
      const finish = (text: string) => Effect.map(outputsOf(text), (outputs) => outputs.at(-1))
      assert.deepStrictEqual(yield* finish(delta("a") + last("length") + done), { _tag: "Finish", reason: "length" })
      assert.deepStrictEqual(yield* finish(delta("a") + done), { _tag: "Finish", reason: "stop" })
      assert.deepStrictEqual(yield* finish(delta("a")), { _tag: "Finish", reason: "unknown" })
      for (const choice of [{ delta: null }, {}]) {
        assert.deepStrictEqual(yield* finish(delta("a") + closing(choice)), { _tag: "Finish", reason: "length" })
      }
      assert.deepStrictEqual(yield* finish(last("content_filter")), { _tag: "Finish", reason: "content-filter" })
    }))

  const flaws: ReadonlyArray<[what: string, text: string, shown: string]> = [
    ["the plugin's failure", `{"status":"error","msg":"You have no tokens left"}`, "You have no tokens left"],
    ["WordPress's failure", `{"success":false,"data":"Not today"}`, "Not today"],
    ["an error in the stream", `data: {"error":{"message":"overloaded"}}\n\n`, "overloaded"],
    ["a page", "<html>oops</html>", "oops"],
    ["nothing", "", "empty"],
    ["JSON without data", `{"status":"success"}`, "success"],
    ["a list", "[1,2]", "[1,2]"],
    ["an event without choices", `data: {"object":"chunk"}\n\n`, "no choices"],
    ["nothing but an event with no choice", filtered, "empty"],
    ["an error beside no choice", `data: {"choices":[],"error":"overloaded"}\n\n`, "overloaded"],
    ["an error after an event with no choice", `${filtered}data: {"error":"overloaded"}\n\n`, "overloaded"],
    ["a choice without delta", `data: {"choices":[{}]}\n\n`, "no choices"],
    ["content that is no text", `data: {"choices":[{"delta":{"content":7}}]}\n\n`, "no choices"],
    ["nothing but a line that is not JSON", `data: {oops\n\n${done}`, "{oops"],
    ["a line that is not JSON, and an end", `data: {oops\n\n${closing({ delta: {} })}${done}`, "{oops"],
    [
      "content that is no text, after deltas",
      `${delta("a")}data: {"choices":[{"delta":{"content":7}}]}\n\n`,
      "no choices"
    ],
    ["a page, cut short", "x".repeat(10_000), "xxx"]
  ]
  for (const [what, text, shown] of flaws) {
    it.effect(`F12: ${what} is an error that tells of it`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(outputsOf(text))
        assert(error._tag === "ResponseError")
        assert.include(error.detail, shown)
        assert.isAtMost(error.detail?.length ?? Infinity, 500)
      }))
  }

  it.effect("F12: an error after deltas comes after them", () =>
    Effect.gen(function*() {
      const { provider } = yield* setup({ reply: () => ({ _tag: "Text", text: delta("a") + `data: {"error":"x"}\n` }) })
      const seen: Array<Output.Output> = []
      const run = Stream.runForEach(provider.stream(asked), (output) => Effect.sync(() => seen.push(output)))
      assert.strictEqual((yield* Effect.flip(run))._tag, "ResponseError")
      assert.deepStrictEqual(texts(seen), ["a"])
    }))

  it.effect("F12: a connection that breaks within the reply is no end", () =>
    Effect.gen(function*() {
      const { emulator } = yield* setup()
      let pulls = 0
      const breaking = new ReadableStream({
        pull: (controller) =>
          pulls++ === 0
            ? controller.enqueue(new TextEncoder().encode(delta("Hello ")))
            : controller.error(new TypeError("terminated"))
      })
      const client = HttpClient.make((request) =>
        request.method === "GET"
          ? emulator.client.execute(request)
          : Effect.succeed(HttpClientResponse.fromWeb(request, new Response(breaking)))
      )
      const provider = ChatgptFree.layer({ ignoreWorking: true })
      const error = yield* Effect.flip(Provider.text(asked)).pipe(
        Effect.provide(provider),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert(error._tag === "StreamInterrupted")
      assert.strictEqual(error.events, 1)
      assert.strictEqual(error.characters, 6)
      assert.isFalse(error.resumable)
    }))

  it.effect("F12: no cookie in what an error shows", () =>
    Effect.gen(function*() {
      const own = { cf_clearance: Redacted.make("let-me-in-please"), a: Redacted.make("b-7"), none: Redacted.make("") }
      const { ask } = yield* setup(
        { reply: () => ({ _tag: "Text", text: "let-me-in-please visitor-of-page-1 b-7" }) },
        {
          cookies: own
        }
      )
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "ResponseError")
      assert.include(error.detail, "<redacted> <redacted> <redacted>")
    }))

  it.effect.each([
    { form: "a payload", text: JSON.stringify({ status: "error", msg: "refused: let-me-in-please" }) },
    { form: "an event", text: `data: ${JSON.stringify({ error: { message: "refused: let-me-in-please" } })}\n\n` }
  ])("F12: no cookie in what an error of $form says", ({ text }) =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ reply: () => ({ _tag: "Text", text }) }, {
        cookies: { cf_clearance: Redacted.make("let-me-in-please") }
      })
      const error = yield* Effect.flip(ask(asked))
      assert.include(error.message, "<redacted>")
      assert.notInclude(JSON.stringify(error), "let-me-in-please")
    }))

  it.effect("F09: a reply that is cut in the middle of an event is no success", () =>
    Effect.gen(function*() {
      const event = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
      const text = event("Hello ") + event("there").slice(0, 20)
      const { ask } = yield* setup({ reply: () => ({ _tag: "Text", text }) })
      const error = yield* Effect.flip(ask(asked))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed" })
    }))

  it.effect("F09: a reply that ends anywhere within an event is no success; one that ends between events is", () =>
    Effect.gen(function*() {
      const events = [`event: message\nid: 1\n${delta("Hel")}`, delta("lo"), `id: 3\n${delta(" you")}`]
      const whole = events.join("")
      // the data of an event is all there is to it: its last line needs no end, nor does the event
      const ends = new Set([1, 2, 3].flatMap((n) => {
        const end = events.slice(0, n).join("").length
        return [end - 2, end - 1, end]
      }))
      for (let end = 1; end <= whole.length; end++) {
        const outcome = yield* Effect.either(outputsOf(whole.slice(0, end)))
        const what = JSON.stringify(whole.slice(0, end).slice(-20))
        if (ends.has(end)) {
          assert(outcome._tag === "Right", what)
          assert.deepStrictEqual(outcome.right.at(-1), { _tag: "Finish", reason: "unknown" }, what)
        } else {
          assert(outcome._tag === "Left", what)
          assert.deepInclude({ ...outcome.left }, { _tag: "ResponseError", reason: "malformed" }, what)
        }
      }
    }))

  it.effect("F09: what was said to be over is, whatever of an event comes after", () =>
    Effect.map(
      outputsOf(delta("a") + done + "data: {"),
      (outputs) => assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason: "stop" })
    ))

  it.effect.each([
    { what: "a line", text: "x".repeat(1 << 20) },
    { what: "an event", text: `data: "${"x".repeat(1 << 20)}` },
    { what: "JSON", text: `"${"x".repeat(64)}\n`.repeat(1 << 14) }
  ])("F12: $what without end is not read to the end", ({ text }) =>
    Effect.gen(function*() {
      const { emulator } = yield* setup()
      const piece = new TextEncoder().encode(text)
      let pulls = 0
      const endless = new ReadableStream({
        pull: (controller) => {
          if (++pulls > 100) controller.error(new Error("it is read on and on"))
          else controller.enqueue(piece)
        }
      })
      const client = HttpClient.make((request) =>
        request.method === "GET"
          ? emulator.client.execute(request)
          : Effect.succeed(HttpClientResponse.fromWeb(request, new Response(endless)))
      )
      const error = yield* Effect.flip(Provider.text(asked)).pipe(
        Effect.provide(ChatgptFree.layer({ ignoreWorking: true })),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert(error._tag === "ResponseError")
      assert.strictEqual(error.reason, "malformed")
      assert.include(error.detail, "33554432 characters")
    }))

  for (const where of [page, post]) {
    it.effect(`F11: errors of HTTP at the ${where.method}`, () =>
      Effect.gen(function*() {
        const { ask, emulator } = yield* setup()
        const tagOf = (status: number) =>
          Effect.gen(function*() {
            yield* emulator.fail(where, { _tag: "Answer", status, body: { error: "no" } })
            return (yield* Effect.flip(ask(asked)))._tag
          })
        assert.strictEqual(yield* tagOf(401), "MissingAuth")
        assert.strictEqual(yield* tagOf(402), "PaymentRequired")
        assert.strictEqual(yield* tagOf(429), "RateLimited")
        assert.strictEqual(yield* tagOf(503), "ResponseError")
        yield* emulator.fail(where, KeylessEmulator.cloudflare)
        assert.strictEqual((yield* Effect.flip(ask(asked)))._tag, "Blocked")
      }))
  }
})

describe.sequential("ChatgptFree: a nonce that is refused", () => {
  it.effect("F13: is replaced once, and the new one kept", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* ask(asked)
      yield* emulator.renewNonce
      assert.deepStrictEqual(texts(yield* ask(asked)), ["Hello ", "there"])
      yield* ask(asked)
      assert.deepStrictEqual(yield* calls, ["GET", "POST", "POST", "GET", "POST", "POST"])
    }))

  it.effect("F13: by calls that run together is replaced once", () =>
    Effect.gen(function*() {
      const { ask, calls, emulator } = yield* setup()
      yield* ask(asked)
      yield* emulator.renewNonce
      yield* emulator.fail(post, { _tag: "Delay", duration: "1 second" }, 2)
      const fiber = yield* Effect.fork(Effect.all([ask(asked), ask(asked)], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* calls).filter((method) => method === "GET").length, 2)
    }))

  const refusals: ReadonlyArray<[status: number, body: unknown]> = [
    [200, "-1"],
    [200, "0"],
    [400, "0"],
    [403, "-1"],
    [403, "Forbidden"],
    [200, { status: "error", msg: "Nonce verification failed" }]
  ]
  for (const [status, body] of refusals) {
    it.effect(`F13: ${status} ${JSON.stringify(body)} is a refusal`, () =>
      Effect.gen(function*() {
        const { ask, calls, emulator } = yield* setup()
        yield* emulator.fail(post, { _tag: "Answer", status, body })
        assert.deepStrictEqual(texts(yield* ask(asked)), ["Hello ", "there"])
        assert.deepStrictEqual(yield* calls, ["GET", "POST", "GET", "POST"])
      }))

    it.effect(`F12: ${status} ${JSON.stringify(body)} again is an error`, () =>
      Effect.gen(function*() {
        const { ask, calls, emulator } = yield* setup()
        yield* emulator.fail(post, { _tag: "Answer", status, body }, 2)
        const error = yield* Effect.flip(ask(asked))
        assert.include(["ResponseError", "InvalidRequest"], error._tag)
        assert.deepStrictEqual(yield* calls, ["GET", "POST", "GET", "POST"])
      }))
  }

  it.effect("F13: after deltas, nothing is sent again", () =>
    Effect.gen(function*() {
      const { ask, calls } = yield* setup({ reply: () => ({ _tag: "Text", text: `${delta("a")}-1` }) })
      assert.strictEqual((yield* Effect.flip(ask(asked)))._tag, "ResponseError")
      assert.deepStrictEqual(yield* calls, ["GET", "POST"])
    }))
})

describe.sequential("ChatgptFree: bytes", () => {
  const split = (text: string, sizes: ReadonlyArray<number>) => {
    const bytes = new TextEncoder().encode(text)
    let at = 0
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (at >= bytes.length) return controller.close()
          for (const size of sizes) controller.enqueue(bytes.slice(at, at += size))
        }
      })
    )
  }

  /** The message that is answered, and its form, when page and reply arrive in pieces of these sizes. */
  const answered = (html: string, reply: string, sizes: ReadonlyArray<number>) =>
    Effect.gen(function*() {
      const forms: Array<URLSearchParams> = []
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          if (request.body._tag === "Uint8Array") {
            forms.push(new URLSearchParams(new TextDecoder().decode(request.body.body)))
          }
          return HttpClientResponse.fromWeb(request, split(request.method === "GET" ? html : reply, sizes))
        })
      )
      const provider = yield* Effect.provideService(
        ChatgptFree.make({ ignoreWorking: true }),
        HttpClient.HttpClient,
        client
      )
      const outputs = yield* Effect.provideService(Provider.collect(asked), Provider.Provider, provider)
      return { form: forms[0], outputs }
    })

  const anyText = FastCheck.string({ unit: "grapheme", minLength: 1, maxLength: 6 })
  const anySizes = FastCheck.array(FastCheck.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })

  it.effect.prop(
    "F09 F10: the deltas, then the JSON, however the network cuts them",
    [FastCheck.array(anyText, { maxLength: 5 }), anyText, anySizes, FastCheck.boolean()],
    ([deltas, data, sizes, crlf]) =>
      Effect.gen(function*() {
        const lines = `{\n"data":${JSON.stringify(data)}\n}\n${deltas.map(delta).join("")}${done}`
        const reply = crlf ? lines.replaceAll("\n", "\r\n") : lines
        const { outputs } = yield* answered(`data-post-id="1" data-nonce="a"`, reply, sizes)
        assert.deepStrictEqual(texts(outputs), [...deltas, data])
      }),
    { fastCheck: { numRuns: 60 } }
  )

  const anyNonce = FastCheck.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((s) => !/["\r\n]/.test(s))

  it.effect.prop(
    "F02 F03: the first post id and nonce of the page, in any order, however the network cuts it",
    [FastCheck.nat(), anyNonce, FastCheck.boolean(), anySizes],
    ([postId, nonce, nonceFirst, sizes]) =>
      Effect.gen(function*() {
        const parts = [`<i data-post-id="${postId}">`, `<b é data-nonce="${nonce}">`]
        const html = `<p data-post-id="x">${(nonceFirst ? parts.toReversed() : parts).join("\n")}<p data-nonce="no">`
        const { form } = yield* answered(html, delta("a") + done, sizes)
        assert(form !== undefined)
        assert.strictEqual(form.get("post_id"), String(postId))
        assert.strictEqual(form.get("_wpnonce"), nonce)
      }),
    { fastCheck: { numRuns: 60 } }
  )
})
