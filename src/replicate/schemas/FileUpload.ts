/**
 * The form that uploads a file to Replicate's API, as a server reads it.
 *
 * @since 0.1.0
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Multipart from "@effect/platform/Multipart"
import * as Schema from "effect/Schema"

/**
 * The form that uploads a file, 100 MiB (104,857,600 bytes) at most.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FileUpload = HttpApiSchema.Multipart(Schema.Struct({
  content: Multipart.SingleFileSchema,
  filename: Schema.optional(Schema.String),
  /** MIME type. */
  type: Schema.optional(Schema.String),
  /** JSON. */
  metadata: Schema.optional(Schema.String)
}))
