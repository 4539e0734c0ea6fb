import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Schema } from "effect"
import { ProviderError } from "effect-providers"

const provider = "Example"
const call = { provider, method: "POST", url: "https://api.example/v1/things" }
const prediction = new ProviderError.PredictionSummary({ id: "p1", status: "failed", error: "no luck" })

const limited = (seconds?: number) =>
  new ProviderError.RateLimited({
    ...call,
    status: 429,
    retryAfter: seconds === undefined ? undefined : Duration.seconds(seconds)
  })

const failed = (transient: boolean) =>
  new ProviderError.PredictionFailed({ provider, prediction, transient, moderation: false, outOfMemory: false })

const answered = (status: number) => new ProviderError.ResponseError({ ...call, reason: "status", status })

/** One of each, with what it says. */
const each: ReadonlyArray<readonly [ProviderError.ProviderError, string]> = [
  [
    new ProviderError.MissingAuth({ provider, reason: "absent", loginUrl: "https://example.com/keys" }),
    "Example has no API key. Get one at https://example.com/keys."
  ],
  [
    new ProviderError.MissingAuth({ ...call, reason: "rejected", status: 401, detail: "Bad token." }),
    "Example rejected the API key: Bad token (POST https://api.example/v1/things)."
  ],
  [
    new ProviderError.PaymentRequired({ ...call, status: 402, detail: "No credit" }),
    "Example asks for payment: No credit (POST https://api.example/v1/things). Add credit to the account."
  ],
  [
    new ProviderError.RateLimited({ provider, retryAfter: Duration.seconds(90), attempts: 4 }),
    "Example limits the rate of calls after 4 attempts. Try again in 1m 30s."
  ],
  [limited(), "Example limits the rate of calls (POST https://api.example/v1/things). Try again later."],
  [
    new ProviderError.Blocked({ provider, by: "cloudflare", status: 403 }),
    "Cloudflare blocked the call to Example. Try another network, or another provider."
  ],
  [
    new ProviderError.Blocked({ provider, by: "bot-challenge" }),
    "A bot challenge blocked the call to Example. Try another network, or another provider."
  ],
  [
    new ProviderError.ModelNotFound({ provider, model: "lama", known: ["llama", "alpaca"], nearest: "llama" }),
    "Example has no model \"lama\". Did you mean llama?"
  ],
  [
    new ProviderError.ModelNotFound({ provider, model: "x", known: ["llama", "alpaca"] }),
    "Example has no model \"x\". Known models: llama, alpaca."
  ],
  [
    new ProviderError.InvalidRequest({
      provider,
      issues: [
        new ProviderError.Issue({ field: "topP", message: "expected a number" }),
        new ProviderError.Issue({ field: "", message: "expected more" })
      ]
    }),
    "Example cannot take this request: topP: expected a number; expected more. Correct it and call again."
  ],
  [
    // what is no field of the request tells itself what to do
    new ProviderError.InvalidRequest({
      provider,
      issues: [new ProviderError.Issue({ field: "", message: "it is asleep; wake it up" })]
    }),
    "Example cannot take this request: it is asleep; wake it up."
  ],
  [
    new ProviderError.InvalidRequest({
      ...call,
      status: 422,
      issues: [new ProviderError.Issue({ field: "", message: "is not valid" })]
    }),
    "Example cannot take this request: is not valid (POST https://api.example/v1/things). Correct it and call again."
  ],
  [
    new ProviderError.InvalidRequest({ ...call, status: 422, detail: "- too\n- wide", issues: [] }),
    "Example cannot take this request: - too - wide (POST https://api.example/v1/things). Correct it and call again."
  ],
  [
    new ProviderError.ResponseError({ provider, reason: "connect", code: "ECONNREFUSED" }),
    "Example could not be reached [ECONNREFUSED]. Try again later."
  ],
  [
    new ProviderError.ResponseError({ provider, reason: "network" }),
    "Example could not be reached, or broke the connection. Try again later."
  ],
  [answered(503), "Example answered 503 (POST https://api.example/v1/things). Try again later."],
  [answered(404), "Example answered 404 (POST https://api.example/v1/things). Trying again will not help."],
  [
    new ProviderError.ResponseError({ provider, reason: "malformed", detail: "id: expected a string" }),
    "Example gave an answer that could not be understood: id: expected a string. Trying again will not help."
  ],
  [
    new ProviderError.Timeout({ provider, clock: "connect", duration: Duration.seconds(30) }),
    "Example did not answer within 30s (connect clock). Try again, or allow more time."
  ],
  [
    new ProviderError.Timeout({ provider, clock: "idle", duration: Duration.seconds(5) }),
    "Example sent nothing within 5s (idle clock). Try again, or allow more time."
  ],
  [
    new ProviderError.Timeout({ provider, clock: "total", duration: Duration.minutes(3) }),
    "Example was not done within 3m (total clock). Try again, or allow more time."
  ],
  [failed(true), "Example prediction p1 failed: no luck. Running it again may help."],
  [failed(false), "Example prediction p1 failed: no luck. Check the input and the logs."],
  [
    new ProviderError.PredictionFailed({
      provider,
      prediction,
      transient: false,
      moderation: true,
      outOfMemory: false
    }),
    "Example prediction p1 failed: no luck. A content filter refused it: change the input."
  ],
  [
    new ProviderError.PredictionFailed({
      provider,
      prediction,
      transient: false,
      moderation: false,
      outOfMemory: true
    }),
    "Example prediction p1 failed: no luck. It ran out of memory: try a smaller input."
  ],
  [
    new ProviderError.PredictionCanceled({ provider, prediction, status: "canceled" }),
    "Example prediction p1 was canceled. Run it again if it was not meant to stop."
  ],
  [
    new ProviderError.PredictionCanceled({ provider, prediction, status: "aborted" }),
    "Example prediction p1 was aborted before it started. Run it again if it was not meant to stop."
  ],
  [
    new ProviderError.StreamInterrupted({
      provider,
      predictionId: "p1",
      events: 7,
      characters: 20,
      lastEventId: "1:6",
      resumable: true
    }),
    "Example cut the stream after 7 events. Read the rest from prediction p1."
  ],
  [
    new ProviderError.StreamInterrupted({ provider, events: 0, characters: 0, resumable: false, detail: "gone" }),
    "Example cut the stream after 0 events: gone. It cannot be read on."
  ],
  [new ProviderError.AllProvidersFailed({ failures: [] }), "There is no provider to try. Add one, or ignore fewer."],
  [
    new ProviderError.AllProvidersFailed({ failures: [{ provider: "A", error: limited(3) }] }),
    "Every provider failed. A: RateLimited: Example limits the rate of calls (POST https://api.example/v1/things). " +
    "Try again in 3s."
  ]
]

