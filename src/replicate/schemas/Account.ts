/**
 * A user or an organization, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { optional } from "./Wire.js"

/**
 * A user or an organization.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Account extends Schema.Class<Account>("effect-providers/replicate/Account")({
  /** `user`, `organization`, or a kind this library has not heard of. */
  type: Schema.String,
  username: Schema.String,
  name: optional(Schema.String),
  github_url: optional(Schema.String),
  avatar_url: optional(Schema.String)
}) {}
