import type { PlatformError } from "@effect/platform/Error"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { concat } from "../../internal/bytes.js"
import { fileReason } from "../../internal/fileReason.js"
import * as Pull from "../../internal/pull.js"
import type { FileError, InvalidRequest, ProviderError } from "../../ProviderError.js"
import { type Bytes, isUint8Array } from "./fileContent.js"
import { invalid as invalidField } from "./invalid.js"
import { largest, type NamedFile, tooLarge } from "./namedFile.js"

/**
 * Larger files are uploaded, smaller ones are part of the input: Replicate's API document says to do so at 256 kB.
 *
 * @internal
 */
export const inlineLimit = 256 * 1024

/**
 * A file of which the beginning was read.
 *
 * @internal
 */
export interface OpenFile {
  /** The first bytes: all of them when `isWhole`, else more than `inlineLimit`. */
  readonly head: Uint8Array<ArrayBuffer>
  readonly isWhole: boolean
  /** In bytes, where it is known. */
  readonly size: number | undefined
  /** All bytes. */
  readonly bytes: Stream.Stream<Uint8Array, ProviderError>
  /** Whether `bytes` can be read from its beginning now. */
  readonly isReadable: () => boolean
}

/** Reads until there is more than goes into an input. */
const peek = Effect.fnUntraced(function*<E>(stream: Stream.Stream<Uint8Array, E>) {
  const pull = yield* Stream.toPull(stream)
  const parts: Array<Uint8Array> = []
  let size = 0
  let isWhole = false
  while (!isWhole && size <= inlineLimit) {
    const chunk = yield* Effect.catchAll(pull, Option.match({ onNone: () => Effect.void, onSome: Effect.fail }))
    isWhole = chunk === undefined
    for (const part of chunk ?? []) {
      parts.push(part)
      size += part.length
    }
  }
  return { head: concat(parts), isWhole, rest: Stream.repeatEffectChunkOption(pull) }
})

type Invalid = (message: string) => InvalidRequest

/** Stops a stream that gives more than may be sent, or not as much as was told: a server would wait for the rest. */
const measured = (
  stream: Stream.Stream<Uint8Array, ProviderError>,
  size: number | undefined,
  invalid: Invalid
): Stream.Stream<Uint8Array, ProviderError> =>
  Pull.toStream(Effect.map(Pull.open(stream), (pull) => {
    let read = 0
    const changed = Pull.fail(invalid("the file changed while it was read"))
    return Effect.matchEffect(pull, {
      onFailure: (end) => Option.isNone(end) && size !== undefined && read !== size ? changed : Effect.fail(end),
      onSuccess: (chunk): Pull.Pull<Uint8Array, ProviderError> => {
        for (const part of chunk) read += part.length
        if (size !== undefined && read > size) return changed
        return read > largest ? Pull.fail(invalid(tooLarge)) : Effect.succeed(chunk)
      }
    })
  }))

/** Stops a stream that gives what its type does not allow: the body would be other than what was measured. */
const onlyBytes = (stream: Stream.Stream<Uint8Array, ProviderError>, invalid: Invalid) =>
  Stream.mapChunksEffect(stream, (chunk) =>
    Chunk.every(chunk, isUint8Array)
      ? Effect.succeed(chunk)
      : Effect.fail(invalid("expected Uint8Arrays: use Stream.encodeText for text")))

/** In bytes. What is read at once of a disk is sent at once, and a piece costs much the same however large it is. */
const pieceSize = 1024 * 1024

/** As `Blob.stream` gives it, in larger pieces. */
const slices = (blob: Blob, onError: () => InvalidRequest): Stream.Stream<Uint8Array, ProviderError> =>
  Pull.toStream(Effect.sync(() => {
    let read = 0
    const next: Pull.Pull<Uint8Array, ProviderError> = Effect.tryPromise({
      try: async () => {
        const slice = await blob.slice(read, read + pieceSize).arrayBuffer()
        // one that gives less than it says is looked into no further
        read += slice.byteLength < pieceSize ? Infinity : pieceSize
        return Chunk.of(new Uint8Array(slice))
      },
      catch: () => Option.some(onError())
    })
    // also one that says it is empty is looked into
    return Effect.suspend(() => read > 0 && read >= blob.size ? Pull.end : next)
  }))

