import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as Parameters from "../../src/Parameters.js"
import * as Provider from "../../src/Provider.js"
import * as Replicate from "../../src/providers/Replicate.js"
import { json } from "../support/fakeHttp.js"
import * as fake from "../support/replicateFake.js"

const asked: Provider.Request = { messages: [{ role: "user", content: "Hi" }] }

/** The one create that a request leads to. */
const createOf = (request: Provider.Request, options: Replicate.Options = {}) =>
  Effect.suspend(() => {
    const server = fake.server()
    return Provider.text(request).pipe(
      Effect.provide(server.provider(options)),
      Effect.map((text) => {
        assert.strictEqual(text, "Hello")
        const [create, ...others] = server.seen("create")
        assert(create !== undefined && others.length === 0)
        return create
      })
    )
  })

const sends = (request: Provider.Request, input: unknown) =>
  Effect.map(createOf(request), (create) => assert.deepStrictEqual(create.body, { stream: true, input }))

/** `Schema.Record` sets the prototype where this name is meant; no model has such an input. */
const inputName = FastCheck.string({ minLength: 1 }).filter((name) => name !== "__proto__")

describe("Replicate: the request", () => {
  it.effect("C10: a model of the community is streamed by its latest version, where that is asked for", () =>
    Effect.gen(function*() {
      const version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
      const model = () => json({ owner: "acme", name: "llama", latest_version: { id: version } })
      const server = fake.server({ read: (_, n) => n === 0 ? model() : fake.succeeded(["Hel", "lo"])() })
      const text = yield* Provider.text({ ...asked, model: "acme/llama" }).pipe(
        Effect.provide(server.provider({ anyModel: true, latestVersion: true }))
      )
      assert.strictEqual(text, "Hello")
      assert.deepStrictEqual(server.seen("create").map(({ body, url }) => ({ body, url })), [{
        url: "https://api.replicate.com/v1/predictions",
        body: { stream: true, input: { prompt: "Hi" }, version: `acme/llama:${version}` }
      }])
    }))

  it.effect("R01: one create with the key, then the stream without it", () =>
    Effect.gen(function*() {
      const server = fake.server()
      assert.strictEqual(yield* Provider.text(asked).pipe(Effect.provide(server.provider())), "Hello")
      const [create, stream, read, ...others] = server.requests
      assert(create !== undefined && stream !== undefined && read !== undefined)
      assert.deepStrictEqual(others, [])

      const { "content-length": _, ...headers } = create.headers
      assert.strictEqual(create.method, "POST")
      assert.strictEqual(create.url, fake.createUrl)
      assert.deepStrictEqual(headers, {
        accept: "application/json",
        authorization: `Bearer ${fake.secret}`,
        "content-type": "application/json",
        "user-agent": "effect-providers"
      })
      assert.deepStrictEqual(create.body, { stream: true, input: { prompt: "Hi" } })

      assert.strictEqual(stream.method, "GET")
      assert.strictEqual(stream.url, fake.streamUrl)
      assert.deepStrictEqual(stream.headers, {
        accept: "text/event-stream",
        "cache-control": "no-store",
        "user-agent": "effect-providers"
      })

      assert.strictEqual(read.method, "GET")
      assert.strictEqual(read.url, fake.predictionUrl)
      assert.strictEqual(read.headers["authorization"], `Bearer ${fake.secret}`)
    }))

  it.effect("R02: an absent or empty model is the default one", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* createOf(asked)).url, fake.createUrl)
      assert.strictEqual((yield* createOf({ ...asked, model: "" })).url, fake.createUrl)
      assert.strictEqual((yield* createOf({ ...asked, model: undefined })).url, fake.createUrl)
    }))

  it.effect("R04: any owner/name, version or page is taken on demand", () =>
    Effect.gen(function*() {
      const any = (model: string) => createOf({ ...asked, model }, { anyModel: true })
      const url = "https://api.replicate.com/v1/models/acme/tiny.llm-2/predictions"
      assert.strictEqual((yield* any("acme/tiny.llm-2")).url, url)
      assert.strictEqual((yield* any("https://replicate.com/acme/tiny.llm-2")).url, url)
      assert.strictEqual((yield* any("")).url, fake.createUrl)
      const version = "0123456789abcdef".repeat(4)
      const create = yield* any(`acme/tiny:${version}`)
      assert.strictEqual(create.url, "https://api.replicate.com/v1/predictions")
      assert.deepStrictEqual(create.body, { stream: true, input: { prompt: "Hi" }, version: `acme/tiny:${version}` })
    }))

  it.effect("R05: the alias of older programs is the default model", () =>
    Effect.gen(function*() {
      const create = yield* createOf({ ...asked, model: "meta-llama/Meta-Llama-3-70B-Instruct" })
      assert.strictEqual(create.url, fake.createUrl)
    }))

  it.effect("R07: without the need for a key, the web endpoint is used, without one", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const provider = server.provider({ apiKey: undefined, needsAuth: false })
      assert.strictEqual(yield* Provider.text(asked).pipe(Effect.provide(provider)), "Hello")
      assert.deepStrictEqual(server.requests.map((request) => [request.method, request.url]), [
        ["POST", "https://replicate.com/api/models/meta/meta-llama-3-70b-instruct/predictions"],
        ["GET", fake.streamUrl],
        ["GET", `https://replicate.com/api/predictions/${fake.id}`]
      ])
      assert.deepStrictEqual(server.requests.filter((request) => "authorization" in request.headers), [])
      assert.deepStrictEqual(server.requests[0]?.body, { stream: true, input: { prompt: "Hi" } })
    }))

  it.effect("R07: with a key all the same, the API is used", () =>
    Effect.gen(function*() {
      const withLayerKey = yield* createOf(asked, { needsAuth: false })
      assert.strictEqual(withLayerKey.url, fake.createUrl)
      const apiKey = Redacted.make("r8_own")
      const withOwnKey = yield* createOf({ ...asked, apiKey }, { apiKey: undefined, needsAuth: false })
      assert.strictEqual(withOwnKey.url, fake.createUrl)
      assert.strictEqual(withOwnKey.headers["authorization"], "Bearer r8_own")
    }))

  it.effect("R08: a conversation is sent as one prompt", () =>
    Effect.gen(function*() {
      yield* sends({
        messages: [
          { role: "system", content: "S" },
          { role: "user", content: "U" },
          { role: "assistant", content: "A" },
          { role: "tool", content: "X" },
          { role: "user", content: "  pad " }
        ]
      }, { prompt: "System: S\nUser: U\nAssistant: A\nTool: X\nUser:   pad \nAssistant:" })
      yield* sends({ messages: [{ role: "user", content: "Hi " }] }, { prompt: "Hi " })
      yield* sends({ messages: [{ role: "system", content: "S" }] }, { prompt: "S" })
      yield* sends({
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: " \n" },
          { role: "user", content: [{ type: "text", text: "b" }, { type: "image_url" }, { text: "c" }] }
        ]
      }, { prompt: "User: a\nUser: bc\nAssistant:" })
      yield* sends({ ...asked, prompt: "as it is" }, { prompt: "as it is" })
    }))

  it.effect("R09: the system prompt goes apart", () =>
    sends({ ...asked, system: "Be brief" }, { prompt: "Hi", system_prompt: "Be brief" }))

  it.effect("R10: maxTokens is sent as max_new_tokens", () =>
    sends({ ...asked, maxTokens: 64 }, { prompt: "Hi", max_new_tokens: 64 }))

  it.effect("R11: sampling options are sent, zero too", () =>
    Effect.gen(function*() {
      yield* sends({ ...asked, temperature: 0, topP: 0, topK: 0 }, { prompt: "Hi", temperature: 0, top_p: 0, top_k: 0 })
      yield* sends({ ...asked, temperature: 0.7, topP: 0.9, topK: 50 }, {
        prompt: "Hi",
        temperature: 0.7,
        top_p: 0.9,
        top_k: 50
      })
    }))

  it.effect("R12: stops are joined with commas, and none are sent when there are none", () =>
    Effect.gen(function*() {
      yield* sends({ ...asked, stop: ["</s>", "User:"] }, { prompt: "Hi", stop_sequences: "</s>,User:" })
      yield* sends({ ...asked, stop: "END" }, { prompt: "Hi", stop_sequences: "END" })
      yield* sends({ ...asked, stop: [] }, { prompt: "Hi" })
    }))

  it.effect("R12: stops that are empty do not count", () =>
    Effect.gen(function*() {
      yield* sends({ ...asked, stop: ["", "x"] }, { prompt: "Hi", stop_sequences: "x" })
      yield* sends({ ...asked, stop: ["", ""] }, { prompt: "Hi" })
      yield* sends({ ...asked, stop: "" }, { prompt: "Hi" })
    }))

  it.effect("R13: extra inputs override all others", () =>
    sends(
      {
        ...asked,
        maxTokens: 64,
        temperature: 1,
        extra: { prompt: "Ho", max_new_tokens: 1, max_tokens: 2, image: null, deep: { list: [0, false] } }
      },
      { prompt: "Ho", max_new_tokens: 1, temperature: 1, max_tokens: 2, image: null, deep: { list: [0, false] } }
    ))

  it.effect("R14: given headers replace the defaults, reach the API only, and stay as they were given", () =>
    Effect.gen(function*() {
      const server = fake.server()
      const headers = Object.freeze({ "x-mine": "1", Authorization: "Bearer stale" })
      yield* Provider.text({ ...asked, headers }).pipe(Effect.provide(server.provider()))
      const { "content-length": _, ...sent } = server.seen("create")[0]?.headers ?? {}
      assert.deepStrictEqual(sent, {
        "x-mine": "1",
        authorization: `Bearer ${fake.secret}`,
        "content-type": "application/json",
        "user-agent": "effect-providers"
      })
      assert.notProperty(server.seen("stream")[0]?.headers, "x-mine")
      assert.notProperty(server.seen("stream")[0]?.headers, "authorization")
      assert.deepStrictEqual(headers, { "x-mine": "1", Authorization: "Bearer stale" })
    }))

  it.effect("R26: options it does not know do no harm and go nowhere", () =>
    sends(
      Object.assign({ seed: 1, tools: [{}], responseFormat: { type: "json_object" } }, asked, { frobnicate: true }),
      {
        prompt: "Hi"
      }
    ))

  it.effect("R13: a prompt that is blank is sent where other inputs say what to do", () =>
    Effect.gen(function*() {
      yield* sends({ prompt: " ", extra: { prompt: "Ho" } }, { prompt: "Ho" })
      const blank = [{ role: "user", content: [{ type: "image_url" }] }]
      for (const request of [{ prompt: "" }, { messages: blank }]) {
        const upscale = { ...request, model: "acme/upscale", extra: { image: "https://files.example/llama.png" } }
        const { body } = yield* createOf(upscale, { anyModel: true })
        assert.deepStrictEqual(body, { stream: true, input: { prompt: "", ...upscale.extra } })
      }
    }))

  it.effect("R08: images are input of a model that is asked something in words", () =>
    Effect.gen(function*() {
      const messages = [{ role: "user", content: [{ type: "image_url" }, { type: "text", text: "What is it?" }] }]
      const extra = { image: "https://files.example/llama.png" }
      const { body } = yield* createOf({ messages, model: "acme/vision", extra }, { anyModel: true })
      assert.deepStrictEqual(body, { stream: true, input: { prompt: "What is it?", ...extra } })
    }))

  it.effect.prop(
    "R13: what is sent is what was given, whatever it is",
    [
      FastCheck.string().filter((prompt) => prompt.trim() !== ""),
      FastCheck.dictionary(inputName, FastCheck.jsonValue())
    ],
    ([prompt, extra]) => sends({ prompt, extra }, JSON.parse(JSON.stringify({ prompt, ...extra }))),
    { fastCheck: { numRuns: 30 } }
  )
})

