import type * as Duration from "effect/Duration"
import * as Hash from "effect/Hash"
import * as Predicate from "effect/Predicate"
import { PCGRandom } from "effect/Utils"

/**
 * A model's input, as it was sent.
 *
 * @since 0.1.0
 * @category models
 */
export type Input = Readonly<Record<string, unknown>>

/**
 * One thing a model does, `after` the step before it.
 *
 * @since 0.1.0
 * @category models
 */
export type Step =
  & { readonly after: Duration.DurationInput }
  & (
    | { readonly _tag: "Text"; readonly text: string }
    | { readonly _tag: "File"; readonly contentType: string; readonly bytes: () => Uint8Array }
    | { readonly _tag: "Json"; readonly value: unknown }
    | { readonly _tag: "Log"; readonly text: string }
    | { readonly _tag: "Fail"; readonly error: string }
  )

/**
 * One field of a model's input.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly type: "string" | "integer" | "number" | "boolean" | "array" | "object"
  /** Default `false`. */
  readonly required?: boolean | undefined
}

/**
 * A model: what goes in, and a script of what then happens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Model {
  /** `owner/name`. */
  readonly name: string
  /** Shape of the output: a list of text fragments, a list of file URLs, one file URL, or one JSON value. */
  readonly kind: "text" | "files" | "file" | "json"
  /** Version id, 64 hexadecimal digits; one made from the name when absent. */
  readonly version?: string | undefined
  /** Whether it is run without naming a version, which other models are not; default `true`. */
  readonly official?: boolean | undefined
  /** Whether predictions have a stream URL; default `true`. */
  readonly streams?: boolean | undefined
  /** What the input is checked against; fields that are not listed pass. */
  readonly input?: Readonly<Record<string, Field>> | undefined
  /** How long a prediction is `starting`; default 300 ms. */
  readonly boot?: Duration.DurationInput | undefined
  /** The steps, first to last. The same input has to give the same steps. */
  readonly script: (input: Input) => ReadonlyArray<Step>
  readonly description?: string | undefined
  /** The input of the prediction it shows as its example. */
  readonly example?: Input | undefined
  /** How it is trained; a model without cannot be. What is trained does as the model does. */
  readonly training?: Pick<Model, "input" | "script"> | undefined
}

/** @internal */
export interface InvalidField {
  readonly type: string
  readonly field: string
  readonly description: string
}

const typeOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : value === null ? "null" : typeof value

/**
 * What is wrong with an input.
 *
 * @internal
 */
export const invalidFields = (model: Pick<Model, "input">, input: Input): ReadonlyArray<InvalidField> =>
  Object.entries(model.input ?? {}).flatMap(([name, { required = false, type }]) => {
    const value = input[name]
    const field = `input.${name}`
    if (value === undefined) return required ? [{ type: "required", field, description: `${name} is required` }] : []
    const given = typeOf(value)
    return given === type || (type === "number" && given === "integer")
      ? []
      : [{ type: "invalid_type", field, description: `Invalid type. Expected: ${type}, given: ${given}` }]
  })

/** @internal */
export const versionOf = ({ name, version }: Model): string => {
  if (version !== undefined) return version
  const random = new PCGRandom(Hash.string(name))
  return Array.from({ length: 64 }, () => random.integer(16).toString(16)).join("")
}

/** @internal */
export const textField = (input: Input, name: string, fallback: string): string => {
  const value = input[name]
  return Predicate.isString(value) ? value : fallback
}

/** @internal */
export const numberField = (input: Input, name: string, fallback: number): number => {
  const value = input[name]
  return Predicate.isNumber(value) ? value : fallback
}

/**
 * The randomness of a run: the same for the same prompt and seed.
 *
 * @internal
 */
export const randomOf = (input: Input): PCGRandom =>
  new PCGRandom(Hash.string(textField(input, "prompt", "")), numberField(input, "seed", 0))
