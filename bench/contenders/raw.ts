import type { Proof, Run, Task } from "../row.js"
import { block, megabyte, mix, model } from "../work.js"

/** Sends a request and reads the JSON it is answered with. */
export type Send = (method: string, url: string, body?: unknown) => Promise<Wire>

/** What the loops look at. The servers are ours: nothing is checked. */
export interface Wire {
  readonly id: string
  readonly status: string
  readonly output: string
  readonly next: string | null
  readonly results: ReadonlyArray<Wire>
  readonly urls: { readonly get: string; readonly stream: string }
}

export const token = "r8_bench"

const input = { prompt: "Write a poem about a llama" }

const createUrl = (base: string) => `${base}/v1/models/${model}/predictions`

/** Predictions one after the other, each finished by the answer to its create. */
export const runs = (send: Send) => async ({ base, size }: Task): Promise<Run> => async () => {
  let checksum = 0
  for (let n = 0; n < size; n++) {
    const { output, status } = await send("POST", createUrl(base), { input })
    if (status !== "succeeded") throw new Error(`a run is ${status}`)
    checksum = mix(checksum, output)
  }
  return { count: size, checksum }
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Predictions all at the same time, each looked at every 500 ms. */
export const predictions = (send: Send) => async ({ base, size }: Task): Promise<Run> => async () => {
  const one = async () => {
    const { urls } = await send("POST", createUrl(base), { input })
    let current = await send("GET", urls.get)
    while (current.status !== "succeeded") {
      await sleep(500)
      current = await send("GET", urls.get)
    }
    return current.output
  }
  return textsProof(await Promise.all(Array.from({ length: size }, one)))
}

/** The texts of runs that all give the same, in the order in which they were asked for. */
export const textsProof = (texts: ReadonlyArray<string>): Proof => ({
  count: texts.length,
  checksum: texts.reduce(mix, 0)
})

/** A list, page after page. */
export const pages = (send: Send) => async ({ base }: Task): Promise<Run> => async () => {
  let count = 0
  let checksum = 0
  for (let url: string | null = `${base}/v1/predictions`; url !== null;) {
    const { next, results }: Wire = await send("GET", url)
    for (const { id } of results) checksum = mix(checksum, id)
    count += results.length
    url = next
  }
  return { count, checksum }
}

/** Takes texts in. */
export const tally = () => {
  const proof = { count: 0, checksum: 0 }
  const add = (text: string): void => {
    proof.count++
    proof.checksum = mix(proof.checksum, text)
  }
  return { proof, add }
}

/** The proofs of streams that were read at the same time, as one. */
export const sum = (proofs: ReadonlyArray<{ readonly count: number; readonly checksum: number }>): Proof => ({
  count: proofs.reduce((total, { count }) => total + count, 0),
  checksum: proofs.reduce((total, { checksum }) => (total + checksum) | 0, 0)
})

export const fileOf = (size: number): Uint8Array<ArrayBuffer> => block(size * megabyte)
