/** The official client, used as its own documentation shows. */
import { openAsBlob } from "node:fs"
import { writeFile } from "node:fs/promises"
import Replicate, { type Prediction } from "replicate"
import type { Run, Task } from "../row.js"
import { fileUrl } from "../servers/files.js"
import { mix, model } from "../work.js"
import { fileProof, fileWith } from "./disk.js"
import { fileOf, sum, tally, textsProof, token } from "./raw.js"

const clientOf = (base: string) =>
  new Replicate({
    auth: token,
    baseUrl: `${base}/v1`,
    // it takes nothing but https for the URL of a file
    fetch: (url, init) => fetch(String(url) === fileUrl ? `${base}/out.bin` : url, init)
  })

const input = { prompt: "Write a poem about a llama" }

const readStream = async (client: Replicate) => {
  const { add, proof } = tally()
  for await (const { data, event } of client.stream(model, { input })) if (event === "output") add(data)
  return proof
}

export const stream = async ({ base }: Task): Promise<Run> => {
  const client = clientOf(base)
  return () => readStream(client)
}

export const streams = (count: (size: number) => number) => async ({ base, size }: Task): Promise<Run> => {
  const client = clientOf(base)
  return async () => sum(await Promise.all(Array.from({ length: count(size) }, () => readStream(client))))
}

export const runs = async ({ base, size }: Task): Promise<Run> => {
  const client = clientOf(base)
  return async () => {
    let checksum = 0
    for (let n = 0; n < size; n++) checksum = mix(checksum, String(await client.run(model, { input })))
    return { count: size, checksum }
  }
}

export const predictions = async ({ base, size }: Task): Promise<Run> => {
  const client = clientOf(base)
  const one = async () => String(await client.run(model, { input, wait: { mode: "poll" } }))
  return async () => textsProof(await Promise.all(Array.from({ length: size }, one)))
}

export const pages = async ({ base }: Task): Promise<Run> => {
  const client = clientOf(base)
  return async () => {
    const { add, proof } = tally()
    for await (const page of client.paginate<Prediction>(client.predictions.list)) for (const { id } of page) add(id)
    return proof
  }
}

export const download = async ({ base, folder }: Task): Promise<Run> => {
  const client = clientOf(base)
  return async () => {
    const path = `${folder}/official.bin`
    // what its types call an object is a stream
    await writeFile(path, await client.run(model, { input }) as ReadableStream)
    return fileProof(path)
  }
}

const uploaded = async (client: Replicate, content: Blob | Buffer) => {
  const { checksums, size } = await client.files.create(content)
  return { count: size, checksum: checksums.sha256 }
}

export const uploadBytes = async ({ base, size }: Task): Promise<Run> => {
  const client = clientOf(base)
  const bytes = Buffer.from(fileOf(size).buffer)
  return () => uploaded(client, bytes)
}

export const uploadBlob = async ({ base, folder, size }: Task): Promise<Run> => {
  const client = clientOf(base)
  const blob = await openAsBlob(await fileWith(folder, size))
  return () => uploaded(client, blob)
}
