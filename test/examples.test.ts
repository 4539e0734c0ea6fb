import { FetchHttpClient, HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ChatgptFree, Output, Provider, Replicate, ReplicateHome } from "effect-providers"
import { KeylessEmulator, MockProvider, ReplicateEmulator } from "effect-providers/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { readFileSync } from "node:fs"
import * as Conversation from "../examples/conversation.js"
import * as ImageByAlias from "../examples/image-by-alias.js"
import * as Json from "../examples/json.js"
import * as KeyLessChat from "../examples/key-less-chat.js"
import * as OpenAiCompatible from "../examples/openai-compatible.js"
import * as ProxyExample from "../examples/proxy.js"
import * as Sampling from "../examples/sampling.js"
import * as Seed from "../examples/seed.js"
import { chatgptFree, replicate, replicateHome } from "../examples/support/emulated.js"
import { emulator } from "../examples/support/emulator.js"
import { localProxy } from "../examples/support/localProxy.js"
import { openAiServer } from "../examples/support/openAiServer.js"
import * as TextLoop from "../examples/text-loop.js"
import * as Proxies from "./support/proxies.js"

/** The whole effect, with the time the emulators take. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("2 minutes")
    return yield* Fiber.join(fiber)
  })

/** What an example gives, and the bodies it posted to the emulator beside it. */
const withReplicate = <A, E>(program: Effect.Effect<A, E, Provider.Provider>) =>
  Effect.gen(function*() {
    const value = yield* inTime(program)
    const requests = yield* Effect.flatMap(ReplicateEmulator.ReplicateEmulator, ({ requests }) => requests)
    return { value, posted: requests.filter(({ method }) => method === "POST").map(({ body }) => body) }
  }).pipe(Effect.provide(replicate))

const withKeyless = <A, E>(
  program: Effect.Effect<A, E, Provider.Provider>,
  provider: typeof replicateHome | typeof chatgptFree
) =>
  Effect.gen(function*() {
    const value = yield* inTime(program)
    const requests = yield* Effect.flatMap(KeylessEmulator.KeylessEmulator, ({ requests }) => requests)
    return { value, posted: requests.filter(({ method }) => method === "POST").map(({ body }) => body) }
  }).pipe(Effect.provide(provider))

