import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Output } from "effect-providers"
import { Pages, Prediction, Progress, ReplicateClient, Webhook } from "effect-providers/replicate"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHmac } from "node:crypto"
import Replicate, { parseProgressFromLogs, validateWebhook } from "replicate"
import { elapse, official } from "../support/official.js"
import { passing } from "../support/passing.js"

const llama = "meta/meta-llama-3-70b-instruct"
const flux = "black-forest-labs/flux-schnell"

const toArray = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for await (const item of items) all.push(item)
  return all
}

/** Our client before the same server. */
const ours = ({ url }: { readonly url: string }) =>
  Effect.provide(
    Layer.provide(
      ReplicateClient.layer({ baseUrl: url, token: Redacted.make("r8_ours"), polling: "100 millis" }),
      FetchHttpClient.layer
    )
  )

describe("the official client before the emulator", () => {
  it.scoped("C04: runs a model, waiting by holding the create", () =>
    Effect.gen(function*() {
      const { client, emulator } = yield* official
      const output = yield* elapse(() => client.run(llama, { input: { prompt: "Hi" } }))
      assert.include(Array.isArray(output) ? output.join("") : "", `You asked: "Hi"`)
      assert.deepStrictEqual((yield* emulator.requests).map(({ headers, method }) => [method, headers["prefer"]]), [
        ["POST", "wait"]
      ])
    }))

  it.scoped("C04: runs a version, waiting by polling", () =>
    Effect.gen(function*() {
      const { client, emulator } = yield* official
      const { latest_version: version } = yield* elapse(() => client.models.get("meta", "meta-llama-3-70b-instruct"))
      const seen: Array<string> = []
      yield* elapse(() =>
        client.run(`${llama}:${version?.id}`, { input: { prompt: "Hi" }, wait: { mode: "poll", interval: 1 } }, (
          { status }
        ) => seen.push(status))
      )
      assert.deepStrictEqual([...new Set(seen)], ["starting", "processing", "succeeded"])
      const [create, ...polls] = (yield* emulator.requests).slice(1)
      assert.strictEqual(create?.headers["prefer"], undefined)
      assert.isAbove(polls.length, 2)
    }))

  it.scoped("C05: gives files that can be read", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const output = yield* elapse(() => client.run(flux, { input: { prompt: "a llama", width: 8, height: 8 } }))
      const [file]: ReadonlyArray<{ readonly blob: () => Promise<Blob> }> = Array.isArray(output) ? output : []
      const blob = yield* elapse(() => file?.blob() ?? Promise.reject(new Error("no file")))
      assert.strictEqual(blob.type, "image/png")
      assert.deepStrictEqual(
        [...new Uint8Array(yield* Effect.promise(() => blob.arrayBuffer()))].slice(1, 4),
        [0x50, 0x4e, 0x47]
      )
    }))

  it.scoped("C20: streams text, event by event", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const events = yield* elapse(() => toArray(client.stream("test/words", { input: {} })))
      assert.strictEqual(events.join(""), Array.from({ length: 30 }, (_, n) => ` word${n}`).join(""))
      assert.deepInclude(events.at(-1), { event: "done", data: "{}" })
    }))

  it.scoped("C08: throws what a failed model said", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const error = yield* Effect.flip(elapse(() => client.run("emulator/fail", { input: {} })))
      assert.include(String(error), "CUDA out of memory (E1001)")
    }))

  it.scoped("C10 C13 C18 C19: creates, reads, lists, waits for and cancels predictions", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const created = yield* elapse(() => client.predictions.create({ model: "test/unhurried", input: {} }))
      assert.strictEqual((yield* elapse(() => client.predictions.get(created.id), 0)).status, "processing")
      const final = yield* elapse(() => client.wait(created, { interval: 1 }))
      assert.deepStrictEqual([final.status, final.output], ["succeeded", ["done"]])
      const other = yield* elapse(() => client.predictions.create({ model: "emulator/slow", input: {} }), 0)
      assert.strictEqual((yield* elapse(() => client.predictions.cancel(other.id), 0)).status, "canceled")
      const { results } = yield* elapse(() => client.predictions.list())
      assert.deepStrictEqual(results.map(({ id }) => id), [other.id, created.id])
    }))

  it.scoped("C18: follows the pages of a list", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      for (let n = 0; n < 5; n++) {
        yield* Effect.promise(() =>
          Promise.all(
            Array.from({ length: 50 }, () => client.predictions.create({ model: llama, input: { prompt: "" } }))
          )
        )
      }
      const pages = yield* elapse(() => toArray(client.paginate(() => client.predictions.list())))
      assert.deepStrictEqual(pages.map(({ length }) => length), [100, 100, 50])
      assert.strictEqual(new Set(pages.flat().map(({ id }) => id)).size, 250)
    }))

  it.scoped("trains a model", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const { latest_version: base } = yield* elapse(() => client.models.get("black-forest-labs", "flux-schnell"))
      yield* elapse(() => client.models.create("emulator", "my-llama", { visibility: "private", hardware: "gpu-l40s" }))
      const create = () =>
        client.trainings.create("black-forest-labs", "flux-schnell", base?.id ?? "", {
          destination: "emulator/my-llama",
          input: { input_images: "https://example.com/llamas.zip", steps: 3 }
        })
      const training = yield* elapse(create, 0)
      assert.strictEqual(training.status, "starting")
      const final = yield* elapse(() => untilFinal(client, training.id))
      assert.strictEqual(final.status, "succeeded")
      assert.match(final.output?.version ?? "", /^emulator\/my-llama:[0-9a-f]{64}$|^[0-9a-f]{64}$/)
      const second = yield* elapse(create, 0)
      assert.strictEqual((yield* elapse(() => client.trainings.cancel(second.id), 0)).status, "canceled")
      const { results } = yield* elapse(() => client.trainings.list())
      assert.deepStrictEqual(results.map(({ id }) => id), [second.id, training.id])
    }))

  it.scoped("manages deployments, and predicts with one", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const { latest_version: version } = yield* elapse(() => client.models.get("meta", "meta-llama-3-70b-instruct"))
      const created = yield* elapse(() =>
        client.deployments.create({
          name: "llama",
          model: llama,
          version: version?.id ?? "",
          hardware: "gpu-h100",
          min_instances: 0,
          max_instances: 2
        })
      )
      assert.deepInclude(created, { owner: "emulator", name: "llama" })
      const updated = yield* elapse(() => client.deployments.update("emulator", "llama", { max_instances: 3 }))
      assert.deepStrictEqual(
        [updated.current_release.number, updated.current_release.configuration.max_instances],
        [2, 3]
      )
      assert.deepStrictEqual(yield* elapse(() => client.deployments.get("emulator", "llama")), updated)
      assert.deepStrictEqual((yield* elapse(() => client.deployments.list())).results, [updated])
      const predict = () =>
        client.deployments.predictions.create("emulator", "llama", { input: { prompt: "Hi" }, wait: 5 })
      const prediction = yield* elapse(predict)
      assert.include(prediction.output.join(""), `You asked: "Hi"`)
      const error = yield* Effect.flip(elapse(() => client.deployments.delete("emulator", "llama")))
      assert.include(String(error), "offline for 15 minutes")
      yield* TestClock.adjust("16 minutes")
      assert.isTrue(yield* elapse(() => client.deployments.delete("emulator", "llama")))
    }))

  it.scoped("C26: uploads, reads, lists and deletes files, and puts them into an input", () =>
    Effect.gen(function*() {
      const { client, emulator } = yield* official
      const file = yield* elapse(() =>
        client.files.create(new File(["wool"], "llama.txt", { type: "text/plain" }), { of: "llamas" })
      )
      assert.deepInclude(file, { size: 4, content_type: "text/plain", metadata: { of: "llamas" } })
      assert.strictEqual((yield* elapse(() => client.files.get(file.id))).id, file.id)
      assert.deepStrictEqual((yield* elapse(() => client.files.list())).results.map(({ id }) => id), [file.id])
      assert.isTrue(yield* elapse(() => client.files.delete(file.id)))
      assert.deepStrictEqual((yield* elapse(() => client.files.list())).results, [])
      yield* elapse(() => client.run("test/words", { input: { image: new Blob(["wool"]) } }))
      assert.match(JSON.stringify((yield* emulator.requests).at(-1)?.body), /"image":"http:.*\/v1\/files\/\w+"/)
    }))

  it.scoped("reads models, versions, collections, hardware and the account", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const { results: models } = yield* elapse(() => client.models.list())
      assert.include(models.map(({ name, owner }) => `${owner}/${name}`), flux)
      const { results: versions } = yield* elapse(() =>
        client.models.versions.list("meta", "meta-llama-3-70b-instruct")
      )
      const [version] = versions
      assert.deepStrictEqual(
        yield* elapse(() => client.models.versions.get("meta", "meta-llama-3-70b-instruct", version?.id ?? "")),
        version
      )
      const { results: collections } = yield* elapse(() => client.collections.list())
      const [collection] = collections
      assert.isNotEmpty((yield* elapse(() => client.collections.get(collection?.slug ?? ""))).models ?? [])
      assert.isNotEmpty(yield* elapse(() => client.hardware.list()))
      assert.strictEqual((yield* elapse(() => client.accounts.current())).username, "emulator")
    }))

  it.scoped("reads the webhook secret, and accepts what is signed with it", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const { key } = yield* elapse(() => client.webhooks.default.secret.get())
      assert.isTrue(yield* Effect.promise(() => validateWebhook(signed(key, "msg_1", 1_700_000_000))))
      const forged = { ...signed(key, "msg_1", 1_700_000_000), body: `{"id":"other"}` }
      assert.isFalse(yield* Effect.promise(() => validateWebhook(forged)))
    }))
})

