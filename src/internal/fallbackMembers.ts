import * as Arr from "effect/Array"
import * as ModelCatalog from "../ModelCatalog.js"
import type { Parameter } from "../Parameters.js"

/**
 * A catalog that lists nothing takes every name, too.
 *
 * @internal
 */
export const takesAny = (catalog: ModelCatalog.ModelCatalog): boolean =>
  catalog.mode === "lenient" || catalog.text.length + catalog.image.length === 0

const textOf = (catalog: ModelCatalog.ModelCatalog): ReadonlyArray<string> =>
  ModelCatalog.models(catalog).filter((model) => ModelCatalog.kindOf(catalog, model) !== "image")

/** Unites catalogs: every model and alias of each; the defaults of the first that has one. */
const union = (catalogs: ReadonlyArray<ModelCatalog.ModelCatalog>): ModelCatalog.ModelCatalog => {
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

interface Info {
  readonly name: string
  readonly url: string
  readonly working: boolean
  readonly needsAuth: boolean
  readonly supportsStream: boolean
  readonly supportsSystemMessage: boolean
  readonly supportsMessageHistory: boolean
}

interface Member<M> {
  readonly info: Info
  readonly catalog: ModelCatalog.ModelCatalog
  readonly parameters: ReadonlyArray<Parameter>
  readonly ignoreWorking?: boolean | undefined
  readonly members?: ReadonlyArray<M> | undefined
}

const infoOf = (name: string, infos: ReadonlyArray<Info>): Info => ({
  name,
  url: infos[0]?.url ?? "",
  working: infos.some((info) => info.working),
  needsAuth: infos.every((info) => info.needsAuth),
  supportsStream: infos.every((info) => info.supportsStream),
  supportsSystemMessage: infos.every((info) => info.supportsSystemMessage),
  supportsMessageHistory: infos.every((info) => info.supportsMessageHistory)
})

/**
 * What is known of several as one.
 *
 * @internal
 */
export const describe = <M extends Member<M>>(name: string, members: ReadonlyArray<M>) => ({
  info: infoOf(name, members.map((member) => member.info)),
  members,
  ignoreWorking: members.some((member) => member.ignoreWorking === true),
  catalog: union(members.map((member) => member.catalog)),
  parameters: Arr.dedupeWith(members.flatMap((member) => member.parameters), (a, b) => a.name === b.name)
})

/**
 * The providers without those left out, at every depth.
 *
 * @internal
 */
export const without = <M extends Member<M>>(
  providers: ReadonlyArray<M>,
  leavesOut: (provider: M) => boolean
): ReadonlyArray<M> =>
  providers.filter((provider) => !leavesOut(provider)).map((provider) => {
    const all = provider.members ?? []
    const members = without(all, leavesOut)
    return members.length === all.length && members.every((member, at) => member === all[at])
      ? provider
      : { ...provider, ...describe(provider.info.name, members) }
  })
