import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Fallback from "effect-providers/Fallback"
import * as Polling from "effect-providers/http/Polling"
import * as ModelCatalog from "effect-providers/ModelCatalog"
import * as Output from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import * as ProviderError from "effect-providers/ProviderError"
import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
import * as KeylessEmulator from "effect-providers/testing/KeylessEmulator"
import * as MockProvider from "effect-providers/testing/MockProvider"
import * as ReplicateEmulator from "effect-providers/testing/ReplicateEmulator"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"

const create = { path: "/api/prediction" }
const poll = { path: "/api/poll" }
const asked: Provider.Request = { messages: [{ role: "user", content: "Hello there" }] }
const gemma = "google-deepmind/gemma-2b-it"
const gemmaVersion = "dff94eaf770e1fc211e425a50b51baa8e4cac6c39ef074681f9e39d778773626"
const images = [
  ["sd-3", "stability-ai/stable-diffusion-3", "527d2a6296facb8e47ba1eaf17f142c240c19a30894f437feee9b91cc29d8e4f"],
  ["sdxl", "bytedance/sdxl-lightning-4step", "5f24084160c9089501c1b3545d9be3c27883ae2239b6f412990e82d4a6210f8f"],
  [
    "playground-v2.5",
    "playgroundai/playground-v2.5-1024px-aesthetic",
    "a45f82a1382bed5c7aeb861dac7c7d191b0fdf74d8d57c4a0e6ed7d4d0bf7d24"
  ]
] as const

/** A provider, told to try it all the same, before an emulator of its own. */
const setup = (emulated: KeylessEmulator.Options = {}, options: ReplicateHome.Options = {}) =>
  Effect.gen(function*() {
    const emulator = yield* KeylessEmulator.make(emulated)
    const provider = yield* Effect.provideService(
      ReplicateHome.make({ ignoreWorking: true, ...options }),
      HttpClient.HttpClient,
      emulator.client
    )
    const ask = (request: Provider.Request) =>
      inTime(Effect.provideService(Provider.collect(request), Provider.Provider, provider))
    const bodies = Effect.map(emulator.requests, (requests) =>
      requests.filter(({ method }) => method === "POST").map(({ body }) => body))
    const polls = Effect.map(emulator.requests, (requests) =>
      requests.filter(({ method }) => method === "GET").length)
    return { emulator, provider, ask, bodies, polls }
  })