describe("examples", () => {
  it.effect("R01 B27: a loop over the text of a stream", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const console = yield* Effect.console
      yield* withReplicate(
        Effect.withConsole(TextLoop.program, {
          ...console,
          log: (...args) => Effect.sync(() => lines.push(...args))
        })
      )
      assert.isAbove(lines.length, 10)
      assert.deepStrictEqual(lines.slice(0, 3), [
        "Replicate says: You",
        "Replicate says:  asked:",
        "Replicate says:  \"Hello,"
      ])
      assert.strictEqual(lines.at(-1), "Replicate says:  all.")
    }))

  it.effect("H02 H03 B27: an image by alias", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withKeyless(ImageByAlias.program, replicateHome)
      assert.deepStrictEqual(value, ["https://replicate.delivery/keyless/home-prediction-1/out-0.png"])
      assert.deepStrictEqual(posted, [{
        model: "stability-ai/stable-diffusion-3",
        version: "527d2a6296facb8e47ba1eaf17f142c240c19a30894f437feee9b91cc29d8e4f",
        input: { prompt: "A cat wearing a hat" }
      }])
    }))

  it.effect("R10 R11 B27: temperature and a limit of tokens", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withReplicate(Sampling.program)
      assert.deepStrictEqual(posted, [{
        stream: true,
        input: { prompt: "Write a short story about a cat.", temperature: 0.5, top_p: 0.9, max_new_tokens: 50 }
      }])
      assert.strictEqual(value.match(/\S+/g)?.length, 50)
    }))

  it.effect("R13 B27: a seed makes the answer repeat", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withReplicate(Seed.program)
      assert.strictEqual(value.first, value.again)
      assert.notStrictEqual(value.first, value.other)
      const prompt = "Write a short story about a cat."
      assert.sameDeepMembers(posted, [42, 42, 7].map((seed) => ({ stream: true, input: { prompt, seed } })))
    }))

  it.effect("R08 B27: a conversation grows by its answers", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withReplicate(Conversation.program)
      const answer = value[2]
      assert.deepStrictEqual(value.map(({ role }) => role), ["system", "user", "assistant", "user", "assistant"])
      const first = "System: Answer in one sentence.\nUser: What is a llama?\nAssistant:"
      const second = `${first} ${answer?.content}\nUser: Where do they live?\nAssistant:`
      assert.deepStrictEqual(posted, [first, second].map((prompt) => ({ stream: true, input: { prompt } })))
    }))

  it.effect("F01 F04: a chat without a key", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withKeyless(KeyLessChat.program, chatgptFree)
      assert.strictEqual(value, "The capital of France is Paris.")
      assert.strictEqual(posted.length, 1)
      assert.deepInclude(posted[0], { message: "What is the capital of France?" })
    }))

  it.live("B27: JSON is asked for and decoded", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Json.program, { name: "llama", legs: 4 })
    }).pipe(Effect.provide(OpenAiCompatible.local)))

  it.effect("B27: JSON is found in the words around it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Json.program, { name: "cat", legs: 4 })
    }).pipe(Effect.provide(MockProvider.layer(["Here:\n```json\n", `{"name":"cat","legs":4}`, "\n```\n"]))))

  for (const answer of ["I would rather not.", `{"name":"cat"}`]) {
    it.effect(`B27: an answer that is not the JSON asked for is a typed error: ${answer}`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Json.program))._tag, "ParseError")
      }).pipe(Effect.provide(MockProvider.layer([answer]))))
  }
})

describe("examples: a provider of one's own", () => {
  /** The provider before a server, and what arrives there. */
  const setup = Effect.fnUntraced(function*(apiKey = "sk-local") {
    const { bodies, url } = yield* openAiServer
    const provider = yield* OpenAiCompatible.make({ baseUrl: url, apiKey: Redacted.make(apiKey), model: "local" })
    const ask = (request: Provider.Request) =>
      Effect.provideService(Provider.collect(request), Provider.Provider, provider)
    return { ask, bodies }
  }, Effect.provide(FetchHttpClient.layer))

  it.live("B01: it answers", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* OpenAiCompatible.program, "You said: Hello there")
    }).pipe(Effect.provide(OpenAiCompatible.local)))

  it.scopedLive("B01: who answers comes first, Finish last", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      const outputs = yield* ask({ messages: [{ role: "user", content: "Hello there" }], maxTokens: 3 })
      assert.deepStrictEqual(outputs.map(({ _tag }) => _tag), [
        "ProviderInfo",
        "TextDelta",
        "TextDelta",
        "TextDelta",
        "Finish"
      ])
      assert.deepStrictEqual(outputs.at(-1), { _tag: "Finish", reason: "length" })
    }))

  it.scopedLive("B27: sampling, seed, JSON format and tools reach the service", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const messages = [{ role: "system", content: "Be short." }, { role: "user", content: "Weather?" }]
      const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]
      yield* ask({
        model: "local-large",
        messages,
        temperature: 0.5,
        topP: 0.9,
        maxTokens: 50,
        stop: ["END"],
        seed: 42,
        responseFormat: { type: "json_object" },
        tools
      })
      assert.deepStrictEqual(yield* bodies, [{
        model: "local-large",
        messages,
        stream: true,
        temperature: 0.5,
        top_p: 0.9,
        max_tokens: 50,
        stop: ["END"],
        seed: 42,
        response_format: { type: "json_object" },
        tools
      }])
    }))

  it.scopedLive("B11: a rejected key is a MissingAuth without the key", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup("sk-wrong")
      const error = yield* Effect.flip(ask({ prompt: "Hello" }))
      assert.strictEqual(error._tag, "MissingAuth")
      assert.include(error.message, "Incorrect API key provided")
      assert.notInclude(JSON.stringify(error), "sk-wrong")
    }))

  it.scopedLive("B11: a request the service refuses is an InvalidRequest", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      assert.strictEqual((yield* Effect.flip(ask({ messages: [] })))._tag, "InvalidRequest")
    }))

  const word = `data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n`
  for (
    const [what, body, reason] of [
      ["is cut", word, "network"],
      ["has an event that is no JSON", `${word}data: oops\n\n`, "malformed"]
    ] as const
  ) {
    it.effect(`B01: an answer that ${what} is an error after what arrived`, () =>
      Effect.gen(function*() {
        const client = HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body)))
        )
        const texts: Array<string> = []
        const error = yield* Provider.stream({ prompt: "Hello" }).pipe(
          Output.text,
          Stream.runForEach((text) => Effect.sync(() => texts.push(text))),
          Effect.flip,
          Effect.provide(
            OpenAiCompatible.layer({ baseUrl: "http://local.test", apiKey: Redacted.make("k"), model: "m" })
          ),
          Effect.provideService(HttpClient.HttpClient, client)
        )
        assert.deepStrictEqual(texts, ["Hel"])
        assert.deepInclude(error, { _tag: "ResponseError", reason })
      }))
  }
})

