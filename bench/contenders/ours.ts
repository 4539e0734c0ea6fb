/** This library, as a program would use it, over the HTTP client it is given. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import type { Output } from "effect-providers/Output"
import * as FileInput from "effect-providers/replicate/FileInput"
import * as FileOutput from "effect-providers/replicate/FileOutput"
import * as Pages from "effect-providers/replicate/Pages"
import * as Prediction from "effect-providers/replicate/Prediction"
import * as ReplicateClient from "effect-providers/replicate/ReplicateClient"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { openAsBlob } from "node:fs"
import type { Run, Task } from "../row.js"
import { mix, model } from "../work.js"
import { fileProof, fileWith } from "./disk.js"
import { fileOf, sum, tally, textsProof, token } from "./raw.js"

export type Http = Layer.Layer<HttpClient.HttpClient>

type Services = Layer.Layer.Success<ReturnType<typeof ReplicateClient.layer>>

/** Builds the client before the measuring, and runs the work with it. */
const withClient = async (
  base: string,
  http: Http,
  work: Effect.Effect<Awaited<ReturnType<Run>>, unknown, Services>
): Promise<Run> => {
  const client = Layer.provide(ReplicateClient.layer({ token: Redacted.make(token), baseUrl: `${base}/v1` }), http)
  const runtime = ManagedRuntime.make(client)
  await runtime.runtime()
  return () => runtime.runPromise(work)
}

const input = { prompt: "Write a poem about a llama" }

/** Reads the texts of a stream, chunk by chunk: what a consumer does for each element is its own cost. */
export const readTexts = <E, R>(stream: Stream.Stream<Output, E, R>) =>
  Effect.suspend(() => {
    const { add, proof } = tally()
    const take = (outputs: Chunk.Chunk<Output>) =>
      Effect.sync(() => {
        for (const output of outputs) if (output._tag === "TextDelta") add(output.text)
      })
    return Effect.as(Stream.runForEachChunk(stream, take), proof)
  })

const readStream = Effect.suspend(() => readTexts(Prediction.stream(model, input)))

export const stream = (http: Http) => ({ base }: Task): Promise<Run> => withClient(base, http, readStream)

/** By a function of each chunk, where `readTexts` runs an effect for it. */
const mapStream = Effect.suspend(() => {
  const { add, proof } = tally()
  const take = (outputs: Chunk.Chunk<Output>) => {
    for (const output of outputs) if (output._tag === "TextDelta") add(output.text)
    return outputs
  }
  return Effect.as(Stream.runDrain(Stream.mapChunks(Prediction.stream(model, input), take)), proof)
})

export const mapChunks = (http: Http) => ({ base }: Task): Promise<Run> => withClient(base, http, mapStream)

export const streams = (http: Http, count: (size: number) => number) => ({ base, size }: Task): Promise<Run> =>
  withClient(
    base,
    http,
    Effect.map(Effect.all(Array.from({ length: count(size) }, () => readStream), { concurrency: "unbounded" }), sum)
  )

const runText = Effect.map(Effect.suspend(() => Prediction.run(model, input)), ({ text }) => text)

export const runs = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(
    base,
    http,
    Effect.gen(function*() {
      let checksum = 0
      for (let n = 0; n < size; n++) checksum = mix(checksum, yield* runText)
      return { count: size, checksum }
    })
  )

export const predictions = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(
    base,
    http,
    Effect.map(Effect.all(Array.from({ length: size }, () => runText), { concurrency: "unbounded" }), textsProof)
  )

export const pages = (http: Http) => ({ base }: Task): Promise<Run> =>
  withClient(
    base,
    http,
    Effect.suspend(() => {
      const { add, proof } = tally()
      const take = (page: Chunk.Chunk<Prediction.Prediction>) =>
        Effect.sync(() => {
          for (const { id } of page) add(id)
        })
      return Effect.as(Stream.runForEachChunk(Pages.predictions().items, take), proof)
    })
  )

export const download =
  (http: Http, disk: Layer.Layer<FileSystem.FileSystem | Path.Path>) => ({ base, folder }: Task): Promise<Run> =>
    withClient(
      base,
      http,
      new FileOutput.FileOutput(`${base}/out.bin`).save(`${folder}/ours.bin`).pipe(
        Effect.map(fileProof),
        Effect.provide(disk)
      )
    )

const uploaded = (content: Uint8Array<ArrayBuffer> | Blob) =>
  Effect.map(
    Effect.suspend(() => FileInput.upload(FileInput.make(content, { name: "bench.bin" }))),
    ({ checksums, size }) => ({ count: size ?? 0, checksum: String(checksums?.["sha256"]) })
  )

export const uploadBytes = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(base, http, uploaded(fileOf(size)))

export const uploadBlob = (http: Http) => async ({ base, folder, size }: Task): Promise<Run> =>
  withClient(base, http, uploaded(await openAsBlob(await fileWith(folder, size))))
