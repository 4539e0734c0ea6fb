/**
 * Hardware that models run on, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Hardware that models run on.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Hardware extends Schema.Class<Hardware>("effect-providers/replicate/Hardware")({
  name: Schema.String,
  /** What models and deployments name it by. */
  sku: Schema.String
}) {}
