/** This library, as a program would use it, over the HTTP client it is given. */
import type { Output } from "effect-providers/Output"
import * as Pages from "effect-providers/replicate/Pages"
import * as Prediction from "effect-providers/replicate/Prediction"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Run, Task } from "../row.js"
import { mix, model } from "../work.js"
import { type Http, withClient } from "./client.js"
import { sum, tally, textsProof } from "./raw.js"

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

/** By a function of each page, as `mapStream`. */
export const mapPages = (http: Http) => ({ base }: Task): Promise<Run> =>
  withClient(
    base,
    http,
    Effect.suspend(() => {
      const { add, proof } = tally()
      const take = (page: Chunk.Chunk<Prediction.Prediction>) => {
        for (const { id } of page) add(id)
        return page
      }
      return Effect.as(Stream.runDrain(Stream.mapChunks(Pages.predictions().items, take)), proof)
    })
  )
