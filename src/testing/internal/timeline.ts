import * as Duration from "effect/Duration"
import type { Step } from "./model.js"

/**
 * A step as it is seen from outside, where files have a URL.
 *
 * @internal
 */
export type Content =
  | Exclude<Step, { readonly _tag: "File" }>
  | Extract<Step, { readonly _tag: "File" }> & { readonly url: string }

/** @internal */
export interface Happening {
  /** Milliseconds of the Clock, like all times here. */
  readonly at: number
  readonly content: Content
}

/**
 * All that happens in a prediction's life, known from its first moment: what it is at any time is a question to ask,
 * so that nothing has to run for it to go on.
 *
 * @internal
 */
export interface Timeline {
  readonly createdAt: number
  /** `Infinity` when it was stopped before. */
  readonly startedAt: number
  readonly completedAt: number
  readonly status: "succeeded" | "failed" | "canceled" | "aborted"
  readonly happenings: ReadonlyArray<Happening>
}

/** The real service says `succeeded` a little after the last output. */
const settling = 40

/** The service removes input, output and logs this long after the end. */
const retention = Duration.toMillis("1 hour")

/** @internal */
export const make = (createdAt: number, boot: Duration.DurationInput, steps: ReadonlyArray<Content>): Timeline => {
  const startedAt = createdAt + Duration.toMillis(boot)
  const happenings: Array<Happening> = []
  let at = startedAt
  for (const content of steps) {
    at += Duration.toMillis(content.after)
    happenings.push({ at, content })
    if (content._tag === "Fail") return { createdAt, startedAt, completedAt: at, status: "failed", happenings }
  }
  return { createdAt, startedAt, completedAt: at + settling, status: "succeeded", happenings }
}

/**
 * The timeline cut off at a time; the same one when it is over by then.
 *
 * @internal
 */
export const stop = (timeline: Timeline, at: number, status: "canceled" | "aborted"): Timeline =>
  at >= timeline.completedAt ? timeline : {
    ...timeline,
    startedAt: at < timeline.startedAt ? Infinity : timeline.startedAt,
    completedAt: at,
    status,
    happenings: timeline.happenings.filter((happening) => happening.at <= at)
  }

/**
 * The timeline with the end its deadline gives it: canceled when it ran by then, aborted when it did not.
 *
 * @internal
 */
export const withDeadline = (timeline: Timeline, deadline: number): Timeline =>
  stop(timeline, deadline, deadline < timeline.startedAt ? "aborted" : "canceled")

/** @internal */
export const statusAt = (timeline: Timeline, now: number): string =>
  now >= timeline.completedAt ? timeline.status : now >= timeline.startedAt ? "processing" : "starting"

/** @internal */
export const happenedBy = (timeline: Timeline, now: number): ReadonlyArray<Content> =>
  timeline.happenings.filter(({ at }) => at <= now).map(({ content }) => content)

/**
 * When a held answer is let go: the output is whole, or nothing will come any more.
 *
 * @internal
 */
export const answeredAt = ({ completedAt, happenings, status }: Timeline): number =>
  status === "succeeded" ? happenings.at(-1)?.at ?? completedAt : completedAt

/** @internal */
export const removedAt = (timeline: Timeline): number => timeline.completedAt + retention