/** The whole effect, with the time it needs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.DurationInput = "10 minutes") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const texts = (outputs: ReadonlyArray<Output.Output>) =>
  outputs.flatMap((output) => output._tag === "TextDelta" ? [output.text] : [])
const urls = (outputs: ReadonlyArray<Output.Output>) =>
  outputs.flatMap((output) => output._tag === "Image" ? [output.url] : [])

describe("ReplicateHome: the request", () => {
  it.effect("H01: text of the default model, without a key", () =>
    Effect.gen(function*() {
      const { ask, bodies, emulator } = yield* setup()
      assert.deepStrictEqual(yield* ask(asked), [
        { _tag: "ProviderInfo", name: "ReplicateHome", url: "https://replicate.com", label: undefined, model: gemma },
        { _tag: "TextDelta", text: "Hello " },
        { _tag: "TextDelta", text: "there" },
        { _tag: "Finish", reason: "stop" }
      ])
      assert.deepStrictEqual(yield* bodies, [
        { model: gemma, version: gemmaVersion, input: { prompt: "Hello there" } }
      ])
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ method, path }) => `${method} ${path}`), [
        "POST /api/prediction",
        "GET /api/poll?id=home-prediction-1",
        "GET /api/poll?id=home-prediction-1"
      ])
      assert.isFalse(requests.some(({ headers }) => "authorization" in headers))
    }))

  for (const [alias, model, version] of images) {
    it.effect(`H02 H03 H04: an image of ${alias}, by its name and its alias`, () =>
      Effect.gen(function*() {
        const { ask, bodies } = yield* setup()
        assert.strictEqual(urls(yield* ask({ model, prompt: "a llama" })).length, 1)
        assert.strictEqual(urls(yield* ask({ model: alias, prompt: "a llama" })).length, 1)
        const body = { model, version, input: { prompt: "a llama" } }
        assert.deepStrictEqual(yield* bodies, [body, body])
      }))
  }

  it.effect("H03: the alias of the text model", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      yield* ask({ ...asked, model: "gemma-2b" })
      assert.deepStrictEqual(yield* bodies, [
        { model: gemma, version: gemmaVersion, input: { prompt: "Hello there" } }
      ])
    }))

  it.effect("H05: models, aliases, versions and endpoint are data", () =>
    Effect.gen(function*() {
      const names = images.map(([, name]) => name)
      const { catalog, endpoint, models } = ReplicateHome
      assert.strictEqual(endpoint, "https://homepage.replicate.com/api")
      assert.deepStrictEqual(catalog.text, [gemma])
      assert.deepStrictEqual(catalog.image, names)
      assert.deepStrictEqual(ModelCatalog.models(catalog), [gemma, ...names])
      assert.strictEqual(catalog.default, gemma)
      assert.strictEqual(catalog.defaultImage, "stability-ai/stable-diffusion-3")
      for (const [alias, name] of images) assert.strictEqual(catalog.aliases[alias], name)
      assert.strictEqual(catalog.aliases["gemma-2b"], gemma)
      assert.deepStrictEqual(
        models.flatMap(({ versions }) => [...versions]),
        [gemmaVersion, ...images.map(([, , version]) => version)]
      )
      const { provider } = yield* setup()
      assert.deepStrictEqual(provider.info, ReplicateHome.info)
      assert.deepStrictEqual(
        provider.parameters.map(({ name }) => name),
        [
          "model",
          "messages",
          "prompt",
          "system",
          "maxTokens",
          "stop",
          "extra",
          "apiKey",
          "timeout",
          "idleTimeout",
          "connectTimeout"
        ]
      )
    }))

  it.effect("H05: the parameters tell the clocks that are run", () =>
    Effect.gen(function*() {
      const clocksOf = (options: ReplicateHome.Options) =>
        Effect.map(setup({}, options), ({ provider }) =>
          provider.parameters.filter(({ name }) =>
            /timeout$/i.test(name)
          ).map((parameter) => parameter.default))
      assert.deepStrictEqual(yield* clocksOf({}), ["5 minutes", undefined, "30 seconds"])
      const own = { timeout: "7 seconds", idleTimeout: "6 seconds", connectTimeout: "5 seconds" } as const
      assert.deepStrictEqual(yield* clocksOf(own), ["7 seconds", "6 seconds", "5 seconds"])
      const apiKey = Redacted.make("r8_key")
      assert.deepStrictEqual(yield* clocksOf({ apiKey }), ["3 minutes", undefined, "30 seconds"])
    }))

  it.effect("H05: the idle clock is run", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ prediction: () => ({ polls: Infinity }) }, { idleTimeout: "12 seconds" })
      for (const [request, seconds] of [[asked, 12], [{ ...asked, idleTimeout: "3 seconds" }, 3]] as const) {
        const error = yield* Effect.flip(ask(request))
        assert(error._tag === "Timeout")
        assert.strictEqual(error.clock, "idle")
        assert.deepStrictEqual(error.duration, Duration.seconds(seconds))
      }
    }))

  it.effect("H06: the default image model, where images are meant", () =>
    Effect.gen(function*() {
      const { ask, bodies, provider } = yield* setup({}, { kind: "image" })
      assert.strictEqual(urls(yield* ask({ prompt: "a llama" })).length, 1)
      const [, model, version] = images[0]
      assert.deepStrictEqual(yield* bodies, [{ model, version, input: { prompt: "a llama" } }])
      assert.strictEqual(provider.catalog.default, model)
      assert.deepStrictEqual(texts(yield* ask({ model: gemma, prompt: "named" })), ["named"])
    }))

  it.effect("H07: a prompt is sent as it is, with or without messages", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      yield* ask({ ...asked, prompt: "  mine " })
      yield* ask({ messages: [], prompt: "mine" })
      yield* ask({ model: "sdxl", messages: [], prompt: "mine" })
      assert.deepStrictEqual(
        (yield* bodies).map((body) => Reflect.get(Object(body), "input")),
        [{ prompt: "  mine " }, { prompt: "mine" }, { prompt: "mine" }]
      )
    }))

  it.effect("H07: without a prompt, there has to be a message, and neither may be blank", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const blank = [{ role: "user", content: " " }, { role: "assistant", content: null }]
      const system = [{ role: "system", content: "S" }]
      const requests = [{}, { messages: [] }, { system: "S" }, { messages: blank }, { model: "sdxl", messages: system }]
      const prompts = [{ prompt: " " }, { prompt: "", system: "S" }, { prompt: "\n", model: "sdxl" }]
      for (const request of [...requests, ...prompts]) {
        const error = yield* Effect.flip(ask(request))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "prompt" in request ? "prompt" : "messages")
      }
      assert.deepStrictEqual(yield* emulator.requests, [])
    }))

  const inputs = (bodies: ReadonlyArray<unknown>) => bodies.map((body) => Reflect.get(Object(body), "input"))

  it.effect("H08: text is asked for with the conversation, an image with what the user said last", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const messages = [
        { role: "system", content: "Be brief" },
        { role: "user", content: "a goat" },
        { role: "assistant", content: "Which one?" },
        { role: "user", content: [{ type: "text", text: "a " }, { type: "text", text: "llama" }] },
        { role: "assistant", content: "Here it is" }
      ]
      yield* ask({ messages })
      yield* ask({ messages, model: "sd-3" })
      assert.deepStrictEqual(inputs(yield* bodies), [
        {
          prompt: "System: Be brief\nUser: a goat\nAssistant: Which one?\nUser: a llama\n" +
            "Assistant: Here it is\nAssistant:"
        },
        { prompt: "a llama" }
      ])
    }))

  it.effect("H08: an image is asked for with all that the user said since the last answer", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const messages = [
        { role: "user", content: "a goat" },
        { role: "assistant", content: "Here it is" },
        { role: "user", content: " a llama " },
        { role: "user", content: "on a rocket" }
      ]
      const outputs = yield* ask({ messages, model: "sd-3" })
      assert.deepStrictEqual(inputs(yield* bodies), [{ prompt: "a llama\non a rocket" }])
      assert.propertyVal(outputs[1], "alt", "a llama\non a rocket")
    }))

  it.effect("H08: a system prompt goes before the conversation, or before the prompt", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      const system = "Be brief"
      yield* ask({ ...asked, system })
      yield* ask({ prompt: "Hi", system })
      yield* ask({ messages: [{ role: "system", content: "Rhyme" }, { role: "user", content: "Hi" }], system })
      yield* ask({ ...asked, system: " " })
      assert.deepStrictEqual(inputs(yield* bodies), [
        { prompt: "System: Be brief\nUser: Hello there\nAssistant:" },
        { prompt: "System: Be brief\nUser: Hi\nAssistant:" },
        { prompt: "System: Be brief\nSystem: Rhyme\nUser: Hi\nAssistant:" },
        { prompt: "Hello there" }
      ])
    }))

  it.effect("H08: a system prompt is no part of an image, like a system message", () =>
    Effect.gen(function*() {
      const { ask, bodies } = yield* setup()
      yield* ask({ ...asked, system: "Be brief", model: "sd-3" })
      yield* ask({ prompt: "a llama", system: "Be brief", model: "sd-3" })
      assert.deepStrictEqual(inputs(yield* bodies), [{ prompt: "Hello there" }, { prompt: "a llama" }])
    }))

  it.effect("H09: the headers of a browser on every request", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* ask(asked)
      for (const { headers } of yield* emulator.requests) {
        const { "content-length": _, host, "x-forwarded-proto": __, ...rest } = headers
        assert.strictEqual(host, "homepage.replicate.com")
        assert.deepStrictEqual(rest, {
          accept: "*/*",
          "accept-language": "en-US,en;q=0.9",
          "content-type": "application/json",
          origin: "https://replicate.com",
          referer: "https://replicate.com/",
          "user-agent":
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"
        })
      }
    }))

  it.effect("H10: whatever HTTP client is provided is used, and can be changed", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const transformClient = HttpClient.tapRequest((request) => Effect.sync(() => seen.push(request.method)))
      const { ask } = yield* setup({}, { transformClient })
      yield* ask(asked)
      assert.deepStrictEqual(seen, ["POST", "GET", "GET"])
    }))

  it.effect("H24: an unknown model is refused before any I/O, an empty one is the default", () =>
    Effect.gen(function*() {
      const { ask, bodies, emulator } = yield* setup()
      const error = yield* Effect.flip(ask({ ...asked, model: "acme/unknown" }))
      assert(error._tag === "ModelNotFound")
      assert.includeMembers([...error.known], [gemma, "sd-3"])
      assert.deepStrictEqual(yield* emulator.requests, [])
      yield* ask({ ...asked, model: "" })
      assert.strictEqual(Reflect.get(Object((yield* bodies)[0]), "model"), gemma)
    }))

  it.effect("H22: historic models can be used as they are", () =>
    Effect.gen(function*() {
      const models = [...ReplicateHome.models, ...ReplicateHome.historicModels]
      const { ask, bodies } = yield* setup({}, { models })
      yield* ask({ ...asked, model: "llava-13b" })
      yield* ask({ prompt: "a llama", model: "flux-schnell" })
      yield* ask(asked)
      assert.deepStrictEqual((yield* bodies).map((body) => Reflect.get(Object(body), "version")), [
        "80537f9eead1a5bfa72d5ac6ea6414379be41d4d4f6679fd776e9535d1eb58bb",
        "f2ab8a5bfe79f02f0789a146cf5e73d2a4ff2684a98c2b303d1e1ff3814271db",
        gemmaVersion
      ])
    }))

  it("H22: historic models, with their kinds, aliases and versions, are data", () => {
    const mixtral = "5d78bcd7a992c4b793465bcdcf551dc2ab9668d12bb7aa714557a21c1e77041c"
    assert.deepStrictEqual(
      ReplicateHome.historicModels.map(({ aliases, kind, name, versions }) => [name, kind, aliases, versions]),
      [
        ["stability-ai/sdxl", "image", [], [
          "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
          "2b017d9b67edd2ee1401238df49d75da53c523f36e363881e057f5dc3ed3c5b2",
          "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
        ]],
        ["ai-forever/kandinsky-2.2", "image", [], [
          "ad9d7879fbffa2874e1d909d1d37d9bc682889cc65b31f7bb00d2362619f194a"
        ]],
        ["meta/llama-2-70b-chat", "text", [], ["dp-542693885b1777c98ef8c5a98f2005e7"]],
        ["mistralai/mistral-7b-instruct-v0.2", "text", [], ["dp-89e00f489d498885048e94f9809fbc76"]],
        ["meta/meta-llama-3-70b-instruct", "text", ["llama-3-70b"], [
          "dp-cf04fe09351e25db628e8b6181276547",
          "fbfb20b472b2f3bdd101412a9f70a0ed4fc0ced78a77ff00970ee7a2383c575d"
        ]],
        ["mistralai/mixtral-8x7b-instruct-v0.1", "text", ["mixtral-8x7b"], [
          "dp-89e00f489d498885048e94f9809fbc76",
          mixtral
        ]],
        ["yorickvp/llava-13b", "text", ["llava-13b"], [
          "80537f9eead1a5bfa72d5ac6ea6414379be41d4d4f6679fd776e9535d1eb58bb"
        ]],
        ["black-forest-labs/flux-schnell", "image", ["flux-schnell"], [
          "f2ab8a5bfe79f02f0789a146cf5e73d2a4ff2684a98c2b303d1e1ff3814271db"
        ]]
      ]
    )
    const older = ["stable-diffusion-3", "sdxl-lightning-4step", "playground-v2.5-aesthetic"]
    assert.deepStrictEqual(older.map((alias): unknown => ReplicateHome.catalog.aliases[alias]), [
      ...ReplicateHome.catalog.image
    ])
  })

  it.effect("H23: image models can be used directly, for a single call as well", () =>
    Effect.gen(function*() {
      const { ask, provider } = yield* setup({}, { ignoreWorking: false })
      const directly = Effect.provideService(ask({ model: "sdxl", prompt: "a llama" }), Provider.IgnoreWorking, true)
      assert.strictEqual(urls(yield* directly).length, 1)
      assert.isFalse(provider.info.working)
    }))

  it.effect("H21: an extra input that JSON cannot hold is told before any I/O", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const odd of [1n, circular]) {
        const error = yield* Effect.flip(ask({ ...asked, extra: { odd } }))
        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.issues[0]?.field, "extra")
      }
      assert.deepStrictEqual(yield* emulator.requests, [])
    }))

  it.effect("H21: a base URL that is none is told with each call", () =>
    Effect.gen(function*() {
      for (const baseUrl of ["nonsense", "ftp://site.example", ""]) {
        const { ask, emulator } = yield* setup({}, { baseUrl })
        assert.strictEqual((yield* Effect.flip(ask(asked)))._tag, "InvalidRequest")
        assert.deepStrictEqual(yield* emulator.requests, [])
      }
    }))

  it.effect("H23: refused unless told otherwise, with a word on how", () =>
    Effect.gen(function*() {
      const { ask, emulator, provider } = yield* setup({}, { ignoreWorking: false })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "InvalidRequest")
      assert.include(error.message, "ignoreWorking: true")
      assert.isFalse(provider.info.working)
      assert.deepStrictEqual(yield* emulator.requests, [])
    }))
})

