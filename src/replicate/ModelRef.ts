/**
 * What can be run: a model, a version of it, a bare version id, or a deployment.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"

/**
 * A reference to what is run. `Model` runs the model's current version (official models); `Version` runs exactly one;
 * `Deployment` runs what its current release says, on the instances of its owner.
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
  | { readonly _tag: "Deployment"; readonly owner: string; readonly name: string }

/**
 * A reference, or its text as `parse` reads it.
 *
 * @since 0.1.0
 * @category models
 */
export type Input = ModelRef | string

const slug = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i
const hash = /^[0-9a-f]{64}$/i
/** Also with a tab of the page, which shows another side of the same model or version. */
const modelPage =
  /^https?:\/\/(?:www\.)?replicate\.com\/([^/?#]+)\/([^/?#]+?)(?:\/versions\/([^/?#]+))?(?:\/(?:api(?:\/[\w-]+)*|examples|readme|versions))?\/?(?:[?#].*)?$/i
/** What replicate.com has in the place of owners: predictions and collections. */
const noOwner = /^(?:p|collections)$/i
const deploymentPage =
  /^https?:\/\/(?:www\.)?replicate\.com\/deployments\/([^/?#]+)\/([^/?#]+)(?:\/[\w-]+)*\/?(?:[?#].*)?$/i
const deploymentText = /^deployments\/([^/]*)\/(.*)$/s

type Parsed = Either.Either<ModelRef, string>

const wrong = (what: string, text: string, expected: string) =>
  Either.left(`the ${what} ${JSON.stringify(text)} is not ${expected}`)

const versioned = (version: string, model: { readonly owner?: string; readonly name?: string } = {}): Parsed =>
  hash.test(version)
    ? Either.right({ _tag: "Version", ...model, version })
    : wrong("version", version, "an id of 64 hexadecimal digits")

const named = (what: string, ref: Extract<ModelRef, { readonly _tag: "Model" | "Deployment" }>): Parsed => {
  if (!slug.test(ref.owner)) return wrong("owner", ref.owner, "a valid name")
  // replicate.com has its deployments there, so that nobody has the name
  if (ref.owner === "deployments") return wrong("owner", ref.owner, "anybody: a deployment is deployments/owner/name")
  return slug.test(ref.name) ? Either.right(ref) : wrong(`${what} name`, ref.name, "a valid name")
}

const model = (owner: string, name: string): Parsed => named("model", { _tag: "Model", owner, name })

const deployment = (owner: string, name: string): Parsed => named("deployment", { _tag: "Deployment", owner, name })

const version = (owner: string, name: string, id: string): Parsed =>
  Either.flatMap(model(owner, name), () => versioned(id, { owner, name }))

/**
 * Reads a reference: `owner/name`, `owner/name:version`, a version id, `deployments/owner/name`, or the page of the
 * model, the version or the deployment on replicate.com. What it rejects, it rejects with the reason.
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
  if (hash.test(text)) return versioned(text)
  const deployed = deploymentPage.exec(text) ?? deploymentText.exec(text)
  if (deployed !== null) return deployment(deployed[1] ?? "", deployed[2] ?? "")
  const page = modelPage.exec(text)
  if (page !== null && !noOwner.test(page[1] ?? "")) {
    const [, owner = "", name = "", id] = page
    return id === undefined ? model(owner, name) : version(owner, name, id)
  }
  // not with its text, which may hold a key
  if (text.includes("://")) return Either.left("the URL is not the page of a model, a version or a deployment")
  const slash = text.indexOf("/")
  if (slash < 0) {
    return Either.left(
      `${JSON.stringify(text)} is neither owner/name, owner/name:version, a version id nor deployments/owner/name`
    )
  }
  const owner = text.slice(0, slash)
  const colon = text.indexOf(":", slash)
  return colon < 0
    ? model(owner, text.slice(slash + 1))
    : version(owner, text.slice(slash + 1, colon), text.slice(colon + 1))
}

const isRef = (input: unknown): input is ModelRef =>
  Predicate.hasProperty(input, "_tag") &&
  (input._tag === "Model" || input._tag === "Version" || input._tag === "Deployment")

/**
 * Reads a reference or its text. A reference is checked as a text is: it may be made of what a user typed.
 *
 * @example
 * ```ts
 * import { ModelRef } from "effect-providers/replicate"
 *
 * const ref = ModelRef.decode({ _tag: "Model", owner: "black-forest-labs", name: "flux-schnell" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode = (input: Input): Either.Either<ModelRef, string> => {
  if (typeof input === "string") return parse(input)
  // only programs without types give anything else
  if (!isRef(input)) return Either.left("expected owner/name, or another model reference")
  switch (input._tag) {
    case "Model":
      return model(input.owner, input.name)
    case "Deployment":
      return deployment(input.owner, input.name)
    case "Version":
      return input.owner === undefined || input.name === undefined
        ? versioned(input.version)
        : version(input.owner, input.name, input.version)
  }
}

/**
 * The reference as text: of a model or a version, what the API takes in `version`. A text is given as it is.
 *
 * @since 0.1.0
 * @category combinators
 */
export const format = (input: Input): string => {
  if (!isRef(input)) return String(input)
  switch (input._tag) {
    case "Model":
      return `${input.owner}/${input.name}`
    case "Deployment":
      return `deployments/${input.owner}/${input.name}`
    case "Version":
      return input.owner === undefined || input.name === undefined
        ? input.version
        : `${input.owner}/${input.name}:${input.version}`
  }
}