describe("Replicate: what it says of itself", () => {
  it.effect("R27: metadata, models and flags", () =>
    Effect.gen(function*() {
      const provider = yield* Provider.Provider
      assert.deepStrictEqual(provider.info, {
        name: "Replicate",
        url: "https://replicate.com",
        loginUrl: "https://replicate.com/account/api-tokens",
        working: true,
        needsAuth: true,
        supportsStream: true,
        supportsSystemMessage: false,
        supportsMessageHistory: false
      })
      assert.strictEqual(provider.catalog.default, "meta/meta-llama-3-70b-instruct")
      assert.deepStrictEqual(provider.catalog.text, ["meta/meta-llama-3-70b-instruct"])
      assert.deepStrictEqual(provider.catalog.image, [])
      assert.strictEqual(provider.catalog.mode, "strict")
    }).pipe(Effect.provide(fake.server().provider())))

  it.effect("R27: the flags follow the options", () =>
    Effect.gen(function*() {
      const provider = yield* Provider.Provider
      assert.strictEqual(provider.info.needsAuth, false)
      assert.strictEqual(provider.catalog.mode, "lenient")
    }).pipe(Effect.provide(fake.server().provider({ needsAuth: false, anyModel: true }))))

  const reported: Parameters.Reported = { ...Replicate.info, defaultModel: Replicate.catalog.default }

  it.effect("R28: the parameters as JSON", () =>
    Effect.gen(function*() {
      const { parameters } = yield* Provider.Provider
      const golden = {
        provider: "Replicate",
        model: "meta/meta-llama-3-70b-instruct",
        messages: [{ role: "user", content: "" }],
        stream: true,
        timeout: 180,
        response_format: null,
        max_tokens: "int",
        stop: "list",
        api_key: null,
        proxy: "http://user:password@127.0.0.1:3128",
        temperature: 1,
        top_p: 1,
        top_k: 1
      }
      // a proxy belongs to the HTTP client, which the layer is given
      const { proxy: _, ...kept } = golden
      // the text of a type is no value
      const repaired = { max_tokens: 4096, stop: ["stop1", "stop2"] }
      // the prompt can be given ready-made
      const added = { prompt: null }
      assert.deepStrictEqual(Parameters.toJson(parameters, reported), { ...kept, ...repaired, ...added })
    }).pipe(Effect.provide(fake.server().provider())))

  it("R28: the parameters as text", () =>
    assert.strictEqual(
      Parameters.toText(Replicate.parameters, reported),
      [
        "Replicate supports: (",
        "    model: string = \"meta/meta-llama-3-70b-instruct\",",
        "    messages: Array<Message>,",
        "    prompt: string,",
        "    system: string,",
        "    maxTokens: integer,",
        "    temperature: number,",
        "    topP: number,",
        "    topK: number,",
        "    stop: Array<string> | string,",
        "    extra: Record<string, unknown>,",
        "    apiKey: Redacted<string>,",
        "    headers: Record<string, string>,",
        "    timeout: Duration = 3m,",
        "    idleTimeout: Duration,",
        "    connectTimeout: Duration = 30s,",
        ")"
      ].join("\n")
    ))

  it.effect("R28: the parameters tell the clocks of the layer", () =>
    Effect.gen(function*() {
      const { parameters } = yield* Provider.Provider
      const clocks = parameters.filter(({ name }) => /timeout$/i.test(name)).map((parameter) => parameter.default)
      assert.deepStrictEqual(clocks, ["7 seconds", "6 seconds", "5 seconds"])
    }).pipe(Effect.provide(
      fake.server().provider({ timeout: "7 seconds", idleTimeout: "6 seconds", connectTimeout: "5 seconds" })
    )))

  it("R28: each parameter has a type and a description", () =>
    Replicate.parameters.forEach((parameter) => {
      assert.notStrictEqual(parameter.type, "", parameter.name)
      assert.notStrictEqual(parameter.description, undefined, parameter.name)
    }))
})