describe("ReplicateHome: polling", () => {
  it.effect("H11: the first look is immediate, the others 5 seconds apart", () =>
    Effect.gen(function*() {
      const { polls, provider } = yield* setup({ prediction: () => ({ polls: 2 }) })
      const fiber = yield* Effect.fork(Effect.provideService(Provider.text(asked), Provider.Provider, provider))
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* polls, 1)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(yield* polls, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* polls, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* polls, 3)
      assert.strictEqual(yield* Fiber.join(fiber), "Hello there")
    }))

  it.effect("H11 H16: 30 looks, and no pause after the last", () =>
    Effect.gen(function*() {
      const { polls, provider } = yield* setup({ prediction: () => ({ polls: Infinity }) })
      const call = Effect.provideService(Provider.text(asked), Provider.Provider, provider)
      const error = yield* inTime(Effect.flip(call), "145 seconds")
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, "total")
      assert.deepStrictEqual(error.duration, Duration.seconds(145))
      assert.match(error.detail ?? "", /prediction timed out/)
      assert.strictEqual(yield* polls, 30)
    }))

  it.effect("H11: the last look counts", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ prediction: () => ({ polls: 29 }) })
      assert.deepStrictEqual(texts(yield* ask(asked)), ["Hello ", "there"])
    }))

  it.effect("H11: any policy will do", () =>
    Effect.gen(function*() {
      const fixed = yield* setup({ prediction: () => ({ polls: 9 }) }, { polling: Polling.fixed("1 second", 3) })
      assert.strictEqual((yield* Effect.flip(fixed.ask(asked)))._tag, "Timeout")
      assert.strictEqual(yield* fixed.polls, 3)
      const own = yield* setup({ prediction: () => ({ polls: 9 }) }, { polling: Schedule.forever })
      assert.deepStrictEqual(texts(yield* own.ask(asked)), ["Hello ", "there"])
    }))

  it.effect("H11: the total clock ends any polling", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ prediction: () => ({ polls: Infinity }) }, { timeout: "12 seconds" })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "Timeout")
      assert.deepStrictEqual(error.duration, Duration.seconds(12))
    }))

  it.effect("H11: the connect clock ends a request without answer", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* emulator.fail(poll, { _tag: "Stall" })
      const error = yield* Effect.flip(ask({ ...asked, connectTimeout: "7 seconds" }))
      assert(error._tag === "Timeout")
      assert.strictEqual(error.clock, "connect")
      assert.deepStrictEqual(error.duration, Duration.seconds(7))
    }))
})

