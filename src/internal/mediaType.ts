import * as Option from "effect/Option"

/** The first of the endings of a type is the one that files are named by. */
const endings: Readonly<Record<string, ReadonlyArray<string>>> = {
  "application/gzip": ["gz", "tgz"],
  "application/json": ["json"],
  "application/pdf": ["pdf"],
  "application/x-tar": ["tar"],
  "application/zip": ["zip"],
  "audio/flac": ["flac"],
  "audio/mp4": ["m4a"],
  "audio/mpeg": ["mp3"],
  "audio/ogg": ["ogg", "oga", "opus"],
  "audio/wav": ["wav"],
  "image/avif": ["avif"],
  "image/bmp": ["bmp"],
  "image/gif": ["gif"],
  "image/heic": ["heic"],
  "image/jpeg": ["jpg", "jpeg"],
  "image/png": ["png"],
  "image/svg+xml": ["svg"],
  "image/tiff": ["tiff", "tif"],
  "image/webp": ["webp"],
  "model/gltf-binary": ["glb"],
  "text/csv": ["csv"],
  "text/html": ["html", "htm"],
  "text/markdown": ["md"],
  "text/plain": ["txt"],
  "video/mp4": ["mp4", "m4v"],
  "video/quicktime": ["mov"],
  "video/webm": ["webm"],
  "video/x-matroska": ["mkv"]
}

const byEnding = new Map(Object.entries(endings).flatMap(([type, all]) => all.map((ending) => [ending, type])))

/**
 * The media type that the ending of a file's name stands for.
 *
 * @internal
 */
export const byName = (name: string): string | undefined =>
  byEnding.get(/\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? "")

/**
 * A name for a file that has none.
 *
 * @internal
 */
export const nameFor = (type: string): string => {
  const ending = endings[type.split(";", 1)[0] ?? type]?.[0]
  return ending === undefined ? "file" : `file.${ending}`
}

/** What files of a type begin with, as Latin-1, `?` for any byte. The first that fits counts. */
const signatures: ReadonlyArray<readonly [beginning: string, type: string]> = [
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["RIFF????WEBP", "image/webp"],
  ["RIFF????WAVE", "audio/wav"],
  ["%PDF-", "application/pdf"],
  ["ID3", "audio/mpeg"],
  ["\xff\xfb", "audio/mpeg"],
  ["\xff\xf3", "audio/mpeg"],
  ["\xff\xf2", "audio/mpeg"],
  ["????ftypavif", "image/avif"],
  ["????ftypheic", "image/heic"],
  ["????ftypM4A", "audio/mp4"],
  ["????ftypqt", "video/quicktime"],
  ["????ftyp", "video/mp4"],
  ["OggS", "audio/ogg"],
  ["fLaC", "audio/flac"],
  ["PK\x03\x04", "application/zip"],
  ["PK\x05\x06", "application/zip"],
  ["\x1f\x8b\x08", "application/gzip"],
  [`${"?".repeat(257)}ustar`, "application/x-tar"]
]

const begins = (text: string, beginning: string): boolean =>
  text.length >= beginning.length && Array.from(beginning).every((char, at) => char === "?" || char === text[at])

/** WebM is a kind of Matroska, and says so somewhere in its header. */
const matroska = (text: string): string | undefined =>
  begins(text, "\x1aE\xdf\xa3") ? text.includes("webm") ? "video/webm" : "video/x-matroska" : undefined

const readUtf8 = Option.liftThrowable((bytes: Uint8Array) =>
  // the last character may be cut off
  new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true })
)

/** Of the control characters, text has only white space. */
const textType = (text: string): string | undefined => {
  if (text === "" || /[^\P{Cc}\s]/u.test(text)) return undefined
  if (/^\s*<(?:svg|\?xml[^]*<svg)\b/.test(text)) return "image/svg+xml"
  return /^\s*(?:\{\s*["}]|\[\s*(?:[[{"\]]|[\d.eE+-]+\s*,))/.test(text) ? "application/json" : "text/plain"
}

/**
 * The media type of a file that begins with these bytes.
 *
 * @internal
 */
export const byBytes = (head: Uint8Array): string => {
  const start = head.subarray(0, 512)
  const latin1 = String.fromCharCode(...start)
  return signatures.find(([beginning]) => begins(latin1, beginning))?.[1] ??
    matroska(latin1) ??
    Option.getOrUndefined(Option.map(readUtf8(start), textType)) ??
    "application/octet-stream"
}

/**
 * Whether a text is a media type, and safe in a header and in a data URI.
 *
 * @internal
 */
export const isMediaType = (text: string): boolean =>
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: ?; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+;=/:-]*"))*$/.test(text)
