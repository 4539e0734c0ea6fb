import { assert, describe, it } from "@effect/vitest"
import type { ProviderError } from "effect-providers/ProviderError"
import { type ModelRef, Prediction, ReplicateClient } from "effect-providers/replicate"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Server from "../support/replicate-server.js"

const input = { prompt: "Hello" }
const ref: ModelRef.ModelRef = { _tag: "Deployment", owner: "acme", name: "app" }
const url = "https://api.replicate.com/v1/deployments/acme/app/predictions"

describe("a deployment", () => {
  it.effect.each<ModelRef.Input>([ref, "deployments/acme/app", "https://replicate.com/deployments/acme/app/settings"])(
    "C10: %j is created at its route, with all that a model takes",
    (deployment) =>
      Effect.gen(function*() {
        const server = Server.make()
        const create = Prediction.create(deployment, input, {
          wait: "7 seconds",
          cancelAfter: "1 minute",
          webhook: "https://example.com/hook",
          webhookEventsFilter: ["completed"]
        })
        yield* Server.timed(create).pipe(Effect.provide(server.layer))
        const webhook = { webhook: "https://example.com/hook", webhook_events_filter: ["completed"] }
        assert.lengthOf(server.calls, 1)
        assert.deepInclude(server.calls[0], { method: "POST", url, body: { input, ...webhook } })
        assert.deepInclude(server.calls[0]?.headers, { prefer: "wait=7", "cancel-after": "60s" })
      })
  )

  const ways: ReadonlyArray<{
    readonly way: string
    readonly effect: Effect.Effect<unknown, ProviderError, ReplicateClient.ReplicateClient>
  }> = [
    { way: "create", effect: Prediction.create(ref, input) },
    { way: "run", effect: Prediction.run(ref, input) },
    { way: "watch", effect: Stream.runDrain(Prediction.watch(ref, input)) },
    { way: "stream", effect: Stream.runDrain(Prediction.stream(ref, input)) }
  ]

  it.effect.each(ways)("C28: $way: one that is not there is told by its name", ({ effect }) =>
    Effect.gen(function*() {
      const server = Server.make({ create: [Server.status(404, { detail: "no such deployment" })] })
      const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
      assert.deepInclude(error, {
        _tag: "ModelNotFound",
        model: "deployments/acme/app",
        status: 404,
        detail: "no such deployment",
        method: "POST",
        url
      })
      assert.lengthOf(server.calls, 1)
    }))

  it.effect.each(ways)(
    "C06: $way: a create that may have reached the server is not sent again",
    ({ effect }) =>
      Effect.gen(function*() {
        for (const answer of [Server.status(503), Server.breaks("ECONNRESET")]) {
          const server = Server.make({ create: [answer] })
          const error = yield* Server.timed(effect).pipe(Effect.provide(server.layer), Effect.flip)
          assert.strictEqual(error._tag, "ResponseError")
          assert.lengthOf(server.calls, 1)
        }
      })
  )

  it.effect("a deployment that cannot stream is told by its name", () =>
    Effect.gen(function*() {
      const server = Server.make()
      const error = yield* Server.timed(Stream.runDrain(Prediction.stream(ref, input))).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert(error._tag === "InvalidRequest")
      assert.include(error.message, "deployments/acme/app cannot stream")
      assert.strictEqual(server.count("cancel"), 1)
    }))
})

describe("a deployment of the emulator", () => {
  const deployment = "deployments/emulator/chat"

  /** A test with a deployment of a text model; gives the requests that were made. */
  const deployed = <A, E>(model: string, test: Effect.Effect<A, E, ReplicateClient.ReplicateClient>) =>
    Effect.gen(function*() {
      const { api } = yield* ReplicateClient.ReplicateClient
      const emulator = yield* ReplicateEmulator.ReplicateEmulator
      const [model_owner = "", model_name = ""] = model.split("/")
      const { results: [version] } = yield* api.models.versions({ path: { model_owner, model_name } })
      const release = { version: version?.id ?? "", hardware: "cpu", min_instances: 0, max_instances: 1 }
      yield* api.deployments.create({ payload: { name: "chat", model, ...release } })
      const before = (yield* emulator.requests).length
      const result = yield* Server.timed(test)
      const requests = (yield* emulator.requests).slice(before).map(({ method, path }) => `${method} ${path}`)
      const [prediction] = yield* emulator.predictions
      assert.strictEqual(prediction?.deployment, "chat")
      return { result, requests, status: prediction?.status, id: prediction?.id }
    }).pipe(
      Effect.provide(
        ReplicateClient.layer({ token: Redacted.make("r8_test") }).pipe(Layer.provideMerge(ReplicateEmulator.layer()))
      )
    )

  const llama = "meta/meta-llama-3-70b-instruct"
  const create = "POST /v1/deployments/emulator/chat/predictions"

  it.effect("C10: is created, waited for and read", () =>
    Effect.gen(function*() {
      const { id, requests, result } = yield* deployed(
        llama,
        Effect.flatMap(Prediction.create(deployment, input), (created) => Prediction.wait(created))
      )
      assert.strictEqual(result.status, "succeeded")
      assert.strictEqual(result.deployment, "chat")
      assert.isNotEmpty(result.text)
      assert.strictEqual(requests[0], create)
      assert.deepStrictEqual([...new Set(requests.slice(1))], [`GET /v1/predictions/${id}`])
    }))

  it.effect("C04: is run to its end", () =>
    Effect.gen(function*() {
      const { requests, result } = yield* deployed(llama, Prediction.run(deployment, input))
      assert.isNotEmpty(result.text)
      assert.strictEqual(requests[0], create)
    }))

  it.effect("C20: is streamed", () =>
    Effect.gen(function*() {
      const { result, status } = yield* deployed(llama, Stream.runCollect(Prediction.stream(deployment, input)))
      const tags = [...result].map(({ _tag }) => _tag)
      assert.isAbove(tags.filter((tag) => tag === "TextDelta").length, 1)
      assert.strictEqual(tags.at(-1), "Finish")
      assert.strictEqual(status, "succeeded")
    }))

  it.effect("C27: is watched", () =>
    Effect.gen(function*() {
      const { result } = yield* deployed(llama, Stream.runCollect(Prediction.watch(deployment, input)))
      const statuses = [...result].map(({ status }) => status)
      assert.strictEqual(statuses[0], "starting")
      assert.strictEqual(statuses.at(-1), "succeeded")
    }))

  it.effect("C19: is canceled", () =>
    Effect.gen(function*() {
      const { id, requests, result, status } = yield* deployed(
        "emulator/slow",
        Effect.flatMap(Prediction.create(deployment, {}), ({ id }) => Prediction.cancel(id))
      )
      assert.strictEqual(result.status, "canceled")
      assert.strictEqual(status, "canceled")
      assert.deepStrictEqual(requests, [create, `POST /v1/predictions/${id}/cancel`])
    }))

  it.effect.each([
    { way: "run", effect: Prediction.run(deployment, {}) },
    { way: "stream", effect: Stream.runDrain(Prediction.stream(deployment, {})) },
    { way: "watch", effect: Stream.runDrain(Prediction.watch(deployment, {})) }
  ])("C19: is canceled by who gives up: $way", ({ effect }) =>
    Effect.gen(function*() {
      const { requests, status } = yield* deployed("emulator/slow", Effect.exit(Effect.timeout(effect, "10 seconds")))
      assert.strictEqual(status, "canceled")
      assert.lengthOf(requests.filter((request) => request.endsWith("/cancel")), 1)
    }))
})
