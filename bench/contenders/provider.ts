/** The provider contract before Replicate's client. */
import type { Output } from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import * as Replicate from "effect-providers/providers/Replicate"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Run, Task } from "../row.js"
import { model } from "../work.js"
import type { Http } from "./client.js"
import { readTexts } from "./ours.js"
import { sum, tally, token } from "./raw.js"

const request = { model, prompt: "Write a poem about a llama" }

const withProvider = async (
  base: string,
  http: Http,
  work: Effect.Effect<Awaited<ReturnType<Run>>, unknown, Provider.Provider>
): Promise<Run> => {
  const provider = Replicate.layer({ apiKey: Redacted.make(token), baseUrl: `${base}/v1`, anyModel: true })
  const runtime = ManagedRuntime.make(Layer.provide(provider, http))
  await runtime.runtime()
  return () => runtime.runPromise(work)
}

const readStream = Effect.suspend(() => readTexts(Provider.stream(request)))

export const stream = (http: Http) => ({ base }: Task): Promise<Run> => withProvider(base, http, readStream)

export const streams = (http: Http, count: (size: number) => number) => ({ base, size }: Task): Promise<Run> =>
  withProvider(
    base,
    http,
    Effect.map(Effect.all(Array.from({ length: count(size) }, () => readStream), { concurrency: "unbounded" }), sum)
  )

/** As most programs are written: an effect for each element. */
export const forEach = (http: Http) => ({ base }: Task): Promise<Run> =>
  withProvider(
    base,
    http,
    Effect.suspend(() => {
      const { add, proof } = tally()
      const take = (output: Output) => Effect.sync(() => void (output._tag === "TextDelta" && add(output.text)))
      return Effect.as(Stream.runForEach(Provider.stream(request), take), proof)
    })
  )
