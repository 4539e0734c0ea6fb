import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Account } from "../../src/replicate/schemas/Account.js"
import { Collection, CollectionItem } from "../../src/replicate/schemas/Collection.js"
import { Deployment } from "../../src/replicate/schemas/Deployment.js"
import { FileResource } from "../../src/replicate/schemas/File.js"
import { Model } from "../../src/replicate/schemas/Model.js"
import { ModelVersion } from "../../src/replicate/schemas/ModelVersion.js"
import { Page } from "../../src/replicate/schemas/Page.js"
import { SearchResult } from "../../src/replicate/schemas/Search.js"
import { Training } from "../../src/replicate/schemas/Training.js"
import * as Server from "../support/replicate-server.js"

type Fields = Readonly<Record<string, unknown>>

interface Resource {
  readonly name: string
  readonly schema: Schema.Schema.AnyNoContext & { readonly fields: Fields }
  /** What has to be there. */
  readonly least: Fields
}

const resources: ReadonlyArray<Resource> = [
  { name: "Account", schema: Account, least: { type: "robot", username: "acme" } },
  { name: "Collection", schema: Collection, least: { slug: "x", models: [] } },
  { name: "CollectionItem", schema: CollectionItem, least: { slug: "x" } },
  { name: "Deployment", schema: Deployment, least: { owner: "acme", name: "app" } },
  { name: "FileResource", schema: FileResource, least: { id: "f" } },
  { name: "Model", schema: Model, least: { owner: "acme", name: "llama" } },
  { name: "ModelVersion", schema: ModelVersion, least: { id: "v" } },
  { name: "SearchResult", schema: SearchResult, least: { models: [], collections: [], pages: [] } },
  { name: "Training", schema: Training, least: { id: "t" } }
]

describe.each(resources)("$name", ({ least, schema }) => {
  const decode = Schema.decodeUnknown(schema)
  const optional = Object.keys(schema.fields).filter((name) => !(name in least))

  it.effect("needs no more than its names", () =>
    Effect.gen(function*() {
      assert.deepInclude({ ...(yield* decode(least)) }, least)
    }))

  it.effect("may have null for the rest", () =>
    Effect.gen(function*() {
      const nulls = optional.filter((name) => name !== "output" && name !== "status")
      const decoded = yield* decode({ ...least, ...Object.fromEntries(nulls.map((name) => [name, null])) })
      for (const name of nulls) assert.isUndefined(decoded[name])
    }))

  it.effect.each(Object.keys(least))("is malformed without %s", (name) =>
    Effect.gen(function*() {
      const { [name]: _, ...rest } = least
      assert.strictEqual((yield* Effect.flip(decode(rest)))._tag, "ParseError")
    }))

  it.effect.prop(
    "may have fields that nobody knows",
    [FastCheck.dictionary(FastCheck.string().filter((key) => !(key in schema.fields)), FastCheck.jsonValue())],
    ([unknown]) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* decode({ ...unknown, ...least }), yield* decode(least))
      })
  )
})

describe("Model", () => {
  const decode = Schema.decodeUnknown(Model)
  const least = { owner: "acme", name: "llama" }

  it.effect.each([{}, { id: 7 }, "x", []])(
    "is read without its example and version where these are %j",
    (inner) =>
      Effect.gen(function*() {
        const model = yield* decode({ ...least, default_example: inner, latest_version: { created_at: inner } })
        assert.isUndefined(model.default_example)
        assert.isUndefined(model.latest_version)
      })
  )

  it.effect("has its example and version where they can be read", () =>
    Effect.gen(function*() {
      const model = yield* decode({
        ...least,
        default_example: Server.prediction({ status: "succeeded", output: ["hi"] }),
        latest_version: { id: "v", cog_version: "0.1.3+shimmed", openapi_schema: { info: {} } }
      })
      assert.strictEqual(model.default_example?.text, "hi")
      assert.strictEqual(model.latest_version?.cog_version, "0.1.3+shimmed")
      assert.strictEqual(model.fullName, "acme/llama")
    }))
})

describe("Training", () => {
  const decode = Schema.decodeUnknown(Training)

  it.effect.each([
    [undefined, undefined, undefined],
    [null, undefined, undefined],
    ["https://example.com/weights.tar", undefined, undefined],
    [{ version: "acme/x:v", weights: "https://example.com/w" }, "acme/x:v", "https://example.com/w"],
    [{ version: 7, weights: null }, undefined, undefined]
  ])("has the version and the weights of the output %j", ([output, version, weights]) =>
    Effect.gen(function*() {
      const training = yield* decode(Server.prediction({ status: "succeeded", output }))
      assert.strictEqual(training.trainedVersion, version)
      assert.strictEqual(training.weights, weights)
    }))

  it.effect.each(["succeeded", "failed", "canceled", "aborted"])(
    "is final when it is %s",
    (status) =>
      Effect.gen(function*() {
        assert.isTrue((yield* decode({ id: "t", status })).isTerminal)
        assert.isFalse((yield* decode({ id: "t", status: `${status}-soon` })).isTerminal)
      })
  )
})

describe("Page", () => {
  const schema = Page(ModelVersion)

  it.effect.each([undefined, null, "", "null"])("has no link where it is %j", (link) =>
    Effect.gen(function*() {
      const page = yield* Schema.decodeUnknown(schema)({
        results: [],
        ...(link === undefined ? {} : { next: link, previous: link })
      })
      assert.isTrue(Option.isNone(page.next))
      assert.isTrue(Option.isNone(page.previous))
    }))

  it("is made without links where none are given, and written with null for each", () => {
    const page = schema.make({ results: [] })
    assert.deepStrictEqual(page, { results: [], next: Option.none(), previous: Option.none() })
    assert.deepStrictEqual(Schema.encodeSync(schema)(page), { results: [], next: null, previous: null })
  })

  it.effect.prop("is the same when it is written and read again", [schema], ([page]) =>
    Effect.gen(function*() {
      const isLink = (link: Option.Option<string>) => Option.filter(link, (text) => text !== "" && text !== "null")
      // a key of __proto__ that the generator sets is the prototype of its object, and no part of any JSON
      const wire: unknown = JSON.parse(JSON.stringify(yield* Schema.encode(schema)(page)))
      const again = JSON.stringify(yield* Schema.decodeUnknown(schema)(wire))
      assert.strictEqual(again, JSON.stringify({ ...page, next: isLink(page.next), previous: isLink(page.previous) }))
    }), { fastCheck: { numRuns: 15 } })
})
