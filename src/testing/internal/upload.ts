import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as Multipart from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { JsonObject } from "../../replicate/schemas/Wire.js"
import { concat } from "./bytes.js"
import { invalid, problem } from "./problem.js"

/** The most bytes that a file may have. */
const maxFileSize = 100 * 1024 * 1024

const refused = (type: string, field: string, description: string) => invalid([{ type, field, description }])

const tooLarge = problem(413, "Files must be less than 100MB in size")

const metadataOf = Schema.decodeUnknownOption(Schema.parseJson(JsonObject))

/** The bytes of a part. Of one too large nothing is kept, but it is read to its end: its sender has to hear of it. */
const readPart = Effect.fnUntraced(function*(part: Multipart.File, most: number) {
  let parts: Array<Uint8Array> = []
  let size = 0
  yield* Stream.runForEach(part.content, (bytes) =>
    Effect.sync(() => {
      size += bytes.length
      if (size <= most) parts.push(bytes)
      else parts = []
    }))
  return size <= most ? concat(parts) : undefined
})

/**
 * The file in the form of an upload. Its name and type are those of its part, unless the form has fields for them.
 *
 * @internal
 */
export const readUpload = Effect.fnUntraced(function*(
  request: HttpServerRequest.HttpServerRequest,
  most = maxFileSize
) {
  let content: { readonly part: Multipart.File; readonly bytes: Uint8Array<ArrayBuffer> | undefined } | undefined
  const fields = new Map<string, string>()
  const read = Stream.runForEach(request.multipartStream, (part) => {
    if (part._tag === "Field") return Effect.sync(() => fields.set(part.key, part.value))
    return Effect.map(readPart(part, most), (bytes) => {
      if (part.key === "content") content = { part, bytes }
      // clients send JSON as a file of its own type
      else fields.set(part.key, new TextDecoder().decode(bytes))
    })
  })
  yield* Effect.mapError(read, () => problem(400, "Multipart form parse error"))
  if (content === undefined) return yield* Effect.fail(refused("required", "content", "content is required"))
  const { bytes, part } = content
  if (bytes === undefined) return yield* Effect.fail(tooLarge)
  const name = fields.get("filename") ?? part.name
  if (new TextEncoder().encode(name).length > 255) {
    return yield* Effect.fail(refused("invalid", "filename", "Must be at most 255 bytes"))
  }
  const metadata = metadataOf(fields.get("metadata") ?? "{}")
  if (Option.isNone(metadata)) return yield* Effect.fail(refused("invalid", "metadata", "Must be a JSON object"))
  return { name, contentType: fields.get("type") ?? part.contentType, bytes, metadata: metadata.value }
})
