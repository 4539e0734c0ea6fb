import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import { type Model, versionOf } from "./model.js"
import type { Prediction } from "./predictions.js"
import * as Timeline from "./timeline.js"

/** @internal */
export interface Version {
  readonly id: string
  readonly createdAt: number
  readonly model: Model
  /** What makes the version; it is there once that succeeded. */
  readonly training?: Prediction | undefined
}

/** @internal */
export interface Entry {
  /** `owner/name`. */
  readonly name: string
  readonly createdAt: number
  /** Run without naming a version. */
  readonly isOfficial: boolean
  readonly visibility: "public" | "private"
  /** What its owner tells of it: `description`, `readme`, URLs. */
  readonly details: Readonly<Record<string, string | undefined>>
  /** Newest first. */
  readonly versions: ReadonlyArray<Version>
}

/** @internal */
export interface Models {
  /** The oldest first. */
  readonly list: () => ReadonlyArray<Entry>
  readonly byName: (name: string) => Entry | undefined
  readonly put: (entry: Entry) => void
  readonly remove: (name: string) => void
  /** The versions of a model that are there by now, newest first. */
  readonly versions: (entry: Entry) => Effect.Effect<ReadonlyArray<Version>>
  /** What `version` means in a request: a version id, `owner/name:id`, or an official `owner/name`. */
  readonly version: (reference: string) => Effect.Effect<Version | undefined>
}

const isThere = ({ training }: Version): Effect.Effect<boolean> =>
  training === undefined
    ? Effect.succeed(true)
    : Effect.zipWith(
      Ref.get(training.timeline),
      Clock.currentTimeMillis,
      (timeline, now) => Timeline.statusAt(timeline, now) === "succeeded"
    )

const published = (model: Model, createdAt: number): Entry => ({
  name: model.name,
  createdAt,
  isOfficial: model.official ?? true,
  visibility: "public",
  details: { description: model.description, readme: `# ${model.name}\n\n${model.description ?? "A model."}\n` },
  versions: [{ id: versionOf(model), createdAt, model }]
})

/**
 * The models of an emulator: those it begins with, and what becomes of them.
 *
 * @internal
 */
export const make = (models: ReadonlyArray<Model>, createdAt: number): Models => {
  const entries = new Map(models.map((model) => [model.name, published(model, createdAt)]))
  const versions = ({ versions }: Entry) => Effect.filter(versions, isThere)
  return {
    list: () => Array.from(entries.values()),
    byName: (name) => entries.get(name),
    put: (entry) => {
      entries.set(entry.name, entry)
    },
    remove: (name) => {
      entries.delete(name)
    },
    versions,
    version: (reference) => {
      const [first = "", second] = reference.split(":")
      const named = entries.get(first)
      const found = first.includes("/") ? Arr.fromNullable(named) : Array.from(entries.values())
      const id = first.includes("/") ? second : first
      return Effect.map(Effect.forEach(found, versions), (lists) => {
        const all = lists.flat()
        return id === undefined && named?.isOfficial === true ? all[0] : all.find((version) => version.id === id)
      })
    }
  }
}
