import { FileSystem, HttpClient } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ReplicateEmulator } from "effect-providers/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as ManagedRuntimeExample from "../examples/managed-runtime.js"
import * as PromiseExample from "../examples/promise.js"
import * as Batch from "../examples/replicate/batch.js"
import * as Cancel from "../examples/replicate/cancel.js"
import * as FileIn from "../examples/replicate/file-in.js"
import * as FileOut from "../examples/replicate/file-out.js"
import * as Follow from "../examples/replicate/follow.js"
import * as List from "../examples/replicate/list.js"
import * as Run from "../examples/replicate/run.js"
import * as StreamExample from "../examples/replicate/stream.js"
import * as Video from "../examples/replicate/video.js"
import * as WebService from "../examples/replicate/web-service.js"
import * as WebhookQueue from "../examples/replicate/webhook-queue.js"
import { replicateClient } from "../examples/support/emulated.js"
import { emulator } from "../examples/support/emulator.js"
import { passing } from "./support/passing.js"
import * as Server from "./support/replicate-server.js"

/** Runs an example before an emulator, in the time that takes. */
const inTime = <A, E>(
  test: Effect.Effect<
    A,
    E,
    Effect.Effect.Context<ReturnType<typeof FileOut.program>> | ReplicateEmulator.ReplicateEmulator
  >
) => Effect.provide(passing(test, "1 second"), replicateClient)

const requests = Effect.flatMap(ReplicateEmulator.ReplicateEmulator, ({ requests }) => requests)

