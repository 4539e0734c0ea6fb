import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"

/** @internal */
export const isDataUri = (url: string): boolean => /^data:/i.test(url)

const percent = 0x25

/** The bytes of percent-encoded text, which need not be text themselves. */
const percentDecode = (text: string): Option.Option<Uint8Array> => {
  const bytes = new TextEncoder().encode(text)
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    if (byte !== percent) {
      bytes[length++] = byte
      continue
    }
    const digits = String.fromCharCode(...bytes.subarray(i + 1, i + 3))
    if (!/^[0-9a-f]{2}$/i.test(digits)) return Option.none()
    bytes[length++] = Number.parseInt(digits, 16)
    i += 2
  }
  return Option.some(bytes.subarray(0, length))
}

/** As browsers do, and by what they have for it: an end that is not filled up is no damage. */
const decodeBase64 = Option.liftThrowable((text: string) => {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
})

/**
 * The bytes in a data URI; none when it is damaged.
 *
 * @internal
 */
export const decode = (uri: string): Option.Option<Uint8Array> => {
  const comma = uri.indexOf(",")
  if (comma < 0) return Option.none()
  const body = uri.slice(comma + 1)
  return /;base64$/i.test(uri.slice(0, comma)) ? decodeBase64(body) : percentDecode(body)
}

/**
 * The media type a data URI tells; none when it leaves that out.
 *
 * @internal
 */
export const mediaType = (uri: string): string | undefined =>
  /^data:([^,;]+(?:;(?!base64\s*,)[^,;]+)*)/i.exec(uri)?.[1]?.trim()

/**
 * Bytes as a data URI.
 *
 * @internal
 */
export const encode = (bytes: Uint8Array, mediaType: string): string =>
  `data:${mediaType};base64,${Encoding.encodeBase64(bytes)}`
