/**
 * What a search found, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { CollectionItem } from "./Collection.js"
import { Model } from "./Model.js"
import { optional } from "./Wire.js"

/**
 * What a search found: models, collections of models, and pages of Replicate's documentation.
 *
 * @since 0.1.0
 * @category schemas
 */
export class SearchResult extends Schema.Class<SearchResult>("effect-providers/replicate/SearchResult")({
  /** What was searched for. */
  query: optional(Schema.String),
  models: Schema.Array(Schema.Struct({
    model: Model,
    metadata: optional(Schema.Struct({
      generated_description: optional(Schema.String),
      tags: optional(Schema.Array(Schema.String)),
      /** How well it fits. */
      score: optional(Schema.Number)
    }))
  })),
  collections: Schema.Array(Schema.Struct({
    ...CollectionItem.fields,
    /** `owner/name` of each. */
    models: optional(Schema.Array(Schema.String))
  })),
  pages: Schema.Array(Schema.Struct({ name: optional(Schema.String), href: Schema.String }))
}) {}
