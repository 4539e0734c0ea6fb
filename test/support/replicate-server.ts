import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import * as FakeHttp from "./fakeHttp.js"

export const id = "gm3qorzdhgbfurvjtvhg6dckhu"
export const model = "acme/llama"
export const version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
export const streamUrl = "https://stream.replicate.com/v1/streams/opaque"

/** A prediction as the wire has it. */
export const prediction = (fields: Readonly<Record<string, unknown>> = {}) => ({
  id,
  model,
  version: "hidden",
  status: "starting",
  input: {},
  error: null,
  logs: "",
  created_at: "2026-01-02T03:04:05.123456789Z",
  urls: { get: `https://api.replicate.com/v1/predictions/${id}`, web: `https://replicate.com/p/${id}` },
  ...fields
})

export type Answered = Response | FakeHttp.Unreachable
export type Answer = (call: Call) => Answered | Effect.Effect<Answered>

/** Answers with a prediction. */
export const gives = (fields: Readonly<Record<string, unknown>> = {}, status?: number): Answer => ({ kind }) =>
  FakeHttp.json(prediction(fields), { status: status ?? (kind === "create" ? 201 : 200) })

/** Answers with a status and a body as it is. */
export const status =
  (status: number, body: unknown = { detail: "no" }, headers: Record<string, string> = {}): Answer => () =>
    typeof body === "string" ? new Response(body, { status, headers }) : FakeHttp.json(body, { status, headers })

export const breaks = (code: string): Answer => () => new FakeHttp.Unreachable(code)

/** Answers after some seconds. */
export const later = (seconds: number, answer: Answer): Answer => (call) =>
  Effect.flatMap(Effect.sleep(seconds * 1000), () => {
    const answered = answer(call)
    return Effect.isEffect(answered) ? answered : Effect.succeed(answered)
  })

export const silent: Answer = () => Effect.never

/** A body of server-sent events that stays open, and tells when it was closed from this side. */
export const openSse = (text: string, onClose: () => void = () => undefined): Answer => () =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
      cancel: onClose
    }),
    { headers: { "content-type": "text/event-stream" } }
  )

export type Kind = "create" | "get" | "cancel" | "other"

export interface Call extends FakeHttp.Seen {
  readonly kind: Kind
  /** When it arrived, in milliseconds of the clock of the test. */
  readonly at: number
}

/** What is answered, in order; the last answer is given again and again. */
export type Script = { readonly [K in Kind]?: ReadonlyArray<Answer> }

const kindOf = ({ method, url }: FakeHttp.Seen): Kind => {
  const { pathname } = new URL(url)
  if (method === "POST") return pathname.endsWith("/cancel") ? "cancel" : "create"
  return /^\/v1\/(?:predictions|trainings)\//.test(pathname) ? "get" : "other"
}

/** Replicate's API as a script, and the client in front of it. */
export const make = (script: Script = {}, options: ReplicateConfig.Options = {}) => {
  const answers: Record<Kind, ReadonlyArray<Answer>> = {
    create: [gives()],
    get: [gives({ status: "succeeded", output: "hi" })],
    cancel: [gives({ status: "canceled" })],
    other: [status(404)],
    ...script
  }
  const calls: Array<Call> = []
  const count = (kind: Kind) => calls.filter((call) => call.kind === kind).length
  const http = FakeHttp.make((seen) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      const kind = kindOf(seen)
      const answer = answers[kind][Math.min(count(kind), answers[kind].length - 1)] ?? status(404)
      const call: Call = { ...seen, kind, at }
      calls.push(call)
      const answered = answer(call)
      return Effect.isEffect(answered) ? answered : Effect.succeed(answered)
    })
  )
  const client = ReplicateClient.layer({ token: Redacted.make("r8_test"), polling: "1 second", ...options })
  return {
    calls,
    count,
    /** The calls of one kind, by when they came. */
    times: (kind: Kind) => calls.filter((call) => call.kind === kind).map((call) => call.at),
    http: http.layer,
    layer: Layer.provide(client, http.layer)
  }
}

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Lets everything go on that needs no time to pass: bodies and files are real promises, which no clock waits for. */
export const settle: Effect.Effect<void> = Effect.repeatN(turn, 24)

/** Moves the clock, and lets what it woke go on. */
export const elapse = (seconds: number): Effect.Effect<void> =>
  settle.pipe(Effect.zipRight(TestClock.adjust(seconds * 1000)), Effect.zipRight(settle))

/** Moves the clock from one sleeper to the next until the fiber is done. */
export const finish = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function*() {
    for (let i = 0; i < 10_000; i++) {
      yield* settle
      const exit = yield* Fiber.poll(fiber)
      if (Option.isSome(exit)) return exit.value
      const now = yield* Clock.currentTimeMillis
      const next = Chunk.toReadonlyArray(yield* TestClock.sleeps()).filter((at) => at > now)
      // without a sleeper it is the disk that is waited for
      if (next.length > 0) yield* TestClock.setTime(Math.min(...next))
    }
    return yield* Effect.dieMessage("it does not end")
  })

/** Runs an effect to its end, however long it takes by the clock of the test. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatten(Effect.flatMap(Effect.fork(effect), finish))

/** Asks a fiber to stop, and says when it has: the asking does not wait. */
export const interrupt = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.zipRight(Fiber.interruptFork(fiber), settle)

export const isDone = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.map(Fiber.poll(fiber), Option.isSome)
