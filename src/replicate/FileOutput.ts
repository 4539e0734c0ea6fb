/**
 * A file in a model's output. Nothing is fetched until it is read, and it can be read again.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { collect } from "../internal/bytes.js"
import { fileReason } from "../internal/fileReason.js"
import { partialFile } from "../internal/partialFile.js"
import * as Pull from "../internal/pull.js"
import { writeAll } from "../internal/writeAll.js"
import { FileError, type ProviderError } from "../ProviderError.js"

/**
 * A file that is being fetched.
 *
 * @since 0.1.0
 * @category models
 */
export interface Download {
  /** Media type, where the host or the data URI tells it. */
  readonly contentType: string | undefined
  /** The bytes as they arrive; to be read once. */
  readonly stream: Stream.Stream<Uint8Array, ProviderError>
}

/**
 * Fetches what is behind a URL or in a data URI; the token goes along only to the API's own origin.
 *
 * @since 0.1.0
 * @category context
 */
export class Downloader extends Context.Tag("effect-providers/replicate/FileOutput/Downloader")<Downloader, {
  readonly download: (url: string) => Stream.Stream<Uint8Array, ProviderError>
  readonly open: (url: string) => Effect.Effect<Download, ProviderError>
}>() {}

// the platform's tag by its name: its module makes an implementation with it, which no bundler leaves out
const Paths = Context.GenericTag<Path.Path>("@effect/platform/Path")

/** The directory nearest above a path that is there. */
const existingAbove = (
  fs: FileSystem.FileSystem,
  paths: Path.Path,
  path: string
): Effect.Effect<string, PlatformError> => {
  const directory = paths.dirname(path)
  return directory === path
    ? Effect.succeed(directory)
    : Effect.flatMap(
      fs.exists(directory),
      (isThere) => isThere ? Effect.succeed(directory) : existingAbove(fs, paths, directory)
    )
}

/**
 * A file in a model's output.
 *
 * @since 0.1.0
 * @category models
 */
export class FileOutput {
  /** An HTTP URL, which Replicate serves for an hour, or a data URI. */
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** The bytes as they arrive. */
  get stream(): Stream.Stream<Uint8Array, ProviderError, Downloader> {
    return Pull.toStream(Effect.flatMap(Downloader, ({ download }) => Pull.open(download(this.url))))
  }

  /** The bytes, whole. */
  get bytes(): Effect.Effect<Uint8Array, ProviderError, Downloader> {
    return collect(this.stream)
  }

  /** The bytes as text, which is UTF-8. */
  get text(): Effect.Effect<string, ProviderError, Downloader> {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
  }

  /** The bytes as a `Blob`, with the media type that the host or the data URI tells. */
  get blob(): Effect.Effect<Blob, ProviderError, Downloader> {
    return Effect.gen(this, function*() {
      const { contentType = "", stream } = yield* (yield* Downloader).open(this.url)
      return new Blob([yield* collect(stream)], { type: contentType })
    })
  }

  /**
   * Writes the file to `path` and gives the absolute path. Missing directories are made, an existing file is
   * replaced, and a failed download leaves nothing behind: the bytes go to a file beside it, or beside the first
   * directory that is missing, which gets its name when it is whole.
   */
  save(
    path: string
  ): Effect.Effect<string, ProviderError | FileError, Downloader | FileSystem.FileSystem | Path.Path> {
    return Effect.gen(this, function*() {
      const fs = yield* FileSystem.FileSystem
      const paths = yield* Paths
      const target = paths.resolve(path)
      const failure = (reason: string) => new FileError({ path: target, operation: "write", reason })
      const failed = (error: PlatformError) => failure(fileReason(error))

      const existing = yield* Effect.option(fs.stat(target))
      if (Option.exists(existing, ({ type }) => type === "Directory")) {
        return yield* failure("it is a directory, not a file")
      }
      // no directory is made before the file is whole: one that is made for nothing could not be removed safely
      const above = yield* Effect.mapError(existingAbove(fs, paths, target), failed)
      const partial = yield* partialFile(paths, paths.join(above, paths.basename(target)))
      yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(partial, { force: true })))
      // closed before it gets its name
      yield* Effect.scoped(Effect.gen(this, function*() {
        const file = yield* Effect.mapError(fs.open(partial, { flag: "wx" }), failed)
        const pull = yield* Pull.open(this.stream)
        // a write that goes on after the file is closed could reach whatever is opened next
        yield* writeAll(pull, (bytes) => Effect.uninterruptible(Effect.mapError(file.writeAll(bytes), failed)))
      }))
      yield* Effect.mapError(fs.makeDirectory(paths.dirname(target), { recursive: true }), failed)
      yield* Effect.mapError(fs.rename(partial, target), failed)
      return target
    }).pipe(Effect.scoped, Effect.withSpan("FileOutput.save", { captureStackTrace: false }))
  }

  toString(): string {
    return this.url
  }

  toJSON(): string {
    return this.url
  }
}

const isFileUrl = (text: string): boolean => /^(?:https?:\/\/[^\s/]+\/\S*|data:[^\s,]*,\S*)$/i.test(text)

/**
 * Finds the files anywhere in an output, in order: every string that is nothing but an HTTP URL or a data URI.
 *
 * @example
 * ```ts
 * import { FileOutput } from "effect-providers/replicate"
 *
 * const files = FileOutput.find({ images: ["https://replicate.delivery/a/1.png"], seed: 7 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const find = (output: unknown): ReadonlyArray<FileOutput> => {
  const files: Array<FileOutput> = []
  // not by recursion: how deep an output goes is the model's choice
  const stack = [output]
  while (stack.length > 0) {
    const value = stack.pop()
    if (typeof value === "string" && isFileUrl(value)) files.push(new FileOutput(value))
    else if (typeof value === "object" && value !== null) {
      for (const part of Object.values(value).toReversed()) stack.push(part)
    }
  }
  return files
}

/**
 * Copies an output, with a `FileOutput` in the place of each file that `find` finds.
 *
 * @example
 * ```ts
 * import { FileOutput } from "effect-providers/replicate"
 *
 * const output = FileOutput.replace({ image: "https://replicate.delivery/a/out.png", seed: 7 })
 * // { image: FileOutput, seed: 7 }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const replace = (output: unknown): unknown => {
  const root = { output }
  const stack: Array<object> = [root]
  for (let copy = stack.pop(); copy !== undefined; copy = stack.pop()) {
    for (const [key, value] of Object.entries(copy)) {
      if (typeof value === "string") {
        if (isFileUrl(value)) Reflect.set(copy, key, new FileOutput(value))
      } else if (typeof value === "object" && value !== null && !(value instanceof FileOutput)) {
        const inner: object = Array.isArray(value) ? [...value] : { ...value }
        Reflect.set(copy, key, inner)
        stack.push(inner)
      }
    }
  }
  return root.output
}