const untilFinal = async (client: Replicate, id: string) => {
  let training = await client.trainings.get(id)
  while (training.status !== "succeeded") training = await client.trainings.get(id)
  return training
}

const signed = (secret: string, id: string, at: number, body = `{"id":"p1","status":"succeeded"}`) => {
  const key = Buffer.from(secret.slice("whsec_".length), "base64")
  const signature = `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`
  return { id, timestamp: String(at), body, secret, signature }
}

// what our client does in the same place is beside it
describe("where the official client is wrong", () => {
  it.scoped("a create whose answer is lost is sent again and again, and each is paid for", () =>
    Effect.gen(function*() {
      const server = yield* official
      yield* server.emulator.fail({ method: "POST" }, { _tag: "DropAfter" }, 10)
      yield* Effect.flip(elapse(() => server.client.predictions.create({ model: llama, input: { prompt: "Hi" } })))
      assert.lengthOf(yield* server.emulator.predictions, 6)

      const error = yield* Effect.flip(ours(server)(Prediction.create(llama, { prompt: "Hi" })))
      assert.deepInclude(error, { _tag: "ResponseError", reason: "network" })
      assert.lengthOf(yield* server.emulator.predictions, 7)
    }))

  it.scoped("retries come without a pause, whatever Retry-After says", () =>
    Effect.gen(function*() {
      const { client, emulator } = yield* official
      const busy = { _tag: "Answer", status: 429, headers: { "retry-after": "30" } } as const
      yield* emulator.fail({ method: "GET" }, busy, 5)
      // no time passes at all
      yield* elapse(() => client.accounts.current(), 0)
      assert.lengthOf(yield* emulator.requests, 6)
    }))

  it.scoped("a hold that ends before the model does gives nothing, as if that were the output", () =>
    Effect.gen(function*() {
      const server = yield* official
      const wait = { mode: "block", timeout: 1 } as const
      assert.isUndefined(yield* elapse(() => server.client.run("test/unhurried", { input: {}, wait })))

      const prediction = yield* passing(ours(server)(Prediction.run("test/unhurried", {}, { wait: "1 second" })))
      assert.strictEqual(prediction.text, "done")
    }))

  it.scoped("canceled is taken for an empty success, and aborted is polled for ever", () =>
    Effect.gen(function*() {
      const server = yield* official
      const { client, emulator } = server
      const created = yield* elapse(() => client.predictions.create({ model: "emulator/slow", input: {} }), 0)
      yield* elapse(() => client.predictions.cancel(created.id), 0)
      yield* emulator.fail({ method: "POST" }, { _tag: "Answer", status: 201, body: created })
      assert.isUndefined(yield* elapse(() => client.run("emulator/slow", { input: {} })))

      yield* emulator.fail({ method: "GET" }, {
        _tag: "Answer",
        status: 200,
        body: { ...created, status: "aborted" }
      }, 50)
      let polls = 0
      yield* elapse(() => client.wait(created, { interval: 1 }, () => Promise.resolve(++polls === 20)))
      assert.strictEqual(polls, 20)

      const started = new Prediction.Prediction({ id: created.id, status: "starting" })
      const error = yield* Effect.flip(ours(server)(Prediction.wait(started)))
      assert.deepInclude(error, { _tag: "PredictionCanceled", status: "aborted" })
    }))

  it.scoped("a stream that is cut is over: what was missed is lost", () =>
    Effect.gen(function*() {
      const server = yield* official
      yield* server.emulator.fail({ path: "/stream" }, { _tag: "CutStream", events: 3 })
      const texts: Array<string> = []
      const read = async () => {
        for await (const event of server.client.stream("test/words", { input: {} })) texts.push(String(event))
      }
      yield* Effect.exit(elapse(read))
      assert.isBelow(texts.length, 30)

      yield* server.emulator.fail({ path: "/stream" }, { _tag: "CutStream", events: 3 })
      const whole = yield* passing(
        Prediction.stream("test/words", {}).pipe(Output.text, Stream.mkString, ours(server))
      )
      assert.include(whole, " word29")
    }))

  it.scoped("a model that cannot stream is left running, and paid for", () =>
    Effect.gen(function*() {
      const server = yield* official
      const error = yield* Effect.flip(elapse(() => toArray(server.client.stream("test/unhurried", { input: {} })), 0))
      assert.include(String(error), "does not support streaming")
      assert.deepStrictEqual((yield* server.emulator.predictions).map(({ status }) => status), ["processing"])

      yield* Effect.flip(ours(server)(Stream.runDrain(Prediction.stream("test/unhurried", {}))))
      assert.deepStrictEqual((yield* server.emulator.predictions).map(({ status }) => status), [
        "canceled",
        "processing"
      ])
    }))

  it.scoped("errors hold the token", () =>
    Effect.gen(function*() {
      const server = yield* official
      const error = yield* Effect.flip(elapse(() => server.client.predictions.get("missing")))
      const { request } = Object.assign({ request: new Request(server.url) }, error)
      assert.strictEqual(request.headers.get("authorization"), "Bearer r8_official")

      const own = yield* Effect.flip(ours(server)(Prediction.get("missing")))
      assert.notInclude(JSON.stringify(own) + String(own) + own.stack, "r8_ours")
    }))

  it.scoped("an id leads to another route", () =>
    Effect.gen(function*() {
      const server = yield* official
      const found: object = yield* elapse(() => server.client.predictions.get("../account"))
      assert.deepInclude(found, { username: "emulator" })

      const error = yield* Effect.flip(ours(server)(Prediction.get("../account")))
      assert.strictEqual(error._tag, "ResponseError")
    }))

  it.scoped("a search is sent with quotes around it", () =>
    Effect.gen(function*() {
      const { client, url } = yield* official
      const bodies: Array<unknown> = []
      const recorded = new Replicate({
        auth: client.auth,
        baseUrl: `${url}/v1`,
        fetch: (target, init) => {
          bodies.push(init?.body)
          return fetch(target, init)
        }
      })
      yield* elapse(() => recorded.models.search("llama 3"))
      assert.deepStrictEqual(bodies, [`"llama 3"`])
    }))

  it.scoped("bytes that are no Buffer become an object of numbers", () =>
    Effect.gen(function*() {
      const { client, emulator } = yield* official
      yield* elapse(() => client.predictions.create({ model: "test/words", input: { image: Uint8Array.of(7, 8) } }), 0)
      assert.deepStrictEqual((yield* emulator.requests)[0]?.body, { input: { image: { 0: 7, 1: 8 } } })
    }))

  it.scoped("told to send files as data URIs, it sends itself as the input, token included", () =>
    Effect.gen(function*() {
      const { client, emulator, url } = yield* official
      const inlining = new Replicate({ auth: client.auth, baseUrl: `${url}/v1`, fileEncodingStrategy: "data-uri" })
      yield* elapse(() => inlining.predictions.create({ model: "test/words", input: { image: new Blob(["x"]) } }), 0)
      assert.nestedPropertyVal((yield* emulator.requests)[0], "body.input.auth", "r8_official")
    }))

  it.scoped("a link to another host gets the token", () =>
    Effect.gen(function*() {
      const server = yield* official
      const other = yield* official
      const page = { next: `${other.url}/v1/predictions`, previous: null, results: [] }
      yield* server.emulator.fail({ method: "GET" }, { _tag: "Answer", status: 200, body: page }, 2)
      yield* elapse(() => toArray(server.client.paginate(() => server.client.predictions.list())))
      assert.deepInclude((yield* other.emulator.requests)[0], { path: "/v1/predictions", hasToken: true })

      const error = yield* Effect.flip(ours(server)(Stream.runDrain(Pages.predictions().items)))
      assert.include(error.message, "another origin")
      assert.lengthOf(yield* other.emulator.requests, 1)
    }))

  it.scoped("a webhook may be years old, and of any scheme", () =>
    Effect.gen(function*() {
      const { client } = yield* official
      const { key } = yield* elapse(() => client.webhooks.default.secret.get())
      const old = signed(key, "msg_1", 1_400_000_000)
      const other = { ...old, signature: old.signature.replace("v1,", "v9,") }
      assert.isTrue(yield* Effect.promise(() => validateWebhook(old)))
      assert.isTrue(yield* Effect.promise(() => validateWebhook(other)))

      yield* TestClock.setTime(1_700_000_000_000)
      const headers = { "webhook-id": old.id, "webhook-timestamp": old.timestamp, "webhook-signature": old.signature }
      const verified = Webhook.verify({ headers, body: old.body }, { secret: Redacted.make(key) })
      assert.strictEqual((yield* Effect.flip(verified)).reason, "too-old")
    }))

  it("progress with decimals, or behind a word, is not seen", () => {
    for (const line of ["12.5%|#         | 1/8", "Downloading:  50%|#####     | 1/2"]) {
      assert.isNull(parseProgressFromLogs(line))
      assert.isTrue(Option.isSome(Progress.fromLogs(line)))
    }
    assert.strictEqual(parseProgressFromLogs("  0%|     | 0/2\r 50%|##   | 1/2")?.percentage, 0)
    assert.strictEqual(Option.getOrUndefined(Progress.fromLogs("  0%|     | 0/2\r 50%|##   | 1/2"))?.fraction, 0.5)
  })
})
