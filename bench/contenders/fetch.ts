/** Loops over `fetch` as one would write them by hand, for these servers alone. */
import { openAsBlob } from "node:fs"
import { open } from "node:fs/promises"
import type { Run, Task } from "../row.js"
import { model } from "../work.js"
import { fileProof, fileWith } from "./disk.js"
import { fileOf, type Send, sum, tally, token, type Wire } from "./raw.js"

const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }

export const send: Send = async (method, url, body) => {
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  if (!response.ok) throw new Error(`${method} ${url} failed with status ${response.status}`)
  // the servers are ours
  return await response.json() as Wire
}

export const bodyOf = async (url: string) => {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`GET ${url} failed with status ${response.status}`)
  return response.body
}

/** Reads the texts of one stream: each event has its name, its id and one data line, and `done` is the last. */
const readStream = async (base: string) => {
  const { urls } = await send("POST", `${base}/v1/models/${model}/predictions`, { input: { prompt: "Hi" } })
  const { add, proof } = tally()
  const decoder = new TextDecoder()
  let rest = ""
  let event = ""
  for await (const bytes of await bodyOf(urls.stream)) {
    const text = rest + decoder.decode(bytes, { stream: true })
    let start = 0
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      if (text.startsWith("event: ", start)) event = text.slice(start + 7, end)
      else if (text.startsWith("data: ", start)) {
        if (event === "done") return proof
        if (event === "output") add(text.slice(start + 6, end))
      }
      start = end + 1
    }
    rest = text.slice(start)
  }
  throw new Error("the stream has no end")
}

export const stream = async ({ base }: Task): Promise<Run> => () => readStream(base)

/** So many streams at the same time. */
export const streams = (count: (size: number) => number) => async ({ base, size }: Task): Promise<Run> => async () =>
  sum(await Promise.all(Array.from({ length: count(size) }, () => readStream(base))))

export const download = async ({ base, folder }: Task): Promise<Run> => async () => {
  const path = `${folder}/fetch.bin`
  const file = await open(path, "wx")
  for await (const bytes of await bodyOf(`${base}/out.bin`)) await file.write(bytes)
  await file.close()
  return fileProof(path)
}

const uploaded = async (base: string, blob: Blob) => {
  const body = new FormData()
  body.append("content", blob, "bench.bin")
  const response = await fetch(`${base}/v1/files`, {
    method: "POST",
    headers: { authorization: headers.authorization },
    body
  })
  const { checksums, size } = await response.json() as { size: number; checksums: { sha256: string } }
  return { count: size, checksum: checksums.sha256 }
}

export const uploadBytes = async ({ base, size }: Task): Promise<Run> => {
  const bytes = fileOf(size)
  return () => uploaded(base, new Blob([bytes]))
}

export const uploadBlob = async ({ base, folder, size }: Task): Promise<Run> => {
  const blob = await openAsBlob(await fileWith(folder, size))
  return () => uploaded(base, blob)
}