describe("examples: a proxy", () => {
  const through = (PROXY_URL: string, REPLICATE_BASE_URL: string) =>
    Effect.withConfigProvider(
      ProxyExample.program,
      ConfigProvider.fromJson({ PROXY_URL, REPLICATE_BASE_URL, REPLICATE_API_TOKEN: "r8_emulated" })
    )

  it.scopedLive("R15 B27: calls go through a proxy with credentials", () =>
    Effect.gen(function*() {
      const url = yield* emulator
      const proxy = yield* Proxies.httpProxy("http", { auth: "user:p@ss" })
      const text = yield* through(`http://user:p%40ss@127.0.0.1:${proxy.port}`, url)
      assert.include(text, "Write a haiku about llamas.")
      assert.strictEqual(proxy.seen[0], `POST ${url}/v1/models/meta/meta-llama-3-70b-instruct/predictions`)
      assert.deepStrictEqual([...new Set(proxy.credentials)], ["user:p@ss"])
    }))

  it.scopedLive("R15 B27: calls go through the example's own proxy", () =>
    Effect.gen(function*() {
      const url = yield* emulator
      const proxy = yield* localProxy("user:password")
      assert.include(yield* through(proxy, url), "Write a haiku about llamas.")
      const error = yield* Effect.flip(through(proxy.replace("password", "guess"), url))
      assert.deepInclude(error, { _tag: "ResponseError", status: 407 })
      assert.notInclude(String(error), "guess")
    }))

  it.effect("R15: a URL that is no proxy's is a typed error without what it says", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(through("ftp://user:hunter2@proxy.example", "http://127.0.0.1:1"))
      assert.strictEqual(error._tag, "ProxyError")
      assert.notInclude(String(error), "hunter2")
    }))
})

describe("docs/providers.md", () => {
  const rows = readFileSync(new URL("../docs/providers.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

  /** The options the table has something to say about, in one of its columns. */
  const told = (column: number) =>
    rows.filter((row) => row[column] !== "–").flatMap(([names = ""]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, n]) => n)
    )

  it("tells of every option of a request", () => {
    assert.sameMembers(
      rows.flatMap(([names = ""]) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name)),
      Object.keys(Provider.Request.fields)
    )
  })

  for (const [index, provider] of [Replicate, ReplicateHome, ChatgptFree].entries()) {
    it(`R28 F15: tells which options ${provider.info.name} takes`, () => {
      assert.sameMembers(told(index + 1), provider.parameters.map(({ name }) => name))
    })
  }
})
