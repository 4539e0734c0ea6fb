/**
 * A version of a model, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { JsonObject, optional } from "./Wire.js"

/**
 * A version of a model.
 *
 * @since 0.1.0
 * @category schemas
 */
export class ModelVersion extends Schema.Class<ModelVersion>("effect-providers/replicate/ModelVersion")({
  id: Schema.NonEmptyString,
  created_at: optional(Schema.DateTimeUtc),
  /** The version of Cog it was built with. */
  cog_version: optional(Schema.String),
  /** An OpenAPI document; `components.schemas` has `Input` and `Output`. */
  openapi_schema: optional(JsonObject)
}) {}
