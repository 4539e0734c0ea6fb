import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import type { WebhookEvent } from "../../replicate/schemas/Prediction.js"
import type { Input, Model, Step } from "./model.js"
import * as Timeline from "./timeline.js"

/** @internal */
export interface Prediction {
  readonly id: string
  /** Names the stream; nothing else tells it. */
  readonly streamId: string
  readonly model: Model
  readonly version: string
  readonly input: Input
  /** Whether it was asked to stream, which changes nothing; it is told as it was. */
  readonly stream?: boolean | undefined
  readonly webhook: string | undefined
  readonly webhookEventsFilter: ReadonlyArray<typeof WebhookEvent.Type> | undefined
  readonly createdAt: number
  readonly deadline: number | undefined
  /** The name of the deployment that ran it. */
  readonly deployment?: string | undefined
  /** A training makes this version of a model; it is a prediction underneath. */
  readonly trains?: { readonly destination: string; readonly version: string } | undefined
  /** An example belongs to its model. It keeps its data, as a training does. */
  readonly isExample?: boolean | undefined
  /** Where the API was reached that created it. */
  readonly origin: string
  readonly streamOrigin: string
  readonly timeline: Ref.Ref<Timeline.Timeline>
  /** Done when the timeline was changed, which happens only once: by a cancel. */
  readonly stopped: Deferred.Deferred<void>
}

/** @internal */
export type Create =
  & Omit<Prediction, "id" | "streamId" | "createdAt" | "deadline" | "timeline" | "stopped">
  & {
    readonly fileOrigin: string
    readonly lifetime?: number | undefined
    /** Now when absent. */
    readonly createdAt?: number | undefined
  }

type OutputFile = Extract<Timeline.Content, { readonly _tag: "File" }>

/** @internal */
export interface Predictions {
  readonly create: (options: Create) => Effect.Effect<Prediction>
  readonly cancel: (prediction: Prediction) => Effect.Effect<void>
  readonly byId: (id: string) => Prediction | undefined
  readonly byStream: (streamId: string) => Prediction | undefined
  /** Newest first, without examples and trainings. */
  readonly list: Effect.Effect<ReadonlyArray<Prediction>>
  /** Newest first. */
  readonly trainings: Effect.Effect<ReadonlyArray<Prediction>>
  /** How many predictions of a model there were. */
  readonly runs: (model: string) => number
  /** Forgets all predictions of a version, and their files. */
  readonly removeVersion: (version: string) => void
  /** A file that a prediction has given out and that has not expired. */
  readonly file: (path: string) => Effect.Effect<OutputFile | undefined>
}

const digits = "abcdefghijklmnopqrstuvwxyz234567"

/**
 * An id as the service makes them.
 *
 * @internal
 */
export const randomId = (length = 26): Effect.Effect<string> =>
  Effect.map(
    // each number has six digits
    Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 30), Math.ceil(length / 6)),
    (numbers) =>
      Array.from({ length }, (_, n) => digits[(numbers[Math.floor(n / 6)] ?? 0) >> 5 * (n % 6) & 31]).join("")
  )

/** Gives each file its URL. */
const publish = (steps: ReadonlyArray<Step>, fileOrigin: string): Effect.Effect<ReadonlyArray<Timeline.Content>> => {
  const files = steps.filter(({ _tag }) => _tag === "File").length
  return Effect.map(Effect.replicateEffect(randomId(), files), (ids) => {
    let next = 0
    return steps.map((step) =>
      step._tag === "File"
        ? { ...step, url: `${fileOrigin}/files/${ids[next++]}.${step.contentType.split("/").at(-1)}` }
        : step
    )
  })
}

const fileAt = (contents: ReadonlyArray<Timeline.Content>, path: string): OutputFile | undefined =>
  contents.find((content): content is OutputFile => content._tag === "File" && new URL(content.url).pathname === path)

/** Neither an example of its model nor a training. */
const isRun = ({ isExample = false, trains }: Prediction): boolean => !isExample && trains === undefined

