/**
 * What a provider accepts, derived from the request's Schema and reported as data, as JSON and as text.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as Str from "effect/String"
import { typeText } from "./internal/typeText.js"

/**
 * One parameter a provider accepts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parameter {
  /** Name of the field in `Provider.Request`, e.g. `maxTokens`. */
  readonly name: string
  /** Type as text, e.g. `number`. */
  readonly type: string
  readonly description: string | undefined
  /** Value used when the field is absent; `undefined` when there is none. */
  readonly default: unknown
  /** A value that would be accepted. */
  readonly example: unknown
}

/**
 * Which fields of a request a provider accepts, and what it uses for those that are absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface FromSchemaOptions<A> {
  /** Names of the fields accepted, in the order to report them. All fields when absent. */
  readonly pick?: ReadonlyArray<keyof A & string> | undefined
  readonly defaults?: { readonly [K in keyof A]?: A[K] | undefined } | undefined
}

/**
 * Derives parameters from the fields of a Schema: their types, and the `description` and first of the `examples` they
 * are annotated with.
 *
 * @example
 * ```ts
 * import * as Parameters from "effect-providers/Parameters"
 * import { Request } from "effect-providers/Request"
 *
 * const parameters: ReadonlyArray<Parameters.Parameter> = Parameters.fromSchema(Request, {
 *   pick: ["model", "messages", "temperature", "timeout"],
 *   defaults: { timeout: "3 minutes" }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSchema = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  options?: FromSchemaOptions<A>
): ReadonlyArray<Parameter> => {
  const defaults: Readonly<Record<string, unknown>> = options?.defaults ?? {}
  const fields = new Map(AST.getPropertySignatures(AST.typeAST(schema.ast)).map((field) => [String(field.name), field]))
  return (options?.pick ?? [...fields.keys()]).flatMap((name) => {
    const field = fields.get(name)
    if (field === undefined) return []
    const annotated = [field, ...withoutUndefined(field.type)]
    return [{
      name,
      type: typeText(field.type),
      description: Option.getOrUndefined(Option.firstSomeOf(annotated.map(AST.getDescriptionAnnotation))),
      default: defaults[name],
      example: Option.getOrUndefined(Option.firstSomeOf(annotated.map(AST.getExamplesAnnotation)))?.[0]
    }]
  })
}

/** The type of an optional field is a union with `undefined`, and the annotations are on the member beside it. */
const withoutUndefined = (ast: AST.AST): ReadonlyArray<AST.AST> =>
  AST.isUnion(ast) ? ast.types.filter((type) => !AST.isUndefinedKeyword(type)) : [ast]

/**
 * What a report says about the provider itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reported {
  readonly name: string
  readonly defaultModel?: string | undefined
  readonly supportsStream: boolean
  readonly supportsSystemMessage: boolean
}

/** The parameters that gpt4free reports to others. It keeps headers and free-form inputs to itself. */
const reported = new Set([
  "model",
  "messages",
  "stream",
  "timeout",
  "proxy",
  "media",
  "response_format",
  "prompt",
  "negative_prompt",
  "tools",
  "conversation",
  "history_disabled",
  "temperature",
  "top_k",
  "top_p",
  "frequency_penalty",
  "presence_penalty",
  "max_tokens",
  "stop",
  "api_key",
  "api_base",
  "seed",
  "width",
  "height",
  "max_retries",
  "web_search",
  "guidance_scale",
  "num_inference_steps",
  "randomize_seed",
  "safe",
  "enhance",
  "private",
  "aspect_ratio",
  "n"
])

/** What gpt4free reports for a provider that says nothing. */
const basics = {
  messages: [],
  timeout: 0,
  response_format: null,
  max_tokens: 4096,
  stop: ["stop1", "stop2"]
}

/**
 * Reports parameters as the JSON object that readers of gpt4free's `get_parameters` expect: snake_case names, for each
 * its default, else an example, else `null`; durations in seconds. Names those readers do not know are left out.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toJson = (parameters: ReadonlyArray<Parameter>, info: Reported): Readonly<Record<string, unknown>> => {
  const values = parameters
    .map((parameter) => [Str.camelToSnake(parameter.name), jsonValue(parameter, info)] as const)
    .filter(([name]) => reported.has(name))
  return {
    ...basics,
    ...Object.fromEntries(values),
    provider: info.name,
    model: info.defaultModel ?? "",
    stream: info.supportsStream
  }
}

const jsonValue = (parameter: Parameter, info: Reported): unknown => {
  const value = parameter.default ?? parameter.example ?? null
  if (parameter.name === "messages" && Array.isArray(value) && !info.supportsSystemMessage) return value.slice(-1)
  return Option.match(duration(parameter, value), { onNone: () => value, onSome: Duration.toSeconds })
}

/**
 * Reports parameters as text for a person: a line `name: type = default` each, by the names of the request's fields.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toText = (parameters: ReadonlyArray<Parameter>, info: Reported): string => {
  const lines = parameters.map((parameter) => {
    const value = parameter.name === "model" ? info.defaultModel : parameter.default
    const text = Option.match(duration(parameter, value), {
      onNone: () => JSON.stringify(value),
      onSome: Duration.format
    })
    return `\n    ${parameter.name}: ${parameter.type}${value === undefined ? "" : ` = ${text}`},`
  })
  return `${info.name} supports: (${lines.join("")}\n)`
}

const duration = (parameter: Parameter, value: unknown): Option.Option<Duration.Duration> =>
  parameter.type === "Duration" ? Duration.decodeUnknown(value) : Option.none()