describe("ProviderError", () => {
  it.each(each)("B26: $_tag is one clear sentence: %s", (error, message) => {
    assert.strictEqual(error.message, message)
  })

  it.each(each)("B26: $_tag is of the common root, and crosses a boundary as JSON: %s", (error) => {
    assert.isTrue(ProviderError.isProviderError(error))
    assert.instanceOf(error, Error)
    const sent = JSON.stringify(Schema.encodeSync(ProviderError.ProviderError)(error))
    const received = Schema.decodeUnknownSync(ProviderError.ProviderError)(JSON.parse(sent))
    assert.strictEqual(received._tag, error._tag)
    assert.strictEqual(received.message, error.message)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(received)), JSON.parse(JSON.stringify(error)))
  })

  it("B26: every tag of the catalogue is in the table above", () => {
    const tags = new Set(each.map(([error]) => error._tag))
    assert.strictEqual(
      tags.size,
      ProviderError.ProviderError.ast._tag === "Union" ? ProviderError.ProviderError.ast.types.length : 0
    )
  })

  it("other errors are not of the root", () => {
    for (const other of [undefined, null, "RateLimited", { _tag: "RateLimited", provider }, new Error("no")]) {
      assert.isFalse(ProviderError.isProviderError(other))
    }
    assert.isFalse(
      ProviderError.isProviderError(new ProviderError.FileError({ path: "a", operation: "write", reason: "Busy" }))
    )
  })

  it.each([408, 425, 429, 500, 502, 503, 504, 520, 524])("B25: status %i may be tried again", (status) => {
    assert.isTrue(ProviderError.isRetryable(answered(status)))
  })

  it.each([400, 401, 403, 404, 409, 410, 422, 501, 505])("B25: status %i is final", (status) => {
    assert.isFalse(ProviderError.isRetryable(answered(status)))
  })

  it("a transient failure may be tried again, another one not", () => {
    assert.isTrue(ProviderError.isRetryable(failed(true)))
    assert.isFalse(ProviderError.isRetryable(failed(false)))
    assert.isTrue(ProviderError.isRetryable(limited()))
    assert.isFalse(ProviderError.isRetryable(new ProviderError.MissingAuth({ provider, reason: "absent" })))
  })

  it("of several providers, one that may be tried again is enough, and the shortest wait counts", () => {
    const several = new ProviderError.AllProvidersFailed({
      failures: [
        { provider: "A", error: limited(30) },
        { provider: "B", error: answered(404) },
        { provider: "C", error: limited(5) },
        { provider: "D", error: limited() }
      ]
    })
    assert.isTrue(ProviderError.isRetryable(several))
    assert.deepStrictEqual(ProviderError.retryAfter(several), Option.some(Duration.seconds(5)))
    const hopeless = new ProviderError.AllProvidersFailed({ failures: [{ provider: "B", error: answered(404) }] })
    assert.isFalse(ProviderError.isRetryable(hopeless))
    assert.deepStrictEqual(ProviderError.retryAfter(hopeless), Option.none())
  })

  const timeout = (mayHaveStarted?: boolean) =>
    new ProviderError.Timeout({ provider, clock: "total", duration: Duration.seconds(1), mayHaveStarted })
  const cut = (predictionId?: string) =>
    new ProviderError.StreamInterrupted({ provider, predictionId, events: 0, characters: 0, resumable: true })
  const all = (...errors: ReadonlyArray<ProviderError.ProviderError>) =>
    new ProviderError.AllProvidersFailed({ failures: errors.map((error) => ({ provider, error })) })
  const started: ReadonlyArray<readonly [string, ProviderError.ProviderError]> = [
    ["a Timeout", timeout(true)],
    ["a ResponseError", new ProviderError.ResponseError({ provider, reason: "network", mayHaveStarted: true })],
    ["a stream that was cut", cut("p1")]
  ]

  it.each(started)(
    "B25, C10: %s that may have started something is not retryable, nor is what holds it",
    (_, error) => {
      assert.isFalse(ProviderError.isRetryable(error))
      assert.isFalse(ProviderError.isRetryable(all(limited(), error)))
      assert.isFalse(ProviderError.isRetryable(all(error, limited())))
      assert.isFalse(ProviderError.isRetryable(all(limited(), all(all(limited(), error), limited()))))
    }
  )

  it("B25, C10: what started nothing is retryable, also where others hold it", () => {
    for (
      const error of [
        timeout(),
        timeout(false),
        cut(),
        new ProviderError.ResponseError({ provider, reason: "network" })
      ]
    ) {
      assert.isTrue(ProviderError.isRetryable(error))
      assert.isTrue(ProviderError.isRetryable(all(answered(404), all(error))))
    }
  })

  it("a wait that was asked for is told; others are not made up", () => {
    assert.deepStrictEqual(ProviderError.retryAfter(limited(30)), Option.some(Duration.seconds(30)))
    assert.deepStrictEqual(ProviderError.retryAfter(limited()), Option.none())
    assert.deepStrictEqual(
      ProviderError.retryAfter(new ProviderError.ResponseError({ ...call, reason: "network" })),
      Option.none()
    )
  })
})