describe("examples of Replicate's API", () => {
  it.effect("C04: run", () =>
    Effect.gen(function*() {
      const answer = yield* inTime(Run.program)
      assert.include("text" in answer ? answer.text : "", `You asked: "Why do llamas hum?"`)
      assert.isAbove("text" in answer ? Number(answer.seconds) : 0, 1)
    }))

  it.effect("C19: cancel", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* inTime(Cancel.program), { before: "processing", after: "canceled" })
    }))

  it.effect("C20: follow", () =>
    Effect.gen(function*() {
      const { followed, waited } = yield* inTime(Follow.program)
      assert.include(followed, `You asked: "Why do llamas hum?"`)
      assert.strictEqual(waited, followed)
    }))

  it.scoped("C20: a web service streams what another of its requests started, to whoever asks for it", () =>
    Effect.gen(function*() {
      const { again, first } = yield* WebService.program
      assert.include(first, `You asked: "Why do llamas hum?"`)
      assert.strictEqual(again, first)
      const http = yield* HttpClient.HttpClient
      assert.strictEqual((yield* http.get("/answers/none")).status, 404)
      assert.strictEqual((yield* http.post("/answers")).status, 400)
    }).pipe((test) => passing(test), Effect.provide(WebService.live)))

  it.effect("C18: list", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* inTime(List.program), { failed: 1, succeeded: 1 })
    }))

  it.scoped("C15: file out", () =>
    Effect.gen(function*() {
      const [paths, contents, hosts] = yield* inTime(Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectory()
        const paths = yield* FileOut.program(`${directory}/pictures`)
        const contents = yield* Effect.forEach(paths, (path) => fs.readFile(path))
        yield* fs.remove(directory, { recursive: true })
        return [paths, contents, yield* requests] as const
      }))
      assert.lengthOf(new Set(paths), 2)
      for (const bytes of contents) assert.deepStrictEqual(Array.from(bytes.subarray(1, 4)), [0x50, 0x4e, 0x47])
      assert.deepStrictEqual(hosts.filter(({ hasToken, path }) => path.startsWith("/files/") && hasToken), [])
    }))

  it.effect("C29: a video, waited for and saved", () =>
    Effect.gen(function*() {
      const { bytes, created, output, saved } = yield* inTime(Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectory()
        const saved = yield* Video.program(`${directory}/videos/llama.mp4`)
        const bytes = yield* fs.readFile(saved)
        yield* fs.remove(directory, { recursive: true })
        const emulator = yield* ReplicateEmulator.ReplicateEmulator
        const [prediction] = yield* emulator.predictions
        const created = (yield* requests).find(({ method }) => method === "POST")
        return { bytes, created, output: prediction?.output, saved }
      }))
      assert.isTrue(saved.endsWith("/videos/llama.mp4"))
      assert.strictEqual(String.fromCharCode(...bytes.subarray(4, 8)), "ftyp")
      assert.match(String(output), /^https:\/\/replicate\.delivery\/.+\.mp4$/)
      assert.strictEqual(created?.headers["cancel-after"], "1200s")
    }))

  it.effect("C09 C29: a batch, then its downloads", () =>
    Effect.gen(function*() {
      const { exist, result } = yield* inTime(Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectory()
        const result = yield* Batch.program(directory)
        const exist = yield* Effect.forEach(result.saved, (path) => fs.exists(path))
        yield* fs.remove(directory, { recursive: true })
        return { exist, result }
      }))
      assert.deepStrictEqual(exist, [true, true, true, true])
      assert.lengthOf(result.failed, 1)
      assert.include(result.failed[0], "out of memory")
    }))

  it.scopedLive("C10 C29: a queue that webhooks tell of", () =>
    Effect.gen(function*() {
      const done = yield* Effect.provide(WebhookQueue.program, WebhookQueue.live)
      assert.deepStrictEqual(done.map(({ job, status }) => [job, status]), [
        [1, "succeeded"],
        [2, "succeeded"],
        [3, "succeeded"]
      ])
    }))

  it.live("C03: a runtime for callers without Effect", () =>
    Effect.gen(function*() {
      const [first, second, third] = yield* Effect.promise(ManagedRuntimeExample.program)
      assert.match(first?.text, /^You asked: "Why do llamas/)
      assert.match(second?.text, /^You asked: "What do goats/)
      assert.deepInclude(third, { status: 400 })
      assert.include(third?.message, "prompt is required")
    }))

  it.live("C03, C19: whoever hangs up has the prediction canceled", () =>
    Effect.gen(function*() {
      const server = Server.make({ get: [Server.gives({ status: "processing" })] }, { polling: "1 millis" })
      const runtime = ManagedRuntime.make(server.layer)
      const controller = new AbortController()
      const request = new Request("http://localhost/?prompt=Hello", { signal: controller.signal })
      const answer = Effect.tryPromise(() => ManagedRuntimeExample.makeHandler(runtime)(request))
      const fiber = yield* Effect.fork(Effect.exit(answer))
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => server.count("get") > 1 })
      assert.strictEqual(server.count("cancel"), 0)
      controller.abort()
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.strictEqual(server.count("cancel"), 1)
      yield* runtime.disposeEffect
    }))

  it.scopedLive("C04, C15, C20: promises", () =>
    Effect.gen(function*() {
      const baseUrl = yield* emulator
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const { failed, saved, text } = yield* Effect.promise(() =>
        PromiseExample.program({ token: "r8_emulated", baseUrl }, `${directory}/pictures`)
      )
      assert.match(text, /^You asked: "Why do llamas hum\?"/)
      assert.strictEqual(failed, "PredictionFailed")
      assert.deepStrictEqual(saved, [`${directory}/pictures/1.png`])
      const bytes = yield* fs.readFile(`${directory}/pictures/1.png`)
      assert.deepStrictEqual(Array.from(bytes.subarray(1, 4)), [0x50, 0x4e, 0x47])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("C26: files in", () =>
    Effect.gen(function*() {
      const [text, bodies] = yield* inTime(Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* fs.makeTempFile({ suffix: ".md" })
        yield* fs.writeFileString(path, "# Llamas")
        const text = yield* FileIn.program(path)
        yield* fs.remove(path)
        return [text, (yield* requests).filter(({ method }) => method === "POST")] as const
      }))
      assert.include(text, "What is in these files?")
      assert.deepStrictEqual(bodies.map(({ path }) => path), [
        "/v1/files",
        "/v1/models/meta/meta-llama-3-70b-instruct/predictions"
      ])
      const { input } = Object.assign({ input: {} }, bodies[1]?.body)
      assert.deepPropertyVal(input, "documents", [
        "data:text/markdown;base64,IyBMbGFtYXM=",
        "data:text/plain;base64,d29vbA=="
      ])
      assert.match(String(Object.assign({ picture: "" }, input).picture), /^https:\/\/api\.replicate\.com\/v1\/files\//)
    }))

  it.effect("C20: stream", () =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const summary = yield* inTime(StreamExample.program((text) => Effect.sync(() => texts.push(text))))
      assert.isAbove(texts.length, 10)
      assert.include(texts.join(""), `You asked: "Why do llamas hum?"`)
      assert.containsAllKeys(summary, ["id", "predict_time", "output_token_count"])
    }))
})
