import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Parameters from "../src/Parameters.js"
import * as ChatgptFree from "../src/providers/ChatgptFree.js"
import * as Replicate from "../src/providers/Replicate.js"
import * as ReplicateHome from "../src/providers/ReplicateHome.js"
import { Request } from "../src/Request.js"

const info = (name: string, defaultModel: string): Parameters.Reported => ({
  name,
  defaultModel,
  supportsStream: true,
  supportsSystemMessage: false
})

const userExample = [{ role: "user", content: "" }]
const stopExample = ["stop1", "stop2"]
const proxyExample = "http://user:password@127.0.0.1:3128"

/** What gpt4free reports for its provider of the same name. */
const goldens: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Replicate: {
    provider: "Replicate",
    model: "meta/meta-llama-3-70b-instruct",
    messages: userExample,
    stream: true,
    timeout: 180,
    response_format: null,
    max_tokens: "int",
    stop: "list",
    api_key: null,
    proxy: proxyExample,
    temperature: 1,
    top_p: 1,
    top_k: 1
  },
  ReplicateHome: {
    provider: "ReplicateHome",
    model: "google-deepmind/gemma-2b-it",
    messages: userExample,
    stream: true,
    timeout: 0,
    response_format: null,
    max_tokens: 4096,
    stop: stopExample,
    prompt: null,
    proxy: proxyExample
  },
  ChatgptFree: {
    provider: "ChatgptFree",
    model: "gpt-4o-mini-2024-07-18",
    messages: userExample,
    stream: true,
    timeout: 120,
    response_format: null,
    max_tokens: 4096,
    stop: stopExample,
    proxy: proxyExample
  }
}

const absent = Symbol("absent")

/** What is meant to differ from them here: all of it, each with its reason. */
const differences: ReadonlyArray<
  [providers: ReadonlyArray<string>, name: string, there: unknown, here: unknown, reason: string]
> = [
  [["Replicate"], "max_tokens", "int", 4096, "Q22: the text of a type is no value; the example for the name is"],
  [["Replicate"], "stop", "list", stopExample, "Q22: the text of a type is no value; the example for the name is"],
  [
    ["Replicate", "ReplicateHome", "ChatgptFree"],
    "proxy",
    proxyExample,
    absent,
    "a proxy belongs to the HttpClient layer, not to a request"
  ],
  [["Replicate", "ChatgptFree"], "prompt", absent, null, "takes a prompt in place of messages, as ReplicateHome does"],
  [["ReplicateHome"], "stream", true, false, "it polls, so its outputs come at once when the model is done"],
  [["ReplicateHome"], "timeout", 0, 300, "a total clock ends it here; there, only the number of polls does"],
  [["ReplicateHome"], "api_key", absent, null, "with a key the same models are asked through Replicate's API"]
]

const providers = [
  { module: Replicate, make: Replicate.make() },
  { module: ReplicateHome, make: ReplicateHome.make() },
  { module: ChatgptFree, make: ChatgptFree.make() }
]

/** What a person reads: the types of TypeScript, the default model by name, and the fields gpt4free keeps to itself. */
const lines: Readonly<Record<string, ReadonlyArray<string>>> = {
  Replicate: [
    "model: string = \"meta/meta-llama-3-70b-instruct\",",
    "messages: Array<Message>,",
    "prompt: string,",
    "system: string,",
    "maxTokens: integer,",
    "temperature: number,",
    "topP: number,",
    "topK: number,",
    "stop: Array<string> | string,",
    "extra: Record<string, unknown>,",
    "apiKey: Redacted<string>,",
    "headers: Record<string, string>,",
    "timeout: Duration = 3m,",
    "idleTimeout: Duration,",
    "connectTimeout: Duration = 30s,"
  ],
  ReplicateHome: [
    "model: string = \"google-deepmind/gemma-2b-it\",",
    "messages: Array<Message>,",
    "prompt: string,",
    "system: string,",
    "maxTokens: integer,",
    "stop: Array<string> | string,",
    "extra: Record<string, unknown>,",
    "apiKey: Redacted<string>,",
    "timeout: Duration = 5m,",
    "idleTimeout: Duration,",
    "connectTimeout: Duration = 30s,"
  ],
  ChatgptFree: [
    "model: string = \"gpt-4o-mini-2024-07-18\",",
    "messages: Array<Message>,",
    "prompt: string,",
    "system: string,",
    "maxTokens: integer,",
    "stop: Array<string> | string,",
    "timeout: Duration = 2m,",
    "idleTimeout: Duration,",
    "connectTimeout: Duration = 30s,"
  ]
}

