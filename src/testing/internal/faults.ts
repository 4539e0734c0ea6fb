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
  /**
   * Answers in place of the service, with these headers and none of the service's own, such as those of its rate limit;
   * an object is sent as JSON, a string as it is.
   */
  | {
    readonly _tag: "Answer"
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly body?: unknown
  }
  /** Waits before anything else happens; the request then goes on. */
  | { readonly _tag: "Delay"; readonly duration: Duration.DurationInput }
  /** Sends the answer so many bytes at a time, with a pause before each piece but the first. */
  | { readonly _tag: "SlowBody"; readonly bytes: number; readonly pause: Duration.DurationInput }
  /** Drops the connection before the request does anything. */
  | { readonly _tag: "DropBefore" }
  /** Does what was asked for, and drops the connection in place of the answer. */
  | { readonly _tag: "DropAfter" }
  /** Does what was asked for, and sends half of the answer as if it were all. */
  | { readonly _tag: "MalformedBody" }
  /**
   * Does what was asked for, announces the whole answer, and drops the connection after so many bytes of it: half when
   * absent, which of a stream is nothing.
   */
  | { readonly _tag: "CutBody"; readonly bytes?: number | undefined }
  /** Does what was asked for, and says that the answer is of another type. */
  | { readonly _tag: "ContentType"; readonly contentType: string }
  /** Never answers, and does nothing. */
  | { readonly _tag: "Stall" }
  /** Drops the connection of a stream after so many events. */
  | { readonly _tag: "CutStream"; readonly events: number }
  /** Begins a stream that is taken up again anew, whatever its `Last-Event-ID` says. */
  | { readonly _tag: "IgnoreLastEventId" }
  /** Sends a stream that is taken up again from so many events before what was missed. */
  | { readonly _tag: "RepeatEvents"; readonly events: number }
  /** Leaves the ids out of a stream. */
  | { readonly _tag: "NoEventIds" }
  /**
   * Answers a create that was held in vain with its status and output by then, null when there is none, in place of
   * `starting` without output. The service does both.
   */
  | { readonly _tag: "PartialHold" }

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

/**
 * A fault that is still to come, for as many requests as are left.
 *
 * @since 0.1.0
 * @category models
 */
export interface ArmedFault {
  readonly matcher: Matcher
  readonly fault: Fault
  readonly left: number
}

/** @internal */
export interface Faults {
  readonly add: (matcher: Matcher, fault: Fault, times: number) => Effect.Effect<void>
  /** The oldest fault of these kinds that is for the request, counted as used. */
  readonly take: <Tag extends Fault["_tag"]>(
    request: HttpServerRequest.HttpServerRequest,
    ...tags: ReadonlyArray<Tag>
  ) => Effect.Effect<Extract<Fault, { readonly _tag: Tag }> | undefined>
  /** Oldest first. */
  readonly armed: Effect.Effect<ReadonlyArray<ArmedFault>>
  readonly disarm: Effect.Effect<void>
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
  let armed: ReadonlyArray<ArmedFault> = []
  return {
    add: (matcher, fault, times) =>
      Effect.sync(() => {
        if (times > 0) armed = [...armed, { matcher, fault, left: times }]
      }),
    take: (request, ...tags) =>
      Effect.sync(() => {
        const isWanted = isOneOf(tags)
        for (const [index, { fault, left, matcher }] of armed.entries()) {
          if (!isWanted(fault) || !matches(matcher, request)) continue
          armed = armed.toSpliced(index, 1, ...(left > 1 ? [{ matcher, fault, left: left - 1 }] : []))
          return fault
        }
        return undefined
      }),
    armed: Effect.sync(() => armed),
    disarm: Effect.sync(() => {
      armed = []
    })
  }
}
