import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import type { FileError, ProviderError } from "../../ProviderError.js"

/** @internal */
export type Data = ArrayBufferLike | DataView | Uint8Array | Uint8ClampedArray

/** @internal */
export interface PathContent {
  readonly _tag: "Path"
  readonly path: string
  readonly fs: FileSystem.FileSystem
}

/**
 * Bytes as they come.
 *
 * @internal
 */
export type Bytes = Stream.Stream<Uint8Array, ProviderError | FileError | PlatformError> | ReadableStream<Uint8Array>

/** @internal */
export interface StreamContent {
  readonly _tag: "Stream"
  readonly stream: Bytes
}

/**
 * Where the bytes of a file are.
 *
 * @internal
 */
export type Content =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly _tag: "Blob"; readonly blob: Blob }
  | PathContent
  | StreamContent

/** Also that of another realm, and of a polyfill. */
const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

const isShared = (buffer: ArrayBufferLike): buffer is SharedArrayBuffer => tagOf(buffer) === "SharedArrayBuffer"

const isBuffer = (value: object): value is ArrayBufferLike => /^(?:Shared)?ArrayBuffer$/.test(tagOf(value))

const isBlob = (value: object): value is Blob => /^(?:Blob|File)$/.test(tagOf(value)) && "stream" in value

/**
 * Also of another realm.
 *
 * @internal
 */
export const isUint8Array = (value: unknown): value is Uint8Array =>
  ArrayBuffer.isView(value) && tagOf(value) === "Uint8Array"

/** What is shared with other threads may change while it is read. */
const bytesOf = (buffer: ArrayBufferLike, offset: number, length: number): Uint8Array<ArrayBuffer> =>
  isShared(buffer) ? new Uint8Array(buffer, offset, length).slice() : new Uint8Array(buffer, offset, length)

const fromBuffer = (buffer: ArrayBufferLike, offset: number, length: number): Either.Either<Content, string> =>
  Either.try({
    try: (): Content => ({ _tag: "Bytes", bytes: bytesOf(buffer, offset, length) }),
    catch: () => "is detached: copy it before"
  })

const isOfBytes = (view: ArrayBufferView): boolean => /^(?:Uint8Array|Uint8ClampedArray|DataView)$/.test(tagOf(view))

/**
 * What is in a value that holds bytes, or why they cannot be sent; undefined for any other value.
 *
 * @internal
 */
export const contentOf = (value: object): Either.Either<Content, string> | undefined => {
  if (ArrayBuffer.isView(value)) {
    return isOfBytes(value)
      ? fromBuffer(value.buffer, value.byteOffset, value.byteLength)
      : Either.left(`a ${tagOf(value)} is ambiguous: use Array.from, or a Uint8Array`)
  }
  if (isBuffer(value)) return fromBuffer(value, 0, value.byteLength)
  return isBlob(value) ? Either.right({ _tag: "Blob", blob: value }) : undefined
}

/**
 * Also of another realm.
 *
 * @internal
 */
export const isReadableStream = (value: object): value is ReadableStream<Uint8Array> =>
  tagOf(value) === "ReadableStream"

/**
 * In bytes, where it is known before anything is read.
 *
 * @internal
 */
export const sizeOf = (content: Content): number | undefined =>
  content._tag === "Bytes" ? content.bytes.length : content._tag === "Blob" ? content.blob.size : undefined
