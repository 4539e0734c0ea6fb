/**
 * The secret that webhooks are signed with, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The secret that webhooks are signed with.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Secret extends Schema.Class<Secret>("effect-providers/replicate/Secret")({
  /** `whsec_`, then the key in base64. */
  key: Schema.Redacted(Schema.String)
}) {}
