import * as Arr from "effect/Array"
import * as ModelCatalog from "../ModelCatalog.js"

/** A catalog that lists nothing takes every name, too. */
const takesAny = (catalog: ModelCatalog.ModelCatalog): boolean =>
  catalog.mode === "lenient" || catalog.text.length + catalog.image.length === 0

const textOf = (catalog: ModelCatalog.ModelCatalog): ReadonlyArray<string> =>
  ModelCatalog.models(catalog).filter((model) => ModelCatalog.kindOf(catalog, model) !== "image")

/**
 * Unites catalogs: every model and alias of each; the defaults of the first that has one.
 *
 * @internal
 */
export const union = (catalogs: ReadonlyArray<ModelCatalog.ModelCatalog>): ModelCatalog.ModelCatalog => {
  const aliases = new Map<string, ReadonlyArray<string>>()
  for (const [alias, target] of catalogs.flatMap((catalog) => Object.entries(catalog.aliases))) {
    aliases.set(alias, Arr.dedupe([...aliases.get(alias) ?? [], ...Arr.ensure(target)]))
  }
  return ModelCatalog.make({
    default: catalogs.find((catalog) => catalog.default !== undefined)?.default,
    defaultImage: catalogs.find((catalog) => catalog.defaultImage !== undefined)?.defaultImage,
    text: Arr.dedupe(catalogs.flatMap(textOf)),
    image: Arr.dedupe(catalogs.flatMap((catalog) => catalog.image)),
    vision: Arr.dedupe(catalogs.flatMap((catalog) => catalog.vision)),
    aliases: Object.fromEntries(aliases),
    mode: catalogs.some(takesAny) ? "lenient" : "strict"
  })
}
