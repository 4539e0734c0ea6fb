/**
 * Providers by name: what a user typed becomes the provider to ask, and the model to ask for.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fallback from "./Fallback.js"
import { takesAny } from "./internal/fallbackMembers.js"
import { nearest } from "./internal/nearest.js"
import * as ModelCatalog from "./ModelCatalog.js"
import * as Provider from "./Provider.js"
import { InvalidRequest, Issue, ModelNotFound } from "./ProviderError.js"

/**
 * The providers there are. Of two with the same name, the first is found by it; one whose name is blank, by its models
 * only.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProviderRegistry {
  readonly providers: ReadonlyArray<Provider.Service>
}

/**
 * Makes a registry.
 *
 * @example
 * ```ts
 * import type * as Provider from "effect-providers/Provider"
 * import * as ProviderRegistry from "effect-providers/ProviderRegistry"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const answer = (all: ReadonlyArray<Provider.Service>, typed: string) =>
 *   ProviderRegistry.resolve(ProviderRegistry.make(all), typed).pipe(
 *     Effect.map(({ model, provider }) => provider.stream({ model, prompt: "Hi" })),
 *     Stream.unwrap
 *   )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (providers: ReadonlyArray<Provider.Service>): ProviderRegistry => ({ providers })

/**
 * Finds a provider by its name, as it is written.
 *
 * @since 0.1.0
 * @category combinators
 */
export const find = (registry: ProviderRegistry, name: string): Option.Option<Provider.Service> =>
  name.trim() === "" ? Option.none() : Arr.findFirst(registry.providers, (provider) => provider.info.name === name)

/**
 * Which providers will do.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolveOptions {
  /** Asks for outputs that arrive while the model works. */
  readonly stream?: boolean | undefined
  /**
   * Takes a provider also when it is known not to work. What is found then refuses no call for that reason. One that
   * was made with `ignoreWorking` is taken without.
   */
  readonly ignoreWorking?: boolean | undefined
  /** Takes a provider also when it cannot `stream`. */
  readonly ignoreStream?: boolean | undefined
}

/**
 * Whom to ask for what.
 *
 * @since 0.1.0
 * @category models
 */
export interface Choice {
  /** One provider, or several as one, tried in order. */
  readonly provider: Provider.Service
  /** The model to ask for; when absent, the provider's default. */
  readonly model: string | undefined
}

const refusal = ({ ignoreWorking, info }: Provider.Service, options: ResolveOptions): string | undefined =>
  !info.working && ignoreWorking !== true && options.ignoreWorking !== true
    ? `${info.name} is known not to work; resolve it with \`ignoreWorking: true\` to try it all the same`
    : options.stream === true && !info.supportsStream && options.ignoreStream !== true
    ? `${info.name} does not stream; resolve it with \`ignoreStream: true\` to take it all the same`
    : undefined

const unknown = (registry: ProviderRegistry, text: string): ModelNotFound => {
  const known = Arr.dedupe([
    ...registry.providers.map((provider) => provider.info.name),
    ...registry.providers.flatMap(({ catalog }) => ModelCatalog.names(catalog))
  ])
  const detail = "no provider has that name either"
  return new ModelNotFound({ provider: "ProviderRegistry", model: text, known, nearest: nearest(text, known), detail })
}

/** Who may know a model that nobody lists: unless it looks like a slip in a provider's name, or like several words. */
const takersOf = ({ providers }: ProviderRegistry, model: string): ReadonlyArray<Provider.Service> =>
  /^$|\s/.test(model) || nearest(model, providers.map(({ info }) => info.name)) !== undefined
    ? []
    : providers.filter(({ catalog }) => takesAny(catalog))

/** The provider asked all the same, which its own refusal has to know. */
const ignoringWorking = (provider: Provider.Service): Provider.Service => ({
  ...provider,
  stream: (request) => Stream.provideService(provider.stream(request), Provider.IgnoreWorking, true)
})

/**
 * Tells what is meant by the name of a provider, by several names with spaces between, or by the name of a model.
 *
 * Names of providers give these, in order, with their default models; names nobody has are passed over. Otherwise the
 * text is a model, and the providers that list it are tried in the order of the registry. A model that nobody lists is
 * asked of the first provider that will do and takes any model, unless it looks like a slip in the name of a provider.
 *
 * Of several providers, those that do not work or do not stream are left out. Fails with `InvalidRequest` when none is
 * left, and with `ModelNotFound` when nobody knows the text.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resolve = Effect.fnUntraced(function*(
  registry: ProviderRegistry,
  text: string,
  options: ResolveOptions = {}
): Effect.fn.Return<Choice, InvalidRequest | ModelNotFound> {
  const name = text.trim()
  const named = Option.match(find(registry, name), {
    onNone: () => Arr.filterMap(name.split(/\s+/), (word) => find(registry, word)),
    onSome: Arr.of
  })
  const isModel = named.length === 0
  const listing = registry.providers.filter(({ catalog }) => ModelCatalog.names(catalog).includes(name))
  const isGuess = isModel && listing.length === 0
  const meant = isGuess ? takersOf(registry, name) : isModel ? listing : named
  if (meant.length === 0) return yield* unknown(registry, name)

  const refused = Arr.filterMap(meant, (provider) => Option.fromNullable(refusal(provider, options)))
  const willing = meant.filter((provider) => refusal(provider, options) === undefined)
  const usable = isGuess ? willing.slice(0, 1) : willing
  const [first, ...others] = usable
  if (first === undefined) {
    return yield* new InvalidRequest({
      provider: "ProviderRegistry",
      issues: refused.map((message) => new Issue({ field: "", message }))
    })
  }
  const provider = others.length === 0 ? first : yield* Fallback.make(usable)
  return {
    provider: options.ignoreWorking === true ? ignoringWorking(provider) : provider,
    model: isModel ? name : undefined
  }
})
