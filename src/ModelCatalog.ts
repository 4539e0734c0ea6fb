/**
 * The models of a provider: a default, lists by kind, aliases; and how a name a user typed becomes a model.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { nearest } from "./internal/nearest.js"
import { ModelNotFound } from "./ProviderError.js"

/**
 * The models of a provider. Names in `text` and `image` and `vision` are the provider's own; an alias leads to one of
 * them, or to several, of which one is chosen each time.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelCatalog {
  /** Model used when the request names none. */
  readonly default: string | undefined
  /** Image model used when an image is asked for and no model is named. */
  readonly defaultImage: string | undefined
  readonly text: ReadonlyArray<string>
  readonly image: ReadonlyArray<string>
  /** Text models that also read images. */
  readonly vision: ReadonlyArray<string>
  readonly aliases: Readonly<Record<string, string | ReadonlyArray<string>>>
  /** `strict` refuses names that are neither listed nor an alias; `lenient` takes them as they are. */
  readonly mode: "strict" | "lenient"
}

/**
 * What makes a catalog: any of its fields.
 *
 * @since 0.1.0
 * @category models
 */
export type MakeOptions = { readonly [K in keyof ModelCatalog]?: ModelCatalog[K] | undefined }

/**
 * Makes a catalog. What is left out is empty; the mode is `strict`; a default that is an image model is the default
 * image model too.
 *
 * @example
 * ```ts
 * import * as ModelCatalog from "effect-providers/ModelCatalog"
 *
 * const catalog: ModelCatalog.ModelCatalog = ModelCatalog.make({
 *   default: "google-deepmind/gemma-2b-it",
 *   text: ["google-deepmind/gemma-2b-it"],
 *   image: ["bytedance/sdxl-lightning-4step"],
 *   aliases: { sdxl: "bytedance/sdxl-lightning-4step" }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: MakeOptions): ModelCatalog => ({
  default: options.default,
  defaultImage: options.defaultImage ?? options.image?.find((model) => model === options.default),
  text: options.text ?? [],
  image: options.image ?? [],
  vision: options.vision ?? [],
  aliases: options.aliases ?? {},
  mode: options.mode ?? "strict"
})

/**
 * Lists the models, each once: text models first, then image models. With neither listed, the default alone.
 *
 * @since 0.1.0
 * @category combinators
 */
export const models = (catalog: ModelCatalog): ReadonlyArray<string> =>
  isListed(catalog) ? [...new Set([...catalog.text, ...catalog.image])] : Arr.fromNullable(catalog.default)

const isListed = (catalog: ModelCatalog): boolean => catalog.text.length + catalog.image.length > 0

/**
 * Lists every name a strict catalog takes, each once: the models, then the aliases.
 *
 * @since 0.1.0
 * @category combinators
 */
export const names = (catalog: ModelCatalog): ReadonlyArray<string> => [
  ...new Set([
    ...models(catalog),
    ...catalog.vision,
    ...Arr.fromNullable(catalog.default),
    ...Arr.fromNullable(catalog.defaultImage),
    ...Object.values(catalog.aliases).flat(),
    ...Object.keys(catalog.aliases)
  ])
]

/**
 * Says what a model of the catalog makes; `undefined` for a name it does not list. A model that makes both is a text
 * model. Takes a resolved name, not an alias.
 *
 * @since 0.1.0
 * @category combinators
 */
export const kindOf = (catalog: ModelCatalog, model: string): "text" | "image" | undefined =>
  catalog.text.includes(model) || catalog.vision.includes(model)
    ? "text"
    : catalog.image.includes(model)
    ? "image"
    : undefined

/**
 * What to resolve, and for which provider the error speaks.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolveOptions {
  readonly provider: string
  /** The name asked for; the default model when absent or empty. */
  readonly model?: string | undefined
  /** Which default is meant: the image model for `image`. A named model may be of either kind. */
  readonly kind?: "text" | "image" | undefined
}

/**
 * Gives the provider's own name of the model asked for. Of an alias with several targets, `Random` chooses one.
 *
 * Fails with `ModelNotFound` when the name is unknown to a strict catalog that lists models, or when no model is named
 * and there is no default.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resolve = (catalog: ModelCatalog, options: ResolveOptions): Effect.Effect<string, ModelNotFound> => {
  const { kind = "text", provider } = options
  const name = options.model || (kind === "image" ? catalog.defaultImage : catalog.default)
  if (name === undefined || name === "") {
    const detail = `no model was named, and there is no default ${kind} model`
    return Effect.fail(new ModelNotFound({ provider, model: "", known: names(catalog), detail }))
  }
  const targets = targetsOf(catalog, name)
  if (Arr.isNonEmptyReadonlyArray(targets)) {
    return targets.length === 1 ? Effect.succeed(targets[0]) : Random.choice(targets)
  }
  if (catalog.mode === "lenient" || !isListed(catalog) || kindOf(catalog, name) !== undefined) {
    return Effect.succeed(name)
  }
  const known = names(catalog)
  return known.includes(name)
    ? Effect.succeed(name)
    : Effect.fail(new ModelNotFound({ provider, model: name, known, nearest: nearest(name, known) }))
}

/** An alias is an own key: `constructor` is none. */
const targetsOf = (catalog: ModelCatalog, name: string): ReadonlyArray<string> =>
  Object.hasOwn(catalog.aliases, name) ? Arr.ensure(catalog.aliases[name] ?? []) : []
