import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { pathOf } from "./connection.js"

const window = 60_000

/** Calls a minute the service allows; a prediction may be read far more often than anything else. */
const allowance = (request: HttpServerRequest.HttpServerRequest): number => {
  const path = pathOf(request)
  if (request.method === "POST" && path.endsWith("/predictions")) return 600
  return request.method === "GET" && path.startsWith("/v1/predictions/") ? 60_000 : 3000
}

/** @internal */
export interface RateLimit {
  readonly headers: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<Headers.Headers>
}

/**
 * Counts the calls of each minute, and tells what is left. It refuses none: that is what faults are for.
 *
 * @internal
 */
export const make = (): RateLimit => {
  const used = new Map<number, { readonly window: number; readonly calls: number }>()
  return {
    headers: (request) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const allowed = allowance(request)
        const current = Math.floor(now / window)
        const last = used.get(allowed)
        const calls = last?.window === current ? last.calls + 1 : 1
        used.set(allowed, { window: current, calls })
        return Headers.fromInput({
          "ratelimit-remaining": String(Math.max(0, allowed - calls)),
          "ratelimit-reset": String(Math.ceil(((current + 1) * window - now) / 1000))
        })
      })
  }
}