const inMemory = (bytes: Uint8Array<ArrayBuffer>): OpenFile => ({
  head: bytes,
  isWhole: true,
  size: bytes.length,
  bytes: Stream.succeed(bytes),
  isReadable: () => true
})

/** Of a stream that begins anew each time it is run. */
const repeatable = (stream: Stream.Stream<Uint8Array, ProviderError>, size: number | undefined, invalid: Invalid) =>
  Effect.map(Effect.scoped(peek(stream)), ({ head, isWhole }): OpenFile => ({
    head,
    isWhole,
    size,
    bytes: measured(stream, size, invalid),
    isReadable: () => true
  }))

/** Of a stream that may give its bytes only once: what was read is kept, the rest is read when it is sent. */
const once = (stream: Stream.Stream<Uint8Array, ProviderError>, invalid: Invalid) =>
  Effect.map(peek(stream), ({ head, isWhole, rest }): OpenFile => {
    let isReadable = true
    const remaining = Stream.suspend(() => {
      isReadable = false
      return rest
    })
    const bytes = Stream.concat(Stream.succeed<Uint8Array>(head), remaining)
    return { head, isWhole, size: undefined, bytes: measured(bytes, undefined, invalid), isReadable: () => isReadable }
  })

/** What is wrong with a file is wrong with the request; errors of other calls are passed on. */
const unread = (invalid: Invalid) => (error: ProviderError | FileError | PlatformError): ProviderError => {
  switch (error._tag) {
    case "SystemError":
    case "BadArgument":
      return invalid(`the file could not be read: ${fileReason(error)}`)
    case "FileError":
      return invalid(error.message)
    default:
      return error
  }
}

/** A stream that was read to its end and let go would pass for an empty file; only a Response finds out. */
const isUnread = (stream: ReadableStream<Uint8Array>): boolean => Either.isRight(Either.try(() => new Response(stream)))

const bytesOf = (stream: Bytes, invalid: Invalid): Stream.Stream<Uint8Array, ProviderError> =>
  Predicate.hasProperty(stream, Stream.StreamTypeId)
    ? Stream.mapError(stream, unread(invalid))
    : Stream.suspend(() =>
      isUnread(stream)
        ? Stream.fromReadableStream({
          evaluate: () => stream,
          onError: () => invalid("the ReadableStream could not be read")
        })
        : Stream.fail(invalid("the ReadableStream is read already: give each input its own"))
    )

/**
 * Opens a file and reads its beginning. Bytes in memory are there as they are.
 *
 * @internal
 */
export const openFile = Effect.fnUntraced(function*({ content, field }: NamedFile) {
  const invalid: Invalid = (message) => invalidField(field, message)
  switch (content._tag) {
    case "Bytes":
      return inMemory(content.bytes)
    case "Blob": {
      const { blob } = content
      const onError = () => invalid("the Blob could not be read")
      // a polyfill may have no slices
      const bytes = blob.slice === undefined
        ? Stream.fromReadableStream({ evaluate: () => blob.stream(), onError })
        : slices(blob, onError)
      return yield* repeatable(bytes, blob.size, invalid)
    }
    case "Path": {
      const { fs, path } = content
      const stream = Stream.mapError(fs.stream(path, { chunkSize: pieceSize, bufferSize: 1 }), unread(invalid))
      const { size, type } = yield* Effect.mapError(fs.stat(path), unread(invalid))
      if (type !== "File") return yield* once(stream, invalid)
      if (size > largest) return yield* invalid(tooLarge)
      // what the system makes up as it is read says that it is empty: that in /proc
      return yield* repeatable(stream, size > inlineLimit ? Number(size) : undefined, invalid)
    }
    case "Stream":
      return yield* once(onlyBytes(bytesOf(content.stream, invalid), invalid), invalid)
  }
})
