import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { pathOf } from "./connection.js"

/**
 * What goes wrong on demand.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault =
  /** Answers in place of the service; an object is sent as JSON, a string as it is. */
  | {
    readonly _tag: "Answer"
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly body?: unknown
  }
  /** Waits before anything else happens; the request then goes on. */
  | { readonly _tag: "Delay"; readonly duration: Duration.DurationInput }
  /** Drops the connection before the request does anything. */
  | { readonly _tag: "DropBefore" }
  /** Does what was asked for, and drops the connection in place of the answer. */
  | { readonly _tag: "DropAfter" }
  /** Does what was asked for, and sends half of the answer as if it were all. */
  | { readonly _tag: "MalformedBody" }
  /** Never answers, and does nothing. */
  | { readonly _tag: "Stall" }
  /** Drops the connection of a stream after so many events. */
  | { readonly _tag: "CutStream"; readonly events: number }
  /** Begins a stream anew whatever `Last-Event-ID` says. */
  | { readonly _tag: "IgnoreLastEventId" }
  /** Leaves the ids out of a stream. */
  | { readonly _tag: "NoEventIds" }

/**
 * Which requests a fault is for; what is absent matches all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Matcher {
  readonly method?: string | undefined
  /** A prefix of the path, or a pattern for it; the path has no query. */
  readonly path?: string | RegExp | undefined
}

/** @internal */
export interface Faults {
  readonly add: (matcher: Matcher, fault: Fault, times: number) => Effect.Effect<void>
  /** The oldest fault of these kinds that is for the request, counted as used. */
  readonly take: <Tag extends Fault["_tag"]>(
    request: HttpServerRequest.HttpServerRequest,
    ...tags: ReadonlyArray<Tag>
  ) => Effect.Effect<Extract<Fault, { readonly _tag: Tag }> | undefined>
}

const matches = ({ method, path }: Matcher, request: HttpServerRequest.HttpServerRequest): boolean => {
  const asked = pathOf(request)
  return (method === undefined || method.toUpperCase() === request.method) &&
    (path === undefined || (typeof path === "string" ? asked.startsWith(path) : asked.search(path) >= 0))
}

const isOneOf =
  <Tag extends Fault["_tag"]>(tags: ReadonlyArray<Tag>) =>
  (fault: Fault): fault is Extract<Fault, { readonly _tag: Tag }> => tags.some((tag) => tag === fault._tag)

/** @internal */
export const make = (): Faults => {
  const armed: Array<{ readonly matcher: Matcher; readonly fault: Fault; left: number }> = []
  return {
    add: (matcher, fault, times) =>
      Effect.sync(() => {
        armed.push({ matcher, fault, left: times })
      }),
    take: (request, ...tags) =>
      Effect.sync(() => {
        const isWanted = isOneOf(tags)
        for (const entry of armed) {
          if (entry.left > 0 && isWanted(entry.fault) && matches(entry.matcher, request)) {
            entry.left--
            return entry.fault
          }
        }
        return undefined
      })
  }
}
