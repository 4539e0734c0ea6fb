import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type { Service } from "../ReplicateEmulator.js"
import { pathOf } from "./connection.js"
import * as FaultRequest from "./faultRequest.js"
import { readBody } from "./predictionRequest.js"
import { notFound } from "./problem.js"
import { json } from "./state.js"

interface Route {
  readonly method: string
  readonly path: string
  readonly about: string
  readonly answer: (
    emulator: Service,
    request: HttpServerRequest.HttpServerRequest
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, HttpServerResponse.HttpServerResponse>
}

const prefix = "/__emulator/"

const done = HttpServerResponse.empty()

/**
 * The routes that look at the emulator and change what it does, which need no token and are not logged.
 *
 * @internal
 */
export const routes: ReadonlyArray<Route> = [
  {
    method: "POST",
    path: `${prefix}faults`,
    about: "makes the next requests that match go wrong: { matcher, fault, times? }",
    answer: ({ fail }, request) =>
      Effect.gen(function*() {
        const { fault, matcher, times = 1 } = yield* readBody(request, FaultRequest.FaultRequest)
        yield* fail(matcher, fault, times)
        return HttpServerResponse.unsafeJson(FaultRequest.encode({ matcher, fault, left: times }), { status: 201 })
      })
  },
  {
    method: "GET",
    path: `${prefix}faults`,
    about: "the faults still to come, oldest first",
    answer: ({ faults }) => json(Effect.map(faults, (armed) => armed.map(FaultRequest.encode)))
  },
  {
    method: "DELETE",
    path: `${prefix}faults`,
    about: "forgets them",
    answer: ({ disarm }) => Effect.as(disarm, done)
  },
  {
    method: "GET",
    path: `${prefix}requests`,
    about: "the requests that arrived, first to last",
    answer: ({ requests }) => json(requests)
  },
  {
    method: "GET",
    path: `${prefix}streams`,
    about: "the streams that were opened, first to last",
    answer: ({ streams }) => json(streams)
  },
  {
    method: "GET",
    path: `${prefix}predictions`,
    about: "all predictions as they are now, newest first",
    answer: ({ predictions }) => json(predictions)
  },
  {
    method: "GET",
    path: `${prefix}webhooks`,
    about: "the attempts to send a webhook, first to last",
    answer: ({ webhooks }) => json(webhooks)
  },
  {
    method: "POST",
    path: `${prefix}reset`,
    about: "begins anew, with nothing in it",
    answer: ({ reset }) => Effect.as(reset, done)
  }
]

/** @internal */
export const isControl = (request: HttpServerRequest.HttpServerRequest): boolean => pathOf(request).startsWith(prefix)

/** @internal */
export const answer = (emulator: Service, request: HttpServerRequest.HttpServerRequest) => {
  const route = routes.find(({ method, path }) => method === request.method && path === pathOf(request))
  return route === undefined ? Effect.succeed(notFound) : Effect.merge(route.answer(emulator, request))
}
