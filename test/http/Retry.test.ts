import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import * as Retry from "../../src/http/Retry.js"
import {
  AllProvidersFailed,
  Blocked,
  InvalidRequest,
  isRetryable,
  MissingAuth,
  ModelNotFound,
  PaymentRequired,
  PredictionCanceled,
  PredictionFailed,
  PredictionSummary,
  type ProviderError,
  RateLimited,
  ResponseError,
  StreamInterrupted,
  Timeout
} from "../../src/ProviderError.js"

const provider = "Example"
const now = Date.parse("2026-11-21T05:00:00Z")

const hint = (headers: Record<string, string>, rest: { readonly body?: unknown; readonly detail?: string } = {}) =>
  Option.getOrUndefined(
    Option.map(Retry.retryAfterHint({ headers: Headers.fromInput(headers), now, ...rest }), Duration.toMillis)
  )

describe("Retry.retryAfterHint", () => {
  it("C23: body, then Retry-After, then ratelimit-reset, then the sentence", () => {
    const body = { retry_after: 1 }
    const detail = "Your rate limit resets in ~4s."
    const headers = { "retry-after": "2", "ratelimit-reset": "3" }
    assert.strictEqual(hint(headers, { body, detail }), 1000)
    assert.strictEqual(hint(headers, { detail }), 2000)
    assert.strictEqual(hint({ "ratelimit-reset": "3" }, { detail }), 3000)
    assert.strictEqual(hint({}, { detail }), 4000)
    assert.strictEqual(hint({}), undefined)
  })

  it("C23: Retry-After is seconds or a date", () => {
    const table: ReadonlyArray<readonly [string, number | undefined]> = [
      ["0", 0],
      ["120", 120_000],
      ["1.5", 1500],
      ["Sat, 21 Nov 2026 05:00:30 GMT", 30_000],
      ["Saturday, 21-Nov-26 05:01:00 GMT", 60_000],
      ["Sat, 21 Nov 2026 04:59:00 GMT", undefined],
      ["-5", undefined],
      ["soon", undefined],
      ["", undefined],
      ["NaN", undefined],
      ["1e9", undefined],
      ["1795237200", undefined],
      ["99999999999999999999999", undefined],
      ["Fri, 31 Dec 9999 23:59:59 GMT", undefined]
    ]
    for (const [value, expected] of table) assert.strictEqual(hint({ "retry-after": value }), expected, value)
  })

  it("C23: a hint that cannot be is passed over for the next one", () => {
    for (const retry_after of [-1, Number.NaN, Infinity, 1e12, null, {}, "soon"]) {
      assert.strictEqual(hint({ "retry-after": "7" }, { body: { retry_after } }), 7000)
    }
    assert.strictEqual(hint({ "retry-after": "-1", "ratelimit-reset": "5" }), 5000)
    assert.strictEqual(hint({}, { body: { retry_after: 0 } }), 0)
    assert.strictEqual(hint({}, { body: { retry_after: "3" } }), 3000)
    for (const body of [null, undefined, "text", 3, []]) assert.strictEqual(hint({}, { body }), undefined)
  })

  it("C23: sentences", () => {
    const table: ReadonlyArray<readonly [string, number | undefined]> = [
      ["Request was throttled. Expected available in 1 second.", 1000],
      ["Request was throttled. Your rate limit resets in ~30s.", 30_000],
      ["Please try again in 2.5 seconds", 2500],
      ["Retry after 5 minutes.", 300_000],
      ["It will be available in 2 hours", 7_200_000],
      ["Please try again in 6m0s", undefined],
      ["Please try again in 20ms", undefined],
      ["It takes 30 seconds", undefined],
      ["resets in 99999 hours", undefined],
      ["Too many requests", undefined]
    ]
    for (const [detail, expected] of table) assert.strictEqual(hint({}, { detail }), expected, detail)
  })

  it.prop(
    "C23: whatever the server sends, a hint is from 0 to 30 days",
    [FastCheck.string(), FastCheck.string(), FastCheck.anything(), FastCheck.string()],
    ([retryAfter, reset, retry_after, detail]) => {
      const millis = hint({ "retry-after": retryAfter, "ratelimit-reset": reset }, { body: { retry_after }, detail })
      if (millis !== undefined) assert.isTrue(millis >= 0 && millis <= 30 * 24 * 3600 * 1000)
    }
  )

  it.prop("C23: every number of seconds is understood in each place", [FastCheck.nat({ max: 2_592_000 })], ([n]) => {
    assert.strictEqual(hint({ "retry-after": `${n}` }), n * 1000)
    assert.strictEqual(hint({ "ratelimit-reset": `${n}` }), n * 1000)
    assert.strictEqual(hint({}, { body: { retry_after: n } }), n * 1000)
    assert.strictEqual(hint({}, { detail: `resets in ~${n}s` }), n * 1000)
    assert.strictEqual(hint({ "retry-after": new Date(now + n * 1000).toUTCString() }), n * 1000)
  })
})

