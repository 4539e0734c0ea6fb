import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Prediction, ReplicateClient, Webhook } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { createHmac } from "node:crypto"
import * as LocalClient from "../../src/testing/internal/localClient.js"
import * as FakeHttp from "../support/fakeHttp.js"
import * as Server from "../support/replicate-server.js"

const webhook = "https://hooks.example/replicate?id=7"
const key = Buffer.from("a key for the tests only")
const webhookSecret = Redacted.make(`whsec_${key.toString("base64")}`)
const every = ["start", "output", "logs", "completed"] as const

/** Begins after a second, with a line of log; speaks from 1.1 to 1.8 seconds; has a last line of log at 2.8. */
const talker: ReplicateEmulator.Model = {
  name: "test/talker",
  kind: "text",
  boot: "1 second",
  script: () => [
    { _tag: "Log", after: 0, text: "begun\n" },
    ...Array.from({ length: 8 }, (_, n) => ({ _tag: "Text", after: "100 millis", text: ` word${n + 1}` }) as const),
    { _tag: "Log", after: "1 second", text: "ended\n" }
  ]
}

/** Runs a test with an emulator of its own, and the client in front of it. */
const emulated = <A, E>(
  test: (
    emulator: ReplicateEmulator.Service,
    api: ReplicateClient.Api
  ) => Effect.Effect<A, E, ReplicateClient.ReplicateClient>,
  options: ReplicateEmulator.Options = {}
) =>
  Effect.flatMap(
    Effect.all([ReplicateEmulator.ReplicateEmulator, ReplicateClient.ReplicateClient]),
    ([emulator, { api }]) => test(emulator, api)
  ).pipe(
    Effect.provide(
      ReplicateClient.layer({ token: Redacted.make("r8_secret"), maxRetries: 0 }).pipe(
        Layer.provideMerge(ReplicateEmulator.layer({ models: [talker], webhookSecret, ...options }))
      )
    )
  )

const create = (webhookEventsFilter?: Prediction.CreateOptions["webhookEventsFilter"], model = "test/talker") =>
  Prediction.create(model, { prompt: "hi" }, {
    webhook,
    ...(webhookEventsFilter === undefined ? {} : { webhookEventsFilter })
  })

/** What each webhook told: the event, the status, how much output and how much log. */
const told = (webhooks: ReadonlyArray<ReplicateEmulator.LoggedWebhook>) =>
  webhooks.map(({ body: { logs, output, status }, event }) => [
    event,
    status,
    Array.isArray(output) ? output.length : 0,
    logs
  ])

/** Waits, while the clock of the test stands still, until so many attempts were made: signatures are promises. */
const attempted = ({ webhooks }: ReplicateEmulator.Service, count: number) =>
  Effect.repeat(Effect.zipRight(Server.settle, webhooks), { until: ({ length }) => length >= count })

/** Moves the clock, and waits for what is attempted by then. */
const after = (duration: Duration.DurationInput, emulator: ReplicateEmulator.Service, count: number) =>
  Effect.zipRight(TestClock.adjust(duration), attempted(emulator, count))

const answers = (...statuses: ReadonlyArray<number | string>) => {
  let n = 0
  return FakeHttp.make(() => {
    const status = statuses[Math.min(n++, statuses.length - 1)] ?? 200
    return typeof status === "string"
      ? new FakeHttp.Unreachable(status)
      : new Response(status === 204 ? null : "x", { status })
  })
}

