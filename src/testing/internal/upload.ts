import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as Multipart from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { JsonObject } from "../../replicate/schemas/Wire.js"
import { concat } from "./bytes.js"
import { invalid, problem } from "./problem.js"

const largest = 100 * 1024 * 1024

const required = invalid([{ type: "required", field: "content", description: "content is required" }])

const tooLarge = problem(413, "Files must be less than 100MB in size")

const metadataOf = Schema.decodeUnknownOption(Schema.parseJson(JsonObject))

/** The bytes of a part. Of one too large nothing is kept, but it is read to its end: its sender has to hear of it. */
const readPart = Effect.fnUntraced(function*(part: Multipart.File) {
  const parts: Array<Uint8Array> = []
  let size = 0
  yield* Stream.runForEach(part.content, (bytes) =>
    Effect.sync(() => {
      size += bytes.length
      if (size <= largest) parts.push(bytes)
    }))
  return size <= largest ? concat(parts) : undefined
})

/**
 * The file in the form of an upload. Its name and type are those of its part, unless the form has fields for them.
 *
 * @internal
 */
export const readUpload = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
  let content: { readonly part: Multipart.File; readonly bytes: Uint8Array<ArrayBuffer> | undefined } | undefined
  const fields = new Map<string, string>()
  const read = Stream.runForEach(request.multipartStream, (part) => {
    if (part._tag === "Field") return Effect.sync(() => fields.set(part.key, part.value))
    return Effect.map(readPart(part), (bytes) => {
      if (part.key === "content") content = { part, bytes }
      // clients send JSON as a file of its own type
      else fields.set(part.key, new TextDecoder().decode(bytes))
    })
  })
  yield* Effect.mapError(read, () => problem(400, "Multipart form parse error"))
  if (content === undefined) return yield* Effect.fail(required)
  const { bytes, part } = content
  if (bytes === undefined) return yield* Effect.fail(tooLarge)
  return {
    name: fields.get("filename") ?? part.name,
    contentType: fields.get("type") ?? part.contentType,
    bytes,
    metadata: Option.getOrElse(metadataOf(fields.get("metadata") ?? "{}"), () => ({}))
  }
})
