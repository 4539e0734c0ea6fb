import { FetchHttpClient, FileSystem, HttpClient, HttpClientResponse } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ChatgptFree, Credentials, Output, Provider, Replicate, ReplicateHome } from "effect-providers"
import { KeylessEmulator, MockProvider, ReplicateEmulator } from "effect-providers/testing"
import * as Chunk from "effect/Chunk"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { readFileSync } from "node:fs"
import * as Conversation from "../examples/conversation.js"
import * as ImageByAlias from "../examples/image-by-alias.js"
import * as Json from "../examples/json.js"
import * as KeptConversation from "../examples/kept-conversation.js"
import * as KeyLessChat from "../examples/key-less-chat.js"
import * as KeyLessProxy from "../examples/key-less-proxy.js"
import * as OpenAiCompatible from "../examples/openai-compatible.js"
import * as ProxyExample from "../examples/proxy.js"
import * as Sampling from "../examples/sampling.js"
import * as Seed from "../examples/seed.js"
import * as StoredKey from "../examples/stored-key.js"
import { chatgptFree, replicate, replicateHome } from "../examples/support/emulated.js"
import { emulator, keylessSites } from "../examples/support/emulator.js"
import { localProxy } from "../examples/support/localProxy.js"
import { openAiServer } from "../examples/support/openAiServer.js"
import * as TextLoop from "../examples/text-loop.js"
import * as TextWithoutKey from "../examples/text-without-key.js"
import * as ToolCalls from "../examples/tool-calls.js"
import * as ToolLoop from "../examples/tool-loop.js"
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

  it.effect("H01 H03 H12 B27: a loop over the chunks of a model without a key, by its name and its alias", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const console = yield* Effect.console
      const { posted } = yield* withKeyless(
        Effect.withConsole(TextWithoutKey.program, {
          ...console,
          log: (...args) => Effect.sync(() => lines.push(...args))
        }),
        replicateHome
      )
      const said = "Translate |to |French: |Hello|Write |a |short |poem |about |the |sea"
      assert.deepStrictEqual(lines, said.split("|"))
      const model = "google-deepmind/gemma-2b-it"
      const version = "dff94eaf770e1fc211e425a50b51baa8e4cac6c39ef074681f9e39d778773626"
      assert.deepStrictEqual(posted, [
        { model, version, input: { prompt: "Translate to French: Hello" } },
        { model, version, input: { prompt: "Write a short poem about the sea" } }
      ])
    }))

  it.effect("H02 H03 B27: an image by the name of its model, and by alias", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withKeyless(ImageByAlias.program, replicateHome)
      assert.deepStrictEqual(value, {
        city: ["https://replicate.delivery/keyless/home-prediction-1/out-0.png"],
        cat: ["https://replicate.delivery/keyless/home-prediction-2/out-0.png"]
      })
      const model = "stability-ai/stable-diffusion-3"
      const version = "527d2a6296facb8e47ba1eaf17f142c240c19a30894f437feee9b91cc29d8e4f"
      assert.deepStrictEqual(posted, [
        { model, version, input: { prompt: "A futuristic cityscape" } },
        { model, version, input: { prompt: "A cat wearing a hat" } }
      ])
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

  it.effect("F01 F04 B27: a chat without a key, with its model by default, by its name and by alias", () =>
    Effect.gen(function*() {
      const { posted, value } = yield* withKeyless(KeyLessChat.program, chatgptFree)
      const questions = [
        "Hello, how are you?",
        "Translate this into French: \"Hello, how are you?\"",
        "What is the capital of France?"
      ]
      assert.deepStrictEqual(Object.values(value), questions.map((question) => `You asked: ${question}`))
      assert.deepStrictEqual(posted.map((form) => Reflect.get(Object(form), "message")), questions)
    }))

  it.effect("B27: a conversation that the service keeps goes on with the state it gave", () =>
    Effect.gen(function*() {
      const value = yield* KeptConversation.program
      assert.deepStrictEqual(value, { first: "message 1", second: "message 2" })
    }).pipe(Effect.provide(KeptConversation.layer)))

  it.live("B27: a tool is offered, and its calls are given", () =>
    Effect.gen(function*() {
      const params = { said: "Write a short story about the weather in Rome." }
      assert.deepStrictEqual(yield* ToolCalls.program, [
        { _tag: "ToolCall", id: "call_1", name: "get_weather", params }
      ])
    }).pipe(Effect.provide(OpenAiCompatible.local)))

  it.live("B27: a tool is called, and the model answers with what it said", () =>
    Effect.gen(function*() {
      const answer = yield* ToolLoop.program
      assert.strictEqual(answer, `You said: 22 degrees and clear skies, when asked "How is the weather in Rome?"`)
    }).pipe(Effect.provide(OpenAiCompatible.local)))

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
    return { ask, bodies, provider }
  }, Effect.provide(FetchHttpClient.layer))

  it.live("B01: it answers", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* OpenAiCompatible.program, "You said: Hello there")
    }).pipe(Effect.provide(OpenAiCompatible.local)))

  it.scopedLive("B01 B30: who answers comes first, what was used before Finish", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      const outputs = yield* ask({ messages: [{ role: "user", content: "Hello there" }], maxTokens: 3 })
      assert.strictEqual(outputs[0]?._tag, "ProviderInfo")
      assert.deepStrictEqual(outputs.slice(1), [
        { _tag: "TextDelta", text: "You" },
        { _tag: "TextDelta", text: " said:" },
        { _tag: "TextDelta", text: " Hello" },
        { _tag: "Usage", inputTokens: 7, outputTokens: 3, totalTokens: 10 },
        { _tag: "Finish", reason: "length" }
      ])
    }))

  const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

  it.scopedLive("B27: sampling, seed, JSON format and tools reach the service", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const messages = [{ role: "system", content: "Be short." }, { role: "user", content: "Weather?" }]
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
        stream_options: { include_usage: true },
        temperature: 0.5,
        top_p: 0.9,
        max_tokens: 50,
        stop: ["END"],
        seed: 42,
        response_format: { type: "json_object" },
        tools
      }])
    }))

  it.scopedLive("B27: calls of tools and their answers reach the service", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const toolCalls = [{ _tag: "ToolCall" as const, id: "call_1", name: "get_weather", params: { city: "Rome" } }]
      yield* ask({
        messages: [
          { role: "assistant", content: null, toolCalls },
          { role: "tool", content: "22 degrees", toolCallId: "call_1", name: "get_weather" }
        ],
        tools
      })
      const [body] = yield* bodies
      assert.deepStrictEqual(Reflect.get(Object(body), "messages"), [
        {
          role: "assistant",
          content: null,
          tool_calls: [{
            id: "call_1",
            type: "function",
            function: { name: "get_weather", arguments: `{"city":"Rome"}` }
          }]
        },
        { role: "tool", content: "22 degrees", name: "get_weather", tool_call_id: "call_1" }
      ])
    }))

  it.scopedLive("B27: a tool call is put together of its pieces", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      const outputs = yield* ask({ prompt: "Weather in Rome?", tools })
      assert.deepStrictEqual(outputs.filter(({ _tag }) => _tag !== "ProviderInfo" && _tag !== "Usage"), [
        { _tag: "ToolCall", id: "call_1", name: "get_weather", params: { said: "Weather in Rome?" } },
        { _tag: "Finish", reason: "tool-calls" }
      ])
    }))

  it.scopedLive("B11: a rejected key is a MissingAuth without the key, and the key of a call comes first", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup("sk-wrong")
      const error = yield* Effect.flip(ask({ prompt: "Hello" }))
      assert.strictEqual(error._tag, "MissingAuth")
      assert.include(error.message, "Incorrect API key provided")
      assert.notInclude(JSON.stringify(error), "sk-wrong")
      assert.strictEqual((yield* ask({ prompt: "Hello", apiKey: Redacted.make("sk-local") })).length, 6)
    }))

  it.scopedLive("B01: without a key it is a MissingAuth, and nothing is sent", () =>
    Effect.gen(function*() {
      const { bodies, url } = yield* openAiServer
      const provider = yield* OpenAiCompatible.make({ baseUrl: url, model: "local" })
      const error = yield* Effect.flip(Stream.runDrain(provider.stream({ prompt: "Hello" })))
      assert.deepInclude({ ...error }, { _tag: "MissingAuth", reason: "absent" })
      assert.deepStrictEqual(yield* bodies, [])
      const outputs = yield* Stream.runCollect(provider.stream({ prompt: "Hi", apiKey: Redacted.make("sk-local") }))
      assert.strictEqual(Chunk.unsafeLast(outputs)._tag, "Finish")
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.scopedLive("B01: a system prompt is the first message", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      yield* ask({ prompt: "Hi", system: "Be short." })
      const messages = [{ role: "system", content: "Be short." }, { role: "user", content: "Hi" }]
      assert.deepInclude((yield* bodies)[0], { messages })
    }))

  it.scopedLive("B05: it reports what it takes", () =>
    Effect.gen(function*() {
      const { provider } = yield* setup()
      const defaults = Object.fromEntries(provider.parameters.map(({ default: value, name }) => [name, value]))
      assert.hasAllKeys(defaults, [
        "model",
        "messages",
        "prompt",
        "system",
        "maxTokens",
        "temperature",
        "topP",
        "stop",
        "seed",
        "responseFormat",
        "tools",
        "apiKey",
        "timeout",
        "idleTimeout",
        "connectTimeout"
      ])
      assert.deepInclude(defaults, { timeout: "10 minutes", idleTimeout: "1 minute" })
    }))

  it.scopedLive("B11: a request the service refuses, or JSON cannot hold, is an InvalidRequest", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup()
      assert.strictEqual((yield* Effect.flip(ask({ messages: [] })))._tag, "InvalidRequest")
      assert.strictEqual((yield* Effect.flip(ask({ prompt: "Hello", tools: [1n] })))._tag, "InvalidRequest")
    }))

  /** The provider before a client that answers as told. */
  const answering = (answer: Effect.Effect<Response>) => {
    const client = HttpClient.make((request) =>
      Effect.map(answer, (response) => HttpClientResponse.fromWeb(request, response))
    )
    return OpenAiCompatible.layer({ baseUrl: "http://local.test", apiKey: Redacted.make("k"), model: "m" }).pipe(
      Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
    )
  }

  const word = `data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n`
  for (
    const [what, body, expected] of [
      ["is cut", word, { _tag: "ResponseError", reason: "network" }],
      ["has an event that is no JSON", `${word}data: oops\n\n`, { _tag: "ResponseError", reason: "malformed" }],
      ["has an event of another form", `${word}data: {"choices":7}\n\n`, {
        _tag: "ResponseError",
        reason: "malformed"
      }],
      [
        "has an event that reports an error",
        `${word}data: {"error":{"message":"overloaded","code":429}}\n\n`,
        { _tag: "RateLimited", detail: "overloaded" }
      ]
    ] as const
  ) {
    it.effect(`B01: an answer that ${what} is an error after what arrived`, () =>
      Effect.gen(function*() {
        const texts: Array<string> = []
        const error = yield* Provider.stream({ prompt: "Hello" }).pipe(
          Output.text,
          Stream.runForEach((text) => Effect.sync(() => texts.push(text))),
          Effect.flip,
          Effect.provide(answering(Effect.sync(() => new Response(body))))
        )
        assert.deepStrictEqual(texts, ["Hel"])
        assert.deepInclude({ ...error }, expected)
      }))
  }

  const silence = Effect.sync(() => new Response(new ReadableStream()))
  for (
    const [clock, own, answer, seconds] of [
      ["connect", {}, Effect.never, 30],
      ["connect", { connectTimeout: "2 seconds" }, Effect.never, 2],
      ["idle", {}, silence, 60],
      ["idle", { idleTimeout: "2 seconds" }, silence, 2],
      ["total", { idleTimeout: "1 hour" }, silence, 600],
      ["total", { timeout: "2 seconds" }, silence, 2]
    ] as const
  ) {
    it.effect(`B01 B18: the ${clock} clock runs, ${seconds} seconds, with ${JSON.stringify(own)}`, () =>
      Effect.gen(function*() {
        const call = Provider.text({ prompt: "Hello", ...own })
        const fiber = yield* Effect.fork(Effect.flip(Effect.provide(call, answering(answer))))
        yield* TestClock.adjust(`${seconds * 1000 - 1} millis`)
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust("1 millis")
        assert.deepInclude({ ...(yield* Fiber.join(fiber)) }, { _tag: "Timeout", clock })
      }))
  }
})