/** Where each name that gpt4free reports lives here: the field of a request, or why there is none. */
const names: Readonly<Record<string, { readonly field: keyof typeof Request.fields } | { readonly not: string }>> = {
  model: { field: "model" },
  messages: { field: "messages" },
  stream: { not: "every call streams; `Provider.text` and `Provider.collect` take it whole" },
  timeout: { field: "timeout" },
  proxy: { not: "a proxy belongs to the HttpClient layer" },
  media: { field: "media" },
  response_format: { field: "responseFormat" },
  prompt: { field: "prompt" },
  negative_prompt: { field: "negativePrompt" },
  tools: { field: "tools" },
  conversation: { field: "conversation" },
  history_disabled: { not: "no provider here keeps a history" },
  temperature: { field: "temperature" },
  top_k: { field: "topK" },
  top_p: { field: "topP" },
  frequency_penalty: { field: "frequencyPenalty" },
  presence_penalty: { field: "presencePenalty" },
  max_tokens: { field: "maxTokens" },
  stop: { field: "stop" },
  api_key: { field: "apiKey" },
  api_base: { not: "the base URL belongs to the provider's layer, as the credentials sent to it do" },
  seed: { field: "seed" },
  width: { field: "width" },
  height: { field: "height" },
  max_retries: { not: "trying again is the caller's `Effect.retry` or a `Fallback`" },
  web_search: { not: "no provider here searches; a model's own input goes into `extra`" },
  guidance_scale: { field: "guidanceScale" },
  num_inference_steps: { field: "numInferenceSteps" },
  randomize_seed: { not: "leave `seed` out; a model's own input goes into `extra`" },
  safe: { not: "a model's own input goes into `extra`" },
  enhance: { not: "a model's own input goes into `extra`" },
  private: { not: "a model's own input goes into `extra`" },
  aspect_ratio: { field: "aspectRatio" },
  n: { field: "n" }
}

