import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Failure from "../../src/http/Failure.js"
import * as FromJson from "../../src/replicate/internal/fromJson.js"
import { Page } from "../../src/replicate/schemas/Page.js"
import { Prediction } from "../../src/replicate/schemas/Prediction.js"
import { Training } from "../../src/replicate/schemas/Training.js"

/** A record of a Schema loses a field `__proto__`, which reading by hand keeps: that has a test of its own. */
const isPlain = (json: unknown) => typeof json !== "object" || json === null || !Object.hasOwn(json, "__proto__")

const odd = FastCheck.oneof(
  FastCheck.constantFrom<unknown>(null, true, 0, 1.5, "", "null", [], {}, ["x"], { length: 1 }),
  FastCheck.jsonValue().filter(isPlain)
)

const time = FastCheck.oneof(
  FastCheck.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  FastCheck.constantFrom(
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.123456789Z",
    "2026-01-02T03:04:05.123",
    "2026-01-02T03:04:05+02:00",
    "2026-01-02T03:04:05-0930",
    "2026-01-02t03:04:05z",
    "2026-01-02 03:04:05",
    "2026-01-02",
    "2026",
    "2026-02-30T00:00:00Z",
    "2026-01-02T24:00:00Z",
    "2026-13-01T00:00:00Z",
    "+275760-09-13T00:00:00.000Z",
    "+275760-09-13T00:00:00.001Z",
    "Fri, 02 Jan 2026 03:04:05 GMT",
    "soon",
    "Z",
    " "
  )
)

const text = FastCheck.string()

const mostly = (usual: FastCheck.Arbitrary<unknown>) =>
  FastCheck.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: odd })

const urls = FastCheck.record(
  { get: mostly(text), cancel: mostly(text), web: mostly(text), stream: mostly(text), other: odd },
  { requiredKeys: [] }
)

const object = FastCheck.dictionary(text.filter((key) => key !== "__proto__"), FastCheck.jsonValue())

const fields = {
  id: mostly(text),
  model: mostly(text),
  version: mostly(text),
  status: mostly(text),
  input: mostly(object),
  output: FastCheck.jsonValue(),
  error: FastCheck.jsonValue(),
  logs: mostly(text),
  metrics: mostly(object),
  created_at: mostly(time),
  started_at: mostly(time),
  completed_at: mostly(time),
  deadline: mostly(time),
  data_removed: mostly(FastCheck.boolean()),
  source: mostly(text),
  deployment: mostly(text),
  urls: mostly(urls)
} satisfies Record<keyof typeof Prediction.fields, unknown>

/** What `JSON.parse` gives, where `__proto__` is a field like any other. */
const parsed = (json: FastCheck.Arbitrary<unknown>) =>
  json.map((json): unknown => JSON.parse(JSON.stringify(json).replaceAll("\"PROTO\":", "\"__proto__\":")))

const prediction = FastCheck.oneof(
  {
    weight: 9,
    arbitrary: FastCheck.record({ ...fields, PROTO: odd, constructor: odd, later: odd }, { requiredKeys: ["id"] })
  },
  { weight: 1, arbitrary: odd }
)

const link = FastCheck.oneof(FastCheck.webUrl(), FastCheck.constantFrom("null", "", null), odd)

const page = mostly(FastCheck.record(
  { results: mostly(FastCheck.array(prediction, { maxLength: 3 })), next: link, previous: link, PROTO: odd },
  { requiredKeys: ["results"] }
))

const detail = (error: ParseResult.ParseError) => Failure.fromParseError({ provider: "Replicate" }, error, {}).detail

const told = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (json: unknown) => Either.mapLeft(decode(json), detail)
}

/** What it is not told by comparing the fields. */
const kind = (prediction: object) => [Object.getPrototypeOf(prediction), Object.keys(prediction).sort()]

describe("what is read by hand", () => {
  const options = { numRuns: 200 }

  for (
    const [name, byHand, bySchema] of [
      ["a prediction", told(FromJson.PredictionFromJson), told(Prediction)],
      ["a training", told(FromJson.TrainingFromJson), told(Training)]
    ] as const
  ) {
    it(`is what the Schema reads: ${name}`, () => {
      FastCheck.assert(
        FastCheck.property(parsed(prediction), (json) => {
          const expected = bySchema(json)
          const actual = byHand(json)
          assert.deepStrictEqual(actual, expected)
          assert.deepStrictEqual(
            Either.getOrUndefined(Either.map(actual, kind)),
            Either.getOrUndefined(Either.map(expected, kind))
          )
        }),
        options
      )
    })
  }

  for (
    const [name, byHand, bySchema] of [
      ["a page of predictions", told(FromJson.PredictionPageFromJson), told(Page(Prediction))],
      ["a page of trainings", told(FromJson.TrainingPageFromJson), told(Page(Training))]
    ] as const
  ) {
    it(`is what the Schema reads: ${name}`, () => {
      FastCheck.assert(
        FastCheck.property(parsed(page), (json) => assert.deepStrictEqual(byHand(json), bySchema(json))),
        options
      )
    })
  }

  it("is a prediction with all it can do", () => {
    const json = {
      id: "p1",
      status: "succeeded",
      output: ["https://replicate.delivery/x.png"],
      created_at: "2026-01-02"
    }
    const read = Schema.decodeUnknownSync(FromJson.PredictionFromJson)(json)
    assert.instanceOf(read, Prediction)
    assert.isTrue(read.isTerminal)
    assert.lengthOf(read.files, 1)
    assert.deepStrictEqual(read, Schema.decodeUnknownSync(Prediction)(json))
  })

  it("keeps a field __proto__ of the input as the data it is", () => {
    const json: unknown = JSON.parse("{\"id\":\"p1\",\"input\":{\"__proto__\":{\"admin\":true}}}")
    const { input } = Schema.decodeUnknownSync(FromJson.PredictionFromJson)(json)
    assert.strictEqual(JSON.stringify(input), "{\"__proto__\":{\"admin\":true}}")
    assert.isUndefined(input?.["admin"])
  })

  it("is written as the Schema writes it", () => {
    const read = Schema.decodeUnknownSync(FromJson.PredictionPageFromJson)({
      results: [{ id: "p1", status: "starting", created_at: "2026-01-02T03:04:05.678901Z", output: null }],
      next: "https://api.replicate.com/v1/predictions?cursor=1"
    })
    assert.deepStrictEqual(
      Schema.encodeSync(FromJson.PredictionPageFromJson)(read),
      Schema.encodeSync(Page(Prediction))(read)
    )
  })
})
