import { createHash } from "node:crypto"
import type { Serve } from "../row.js"
import { block, finished, megabyte, prediction } from "../work.js"
import { json, notFound, pump } from "./answer.js"

/** What a download repeats. */
export const content = block(64 * 1024)

/** What the official client takes for a file: it knows no other scheme. */
export const fileUrl = "https://files.bench/out.bin"

/** A prediction whose output is a file of so many megabytes, and the file. */
export const download: Serve = (call) => {
  if (call.request.method === "POST") {
    call.request.resume()
    return json(call.response, 201, JSON.stringify(prediction(call.base, "p0", finished(fileUrl))))
  }
  if (call.path !== "/out.bin") return notFound(call)
  let left = call.size * megabyte
  call.response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left })
  const next = () => {
    const piece = content.subarray(0, left)
    left -= piece.length
    return piece.length === 0 ? undefined : piece
  }
  pump(call.response, next, () => call.response.end())
}

const headEnd = Buffer.from("\r\n\r\n")

/** Where the content begins in the start of a multipart body; -1 while that has not come. */
const contentStart = (start: Buffer): number => {
  const part = start.indexOf("name=\"content\"")
  const end = part === -1 ? -1 : start.indexOf(headEnd, part)
  return end === -1 ? -1 : end + headEnd.length
}

/** Takes files of so many megabytes, and tells how much came and its hash. */
export const upload: Serve = (call) => {
  if (call.path !== "/v1/files" || call.request.method !== "POST") return notFound(call)
  const hash = createHash("sha256")
  let start: Buffer | undefined = Buffer.alloc(0)
  let left = call.size * megabyte
  const take = (bytes: Buffer) => {
    const content = bytes.subarray(0, left)
    hash.update(content)
    left -= content.length
  }
  call.request.on("data", (bytes: Buffer) => {
    if (start === undefined) return take(bytes)
    start = Buffer.concat([start, bytes])
    const from = contentStart(start)
    if (from === -1) return
    take(start.subarray(from))
    start = undefined
  })
  call.request.on("end", () => {
    const size = call.size * megabyte - left
    const sha256 = hash.digest("hex")
    json(call.response, 201, JSON.stringify({ id: "f0", size, checksums: { sha256 }, metadata: {} }))
  })
}
