import type * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { InvalidRequest } from "../../ProviderError.js"

const issueOf = (error: unknown): string =>
  error instanceof InvalidRequest
    ? error.issues.map(({ field, message }) => `${field}: ${message}`).join("; ")
    : String(error)

/**
 * The layer of options that come from outside, where they are no defect if they are wrong: what `check` throws is a
 * `ConfigError`.
 *
 * @internal
 */
export const configured = <Options, A, R>(
  config: Config.Config<Options>,
  check: (options: Options) => unknown,
  layer: (options: Options) => Layer.Layer<A, never, R>
): Layer.Layer<A, ConfigError.ConfigError, R> =>
  Layer.unwrapEffect(
    Effect.flatMap(config, (options) =>
      Effect.try({
        try: () => check(options),
        catch: (error) => ConfigError.InvalidData([], issueOf(error))
      }).pipe(Effect.as(layer(options))))
  )
