/**
 * A model as Replicate's API gives it, and the bodies that create and change one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { PredictionFromJson } from "../internal/fromJson.js"
import { ModelVersion } from "./ModelVersion.js"
import { optional } from "./Wire.js"

/**
 * A model.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Model extends Schema.Class<Model>("effect-providers/replicate/Model")({
  owner: Schema.NonEmptyString,
  name: Schema.NonEmptyString,
  /** Its page on replicate.com. */
  url: optional(Schema.String),
  description: optional(Schema.String),
  /** `public`, `private`, or a kind this library has not heard of. */
  visibility: optional(Schema.String),
  /** Maintained by Replicate: always on, and run without naming a version. */
  is_official: optional(Schema.Boolean),
  run_count: optional(Schema.Number),
  created_at: optional(Schema.DateTimeUtc),
  github_url: optional(Schema.String),
  paper_url: optional(Schema.String),
  weights_url: optional(Schema.String),
  license_url: optional(Schema.String),
  cover_image_url: optional(Schema.String),
  default_example: optional(PredictionFromJson),
  latest_version: optional(ModelVersion)
}) {
  /** `owner/name`. */
  get fullName(): string {
    return `${this.owner}/${this.name}`
  }
}

/**
 * The body that creates a model.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelRequest = Schema.Struct({
  owner: Schema.String,
  name: Schema.String,
  visibility: Schema.Literal("public", "private"),
  /** The `sku` of a hardware. */
  hardware: Schema.String,
  description: Schema.optional(Schema.String),
  github_url: Schema.optional(Schema.String),
  paper_url: Schema.optional(Schema.String),
  license_url: Schema.optional(Schema.String),
  cover_image_url: Schema.optional(Schema.String)
})

/**
 * The body that changes a model; what is absent stays as it is.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelUpdate = Schema.Struct({
  description: Schema.optional(Schema.String),
  /** Markdown. */
  readme: Schema.optional(Schema.String),
  github_url: Schema.optional(Schema.String),
  paper_url: Schema.optional(Schema.String),
  weights_url: Schema.optional(Schema.String),
  license_url: Schema.optional(Schema.String)
})
