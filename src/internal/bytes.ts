/** @internal */
export const concat = (parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const all = Array.from(parts)
  const bytes = new Uint8Array(all.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of all) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}