const unavailable = new ResponseError({ provider, reason: "status", status: 503 })

/** Fails with the given errors in turn, then succeeds; the time of each call is noted. */
const script = (...errors: ReadonlyArray<ProviderError>) => {
  const calls: Array<number> = []
  const call = Effect.flatMap(Clock.currentTimeMillis, (time) => {
    const error = errors[calls.push(time) - 1]
    return error === undefined ? Effect.succeed("done") : Effect.fail(error)
  })
  return { calls, call }
}

const run = (call: Effect.Effect<string, ProviderError>, policy: Partial<Retry.Policy> = {}) =>
  Effect.gen(function*() {
    const retried = Retry.retry(call, { policy: { ...Retry.defaultPolicy, ...policy }, while: isRetryable })
    const fiber = yield* Effect.fork(Effect.either(retried))
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** The fields of the error, because errors count as equal when their messages are. */
const fields = (result: Either.Either<string, ProviderError>) => ({ ...Either.getOrThrow(Either.flip(result)) })

const pausesOf = (calls: ReadonlyArray<number>) => calls.slice(1).map((at, i) => at - (calls[i] ?? 0))

describe("Retry.retry", () => {
  it.effect("C24: pauses double from 500 ms, 20 % more or less, and success ends it", () =>
    Effect.gen(function*() {
      const { call, calls } = script(unavailable, unavailable, unavailable)
      assert.deepStrictEqual(yield* run(call), Either.right("done"))
      const planned = [500, 1000, 2000]
      assert.strictEqual(calls.length, 4)
      pausesOf(calls).forEach((pause, i) => {
        assert.isAtLeast(pause, Math.floor((planned[i] ?? 0) * 0.8))
        assert.isAtMost(pause, Math.ceil((planned[i] ?? 0) * 1.2))
      })
    }))

  it.effect("C24: pauses are capped", () =>
    Effect.gen(function*() {
      const { call, calls } = script(...Array.from({ length: 12 }, () => unavailable))
      yield* run(call, { maxRetries: 12, cap: "3 seconds" })
      assert.strictEqual(calls.length, 13)
      for (const pause of pausesOf(calls).slice(3)) assert.isTrue(pause >= 2400 && pause <= 3600)
    }))

  it.effect("C24: what fails in the end is the last error, with the attempts", () =>
    Effect.gen(function*() {
      const last = new RateLimited({ provider, status: 429, detail: "slow down" })
      const { call, calls } = script(unavailable, unavailable, unavailable, last)
      assert.deepStrictEqual(fields(yield* run(call)), { ...last, attempts: 4 })
      assert.strictEqual(calls.length, 4)
    }))

  it.effect("C24: an error that does not qualify ends it, with the attempts so far", () =>
    Effect.gen(function*() {
      const auth = new MissingAuth({ provider, reason: "rejected" })
      const first = script(auth)
      assert.deepStrictEqual(fields(yield* run(first.call)), { ...auth })
      assert.strictEqual(first.calls.length, 1)
      const second = script(unavailable, auth)
      assert.deepStrictEqual(fields(yield* run(second.call)), { ...auth, attempts: 2 })
    }))

  it.effect("C24: no retries means one try", () =>
    Effect.gen(function*() {
      const { call, calls } = script(unavailable)
      assert.deepStrictEqual(fields(yield* run(call, { maxRetries: 0 })), { ...unavailable })
      assert.deepStrictEqual(calls, [0])
    }))

  it.effect.each([
    { maxRetries: Number.NaN, tries: 1 },
    { maxRetries: -1, tries: 1 },
    { maxRetries: -Infinity, tries: 1 },
    { maxRetries: 1.5, tries: 3 }
  ])("C24: $maxRetries retries mean $tries tries", ({ maxRetries, tries }) =>
    Effect.gen(function*() {
      const { call, calls } = script(...Array.from({ length: 9 }, () => unavailable))
      yield* run(call, { maxRetries })
      assert.lengthOf(calls, tries)
    }))

  it.effect("C23: the server's hint is the least to wait, and 20 % more at most", () =>
    Effect.gen(function*() {
      const { call, calls } = script(
        new RateLimited({ provider, retryAfter: Duration.seconds(30) }),
        new ResponseError({ provider, reason: "status", status: 503, retryAfter: Duration.zero })
      )
      assert.deepStrictEqual(yield* run(call), Either.right("done"))
      const [first = 0, second = 0] = pausesOf(calls)
      assert.isTrue(first >= 30_000 && first <= 36_000)
      assert.strictEqual(second, 0)
    }))

  it.effect("C23: the pause after a hint varies by chance", () =>
    Effect.gen(function*() {
      const pauses = yield* Effect.forEach(["one", "two"], (seed) => {
        const { call, calls } = script(new RateLimited({ provider, retryAfter: Duration.seconds(30) }))
        return Effect.map(Effect.withRandom(run(call), Random.make(seed)), () => pausesOf(calls)[0])
      })
      assert.notStrictEqual(pauses[0], pauses[1])
    }))

  it.effect("C23: a hint longer than maxWait fails at once and tells the wait", () =>
    Effect.gen(function*() {
      const error = new RateLimited({ provider, retryAfter: Duration.minutes(2) })
      const { call, calls } = script(error)
      assert.deepStrictEqual(fields(yield* run(call)), { ...error })
      assert.deepStrictEqual(calls, [0])
      const patient = script(error)
      assert.deepStrictEqual(yield* run(patient.call, { maxWait: "2 minutes" }), Either.right("done"))
    }))

  it.effect("C24: interrupted while it waits, it does not call again", () =>
    Effect.gen(function*() {
      const { call, calls } = script(unavailable)
      const fiber = yield* Effect.fork(Retry.retry(call, { policy: Retry.defaultPolicy, while: isRetryable }))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(calls, [0])
    }))
})

describe("Retry.withAttempts", () => {
  const errors: ReadonlyArray<ProviderError> = [
    new MissingAuth({ provider, reason: "rejected", loginUrl: "https://example.com" }),
    new PaymentRequired({ provider, status: 402 }),
    new RateLimited({ provider, retryAfter: Duration.seconds(1) }),
    new Blocked({ provider, by: "cloudflare" }),
    new ModelNotFound({ provider, model: "m", known: ["n"] }),
    new InvalidRequest({ provider, issues: [] }),
    new ResponseError({ provider, reason: "network", code: "ECONNRESET", url: "https://example.com/" }),
    new Timeout({ provider, clock: "idle", duration: Duration.seconds(1) }),
    new StreamInterrupted({ provider, events: 1, characters: 2, resumable: true })
  ]

  it("keeps the tag and every field, and says how often", () => {
    for (const error of errors) {
      const counted = Retry.withAttempts(error, 3)
      assert.deepStrictEqual<object>({ ...counted }, { ...error, attempts: 3 })
      assert.strictEqual(counted.constructor, error.constructor)
      assert.strictEqual(Retry.withAttempts(error, 1), error)
    }
  })

  it("leaves alone what is not of one call", () => {
    const summary = (status: "failed" | "canceled") => new PredictionSummary({ id: "p", status })
    const errors: ReadonlyArray<ProviderError> = [
      new PredictionFailed({
        provider,
        prediction: summary("failed"),
        transient: true,
        moderation: false,
        outOfMemory: false
      }),
      new PredictionCanceled({ provider, prediction: summary("canceled"), status: "canceled" }),
      new AllProvidersFailed({ failures: [] })
    ]
    for (const error of errors) assert.strictEqual(Retry.withAttempts(error, 3), error)
  })
})