describe("what is told", () => {
  it.effect("C10: outputs and the end without a filter, outputs each half a second at most", () =>
    emulated(({ webhooks }) =>
      Effect.gen(function*() {
        const { id } = yield* create()
        yield* TestClock.adjust("1 minute")
        const logged = yield* webhooks
        assert.deepStrictEqual(told(logged), [
          ["output", "processing", 1, "begun\n"],
          ["output", "processing", 6, "begun\n"],
          ["completed", "succeeded", 8, "begun\nended\n"]
        ])
        for (const { attempt, body, failure, status, url } of logged) {
          assert.deepStrictEqual({ attempt, id: body.id, status, url }, {
            attempt: 1,
            id,
            status: undefined,
            url: webhook
          })
          assert.include(failure, "no client")
        }
        assert.deepStrictEqual(
          yield* Prediction.get(id).pipe(Effect.map(({ output }) => output)),
          logged[2]?.body.output
        )
      })
    ))

  it.effect.each<[Prediction.CreateOptions["webhookEventsFilter"], ReadonlyArray<unknown>]>([
    [every, [
      ["start", "processing", 0, "begun\n"],
      ["logs", "processing", 0, "begun\n"],
      ["output", "processing", 5, "begun\n"],
      ["logs", "processing", 8, "begun\nended\n"],
      ["completed", "succeeded", 8, "begun\nended\n"]
    ]],
    [["start"], [["start", "processing", 0, "begun\n"]]],
    [["logs"], [["logs", "processing", 0, "begun\n"], ["logs", "processing", 8, "begun\nended\n"]]],
    [["completed"], [["completed", "succeeded", 8, "begun\nended\n"]]]
  ])("C10, C11: a filter of %j", ([filter, expected]) =>
    emulated(({ webhooks }) =>
      Effect.gen(function*() {
        yield* create(filter)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(told(yield* webhooks), expected)
      })
    ))

  it.effect("the failure of a model", () =>
    emulated(({ webhooks }) =>
      Effect.gen(function*() {
        yield* create(["start", "completed"], "emulator/fail")
        yield* TestClock.adjust("1 minute")
        const [, last] = yield* webhooks
        assert.deepInclude(last?.body, { status: "failed", error: "CUDA out of memory (E1001)" })
      })
    ))

  it.effect("C19: a cancel, with what there is by then, and nothing after", () =>
    emulated(({ webhooks }) =>
      Effect.gen(function*() {
        const running = yield* create(every)
        yield* TestClock.adjust("1700 millis")
        yield* Prediction.cancel(running.id)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(told(yield* webhooks).slice(-2), [
          ["output", "processing", 5, "begun\n"],
          ["completed", "canceled", 7, "begun\n"]
        ])

        const queued = yield* create(every)
        yield* Prediction.cancel(queued.id)
        yield* TestClock.adjust("1 minute")
        const rest = (yield* webhooks).filter(({ body }) => body.id === queued.id)
        assert.deepStrictEqual(told(rest), [["completed", "canceled", 0, ""]])
      })
    ))

  it.effect("a deadline that passes before the start, without a start", () =>
    emulated(({ webhooks }) =>
      Effect.gen(function*() {
        yield* Prediction.create("test/cold", {}, { cancelAfter: "5 seconds", webhook, webhookEventsFilter: every })
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(told(yield* webhooks), [["completed", "aborted", 0, ""]])
      }), { models: [{ ...talker, name: "test/cold", boot: "1 minute" }] }))

  it.effect("trainings, as trainings", () =>
    emulated(({ webhooks }, api) =>
      Effect.gen(function*() {
        const path = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
        const { results: [version] } = yield* api.models.versions({ path })
        yield* api.models.create({
          payload: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
        })
        const { id } = yield* api.trainings.create({
          path: { ...path, version_id: version?.id ?? "" },
          payload: {
            destination: "emulator/mine",
            input: { input_images: "https://example.com/a.zip" },
            webhook,
            webhook_events_filter: ["start", "completed"]
          }
        })
        yield* TestClock.adjust("1 minute")
        const [start, completed] = (yield* webhooks).map(({ body }) => body)
        assert.deepInclude(start, { id, status: "processing", output: null, completed_at: null })
        assert.deepInclude(completed, { id, status: "succeeded" })
        assert.isTrue(JSON.stringify(completed?.output).startsWith(`{"version":"emulator/mine:`))
      })
    ))

  it.effect.each(["", "hooks.example", "ftp://hooks.example"])(
    "not what has no HTTP URL: %j",
    (webhook) =>
      emulated(({ webhooks }, api) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(
            api.predictions.create({ headers: {}, payload: { version: "test/talker", input: {}, webhook } })
          )
          assert(error._tag === "InvalidRequest")
          assert.deepStrictEqual([error.status, error.issues[0]?.field], [422, "webhook"])
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(yield* webhooks, [])
        })
      )
  )
})

