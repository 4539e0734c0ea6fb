import { type Model, versionOf } from "./model.js"

/** @internal */
export interface Catalogue {
  readonly byName: (name: string) => Model | undefined
  /** What `version` means in a request: a version id, `owner/name:id`, or `owner/name`. */
  readonly byReference: (reference: string) => Model | undefined
}

/**
 * The models of an emulator; of those with the same name the last one counts.
 *
 * @internal
 */
export const make = (models: ReadonlyArray<Model>): Catalogue => {
  const byName = new Map(models.map((model) => [model.name, model]))
  const byVersion = new Map(Array.from(byName.values(), (model) => [versionOf(model), model]))
  return {
    byName: (name) => byName.get(name),
    byReference: (reference) => {
      const [name = "", version] = reference.split(":")
      if (!name.includes("/")) return byVersion.get(reference)
      const model = byName.get(name)
      return version === undefined || (model !== undefined && versionOf(model) === version) ? model : undefined
    }
  }
}
