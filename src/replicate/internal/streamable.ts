import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { toJson } from "../../internal/errorBody.js"
import type { ProviderError } from "../../ProviderError.js"
import * as ModelRef from "../ModelRef.js"
import type { Service } from "../ReplicateClient.js"
import type { ModelVersion } from "../schemas/ModelVersion.js"

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce((value, key) => Predicate.hasProperty(value, key) ? value[key] : undefined, value)

/** Cog marks iterators since 0.3.9, as its source tells: before, any list may be one. */
const marksIterators = (cogVersion: string | undefined): boolean => {
  const [, major = 0, minor = 0, patch = 0] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(cogVersion ?? "")?.map(Number) ?? []
  return major > 0 || minor > 3 || (minor === 3 && patch >= 9)
}

/**
 * Whether a version says of itself that it gives no stream. What streams is an iterator, and files, which Replicate
 * streams whatever they stand in; a schema that is not understood says nothing.
 *
 * @internal
 */
export const isUnstreamable = ({ cog_version, openapi_schema }: ModelVersion): boolean => {
  const output = at(openapi_schema, "components", "schemas", "Output")
  const type = at(output, "type")
  if (typeof type !== "string") return false
  if (type === "array" && (at(output, "x-cog-array-type") === "iterator" || !marksIterators(cog_version))) return false
  // what is nested too deep for JSON is not understood either
  return Option.match(Option.all([toJson(output), toJson(openapi_schema)]), {
    onNone: () => false,
    onSome: ([output, all]) => !/"(?:format":"uri|\$ref":)/.test(output) && !all.includes("\"x-cog-streaming\":true")
  })
}

type Found = Effect.Effect<Option.Option<ModelVersion>, ProviderError>

const versionOf = (client: Service, model: string): Found =>
  Either.match(ModelRef.parse(model), { onLeft: () => Effect.succeedNone, onRight: (ref) => read(client, ref) })

/** Reads the version that a reference runs. */
const read = (client: Service, ref: ModelRef.ModelRef): Found => {
  const { api } = client
  const { name, owner } = ref
  // a bare version id cannot be looked up
  if (owner === undefined || name === undefined) return Effect.succeedNone
  switch (ref._tag) {
    case "Model":
      return Effect.map(
        api.models.get({ path: { model_owner: owner, model_name: name } }),
        (model) => Option.fromNullable(model.latest_version)
      )
    case "Version":
      return Effect.asSome(
        api.models.getVersion({ path: { model_owner: owner, model_name: name, version_id: ref.version } })
      )
    case "Deployment":
      return Effect.flatMap(
        api.deployments.get({ path: { deployment_owner: owner, deployment_name: name } }),
        ({ current_release: release }) =>
          release?.model === undefined || release.version === undefined
            ? Effect.succeedNone
            : versionOf(client, `${release.model}:${release.version}`)
      )
  }
}

/**
 * Whether a model says that it gives no stream. That it could not be read is no reason to refuse it. `isLatest` says
 * that a model without a version is run by its latest one, which is known then.
 *
 * @internal
 */
export const saysUnstreamable = (client: Service, model: string, isLatest: boolean): Effect.Effect<boolean> => {
  const ref = Option.getRight(ModelRef.parse(model))
  const said = Option.isSome(ref) && ref.value._tag === "Model" && isLatest
    ? Effect.map(client.latest(ref.value), ({ isUnstreamable }) => isUnstreamable)
    : Effect.map(versionOf(client, model), Option.exists(isUnstreamable))
  return Effect.orElseSucceed(said, () => false)
}
