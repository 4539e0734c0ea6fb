/*
 * Markdown made of words and URLs that come from a model: whatever they hold, they stay words and URLs.
 */

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" }

/** Characters that mean something anywhere in a line, and those that do only where a line begins. */
const marks = /[\\`*_~[\]$]|^[-+=#]/g
/** The number of a list. Older browsers read no module with a lookbehind, which would let this be one of the marks. */
const number = /^(\d+)([.)])/

/** Escapes words for one line of markdown, with whitespace normalised. */
const words = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .trim()
    .replace(marks, "\\$&")
    .replace(number, "$1\\$2")
    .replace(/[&<>"]/g, (character) => entities[character] ?? character)

const percentEncode = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`

/**
 * Encodes what the URL parser leaves as it is and markdown or HTML would end a URL at. `undefined` unless it is an
 * HTTP URL, or a data URI of the kind of media. Escapes it already has are kept: decoding them breaks signed URLs.
 */
const encode = (url: string, media?: "image" | "audio" | "video"): string | undefined => {
  if (!URL.canParse(url)) return undefined
  const { href } = new URL(url)
  const isAllowed = /^https?:/.test(href) || (media !== undefined && href.startsWith(`data:${media}/`))
  return isAllowed ? href.replace(/[\s()<>"'`\\]/g, percentEncode) : undefined
}

/** Markdown reads entities in a URL too, where `&` is mostly just `&`. */
const destination = (url: string, media?: "image"): string | undefined =>
  encode(url, media)?.replace(/&(?=#?\w+;)/g, "&amp;")

/**
 * Makes a link, or only its words when the URL is not one to follow.
 *
 * @internal
 */
export const link = (label: string, url: string): string => {
  const target = destination(url)
  return target === undefined ? words(label) : `[${words(label)}](${target})`
}

/**
 * Makes an image that links to `url`, or only its words when there is no URL to load. An image that is a data URI
 * needs no link to itself.
 *
 * @internal
 */
export const image = (alt: string, url: string, preview: string = url): string => {
  const source = destination(preview, "image") ?? destination(url, "image")
  if (source === undefined) return words(alt)
  const picture = `![${words(alt)}](${source})`
  const target = destination(url)
  return target === undefined ? picture : `[${picture}](${target})`
}

/**
 * Makes an HTML player, or nothing when there is no URL to load.
 *
 * @internal
 */
export const player = (element: "audio" | "video", url: string): string => {
  const source = encode(url, element)
  return source === undefined ? "" : `<${element} controls src="${source.replaceAll("&", "&amp;")}"></${element}>`
}