describe("how it is sent", () => {
  it.scoped("C29: signed, so that `Webhook.app` takes it", () =>
    Effect.gen(function*() {
      const events: Array<Webhook.Event> = []
      const app = yield* Webhook.app({
        secret: webhookSecret,
        onEvent: (event) => Effect.sync(() => events.push(event))
      })
      const webhookClient = LocalClient.make(app, new Set(["https://hooks.example"]))
      yield* emulated((emulator, api) =>
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* api.webhooks.secret()).key, webhookSecret)
          const { id } = yield* create(every)
          const logged = yield* after("5 seconds", emulator, 5)
          yield* Effect.repeat(Server.settle, { until: () => events.length === 5 })
          assert.deepStrictEqual(logged.map(({ status }) => status), [200, 200, 200, 200, 200])
          assert.deepStrictEqual(events.map((event) => event.id), logged.map((sent) => sent.id))
          assert.lengthOf(new Set(events.map((event) => event.id)), 5)
          assert.deepStrictEqual(
            events.map(({ prediction }) => prediction.output),
            logged.map(({ body }) => body.output)
          )
          assert.strictEqual(events.at(-1)?.prediction.id, id)
        }), { webhookClient })
    }))

  it.effect("signed with the time, and nothing of its creator", () => {
    const { client, requests } = answers(200)
    return emulated((emulator) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        const created = HttpClientRequest.post("https://api.replicate.com/v1/predictions", {
          headers: { authorization: "Bearer r8_secret", "user-agent": "test" }
        }).pipe(
          HttpClientRequest.bodyUnsafeJson({ version: "test/talker", input: {}, webhook }),
          emulator.client.execute
        )
        assert.strictEqual((yield* created).status, 201)
        yield* after("5 seconds", emulator, 3)
        assert.lengthOf(requests, 3)
        const { body, headers = {}, method, url } = requests[0] ?? {}
        assert.deepStrictEqual({ method, url }, { method: "POST", url: webhook })
        const { "webhook-id": id, "webhook-timestamp": timestamp, ...others } = headers
        assert.match(String(id), /^msg_\w+$/)
        // the clock stood there when the signature was asked for
        assert.include(["1700000001", "1700000005"], timestamp)
        const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${JSON.stringify(body)}`).digest(
          "base64"
        )
        assert.strictEqual(others["webhook-signature"], `v1,${signature}`)
        assert.strictEqual(others["content-type"], "application/json")
        assert.sameMembers(Object.keys(others), ["content-length", "content-type", "webhook-signature"])
      }), { webhookClient: client })
  })

  it.effect("with a secret of its own when it is given none", () =>
    emulated((_, api) =>
      Effect.gen(function*() {
        const { key } = yield* api.webhooks.secret()
        assert.match(Redacted.value(key), /^whsec_[A-Za-z0-9+/]{32}$/)
      }), { webhookSecret: undefined }))

  it.effect("never with a secret that is malformed", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(ReplicateEmulator.make({ webhookSecret: Redacted.make("shh") })))
      assert.include(String(exit), "malformed-secret")
      assert.notInclude(String(exit), "shh")
    }))
})

describe("what fails", () => {
  it.effect.each([500, 404, "ECONNREFUSED"])(
    "the end is told again for a minute after %s, with the same id; nothing else is",
    (failure) => {
      const { client, requests } = answers(failure)
      return emulated((emulator) =>
        Effect.gen(function*() {
          yield* create(["output", "completed"])
          yield* after("2840 millis", emulator, 3)
          for (const [n, pause] of [1, 2, 4, 8, 16, 32].entries()) {
            yield* TestClock.adjust(pause * 1000 - 1)
            yield* Server.settle
            assert.lengthOf(requests, 3 + n)
            yield* after("1 milli", emulator, 4 + n)
          }
          yield* Server.elapse(3600)
          const logged = yield* emulator.webhooks
          assert.deepStrictEqual(
            logged.map(({ attempt, event }) => [event, attempt]),
            [["output", 1], ["output", 1], ...Array.from({ length: 7 }, (_, n) => ["completed", n + 1])]
          )
          const attempts = requests.slice(2).map(({ headers }) => headers)
          assert.deepStrictEqual(
            attempts.map((headers) => headers["webhook-timestamp"]),
            ["2", "3", "5", "9", "17", "33", "65"]
          )
          assert.lengthOf(new Set(attempts.map((headers) => headers["webhook-id"])), 1)
          assert.lengthOf(new Set(attempts.map((headers) => headers["webhook-signature"])), 7)
          if (typeof failure === "string") assert.include(logged[8]?.failure, failure)
          else assert.strictEqual(logged[8]?.status, failure)
        }), { webhookClient: client })
    }
  )

  it.effect("the end is told until it is taken", () => {
    const { client } = answers(503, "ECONNRESET", 204)
    return emulated((emulator) =>
      Effect.gen(function*() {
        yield* create(["completed"])
        yield* after("2840 millis", emulator, 1)
        yield* after("1 second", emulator, 2)
        yield* after("2 seconds", emulator, 3)
        yield* Server.elapse(3600)
        assert.deepStrictEqual((yield* emulator.webhooks).map(({ status }) => status), [503, undefined, 204])
      }), { webhookClient: client })
  })

  it.effect("a redirection is an answer", () => {
    const { client, requests } = answers(302)
    return emulated((emulator) =>
      Effect.gen(function*() {
        yield* create(["completed"])
        yield* after("1 minute", emulator, 1)
        yield* Server.elapse(3600)
        assert.deepStrictEqual((yield* emulator.webhooks).map(({ status }) => status), [302])
        assert.lengthOf(requests, 1)
      }), { webhookClient: client })
  })

  it.effect("a receiver that does not answer is waited for a minute, and changes nothing of what is told", () => {
    const { client, requests } = FakeHttp.make(({ url }) => url.endsWith("7") ? Effect.never : new Response())
    return emulated((emulator) =>
      Effect.gen(function*() {
        yield* create(["start", "output"])
        yield* Prediction.create("test/talker", {}, { webhook: "https://hooks.example/other" })
        const early = yield* after("5 seconds", emulator, 3)
        assert.deepStrictEqual(
          early.map(({ event, status }) => [event, status]),
          [["output", 200], ["output", 200], ["completed", 200]]
        )
        yield* Effect.repeat(Server.settle, { until: () => requests.length === 4 })
        yield* after("1 minute", emulator, 4)
        yield* Effect.repeat(Server.settle, { until: () => requests.length === 5 })
        const slow = (yield* after("1 minute", emulator, 5)).slice(3)
        assert.deepStrictEqual(told(slow), [
          ["start", "processing", 0, "begun\n"],
          ["output", "processing", 1, "begun\n"]
        ])
        for (const { failure } of slow) assert.include(failure, "did not answer within 1m")
      }), { webhookClient: client })
  })

  it.effect("a client that dies is told of", () => {
    const { client } = FakeHttp.make(() => Effect.dieMessage("no such thing"))
    return emulated((emulator) =>
      Effect.gen(function*() {
        yield* create(["start"])
        const [start] = yield* after("1 minute", emulator, 1)
        assert.include(start?.failure, "no such thing")
      }), { webhookClient: client })
  })

  it.effect("nothing is sent after the emulator is gone", () =>
    Effect.gen(function*() {
      const { client, requests } = answers(500)
      const scope = yield* Scope.make()
      const emulator = yield* Scope.extend(ReplicateEmulator.make({ models: [talker], webhookClient: client }), scope)
      yield* create(every).pipe(
        Effect.provide(ReplicateClient.layer({ token: Redacted.make("t") })),
        Effect.provideService(HttpClient.HttpClient, emulator.client)
      )
      yield* after("1 second", emulator, 2)
      yield* Scope.close(scope, Exit.void)
      yield* Server.elapse(3600)
      assert.lengthOf(requests, 2)
    }))
})