describe("ReplicateHome: the output", () => {
  const outputs = (output: unknown, request: Provider.Request) =>
    Effect.flatMap(setup({ prediction: () => ({ output }) }), ({ ask }) => ask(request))
  const image: Provider.Request = { model: "sd-3", prompt: "a llama" }

  it.effect("H12: text comes as the chunks it was made in", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(texts(yield* outputs(["Once", " upon", "", " a"], asked)), ["Once", " upon", "", " a"])
    }))

  it.effect("H13 H14: every image, with its URL and the prompt for a description", () =>
    Effect.gen(function*() {
      const all = yield* outputs(["https://example.com/1.png", "https://example.com/2.png"], image)
      assert.deepStrictEqual(all.slice(1), [
        { _tag: "Image", url: "https://example.com/1.png", alt: "a llama" },
        { _tag: "Image", url: "https://example.com/2.png", alt: "a llama" },
        { _tag: "Finish", reason: "stop" }
      ])
      assert.include(all.map((output) => Output.toMarkdown(output)).join(""), "![a llama](https://example.com/1.png)")
    }))

  it.effect("H19: a string is one text or one image, not its characters", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(texts(yield* outputs("Once upon", asked)), ["Once upon"])
      assert.deepStrictEqual(urls(yield* outputs("https://example.com/1.png", image)), ["https://example.com/1.png"])
    }))

  for (const output of ["", [], [""]]) {
    it.effect(`H19: an output of ${JSON.stringify(output)} is an answer without text, and no image`, () =>
      Effect.gen(function*() {
        const answer = yield* outputs(output, asked)
        assert.strictEqual(texts(answer).join(""), "")
        assert.deepStrictEqual(answer.at(-1), { _tag: "Finish", reason: "stop" })
        const error = yield* Effect.flip(outputs(output, image))
        assert(error._tag === "ResponseError")
        assert.strictEqual(error.reason, "malformed")
        assert.include(error.detail, JSON.stringify(output))
      }))

    it.effect(`H19: after an output of ${JSON.stringify(output)} a fallback asks the next provider`, () =>
      Effect.gen(function*() {
        const { provider } = yield* setup({ prediction: () => ({ output }) })
        const { provider: next } = yield* MockProvider.make(["instead"])
        const fallback = yield* Fallback.make([provider, next])
        const text = Provider.text({ prompt: "Hello" })
        assert.strictEqual(yield* inTime(Effect.provideService(text, Provider.Provider, fallback)), "instead")
      }))
  }

  for (const output of [null, [null], 7, {}, [["a"]]]) {
    it.effect(`H19: an output of ${JSON.stringify(output)} is an error that shows it`, () =>
      Effect.gen(function*() {
        for (const request of [asked, image]) {
          const error = yield* Effect.flip(outputs(output, request))
          assert(error._tag === "ResponseError")
          assert.strictEqual(error.reason, "malformed")
          assert.include(error.detail, JSON.stringify(output))
        }
      }))
  }

  it.effect("H19: words are no image", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(outputs(["sorry"], image))
      assert(error._tag === "ResponseError")
      assert.include(error.detail, "sorry")
    }))
})