describe("Parameters", () => {
  for (const { make, module } of providers) {
    const { name } = module.info

    it(`B05, R28: the JSON of ${name} is gpt4free's, but for what is meant to differ`, () => {
      const expected = new Map(Object.entries(goldens[name] ?? {}))
      for (const [names, field, there, here] of differences.filter(([names]) => names.includes(name))) {
        assert.deepStrictEqual(expected.has(field) ? expected.get(field) : absent, there, names.join())
        if (here === absent) expected.delete(field)
        else expected.set(field, here)
      }
      const json = Parameters.toJson(module.parameters, { ...module.info, defaultModel: module.catalog.default })
      assert.deepStrictEqual(json, Object.fromEntries(expected))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), json)
    })

    it(`B05, R28: the text of ${name}`, () =>
      assert.strictEqual(
        Parameters.toText(module.parameters, { ...module.info, defaultModel: module.catalog.default }),
        [`${name} supports: (`, ...(lines[name] ?? []).map((line) => `    ${line}`), ")"].join("\n")
      ))

    it.effect(`B05, B07: what is made of ${name} reports what the module does`, () =>
      Effect.gen(function*() {
        const { catalog, info, parameters } = yield* make.pipe(
          Effect.provideService(
            HttpClient.HttpClient,
            HttpClient.make(() => Effect.dieMessage("no call was asked for"))
          )
        )
        assert.deepStrictEqual({ catalog, info, parameters }, {
          catalog: module.catalog,
          info: module.info,
          parameters: module.parameters
        })
      }))
  }

  it("B05: a provider that says nothing reports the basics", () => {
    const quiet = { name: "Quiet", supportsStream: false, supportsSystemMessage: false }
    assert.deepStrictEqual(Parameters.toJson([], quiet), {
      provider: "Quiet",
      model: "",
      messages: [],
      stream: false,
      timeout: 0,
      response_format: null,
      max_tokens: 4096,
      stop: stopExample
    })
    assert.strictEqual(Parameters.toText([], quiet), "Quiet supports: (\n)")
  })

  it("B05: examples stand in for absent defaults, and no type text leaks", () => {
    const json = Parameters.toJson(Parameters.fromSchema(Request), info("All", "m"))
    assert.deepInclude(json, {
      frequency_penalty: 1,
      presence_penalty: 1,
      media: [["data:image/jpeg;base64,...", "filename.jpg"]],
      response_format: { type: "json_object" },
      seed: 42,
      tools: [],
      width: 1024,
      height: 1024,
      aspect_ratio: "1:1"
    })
    const types = new Set<unknown>(Parameters.fromSchema(Request).map((parameter) => parameter.type))
    assert.deepStrictEqual(Object.values(json).filter((value) => types.has(value)), [])
  })

  it("B06: all 34 names are known", () => {
    assert.lengthOf(Object.keys(names), 34)
    const json = Parameters.toJson(Parameters.fromSchema(Request), info("All", "m"))
    const here = Object.entries(names).flatMap(([name, place]) =>
      "field" in place ? [[name, place.field] as const] : []
    )
    for (const [name, field] of here) {
      assert.property(Request.fields, field)
      assert.property(json, name)
    }
    assert.sameMembers(Object.keys(json), [...here.map(([name]) => name), "stream", "provider"])
  })

  it("B06: a name of a provider's own Schema is reported if it is one of the 34", () => {
    const Own = Schema.Struct({ webSearch: Schema.optional(Schema.Boolean), secretSauce: Schema.String })
    const json = Parameters.toJson(Parameters.fromSchema(Own, { defaults: { webSearch: false } }), info("Own", "m"))
    assert.strictEqual(json["web_search"], false)
    assert.notProperty(json, "secret_sauce")
  })

  it("B06: the system example is for providers that support system messages, `stream` says whether they stream", () => {
    const parameters = Parameters.fromSchema(Request, { pick: ["messages"] })
    const json = Parameters.toJson(parameters, { name: "X", supportsStream: false, supportsSystemMessage: true })
    assert.deepStrictEqual(json["messages"], [{ role: "system", content: "" }, ...userExample])
    assert.strictEqual(json["stream"], false)
  })

  it("R28: every field of a request has a description and a short type", () => {
    for (const parameter of Parameters.fromSchema(Request)) {
      assert.isString(parameter.description)
      assert.isBelow(parameter.type.length, 30)
      assert.isTrue(parameter.type !== "unknown" || parameter.name === "conversation", parameter.name)
    }
  })

  it("R28: names, defaults and annotations make a parameter", () => {
    const schema = Schema.Struct({ size: Schema.Int.annotations({ description: "Size", examples: [7] }) })
    assert.deepStrictEqual(Parameters.fromSchema(schema, { defaults: { size: 3 } }), [
      { name: "size", type: "integer", description: "Size", default: 3, example: 7 }
    ])
  })

  it("R28: types are said in a few words", () => {
    class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Schema<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) })
    const schema = Schema.Struct({
      text: Schema.NonEmptyString,
      date: Schema.NumberFromString,
      choice: Schema.optional(Schema.Literal("a", 1)),
      nullable: Schema.NullOr(Schema.Boolean),
      pair: Schema.Tuple(Schema.String, Schema.Number),
      nested: Schema.Array(Schema.Array(Schema.Int)),
      point: Point,
      tree: Tree,
      big: Schema.BigIntFromSelf,
      options: Schema.Record({ key: Schema.String, value: Schema.Number })
    })
    assert.deepStrictEqual(
      Parameters.fromSchema(schema).map((parameter) => `${parameter.name}: ${parameter.type}`),
      [
        "text: string",
        "date: number",
        "choice: \"a\" | 1",
        "nullable: boolean | null",
        "pair: [string, number]",
        "nested: Array<Array<integer>>",
        "point: Point",
        "tree: object",
        "big: bigint",
        "options: Record<string, number>"
      ]
    )
  })

  it("a secret default is not told", () => {
    const parameters = Parameters.fromSchema(Request, {
      pick: ["apiKey"],
      defaults: { apiKey: Redacted.make("r8_secret") }
    })
    const reports = JSON.stringify([parameters, Parameters.toJson(parameters, info("X", "m"))]) +
      Parameters.toText(parameters, info("X", "m"))
    assert.notInclude(reports, "r8_secret")
    assert.include(reports, "<redacted>")
  })
})
