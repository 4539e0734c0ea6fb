import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { ProviderError } from "../../ProviderError.js"
import type { SendOptions } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { answerError, perform } from "./call.js"
import { readJson } from "./endpoint.js"
import type { Send } from "./http.js"
import type { Limits } from "./limits.js"

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "QUERY"])

/**
 * Makes the way by which requests go that the declared API does not know.
 *
 * @internal
 */
export const makeSend = (config: ReplicateConfig, limits: Limits, send: Send) =>
<A, I>(
  request: HttpClientRequest.HttpClientRequest,
  answer: Schema.Schema<A, I>,
  options: SendOptions = {}
): Effect.Effect<A, ProviderError> =>
  Effect.suspend(() =>
    perform(
      config,
      limits,
      (_scope, own) =>
        Effect.flatMap(
          send(request, own),
          (response) =>
            Effect.mapBoth(readJson(answer, null)(response), {
              onFailure: answerError,
              onSuccess: (value) => [value, response] as const
            })
        ),
      {
        name: options.name ?? "send",
        method: request.method,
        url: () => request.url.startsWith("/") ? `${config.baseUrl}${request.url}` : request.url,
        isSafe: options.while !== undefined || safeMethods.has(request.method),
        while: options.while,
        hold: options.hold
      }
    )
  )
