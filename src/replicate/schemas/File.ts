/**
 * An uploaded file, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { JsonObject, optional } from "./Wire.js"

/**
 * An uploaded file. Its bytes are elsewhere: models read them, and who has a signed link.
 *
 * @since 0.1.0
 * @category schemas
 */
export class FileResource extends Schema.Class<FileResource>("effect-providers/replicate/FileResource")({
  id: Schema.NonEmptyString,
  name: optional(Schema.String),
  content_type: optional(Schema.String),
  /** In bytes. */
  size: optional(Schema.Number),
  /** By algorithm, in hexadecimal digits: `sha256`. */
  checksums: optional(JsonObject),
  etag: optional(Schema.String),
  metadata: optional(JsonObject),
  created_at: optional(Schema.DateTimeUtc),
  /** A day after the upload. */
  expires_at: optional(Schema.DateTimeUtc),
  urls: optional(Schema.Struct({
    /** What a model's input names the file by. */
    get: optional(Schema.String)
  }))
}) {}
