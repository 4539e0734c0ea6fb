import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import type { InvalidRequest } from "../../ProviderError.js"
import { type Content, sizeOf } from "./fileContent.js"
import { invalid } from "./invalid.js"
import type { NamedFile } from "./namedFile.js"
import { inlineLimit } from "./openFile.js"
import { mediaTypeOf } from "./upload.js"

/** What is hashed at a time, so that no Blob is ever in memory whole. */
const sliceSize = 4 * 1024 * 1024

type InMemory = Exclude<Content, { readonly _tag: "Path" | "Stream" }>

const slice = (content: InMemory, from: number, to: number) =>
  content._tag === "Bytes"
    ? Promise.resolve(content.bytes.subarray(from, to))
    : content.blob.slice(from, to).arrayBuffer().then((buffer) => new Uint8Array(buffer))

/** A text that only files of the same bytes and media type have. */
const fingerprint = (file: NamedFile, content: InMemory, size: number) =>
  Effect.gen(function*() {
    const parts: Array<string> = []
    for (let from = 0; from < size; from += sliceSize) {
      const bytes = yield* Effect.tryPromise(() => slice(content, from, from + sliceSize))
      if (from === 0) parts.push(mediaTypeOf(file, bytes))
      const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", bytes))
      parts.push(Encoding.encodeBase64(new Uint8Array(digest)))
    }
    return parts.join()
  }).pipe(Effect.mapError(() => invalid(file.field, "the Blob could not be read")))

/**
 * Gives the same key to files that would be uploads of the same content: what is in memory is told by its bytes, which
 * are read only where two sizes are equal, a path by itself.
 *
 * @internal
 */
export const contentKeys = (files: ReadonlyArray<NamedFile>) => {
  const sizes = new Map<number, number>()
  for (const { content } of files) {
    const size = sizeOf(content) ?? 0
    sizes.set(size, (sizes.get(size) ?? 0) + 1)
  }
  return Effect.forEach(files, (file, at): Effect.Effect<string, InvalidRequest> => {
    const { content, contentType, name } = file
    if (content._tag === "Path") return Effect.succeed(JSON.stringify([content.path, contentType, name]))
    const size = sizeOf(content) ?? 0
    return content._tag === "Stream" || size <= inlineLimit || sizes.get(size) === 1
      ? Effect.succeed(String(at))
      : fingerprint(file, content, size)
  })
}
