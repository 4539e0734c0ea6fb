import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Memo from "../../internal/memo.js"
import type { ProviderError } from "../../ProviderError.js"
import { CallSettings } from "../CallSettings.js"
import type { ModelRef } from "../ModelRef.js"
import type { Api } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { currentToken } from "./http.js"
import { isUnstreamable } from "./streamable.js"

interface Key {
  readonly owner: string
  readonly name: string
  /** Not everybody sees every model. A `Redacted` compares by its value, and never prints it. */
  readonly token: Option.Option<Redacted.Redacted<string>>
}

/**
 * What is known of the latest version of a model.
 *
 * @internal
 */
export interface Latest {
  /** What is run for the model. */
  readonly ref: ModelRef
  /** It says of itself that it gives no stream. */
  readonly isUnstreamable: boolean
}

/**
 * Makes the way from a model to its latest version; see `ReplicateClient.Service`.
 *
 * @internal
 */
export const makeLatest = (config: ReplicateConfig, { models }: Api) => {
  const read = ({ name, owner }: Omit<Key, "token">): Effect.Effect<Latest, ProviderError> =>
    Effect.map(
      models.get({ path: { model_owner: owner, model_name: name } }),
      ({ is_official, latest_version: latest }) => ({
        ref: is_official === true || latest === undefined
          ? { _tag: "Model", owner, name }
          : { _tag: "Version", owner, name, version: latest.id },
        isUnstreamable: latest !== undefined && isUnstreamable(latest)
      })
    )
  const known = Memo.make((key: Key) => read(key), "5 minutes")
  return ({ name, owner }: Omit<Key, "token">): Effect.Effect<Latest, ProviderError> =>
    Effect.flatMap(CallSettings, ({ headers }) =>
      // headers can say who asks, as a token does
      headers === undefined
        ? Effect.flatMap(currentToken(config), (token) => known(Data.struct({ owner, name, token })))
        : read({ owner, name }))
}
