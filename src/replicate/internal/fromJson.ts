import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { Page } from "../schemas/Page.js"
import { Prediction } from "../schemas/Prediction.js"
import { Training } from "../schemas/Training.js"

// Predictions come by the hundred, and a Schema takes several times as long to decode one as this, which is written by
// hand. It gives the same. What it cannot read is left to the Schema, which can say why.

type JsonObject = Readonly<Record<string, unknown>>

/** Reads JSON that is of one form, and gives undefined for any other. */
type Reader<A> = (json: unknown) => A | undefined

type Readers<A> = { readonly [Field in keyof A]-?: Reader<A[Field]> }

const text: Reader<string> = (json) => typeof json === "string" ? json : undefined
const flag: Reader<boolean> = (json) => typeof json === "boolean" ? json : undefined
const object: Reader<JsonObject> = (json) => Predicate.isRecord(json) ? json : undefined
const time: Reader<DateTime.Utc> = (json) =>
  typeof json === "string" ? Option.getOrUndefined(DateTime.make(json)) : undefined

interface Field {
  readonly name: string
  readonly read: Reader<unknown>
}

const fieldsOf = (readers: Readonly<Record<string, Reader<unknown>>>): ReadonlyArray<Field> =>
  Object.entries(readers).map(([name, read]) => ({ name, read }))

/** Reads the fields of an object, and puts them into another. */
const readInto = (target: Record<string, unknown>, fields: ReadonlyArray<Field>, json: JsonObject) => {
  for (const { name, read } of fields) {
    const value = read(json[name])
    if (value !== undefined) target[name] = value
  }
  return target
}

const urls: Readers<NonNullable<Prediction["urls"]>> = { get: text, cancel: text, web: text, stream: text }

const urlFields = fieldsOf(urls)

const readers: Readers<Pick<Prediction, keyof typeof Prediction.fields>> = {
  id: text,
  model: text,
  version: text,
  status: (json) => text(json) ?? "unknown",
  input: object,
  output: (json) => json,
  error: (json) => json ?? undefined,
  logs: text,
  metrics: object,
  created_at: time,
  started_at: time,
  completed_at: time,
  deadline: time,
  data_removed: flag,
  source: text,
  deployment: text,
  urls: (json) => Predicate.isRecord(json) ? readInto({}, urlFields, json) : undefined
}

const fields = fieldsOf(readers)

/** `prototype` is that of a class of predictions, whose constructor would copy the fields and look for their defaults. */
const reader = <A extends Prediction>(prototype: A): Reader<A> => (json) => {
  if (!Predicate.isRecord(json) || typeof json["id"] !== "string" || json["id"] === "") return undefined
  const prediction: A & Record<string, unknown> = Object.create(prototype)
  readInto(prediction, fields, json)
  return prediction
}

const link: Reader<Option.Option<string>> = (json) =>
  json === undefined || json === null || json === "" || json === "null"
    ? Option.none()
    : typeof json === "string"
    ? Option.some(json)
    : undefined

const list = <A>(item: Reader<A>): Reader<Array<A>> => (json) => {
  if (!Array.isArray(json)) return undefined
  const items: Array<A> = []
  for (const one of json) {
    const read = item(one)
    if (read === undefined) return undefined
    items.push(read)
  }
  return items
}

const pageReader = <A>(item: Reader<A>) => {
  const resultsOf = list(item)
  return (json: unknown) => {
    if (!Predicate.isRecord(json)) return undefined
    const results = resultsOf(json["results"])
    const next = link(json["next"])
    const previous = link(json["previous"])
    return results === undefined || next === undefined || previous === undefined
      ? undefined
      : { results, next, previous }
  }
}

const fromJson = <A, I>(schema: Schema.Schema<A, I>, type: Schema.Schema<A>, reader: Reader<A>) => {
  const decode = ParseResult.decodeUnknown(schema)
  return Schema.transformOrFail(Schema.Unknown, type, {
    strict: true,
    decode: (json, options) => {
      const read = reader(json)
      return read === undefined ? decode(json, options) : ParseResult.succeed(read)
    },
    encode: ParseResult.encodeUnknown(schema)
  }).annotations({ [SchemaAST.SurrogateAnnotationId]: schema.ast })
}

const page = <A, I>(item: Schema.Schema<A, I>, reader: Reader<A>) => {
  type APage = Schema.Schema.Type<ReturnType<typeof Page<A, I, never>>>
  // each item is known to be what it is
  const type = Schema.declare((page): page is APage => Predicate.isRecord(page))
  return fromJson(Page(item), type, pageReader(reader))
}

const readPrediction = reader(Prediction.prototype)
const readTraining = reader(Training.prototype)

/** @internal */
export const PredictionFromJson = fromJson(Prediction, Schema.typeSchema(Prediction), readPrediction)

/** @internal */
export const PredictionPageFromJson = page(Prediction, readPrediction)

/** @internal */
export const TrainingFromJson = fromJson(Training, Schema.typeSchema(Training), readTraining)

/** @internal */
export const TrainingPageFromJson = page(Training, readTraining)
