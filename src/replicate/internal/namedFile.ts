import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as MediaType from "../../internal/mediaType.js"
import { Issue } from "../../ProviderError.js"
import {
  type Content,
  contentOf,
  type Data,
  isReadableStream,
  type PathContent,
  sizeOf,
  type StreamContent
} from "./fileContent.js"

/**
 * The most that Replicate takes in an upload: 100 MB in its docs on input files, as the larger of the two meanings.
 *
 * @internal
 */
export const largest = 100 * 1024 * 1024

/** @internal */
export const FileInputTypeId: unique symbol = Symbol.for("effect-providers/replicate/FileInput")

/** @internal */
export interface Named {
  readonly name?: string | undefined
  readonly contentType?: string | undefined
}

/** @internal */
export type Source = Blob | Data | PathContent | StreamContent

interface FileInput extends Named {
  readonly [FileInputTypeId]: typeof FileInputTypeId
  readonly source: Source
}

/**
 * A file of an input: where it stands there, where its bytes are, and what is said of it.
 *
 * @internal
 */
export interface NamedFile extends Named {
  readonly field: string
  readonly content: Content
}

const isFileInput = (value: object): value is FileInput => Predicate.hasProperty(value, FileInputTypeId)

/**
 * Why a file is too large to be sent.
 *
 * @internal
 */
export const tooLarge = "Replicate takes files of up to 100 MB: give its URL"

const nameOf = (source: unknown): string =>
  typeof source === "string" ? "a text: use TextEncoder" : source === null ? "null" : `a value of type ${typeof source}`

/** @internal */
export const isStream = (stream: unknown): boolean =>
  Predicate.hasProperty(stream, Stream.StreamTypeId) || (Predicate.isObject(stream) && isReadableStream(stream))

const opened = (value: object): Either.Either<Content, string> | undefined => {
  if (!isFileInput(value)) return contentOf(value)
  const { source } = value
  // only programs without types give anything else
  if (!Predicate.isObject(source)) return Either.left(`expected bytes or a Blob, not ${nameOf(source)}`)
  if (!("_tag" in source)) return contentOf(source) ?? Either.left("expected bytes or a Blob")
  return source._tag === "Stream" && !isStream(source.stream)
    ? Either.left("expected a Stream of bytes or a ReadableStream")
    : Either.right(source)
}

const given = (value: object, content: Content): Named => {
  const own: Named = isFileInput(value) ? value : {}
  if (content._tag !== "Blob") return own
  const { blob } = content
  const name = "name" in blob && typeof blob.name === "string" && blob.name !== "" ? blob.name : undefined
  const contentType = MediaType.isMediaType(blob.type) ? blob.type : undefined
  return { name: own.name ?? name, contentType: own.contentType ?? contentType }
}

const wrong = (content: Content, { contentType, name = "" }: Named): string | undefined =>
  contentType !== undefined && !MediaType.isMediaType(contentType)
    ? "expected a contentType such as image/png"
    : new TextEncoder().encode(name).length > 255
    ? "expected a name of up to 255 bytes"
    : (sizeOf(content) ?? 0) > largest
    ? tooLarge
    : undefined

/**
 * The file that a value is, or what is wrong with it; undefined for a value that is no file.
 *
 * @internal
 */
export const namedFile = (value: object, field: string): Either.Either<NamedFile, Issue> | undefined => {
  const content = opened(value)
  if (content === undefined) return undefined
  return content.pipe(
    Either.flatMap((content) => {
      const named = given(value, content)
      const message = wrong(content, named)
      return message === undefined
        ? Either.right<NamedFile>({ field, content, name: named.name, contentType: named.contentType })
        : Either.left(message)
    }),
    Either.mapLeft((message) => new Issue({ field, message }))
  )
}
