/** Uploads by this library. */
import * as FileInput from "effect-providers/replicate/FileInput"
import * as Effect from "effect/Effect"
import { openAsBlob } from "node:fs"
import type { Run, Task } from "../row.js"
import { type Http, withClient } from "./client.js"
import { fileWith } from "./disk.js"
import { fileOf } from "./raw.js"

const uploaded = (content: Uint8Array<ArrayBuffer> | Blob) =>
  Effect.map(
    Effect.suspend(() => FileInput.upload(FileInput.make(content, { name: "bench.bin" }))),
    ({ checksums, size }) => ({ count: size ?? 0, checksum: String(checksums?.["sha256"]) })
  )

export const uploadBytes = (http: Http) => ({ base, size }: Task): Promise<Run> =>
  withClient(base, http, uploaded(fileOf(size)))

export const uploadBlob = (http: Http) => async ({ base, folder, size }: Task): Promise<Run> =>
  withClient(base, http, uploaded(await openAsBlob(await fileWith(folder, size))))
