/**
 * A file in a model's input: bytes in memory, a path, or a stream.
 *
 * Bytes (`Uint8Array`, `ArrayBuffer`, `DataView`) and a `Blob` or `File` can stand anywhere in an input as they are, in
 * arrays and objects too, and so can a `FileOutput` and a file that was uploaded. A `FileInput` is for all others, and
 * to say the name and the media type. A file of up to 256 KiB (262,144 bytes) becomes a part of the input, a larger one,
 * of up to 100 MiB (104,857,600 bytes), is uploaded before the prediction is created. The same content is uploaded once
 * for each input.
 *
 * The media type is the one given, else that of the `Blob`, else the one that the ending of the name stands for, else
 * what the first bytes look like.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import { fileReason } from "../internal/fileReason.js"
import { FileError, InvalidRequest, Issue, type ProviderError } from "../ProviderError.js"
import { provider } from "./internal/http.js"
import { FileInputTypeId, namedFile, type Source } from "./internal/namedFile.js"
import { openFile } from "./internal/openFile.js"
import { upload as uploadFile, uploadClock } from "./internal/upload.js"
import { ReplicateClient } from "./ReplicateClient.js"
import type { FileResource } from "./schemas/File.js"

/**
 * Bytes in memory.
 *
 * @since 0.1.0
 * @category models
 */
export type Bytes = ArrayBuffer | SharedArrayBuffer | DataView | Uint8Array | Uint8ClampedArray

/**
 * What is said of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** At most 255 bytes. Default: that of the `File` or path, else `file` with the ending of its media type. */
  readonly name?: string | undefined
  /** Media type, as `image/png`. */
  readonly contentType?: string | undefined
}

/**
 * A file in a model's input. Nothing is read before the prediction is created.
 *
 * @since 0.1.0
 * @category models
 */
export class FileInput {
  readonly [FileInputTypeId]: typeof FileInputTypeId = FileInputTypeId
  /** @internal */
  readonly source: Source
  readonly name: string | undefined
  readonly contentType: string | undefined

  constructor(source: Source, options: Options = {}) {
    this.source = source
    this.name = options.name
    this.contentType = options.contentType
  }

  toString(): string {
    return `FileInput(${this.name ?? ""})`
  }

  toJSON(): string {
    return this.toString()
  }
}

/**
 * A file of bytes or of a `Blob`, with a name or a media type.
 *
 * @example
 * ```ts
 * import { FileInput, Prediction } from "effect-providers/replicate"
 *
 * const caption = (png: Uint8Array) =>
 *   Prediction.run("salesforce/blip", {
 *     image: FileInput.make(png, { name: "llama.png", contentType: "image/png" })
 *   })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (content: Bytes | Blob, options: Options = {}): FileInput => new FileInput(content, options)

/**
 * A file on disk. That it is there is looked at now, it is read when a prediction is created with it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { FileInput, Prediction } from "effect-providers/replicate"
 *
 * const caption = FileInput.fromPath("llama.png").pipe(
 *   Effect.flatMap((image) => Prediction.run("salesforce/blip", { image }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPath = Effect.fn("FileInput.fromPath")(function*(path: string, options: Options = {}) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const resolved = paths.resolve(path)
  const failed = (reason: string) => new FileError({ path: resolved, operation: "read", reason })
  const { type } = yield* Effect.mapError(
    Effect.zipRight(fs.access(resolved, { readable: true }), fs.stat(resolved)),
    (error) => failed(fileReason(error))
  )
  if (type === "Directory") return yield* failed("it is a directory")
  return new FileInput({ _tag: "Path", path: resolved, fs }, {
    ...options,
    name: options.name ?? paths.basename(resolved)
  })
})

/**
 * A file whose bytes come as a stream, which is read once for each input the file is in; so a `ReadableStream` is for
 * one input. An upload of it is not tried again after more than its first bytes were sent. Its `ProviderError`s are
 * those of the prediction; a file that could not be read is an `InvalidRequest`.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { FileInput, Prediction } from "effect-providers/replicate"
 *
 * const rows = Stream.make("name,age\n", "Lama,7\n").pipe(Stream.encodeText)
 *
 * const answer = Prediction.run("acme/tables", { table: FileInput.fromStream(rows, { name: "rows.csv" }) })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStream = (
  stream: Stream.Stream<Uint8Array, ProviderError | FileError | PlatformError> | ReadableStream<Uint8Array>,
  options: Options = {}
): FileInput => new FileInput({ _tag: "Stream", stream }, options)

/**
 * Uploads a file, whatever its size, and gives it as the API does. It can stand in inputs for a day, so that several
 * predictions share one upload.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { FileInput, Prediction } from "effect-providers/replicate"
 *
 * const both = Effect.gen(function*() {
 *   const video = yield* FileInput.upload(yield* FileInput.fromPath("llama.mp4"))
 *   return yield* Effect.all([
 *     Prediction.run("acme/captions", { video }),
 *     Prediction.run("acme/music", { video })
 *   ])
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const upload: (
  file: FileInput | Bytes | Blob
) => Effect.Effect<FileResource, ProviderError, ReplicateClient> = Effect.fn("FileInput.upload")(function*(file) {
  const client = yield* ReplicateClient
  const named = namedFile(file, "file") ??
    Either.left(new Issue({ field: "file", message: "expected bytes, a Blob or a FileInput" }))
  if (Either.isLeft(named)) return yield* new InvalidRequest({ provider, issues: [named.left] })
  const { right } = named
  return yield* Effect.flatMap(openFile(right), (open) => uploadFile(client, right, open)).pipe(
    Effect.scoped,
    uploadClock(client)
  )
})
