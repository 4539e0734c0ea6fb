/**
 * What can be run: a model, a version of it, or a bare version id.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"

/**
 * A reference to what is run. `Model` runs the model's current version (official models); `Version` runs exactly one.
 *
 * @since 0.1.0
 * @category models
 */
export type ModelRef =
  | { readonly _tag: "Model"; readonly owner: string; readonly name: string }
  | {
    readonly _tag: "Version"
    readonly version: string
    readonly owner?: string | undefined
    readonly name?: string | undefined
  }

const slug = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i
const hash = /^[0-9a-f]{64}$/i
const page = /^https?:\/\/(?:www\.)?replicate\.com\/([^/?#]+)\/([^/?#]+?)(?:\/versions\/([^/?#]+))?\/?(?:[?#].*)?$/i

const checked = (owner: string, name: string, version: string | undefined): Either.Either<ModelRef, string> => {
  if (!slug.test(owner)) return Either.left(`the owner ${JSON.stringify(owner)} is not a valid name`)
  if (!slug.test(name)) return Either.left(`the model name ${JSON.stringify(name)} is not a valid name`)
  if (version === undefined) return Either.right({ _tag: "Model", owner, name })
  return hash.test(version)
    ? Either.right({ _tag: "Version", owner, name, version })
    : Either.left(`the version ${JSON.stringify(version)} is not an id of 64 hexadecimal digits`)
}

/**
 * Reads a reference: `owner/name`, `owner/name:version`, a version id, or the model's page on replicate.com. What it
 * rejects, it rejects with the reason.
 *
 * @example
 * ```ts
 * import { ModelRef } from "effect-providers/replicate"
 *
 * const ref = ModelRef.parse("black-forest-labs/flux-schnell")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string): Either.Either<ModelRef, string> => {
  if (hash.test(text)) return Either.right({ _tag: "Version", version: text })
  const url = page.exec(text)
  if (url !== null) return checked(url[1] ?? "", url[2] ?? "", url[3])
  const slash = text.indexOf("/")
  if (slash < 0) {
    return Either.left(`${JSON.stringify(text)} is neither owner/name, owner/name:version nor a version id`)
  }
  const colon = text.indexOf(":", slash)
  return checked(
    text.slice(0, slash),
    text.slice(slash + 1, colon < 0 ? undefined : colon),
    colon < 0 ? undefined : text.slice(colon + 1)
  )
}

/**
 * The reference as text, as the API takes it in `version`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const format = (ref: ModelRef): string => {
  if (ref._tag === "Model") return `${ref.owner}/${ref.name}`
  return ref.owner === undefined || ref.name === undefined ? ref.version : `${ref.owner}/${ref.name}:${ref.version}`
}
