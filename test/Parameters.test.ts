import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Parameters from "../src/Parameters.js"
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

/** What gpt4free reports for its provider of the same name, and what is meant to differ here. */
const goldens = [
  {
    info: info("Replicate", "meta/meta-llama-3-70b-instruct"),
    parameters: Parameters.fromSchema(Request, {
      pick: [
        "model",
        "messages",
        "apiKey",
        "timeout",
        "system",
        "maxTokens",
        "temperature",
        "topP",
        "topK",
        "stop",
        "extra",
        "headers"
      ],
      defaults: { timeout: "180 seconds" }
    }),
    json: {
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
    // Q22: the text of a type is no value; the examples for the names are.
    repaired: { max_tokens: 4096, stop: stopExample },
    text: [
      "Replicate supports: (",
      // The default is named: it is used when the field is absent.
      "    model: string = \"meta/meta-llama-3-70b-instruct\",",
      "    messages: Array<Message>,",
      // Secrets are redacted in types too. What has no default shows none, where gpt4free shows `None`.
      "    apiKey: Redacted<string>,",
      "    timeout: Duration = 3m,",
      // A person is told of the three that gpt4free keeps to itself: `system`, `extra` and `headers`.
      "    system: string,",
      "    maxTokens: integer,",
      "    temperature: number,",
      "    topP: number,",
      "    topK: number,",
      "    stop: Array<string> | string,",
      "    extra: Record<string, unknown>,",
      "    headers: Record<string, string>,",
      ")"
    ]
  },
  {
    info: info("ReplicateHome", "google-deepmind/gemma-2b-it"),
    parameters: Parameters.fromSchema(Request, { pick: ["model", "messages", "prompt"] }),
    json: {
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
    repaired: {},
    text: [
      "ReplicateHome supports: (",
      "    model: string = \"google-deepmind/gemma-2b-it\",",
      "    messages: Array<Message>,",
      "    prompt: string,",
      ")"
    ]
  },
  {
    info: info("ChatgptFree", "gpt-4o-mini-2024-07-18"),
    parameters: Parameters.fromSchema(Request, {
      pick: ["model", "messages", "timeout"],
      defaults: { timeout: "2 minutes" }
    }),
    json: {
      provider: "ChatgptFree",
      model: "gpt-4o-mini-2024-07-18",
      messages: userExample,
      stream: true,
      timeout: 120,
      response_format: null,
      max_tokens: 4096,
      stop: stopExample,
      proxy: proxyExample
    },
    repaired: {},
    text: [
      "ChatgptFree supports: (",
      "    model: string = \"gpt-4o-mini-2024-07-18\",",
      "    messages: Array<Message>,",
      "    timeout: Duration = 2m,",
      ")"
    ]
  }
]

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
  for (const golden of goldens) {
    it(`B05, R28: the JSON of ${golden.info.name}`, () => {
      // A proxy is a layer here, not an option of a request.
      const { proxy: _, ...expected } = { ...golden.json, ...golden.repaired }
      assert.deepStrictEqual(Parameters.toJson(golden.parameters, golden.info), expected)
    })

    it(`B05, R28: the text of ${golden.info.name}`, () =>
      assert.strictEqual(Parameters.toText(golden.parameters, golden.info), golden.text.join("\n")))
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