describe("ReplicateHome: failures", () => {
  it.effect("H15: a failed prediction tells why", () =>
    Effect.gen(function*() {
      const { ask } = yield* setup({ prediction: () => ({ status: "failed", error: "CUDA out of memory" }) })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "PredictionFailed")
      assert.strictEqual(error.provider, "ReplicateHome")
      assert.strictEqual(error.prediction.id, "home-prediction-1")
      assert.strictEqual(error.prediction.error, "CUDA out of memory")
      assert.isTrue(error.outOfMemory)
      assert.include(error.message, "CUDA out of memory")
    }))

  for (const status of ["canceled", "aborted"] as const) {
    it.effect(`H20: a prediction that was ${status} is told at once`, () =>
      Effect.gen(function*() {
        const { polls, provider } = yield* setup({ prediction: () => ({ polls: 0, status }) })
        const error = yield* Effect.flip(Effect.provideService(Provider.text(asked), Provider.Provider, provider))
        assert(error._tag === "PredictionCanceled")
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.provider, "ReplicateHome")
        assert.strictEqual(yield* polls, 1)
      }))
  }

  it.effect("H17: JSON is read whatever its content type", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const headers = { "content-type": "text/plain" }
      yield* emulator.fail(create, { _tag: "Answer", status: 200, headers, body: `{"id":"x"}` })
      const body = `{"status":"succeeded","output":["read"]}`
      yield* emulator.fail(poll, { _tag: "Answer", status: 200, headers, body })
      assert.deepStrictEqual(texts(yield* ask(asked)), ["read"])
    }))

  const malformed: ReadonlyArray<[what: string, where: KeylessEmulator.Matcher, body: unknown, shown: string]> = [
    ["a page in place of the create's JSON", create, "<html>oops</html>", "<html>oops</html>"],
    ["a page in place of the poll's JSON", poll, "<html>oops</html>", "<html>oops</html>"],
    ["an empty body", poll, "", "no JSON object"],
    ["a list", create, [1], "[1]"],
    ["no id", create, { detail: "no luck" }, "no luck"],
    ["an empty id", create, { id: "", detail: "no luck" }, "no luck"],
    ["no status", poll, { detail: "no luck" }, "no status"],
    ["a status that is none", poll, { status: 7, detail: "no luck" }, "no luck"]
  ]
  for (const [what, where, body, shown] of malformed) {
    it.effect(`H17 H19: ${what} is an error that shows the reply, but not the input`, () =>
      Effect.gen(function*() {
        const { ask, emulator } = yield* setup()
        const secretive = typeof body === "object" && !Array.isArray(body)
          ? { ...body, input: { prompt: "private" } }
          : body
        yield* emulator.fail(where, { _tag: "Answer", status: 200, body: secretive })
        const error = yield* Effect.flip(ask({ prompt: "private" }))
        assert(error._tag === "ResponseError")
        assert.strictEqual(error.reason, "malformed")
        assert.strictEqual(error.url, `https://homepage.replicate.com${where.path}`)
        assert.include(error.detail, shown)
        assert.notInclude(JSON.stringify(error), "private")
      }))
  }

  it.effect("H19: what is nested too deep to be shown is an error all the same", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      const deep = "[".repeat(100_000) + "]".repeat(100_000)
      for (const reply of [`"status":"succeeded","output":${deep}`, `"status":7,"output":${deep}`]) {
        yield* emulator.fail(poll, { _tag: "Answer", status: 200, body: `{"id":"x",${reply}}` })
        const error = yield* Effect.flip(ask(asked))
        assert.deepInclude({ ...error }, { _tag: "ResponseError", reason: "malformed" })
      }
    }))

  it.effect("H17: what is shown of a reply is bounded", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* emulator.fail(create, { _tag: "Answer", status: 200, body: "x".repeat(10_000) })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "ResponseError")
      assert.isAtMost(error.detail?.length ?? Infinity, 500)
    }))

  const statuses = [
    [401, "MissingAuth"],
    [402, "PaymentRequired"],
    [403, "ResponseError"],
    [404, "ResponseError"],
    [422, "InvalidRequest"],
    [429, "RateLimited"],
    [502, "ResponseError"],
    [520, "ResponseError"]
  ] as const
  for (const [status, tag] of statuses) {
    it.effect(`H18: ${status} is ${tag}, at create and at poll`, () =>
      Effect.gen(function*() {
        for (const where of [create, poll]) {
          const { ask, emulator } = yield* setup()
          yield* emulator.fail(where, { _tag: "Answer", status, body: { detail: "no" } })
          const error = yield* Effect.flip(ask(asked))
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(error.message.startsWith("ReplicateHome"), true)
        }
      }))
  }

  it.effect("H18: a page of Cloudflare is a block, a broken connection a network error", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* setup()
      yield* emulator.fail(create, KeylessEmulator.cloudflare)
      assert.strictEqual((yield* Effect.flip(ask(asked)))._tag, "Blocked")
      yield* emulator.fail(poll, { _tag: "DropBefore" })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "ResponseError")
      assert.strictEqual(error.reason, "network")
    }))
})

