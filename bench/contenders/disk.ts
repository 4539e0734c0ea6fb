import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { rm, stat, writeFile } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import type { Proof } from "../row.js"
import { fileOf } from "./raw.js"

/** Writes the file that is uploaded, and gives its path. */
export const fileWith = async (folder: string, size: number): Promise<string> => {
  const path = `${folder}/upload-${size}.bin`
  await writeFile(path, fileOf(size))
  return path
}

/** What a downloaded file shows; it is not needed afterwards. */
export const fileProof = (path: string) => async (): Promise<Proof> => {
  const hash = createHash("sha256")
  await pipeline(createReadStream(path), hash)
  const { size } = await stat(path)
  await rm(path)
  return { count: size, checksum: hash.digest("hex") }
}
