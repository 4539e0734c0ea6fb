import * as Arr from "effect/Array"
import type { DeploymentRequest } from "../../replicate/schemas/Deployment.js"
import { account } from "./state.js"
import { timestamp } from "./wire.js"

/** @internal */
export interface Deployment {
  readonly name: string
  /** Counts up with each change. */
  readonly number: number
  readonly releasedAt: number
  readonly release: Omit<typeof DeploymentRequest.Type, "name">
}

/** @internal */
export interface Deployments {
  /** Newest first. */
  readonly list: () => ReadonlyArray<Deployment>
  readonly get: (owner: string, name: string) => Deployment | undefined
  readonly put: (deployment: Deployment) => void
  readonly remove: (name: string) => void
}

/** @internal */
export const make = (): Deployments => {
  const byName = new Map<string, Deployment>()
  return {
    list: () => Arr.reverse(byName.values()),
    get: (owner, name) => owner === account.username ? byName.get(name) : undefined,
    put: (deployment) => {
      byName.set(deployment.name, deployment)
    },
    remove: (name) => {
      byName.delete(name)
    }
  }
}

/**
 * A deployment as the service writes it.
 *
 * @internal
 */
export const encode = ({ name, number, release, releasedAt }: Deployment) => ({
  owner: account.username,
  name,
  current_release: {
    number,
    model: release.model,
    version: release.version,
    created_at: timestamp(releasedAt, name, 6),
    created_by: account,
    configuration: {
      hardware: release.hardware,
      min_instances: release.min_instances,
      max_instances: release.max_instances
    }
  }
})