describe("examples: a stored key", () => {
  const model: ReplicateEmulator.Model = {
    name: "meta/meta-llama-3-70b-instruct",
    kind: "text",
    boot: 0,
    script: () => [{ _tag: "Text", after: "1 millis", text: "Hi" }]
  }

  /** What the emulator, which takes one key, answers with keys in a file and in the environment. */
  const answer = (
    keys: { readonly file?: unknown; readonly environment?: string },
    request: Provider.Request = { prompt: "Hello" }
  ) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      if (keys.file !== undefined) {
        yield* fs.writeFileString(`${directory}/auth_Replicate.json`, JSON.stringify(keys.file))
      }
      const emulator = yield* ReplicateEmulator.make({ models: [model], tokens: ["r8_good"] })
      const variables = keys.environment === undefined ? {} : { REPLICATE_API_KEY: keys.environment }
      const provider = StoredKey.layer.pipe(
        Layer.provide(Layer.provide(Credentials.layerEnv, Credentials.layerFile(directory))),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, emulator.client)),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromJson(variables)))
      )
      const outcome = yield* Effect.either(Effect.provide(Provider.collect(request), provider))
      return {
        tags: outcome._tag === "Left"
          ? outcome.left._tag
          : [...new Set(outcome.right.map(({ _tag }) => _tag))].join(" "),
        requests: (yield* emulator.requests).length,
        files: yield* fs.readDirectory(directory)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

  const answered = "ProviderInfo TextDelta Usage Finish"

  it.live("R29 B32: of a file is used, before that of the environment", () =>
    Effect.gen(function*() {
      const { files, tags } = yield* answer({ file: { api_key: "r8_good" }, environment: "r8_bad" })
      assert.strictEqual(tags, answered)
      assert.deepStrictEqual(files, ["auth_Replicate.json"])
    }))

  it.live("R29 B32: of the environment is used, and not stored", () =>
    Effect.gen(function*() {
      const { files, tags } = yield* answer({ environment: "r8_good" })
      assert.strictEqual(tags, answered)
      assert.deepStrictEqual(files, [])
    }))

  it.live("R31 B32: gives way to the key of a call", () =>
    Effect.gen(function*() {
      const request = { prompt: "Hello", apiKey: Redacted.make("r8_good") }
      const { files, tags } = yield* answer({ file: { api_key: "r8_bad" } }, request)
      assert.strictEqual(tags, answered)
      assert.deepStrictEqual(files, ["auth_Replicate.json"])
    }))

  it.live("R06 B32: that is absent is a MissingAuth, and nothing is sent", () =>
    Effect.map(answer({}), ({ requests, tags }) => {
      assert.strictEqual(tags, "MissingAuth")
      assert.strictEqual(requests, 0)
    }))

  it.live("B17 B32: that is rejected is a MissingAuth, and is stored no longer", () =>
    Effect.map(answer({ file: { api_key: "r8_bad" } }), ({ files, requests, tags }) => {
      assert.strictEqual(tags, "MissingAuth")
      assert.strictEqual(requests, 1)
      assert.deepStrictEqual(files, [])
    }))
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

  it.scopedLive("F08 B27: a chat without a key goes through a proxy with credentials", () =>
    Effect.gen(function*() {
      const url = yield* keylessSites
      const proxy = yield* Proxies.httpProxy("http", { auth: "user:p@ss" })
      const env = { PROXY_URL: `http://user:p%40ss@127.0.0.1:${proxy.port}`, CHAT_URL: url }
      const text = yield* Effect.withConfigProvider(KeyLessProxy.program, ConfigProvider.fromJson(env))
      assert.strictEqual(text, "What is the capital of France?")
      assert.deepStrictEqual(proxy.seen, [`GET ${url}/`, `POST ${url}/wp-admin/admin-ajax.php`])
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
  const page = readFileSync(new URL("../docs/providers.md", import.meta.url), "utf8")
  const rows = page.split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

  /** The options the table has something to say about, in one of its columns. */
  const told = (column: number) =>
    rows.filter((row) => row[column] !== "–").flatMap(([names = ""]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, n]) => n)
    )

  for (const name of ["openai-compatible", "stored-key"]) {
    it(`B01 B32: shows the provider of examples/${name}.ts as it is`, () => {
      const source = readFileSync(new URL(`../examples/${name}.ts`, import.meta.url), "utf8")
      const make = source.slice(source.indexOf("export const make"), source.indexOf("\n\nexport const layer"))
      assert.isAbove(make.split("\n").length, 10)
      assert.include(page, `\n${make.replace("export ", "")}\n`)
    })
  }

  it("B01: the provider of examples/openai-compatible.ts is of at most 40 lines", () => {
    const source = readFileSync(new URL("../examples/openai-compatible.ts", import.meta.url), "utf8")
    const provider = source.slice(source.indexOf("type Options"), source.indexOf("\n\nexport const layer"))
    assert.include(provider, "Provider.make")
    assert.isAtMost(provider.split("\n").length, 40)
  })

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
