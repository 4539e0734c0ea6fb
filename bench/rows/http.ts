import type { Http } from "../contenders/client.js"

/** The layer over `fetch`, which needs nothing of Node. */
export const overFetch = async (): Promise<Http> => (await import("@effect/platform/FetchHttpClient")).layer

/** The layer over undici. */
export const overUndici = async (): Promise<Http> => (await import("@effect/platform-node/NodeHttpClient")).layerUndici

/** The same with so many connections at most, where it otherwise opens one for each call that is underway. */
export const overPool = async (connections: number): Promise<Http> => {
  const Layer = await import("effect/Layer")
  const NodeHttpClient = await import("@effect/platform-node/NodeHttpClient")
  const { Agent } = await import("@effect/platform-node/Undici")
  return Layer.provide(
    NodeHttpClient.layerUndiciWithoutDispatcher,
    Layer.sync(NodeHttpClient.Dispatcher, () => new Agent({ connections }))
  )
}

export const official = "replicate 1.4.0"
