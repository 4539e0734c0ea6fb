import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Record from "effect/Record"
import type * as Scope from "effect/Scope"
import type { Settings } from "../CallSettings.js"
import type { Api } from "../ReplicateClient.js"
import type { ReplicateConfig } from "../ReplicateConfig.js"
import { answerError, perform } from "./call.js"
import type { Answer } from "./callLog.js"
import { answerOf, type CallRequest, pathOf, requestOf } from "./endpoint.js"
import type { Send } from "./http.js"
import type { Limits } from "./limits.js"
import type { Route } from "./route.js"
import { routes } from "./routes.js"

type Call = (request?: CallRequest) => Effect.Effect<unknown, unknown>

/** What is told of a parameter, also of one that cannot be sent. */
const escaped = (parameter: string): string => Either.getOrElse(Encoding.encodeUriComponent(parameter), () => "")

/** How long `Prefer: wait=n` lets the server hold its answer back. */
const holdOf = (prefer: string | undefined): Duration.Duration =>
  prefer === undefined ? Duration.zero : Duration.seconds(Number(/=(\d+)/.exec(prefer)?.[1] ?? 60))

/**
 * Derives the client from the routes, and puts on every operation what each call needs. `HttpApiClient` does the
 * former for an `HttpApi`, in more steps for a call, and takes no status for a success but those that are declared.
 *
 * @internal
 */
export const derive = (config: ReplicateConfig, limits: Limits, send: Send): Api => {
  const callOf = (group: string, name: string, route: Route): Call => {
    const { method, path, success } = route
    const toRequest = requestOf(route)
    const locate = pathOf(path)
    const read = answerOf(route)
    const description = {
      name: `${group}.${name}`,
      method,
      isSafe: route.isSafe ?? (method === "GET" || method === "DELETE")
    }
    return (request = {}) =>
      Effect.suspend(() => {
        const answered = (scope: Scope.CloseableScope, own: Settings) =>
          Effect.flatMap(toRequest(request), (sent) =>
            Effect.flatMap(send(sent, own, success.contentType), (response) =>
              Effect.mapBoth(read(response, scope), {
                onFailure: answerError,
                onSuccess: (value): Answer<unknown> => [value, response]
              })))
        return perform(config, limits, answered, {
          ...description,
          url: () =>
            config.baseUrl + locate(Record.map(request.path ?? {}, escaped)),
          hold: holdOf(request.headers?.prefer)
        })
      })
  }
  const api = Record.map(
    routes,
    (routes: Readonly<Record<string, Route>>, group) => Record.map(routes, (route, name) => callOf(group, name, route))
  )
  // the maps above visit every route, which is what `Api` is computed from
  return api as unknown as Api
}
