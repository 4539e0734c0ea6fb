/**
 * A collection of models, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Model } from "./Model.js"
import { optional } from "./Wire.js"

/**
 * A collection of models, as it stands in a list.
 *
 * @since 0.1.0
 * @category schemas
 */
export class CollectionItem extends Schema.Class<CollectionItem>("effect-providers/replicate/CollectionItem")({
  slug: Schema.NonEmptyString,
  name: optional(Schema.String),
  description: optional(Schema.String)
}) {}

/**
 * A collection of models, whole.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Collection extends CollectionItem.extend<Collection>("effect-providers/replicate/Collection")({
  /** Markdown. */
  full_description: optional(Schema.String),
  models: Schema.Array(Model)
}) {}
