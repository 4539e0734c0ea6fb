/**
 * A deployment as Replicate's API gives it, and the bodies that create and change one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Account } from "./Account.js"
import { optional } from "./Wire.js"

/**
 * A deployment: a model kept ready by its owner, on hardware of their choice.
 *
 * @since 0.1.0
 * @category schemas
 */
export class Deployment extends Schema.Class<Deployment>("effect-providers/replicate/Deployment")({
  owner: Schema.NonEmptyString,
  name: Schema.NonEmptyString,
  current_release: optional(Schema.Struct({
    /** Counts up with each change. */
    number: optional(Schema.Number),
    /** `owner/name`. */
    model: optional(Schema.String),
    version: optional(Schema.String),
    created_at: optional(Schema.DateTimeUtc),
    created_by: optional(Account),
    configuration: optional(Schema.Struct({
      hardware: optional(Schema.String),
      min_instances: optional(Schema.Number),
      max_instances: optional(Schema.Number)
    }))
  }))
}) {}

/**
 * The body that creates a deployment.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DeploymentRequest = Schema.Struct({
  name: Schema.String,
  /** `owner/name`. */
  model: Schema.String,
  /** A version id. */
  version: Schema.String,
  /** The `sku` of a hardware. */
  hardware: Schema.String,
  /** Instances that are kept running, from 0. */
  min_instances: Schema.NonNegativeInt,
  max_instances: Schema.NonNegativeInt
})

/**
 * The body that changes a deployment; what is absent stays as it is. With no instances at most, it is switched off.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DeploymentUpdate = Schema.Struct({
  version: Schema.optional(Schema.String),
  hardware: Schema.optional(Schema.String),
  min_instances: Schema.optional(Schema.NonNegativeInt),
  max_instances: Schema.optional(Schema.NonNegativeInt)
})
