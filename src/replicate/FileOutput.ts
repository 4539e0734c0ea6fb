/**
 * A file in a model's output. Nothing is fetched until it is read, and it can be read again.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { partialFile } from "../internal/partialFile.js"
import { FileError, type ProviderError } from "../ProviderError.js"

/**
 * Fetches the bytes behind a URL; the token goes along only to the API's own origin.
 *
 * @since 0.1.0
 * @category context
 */
export class Downloader extends Context.Tag("effect-providers/replicate/FileOutput/Downloader")<Downloader, {
  readonly download: (url: string) => Stream.Stream<Uint8Array, ProviderError>
}>() {}

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
    return Stream.unwrap(Effect.map(Downloader, ({ download }) => download(this.url)))
  }

  /** The bytes, whole. */
  get bytes(): Effect.Effect<Uint8Array, ProviderError, Downloader> {
    return Effect.map(
      Stream.runFold(this.stream, { parts: new Array<Uint8Array>(), size: 0 }, (all, part) => {
        all.parts.push(part)
        return { parts: all.parts, size: all.size + part.length }
      }),
      ({ parts, size }) => {
        const bytes = new Uint8Array(size)
        let offset = 0
        for (const part of parts) {
          bytes.set(part, offset)
          offset += part.length
        }
        return bytes
      }
    )
  }

  /**
   * Writes the file to `path` and gives the absolute path. Missing directories are made, an existing file is
   * replaced, and a failed download leaves nothing behind: the bytes go to a file beside it, which is then renamed.
   */
  save(
    path: string
  ): Effect.Effect<string, ProviderError | FileError, Downloader | FileSystem.FileSystem | Path.Path> {
    return Effect.scoped(Effect.gen(this, function*() {
      const fs = yield* FileSystem.FileSystem
      const paths = yield* Path.Path
      const target = paths.resolve(path)
      const failed = (error: PlatformError) =>
        new FileError({
          path: target,
          operation: "write",
          reason: error._tag === "SystemError" ? error.reason : error._tag
        })
      const partial = yield* partialFile(target)

      yield* Effect.mapError(fs.makeDirectory(paths.dirname(target), { recursive: true }), failed)
      yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(partial, { force: true })))
      // a failure of the sink is the disk's, a failure of the stream the network's: both keep their own type
      yield* Effect.catchTags(Stream.run(this.stream, fs.sink(partial, { flag: "wx" })), {
        BadArgument: (error) => Effect.fail(failed(error)),
        SystemError: (error) => Effect.fail(failed(error))
      })
      yield* Effect.mapError(fs.rename(partial, target), failed)
      return target
    }))
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