describe("ReplicateHome: with a key", () => {
  const apiKey = Redacted.make("r8_of-the-layer")
  const model: ReplicateEmulator.Model = {
    name: gemma,
    kind: "text",
    version: gemmaVersion,
    script:
      () => [{ _tag: "Text", after: "6 seconds", text: "Hello" }, { _tag: "Text", after: "0 millis", text: " you" }]
  }

  const keyedStatuses = [
    [402, "PaymentRequired"],
    [404, "ResponseError"],
    [422, "InvalidRequest"],
    [429, "RateLimited"],
    [500, "ResponseError"]
  ] as const

  const keyed = (options: ReplicateHome.Options) =>
    Effect.gen(function*() {
      const emulator = yield* ReplicateEmulator.make({ models: [model] })
      const provider = yield* Effect.provideService(
        ReplicateHome.make(options),
        HttpClient.HttpClient,
        emulator.client
      )
      const ask = (request: Provider.Request) =>
        inTime(Effect.provideService(Provider.collect(request), Provider.Provider, provider))
      return { ask, emulator, provider }
    })

  it.scoped("H21: predictions of the API, by version, looked at each half second", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      const transformClient = HttpClient.tapRequest(({ method }) =>
        Effect.map(Clock.currentTimeMillis, (now) => method === "GET" ? times.push(now) : undefined)
      )
      const { ask, emulator, provider } = yield* keyed({ apiKey, transformClient })
      assert.isTrue(provider.info.working)
      assert.deepStrictEqual(texts(yield* ask({ ...asked, extra: { top_k: 3 } })), ["Hello", " you"])
      const [created, ...looks] = yield* emulator.requests
      assert(created !== undefined)
      assert.strictEqual(created.method, "POST")
      assert.strictEqual(created.path, "/v1/predictions")
      assert.isTrue(created.hasToken)
      assert.deepStrictEqual(created.body, { version: gemmaVersion, input: { prompt: "Hello there", top_k: 3 } })
      assert.isAbove(looks.length, 2)
      for (const look of looks) {
        assert.strictEqual(look.method, "GET")
        assert.match(look.path, /^\/v1\/predictions\/[^/]+$/)
        assert.isTrue(look.hasToken)
      }
      const pauses = times.slice(1).map((time, n) => time - (times[n] ?? 0))
      assert.deepStrictEqual([...new Set(pauses)], [500])
    }))

  it.scoped("H21: the key of a call is enough", () =>
    Effect.gen(function*() {
      const { ask, provider } = yield* keyed({})
      assert.isFalse(provider.info.working)
      assert.deepStrictEqual(texts(yield* ask({ ...asked, apiKey })), ["Hello", " you"])
    }))

  it.scoped("H21: gives up after 3 minutes", () =>
    Effect.gen(function*() {
      const { emulator, provider } = yield* keyed({ apiKey, polling: Polling.fixed("20 seconds") })
      yield* emulator.fail(
        { method: "GET" },
        { _tag: "Answer", status: 200, body: { id: "x", status: "starting" } },
        99
      )
      const call = Effect.provideService(Provider.text(asked), Provider.Provider, provider)
      const error = yield* inTime(Effect.flip(call), "3 minutes")
      assert(error._tag === "Timeout")
      assert.deepStrictEqual(error.duration, Duration.minutes(3))
    }))

  const versionOf = (body: unknown) => Reflect.get(Object(body), "version")

  it.scoped("H21: another version, with a key and without", () =>
    Effect.gen(function*() {
      const version = "0123456789abcdef".repeat(4)
      const { ask, bodies } = yield* setup({}, { version })
      yield* ask(asked)
      assert.strictEqual(versionOf((yield* bodies)[0]), version)
      const withKey = yield* keyed({ apiKey, version })
      yield* Effect.flip(withKey.ask(asked))
      assert.strictEqual(versionOf((yield* withKey.emulator.requests)[0]?.body), version)
    }))

  it.scoped("H21: with a key, too, any of several versions is chosen by chance", () =>
    Effect.gen(function*() {
      const models = ReplicateHome.historicModels
      const { ask, emulator } = yield* keyed({ apiKey, models })
      const draw = Effect.flip(ask({ model: "stability-ai/sdxl", prompt: "a llama" }))
      for (const seed of Array.from({ length: 20 }, (_, seed) => seed)) {
        yield* Effect.withRandom(draw, Random.make(seed))
      }
      const versions = (yield* emulator.requests).map(({ body }) => versionOf(body))
      assert.sameMembers([...new Set(versions)], [...models[0]?.versions ?? []])
    }))

  it.scoped("H21: of several versions one by chance, the same for the same seed", () =>
    Effect.gen(function*() {
      const chosen = (seed: number) =>
        Effect.gen(function*() {
          const { ask, bodies } = yield* setup({}, { models: ReplicateHome.historicModels })
          yield* Effect.withRandom(ask({ model: "stability-ai/sdxl", prompt: "a llama" }), Random.make(seed))
          return Reflect.get(Object((yield* bodies)[0]), "version")
        })
      const seeds = Array.from({ length: 20 }, (_, seed) => seed)
      const first = yield* Effect.forEach(seeds, chosen)
      assert.deepStrictEqual(yield* Effect.forEach(seeds, chosen), first)
      const versions = ReplicateHome.historicModels.find(({ name }) => name === "stability-ai/sdxl")?.versions
      assert.sameMembers([...new Set(first)], [...versions ?? []])
    }))

  it.scoped("H21: the API is not asked for private deployments", () =>
    Effect.gen(function*() {
      const models = ReplicateHome.historicModels
      for (const seed of [1, 2, 3, 4, 5]) {
        const { ask, emulator } = yield* keyed({ apiKey, models })
        yield* Effect.withRandom(Effect.flip(ask({ ...asked, model: "llama-3-70b" })), Random.make(seed))
        const [created] = yield* emulator.requests
        assert.match(String(Reflect.get(Object(created?.body), "version")), /^[0-9a-f]{64}$/)
      }
    }))

  it.scoped("H21: a rejected key, and no key in any error", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* keyed({ apiKey })
      yield* emulator.fail({}, { _tag: "Answer", status: 401, body: { detail: "bad key r8_of-the-layer" } })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "MissingAuth")
      assert.notInclude(JSON.stringify(error), Redacted.value(apiKey))
    }))

  const ended = (fields: object): ReplicateEmulator.Fault => ({
    _tag: "Answer",
    status: 200,
    body: { id: "x", ...fields }
  })
  const failures: ReadonlyArray<
    readonly [
      tag: ProviderError.ProviderError["_tag"],
      matcher: ReplicateEmulator.Matcher,
      fault: ReplicateEmulator.Fault
    ]
  > = [
    ...keyedStatuses.map(([status, tag]) =>
      [tag, { method: "POST" }, { _tag: "Answer", status, body: { detail: "no", retry_after: 99 } }] as const
    ),
    ["Blocked", { method: "POST" }, KeylessEmulator.cloudflare],
    ["Timeout", { method: "POST" }, { _tag: "Stall" }],
    ["ResponseError", { method: "POST" }, { _tag: "DropBefore" }],
    ["ResponseError", { method: "POST" }, { _tag: "Answer", status: 201, body: "no prediction" }],
    ["PredictionFailed", { method: "GET" }, ended({ status: "failed", error: "no luck" })],
    ["PredictionCanceled", { method: "GET" }, ended({ status: "canceled" })]
  ]
  for (const [tag, matcher, fault] of failures) {
    const what = fault._tag === "Answer" ? `${fault.status} ${JSON.stringify(fault.body)}` : fault._tag
    it.scoped(`H21: with a key, ${what.slice(0, 60)} is a ${tag} of this provider`, () =>
      Effect.gen(function*() {
        const { ask, emulator } = yield* keyed({ apiKey })
        yield* emulator.fail(matcher, fault, 9)
        const error = yield* Effect.flip(ask(asked))
        assert(error._tag === tag && "provider" in error)
        assert.strictEqual(error.provider, "ReplicateHome")
        assert.include(error.message, "ReplicateHome")
        assert.isTrue(ProviderError.isProviderError(error))
      }))
  }

  it.scoped("H21: the total clock with a key is told of this provider", () =>
    Effect.gen(function*() {
      const { ask } = yield* keyed({ apiKey, timeout: "2 seconds" })
      assert.deepInclude({ ...(yield* Effect.flip(ask(asked))) }, { _tag: "Timeout", provider: "ReplicateHome" })
    }))

  it.scoped("H21: no key in what an error shows of an output", () =>
    Effect.gen(function*() {
      const { ask, emulator } = yield* keyed({ apiKey })
      const output = { printed: `the key is ${Redacted.value(apiKey)}` }
      yield* emulator.fail({ method: "GET" }, {
        _tag: "Answer",
        status: 200,
        body: { id: "x", status: "succeeded", output }
      })
      const error = yield* Effect.flip(ask(asked))
      assert(error._tag === "ResponseError")
      assert.include(error.detail, "the key is <redacted>")
      assert.notInclude(JSON.stringify(error), Redacted.value(apiKey))
    }))

  it.effect("H23: layerConfig without a configuration is the layer without options", () =>
    Effect.gen(function*() {
      const emulator = yield* KeylessEmulator.make()
      const provider = yield* Provider.Provider.pipe(
        Effect.provide(ReplicateHome.layerConfig()),
        Effect.provideService(HttpClient.HttpClient, emulator.client)
      )
      assert.deepStrictEqual(provider.info, ReplicateHome.info)
      const error = yield* Effect.flip(Effect.provideService(Provider.text(asked), Provider.Provider, provider))
      assert.strictEqual(error._tag, "InvalidRequest")
    }))

  for (const field of ["connectTimeout", "timeout", "idleTimeout"] as const) {
    it.effect(`H23: a malformed ${field} of a configuration is a ConfigError, one of the code a defect`, () =>
      Effect.gen(function*() {
        const { client } = yield* KeylessEmulator.make()
        // programs without types give what they like
        const options: ReplicateHome.Options = JSON.parse(`{ "${field}": "soon" }`)
        const built = <E>(layer: Layer.Layer<Provider.Provider, E, HttpClient.HttpClient>) =>
          Layer.build(layer).pipe(Effect.scoped, Effect.provideService(HttpClient.HttpClient, client), Effect.exit)
        const failed = Exit.causeOption(yield* built(ReplicateHome.layerConfig(Config.succeed(options))))
        const told = Option.flatMap(failed, Cause.failureOption)
        assert.isTrue(
          Option.exists(told, (error) => ConfigError.isInvalidData(error) && error.message.startsWith(`${field}: `))
        )
        const died = Option.flatMap(Exit.causeOption(yield* built(ReplicateHome.layer(options))), Cause.dieOption)
        assert.isTrue(Option.exists(died, (defect) => defect instanceof ProviderError.InvalidRequest))
      }))
  }

  it.scoped("layerConfig takes its options from the configuration", () =>
    Effect.gen(function*() {
      const emulator = yield* ReplicateEmulator.make({ models: [model], tokens: ["r8_env"] })
      const live = ReplicateHome.layerConfig(Config.all({ apiKey: Config.redacted("HOME_KEY") }))
      const text = yield* inTime(
        Provider.text(asked).pipe(
          Effect.provide(live),
          Effect.provideService(HttpClient.HttpClient, emulator.client),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["HOME_KEY", "r8_env"]])))
        )
      )
      assert.strictEqual(text, "Hello you")
    }))
})
