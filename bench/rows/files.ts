import { createHash } from "node:crypto"
import type { Proof, Row } from "../row.js"
import { block, megabyte } from "../work.js"
import { official, overFetch, overUndici } from "./http.js"

const fetch = () => import("../contenders/fetch.js")
const saving = () => import("../contenders/download.js")
const uploading = () => import("../contenders/upload.js")
const peer = () => import("../contenders/official.js")

const disk = async () => (await import("../contenders/nodeDisk.js")).layer

const repeated = (bytes: Uint8Array, count: number): Proof => {
  const hash = createHash("sha256")
  for (let left = count; left > 0; left -= bytes.length) hash.update(bytes.subarray(0, left))
  return { count, checksum: hash.digest("hex") }
}

/** Megabytes of files that are uploaded; that they are made of one block is known by none but this. */
const uploaded = (size: number): Proof => repeated(block(size * megabyte), size * megabyte)

export const files: ReadonlyArray<Row> = [
  {
    name: "download",
    about: (size) => `a download of ${size} MB to a file`,
    unit: "MB",
    size: 512,
    floors: ["fetch"],
    contenders: [
      { name: "fetch", start: async (task) => (await fetch()).download(task) },
      {
        name: "FileOutput.save, fetch's layer",
        start: async (task) => (await saving()).download(await overFetch(), await disk())(task),
        goal: { ratio: 1.4, memory: 150 }
      },
      {
        name: "FileOutput.save, undici's layer",
        start: async (task) => (await saving()).download(await overUndici(), await disk())(task),
        goal: { ratio: 1.4, memory: 150 }
      },
      { name: official, start: async (task) => (await peer()).download(task), peer: true }
    ],
    expected: (size) => repeated(block(64 * 1024), size * megabyte),
    serve: async () => (await import("../servers/files.js")).download
  },
  {
    name: "upload",
    about: (size) => `an upload of ${size} MB from memory`,
    unit: "MB",
    size: 50,
    floors: ["fetch"],
    contenders: [
      { name: "fetch", start: async (task) => (await fetch()).uploadBytes(task) },
      {
        name: "FileInput.upload, fetch's layer",
        start: async (task) => (await uploading()).uploadBytes(await overFetch())(task),
        goal: { ratio: 0.9 }
      },
      {
        name: "FileInput.upload, undici's layer",
        start: async (task) => (await uploading()).uploadBytes(await overUndici())(task),
        goal: { ratio: 0.9 }
      },
      { name: official, start: async (task) => (await peer()).uploadBytes(task), peer: true }
    ],
    expected: uploaded,
    serve: async () => (await import("../servers/files.js")).upload
  },
  {
    name: "upload-blob",
    about: (size) => `an upload of ${size} MB from a Blob that is a file`,
    unit: "MB",
    size: 50,
    floors: ["fetch"],
    contenders: [
      { name: "fetch", start: async (task) => (await fetch()).uploadBlob(task) },
      {
        name: "FileInput.upload, fetch's layer",
        start: async (task) => (await uploading()).uploadBlob(await overFetch())(task),
        goal: { ratio: 1 }
      },
      {
        name: "FileInput.upload, undici's layer",
        start: async (task) => (await uploading()).uploadBlob(await overUndici())(task),
        goal: { ratio: 1 }
      },
      { name: official, start: async (task) => (await peer()).uploadBlob(task), peer: true }
    ],
    expected: uploaded,
    serve: async () => (await import("../servers/files.js")).upload
  }
]
