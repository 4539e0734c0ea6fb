import type { Http } from "../contenders/ours.js"

/** The layer over `fetch`, which needs nothing of Node. */
export const overFetch = async (): Promise<Http> => (await import("@effect/platform/FetchHttpClient")).layer

/** The layer over undici. */
export const overUndici = async (): Promise<Http> => (await import("@effect/platform-node/NodeHttpClient")).layerUndici

export const official = "replicate 1.4.0"