/**
 * When the data of a prediction is removed.
 *
 * @internal
 */
export const removedAt = (prediction: Prediction, timeline: Timeline.Timeline): number =>
  isRun(prediction) ? Timeline.removedAt(timeline) : Infinity

/** @internal */
export const make = (): Predictions => {
  const byId = new Map<string, Prediction>()
  const byStream = new Map<string, Prediction>()
  const byFile = new Map<string, Prediction>()
  const runs = new Map<string, number>()

  const create = Effect.fnUntraced(function*({ createdAt: earlier, fileOrigin, lifetime, ...options }: Create) {
    const createdAt = earlier ?? (yield* Clock.currentTimeMillis)
    const { boot = "300 millis", script } = options.model
    const contents = yield* publish(script(options.input), fileOrigin)
    const whole = Timeline.make(createdAt, boot, contents)
    const deadline = lifetime === undefined ? undefined : createdAt + lifetime
    const prediction: Prediction = {
      ...options,
      id: yield* randomId(),
      streamId: yield* randomId(),
      createdAt,
      deadline,
      timeline: yield* Ref.make(deadline === undefined ? whole : Timeline.withDeadline(whole, deadline)),
      stopped: yield* Deferred.make<void>()
    }
    byId.set(prediction.id, prediction)
    byStream.set(prediction.streamId, prediction)
    for (const content of contents) {
      if (content._tag === "File") byFile.set(new URL(content.url).pathname, prediction)
    }
    if (isRun(prediction)) runs.set(prediction.model.name, (runs.get(prediction.model.name) ?? 0) + 1)
    return prediction
  })

  const cancel = (prediction: Prediction) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.zipRight(
        Ref.update(prediction.timeline, (timeline) => Timeline.stop(timeline, now, "canceled")),
        Deferred.succeed(prediction.stopped, undefined)
      ))

  const file = Effect.fnUntraced(function*(path: string) {
    const prediction = byFile.get(path)
    if (prediction === undefined) return undefined
    const now = yield* Clock.currentTimeMillis
    const timeline = yield* Ref.get(prediction.timeline)
    return now < removedAt(prediction, timeline) ? fileAt(Timeline.happenedBy(timeline, now), path) : undefined
  })

  return {
    create,
    cancel,
    byId: (id) => byId.get(id),
    byStream: (streamId) => byStream.get(streamId),
    list: Effect.sync(() => Arr.reverse(byId.values()).filter(isRun)),
    trainings: Effect.sync(() => Arr.reverse(byId.values()).filter(({ trains }) => trains !== undefined)),
    runs: (model) => runs.get(model) ?? 0,
    removeVersion: (version) => {
      for (const index of [byId, byStream, byFile]) {
        for (const [key, prediction] of index) {
          if (prediction.version === version && prediction.trains === undefined) index.delete(key)
        }
      }
    },
    file
  }
}

/**
 * Waits until the prediction has come to a time, but no longer than until it is stopped.
 *
 * @internal
 */
export const until = (prediction: Prediction, at: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    at <= now
      ? Effect.void
      : Effect.flatMap(
        Effect.timeoutOption(Deferred.await(prediction.stopped), Duration.millis(at - now)),
        // a timer may go off a little before its time, when what is waited for has not happened yet
        Option.match({ onNone: () => until(prediction, at), onSome: () => Effect.void })
      ))

/**
 * Waits, up to `seconds`, for a prediction to have its output or its end, and tells whether that came.
 *
 * @internal
 */
export const hold = Effect.fnUntraced(function*(prediction: Prediction, seconds: number) {
  const timeline = yield* Ref.get(prediction.timeline)
  yield* until(prediction, Math.min(Timeline.answeredAt(timeline), timeline.createdAt + seconds * 1000))
  const now = yield* Clock.currentTimeMillis
  return Timeline.answeredAt(yield* Ref.get(prediction.timeline)) <= now
})
