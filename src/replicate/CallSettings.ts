/**
 * What single calls want otherwise than their layer has it: another token, other headers, another connect clock.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Redacted from "effect/Redacted"

/**
 * What single calls want otherwise than their layer has it; what is absent stays as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly token?: Redacted.Redacted<string> | undefined
  /** Headers sent to the API instead of the defaults; the token's is added. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly connectTimeout?: Duration.Duration | undefined
}

/**
 * The settings in force. Each fiber has its own: calls that run at the same time never see each other's.
 *
 * @since 0.1.0
 * @category context
 */
export class CallSettings extends Context.Reference<CallSettings>()("effect-providers/replicate/CallSettings", {
  defaultValue: (): Settings => ({})
}) {}

/**
 * Uses other settings for the calls made inside.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { CallSettings, Prediction } from "effect-providers/replicate"
 *
 * const prediction = Prediction.get("gm3qorzdhgbfurvjtvhg6dckhu").pipe(
 *   CallSettings.withSettings({ token: Redacted.make("r8_example") })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSettings: {
  (settings: Settings): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, settings: Settings): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, settings: Settings) =>
    Effect.flatMap(CallSettings, (outer) =>
      Effect.provideService(self, CallSettings, {
        token: settings.token ?? outer.token,
        headers: settings.headers ?? outer.headers,
        connectTimeout: settings.connectTimeout ?? outer.connectTimeout
      }))
)
