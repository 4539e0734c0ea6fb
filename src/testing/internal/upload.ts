import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { JsonObject } from "../../replicate/schemas/Wire.js"
import type { File } from "./files.js"
import { invalid, problem } from "./problem.js"

const largest = 100 * 1024 * 1024

const required = invalid([{ type: "required", field: "content", description: "content is required" }])

const metadataOf = Schema.decodeUnknownOption(Schema.parseJson(JsonObject))

/**
 * The file in the form of an upload. Its name and type are those of its part, unless the form has fields for them.
 *
 * @internal
 */
export const readUpload = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Pick<File, "name" | "contentType" | "bytes" | "metadata">, HttpServerResponse.HttpServerResponse> =>
  Effect.gen(function*() {
    let content: Pick<File, "name" | "contentType" | "bytes"> | undefined
    const fields = new Map<string, string>()
    const read = Stream.runForEach(request.multipartStream, (part) => {
      if (part._tag === "Field") return Effect.sync(() => fields.set(part.key, part.value))
      return Effect.map(part.contentEffect, (bytes) => {
        if (part.key !== "content") return fields.set(part.key, new TextDecoder().decode(bytes))
        content = { name: part.name, contentType: part.contentType, bytes: new Uint8Array(bytes) }
        return fields
      })
    })
    yield* Effect.mapError(read, () => problem(400, "Multipart form parse error"))
    if (content === undefined) return yield* Effect.fail(required)
    if (content.bytes.length > largest) return yield* Effect.fail(problem(413, "Files must be less than 100MB in size"))
    return {
      name: fields.get("filename") ?? content.name,
      contentType: fields.get("type") ?? content.contentType,
      bytes: content.bytes,
      metadata: Option.getOrElse(metadataOf(fields.get("metadata") ?? "{}"), () => ({}))
    }
  })
