import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as DataUri from "../../internal/dataUri.js"
import { cut } from "../../internal/scrub.js"
import { InvalidRequest, Issue, type ProviderError, ResponseError } from "../../ProviderError.js"
import type { Input } from "../PredictionOptions.js"
import type { Service } from "../ReplicateClient.js"
import { FileResource } from "../schemas/File.js"
import { contentKeys } from "./distinctFiles.js"
import { provider } from "./http.js"
import { isStream, type NamedFile, namedFile } from "./namedFile.js"
import { inlineLimit, openFile } from "./openFile.js"
import { mediaTypeOf, upload, uploadClock } from "./upload.js"

/** Files that are read and uploaded at a time. */
const concurrency = 4

/** JSON could not be made of what is nested much deeper, without a stack overflow. */
const deepest = 1000

/** What a value that is no JSON most likely was meant to be. */
const hint = (value: object): string | undefined =>
  Effect.isEffect(value)
    ? "expected a value, not an Effect: run it first"
    : Predicate.isPromise(value)
    ? "expected a value, not a Promise: await it first"
    : isStream(value)
    ? "expected a value, not a stream: use FileInput.fromStream"
    : Predicate.isMap(value)
    ? "expected an object, not a Map: use Object.fromEntries"
    : Predicate.isSet(value)
    ? "expected an array, not a Set: use Array.from"
    : Redacted.isRedacted(value)
    ? "expected a value, not a Redacted: use Redacted.value"
    : Predicate.isDate(value) && Number.isNaN(value.getTime())
    ? "expected a valid Date"
    : undefined

/** What JSON would leave out or make null of a value that is no object, and what cannot become JSON. */
const misfit = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "bigint":
      return "expected a number or a text, not a bigint"
    case "number":
      return Number.isFinite(value) ? undefined : `expected a finite number, not ${value}`
    case "function":
    case "symbol":
      return `expected a value, not a ${typeof value}`
    default:
      return undefined
  }
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const isLeftToJson = (value: object): boolean => "toJSON" in value && typeof value.toJSON === "function"

/** Finds the files of an input, those that are uploaded already, and all that is wrong with the input. */
const scan = (input: Input) => {
  const files = new Map<object, NamedFile>()
  const urls = new Map<object, string>()
  const issues: Array<Issue> = []
  const seen = new Set<object>()
  const above = new Set<object>()
  const path: Array<PropertyKey> = ["input"]
  const field = () => cut(path.map(String).join("."))
  const refuse = (message: string) => {
    issues.push(new Issue({ field: field(), message }))
  }

  /** Whether a value that is neither an array nor a plain object is dealt with here. */
  const isTaken = (value: object): boolean => {
    if (value instanceof FileResource) {
      if (value.urls?.get === undefined) refuse("the file has no URL")
      else urls.set(value, value.urls.get)
      return true
    }
    const file = namedFile(value, field())
    if (file === undefined) {
      const message = hint(value)
      if (message !== undefined) refuse(message)
      return message !== undefined
    }
    if (Either.isRight(file)) files.set(value, file.right)
    else issues.push(file.left)
    return true
  }

  const visit = (key: PropertyKey, value: unknown): void => {
    const message = misfit(value)
    const isObject = typeof value === "object" && value !== null
    if (message === undefined && !isObject) return
    path.push(key)
    if (message !== undefined) refuse(message)
    else if (isObject) visitObject(value)
    path.pop()
  }

  const visitObject = (value: object): void => {
    if (above.has(value)) return refuse("contains itself")
    if (seen.has(value)) return
    seen.add(value)
    const isArray = Array.isArray(value)
    if (!isArray && !isPlain(value) && isTaken(value)) return
    if (isLeftToJson(value)) return
    if (above.size === deepest) return refuse(`nested deeper than ${deepest} levels`)
    above.add(value)
    if (isArray) value.forEach((part, at) => visit(at, part))
    else for (const [key, part] of Object.entries(value)) visit(key, part)
    above.delete(value)
  }
  const root: unknown = input
  if (typeof root !== "object" || root === null || Array.isArray(root)) {
    const found = root === null ? "null" : Array.isArray(root) ? "an array" : typeof root
    refuse(`expected an object of inputs, not ${found}`)
  } else {
    try {
      visitObject(root)
    } catch {
      refuse("cannot be read: a getter or Proxy throws")
    }
    if (files.has(root) || urls.has(root)) refuse("expected an object with the file in a field")
  }
  return { files, urls, issues }
}

/** Puts texts in the places of values; what holds none of these stays the same object. */
const replace = (value: unknown, texts: ReadonlyMap<unknown, string>): unknown => {
  const text = texts.get(value)
  if (text !== undefined) return text
  if (typeof value !== "object" || value === null || isLeftToJson(value)) return value
  if (Array.isArray(value)) {
    const parts = value.map((part) => replace(part, texts))
    return parts.some((part, at) => part !== value[at]) ? parts : value
  }
  const parts = Object.entries(value).map(([key, part]) => [key, replace(part, texts), part] as const)
  return parts.some(([, now, before]) => now !== before)
    ? Object.fromEntries(parts.map(([key, now]) => [key, now]))
    : value
}

/** What stands for a file in the input that is sent. */
const textOf = (client: Service, file: NamedFile): Effect.Effect<string, ProviderError> =>
  Effect.flatMap(openFile(file), (open) =>
    open.isWhole && open.head.length <= inlineLimit
      ? Effect.succeed(DataUri.encode(open.head, mediaTypeOf(file, open.head)))
      : Effect.flatMap(upload(client, file, open), ({ urls }) =>
        urls?.get === undefined
          ? new ResponseError({ provider, reason: "malformed", detail: "the file has no URL" })
          : Effect.succeed(urls.get))).pipe(Effect.scoped, uploadClock(client))

/** The texts for all files, each content read and uploaded once. */
const textsOf = Effect.fnUntraced(function*(client: Service, files: ReadonlyMap<object, NamedFile>) {
  const keys = yield* contentKeys([...files.values()])
  const groups = Arr.groupBy(Arr.zip(keys, files), ([key]) => key)
  const texts = yield* Effect.forEach(Object.values(groups), (group) => {
    const [[, [, file]]] = group
    return Effect.map(textOf(client, file), (text) => group.map(([, [value]]) => [value, text] as const))
  }, { concurrency })
  return texts.flat()
})

/**
 * Checks an input, and gives what turns its files into what the API takes: small ones into data URIs, larger ones into
 * URLs of uploads. An input without files is given back as it is.
 *
 * @internal
 */
export const inputFiles = (
  client: Service,
  input: Input
): Effect.Effect<Effect.Effect<Input, ProviderError>, InvalidRequest> =>
  Effect.suspend(() => {
    const { files, issues, urls } = scan(input)
    if (issues.length > 0) return Effect.fail(new InvalidRequest({ provider, issues }))
    if (files.size + urls.size === 0) return Effect.succeed(Effect.succeed(input))
    return Effect.succeed(Effect.map(textsOf(client, files), (texts): Input => {
      const all = new Map<unknown, string>([...urls, ...texts])
      return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, replace(value, all)]))
    }))
  })
