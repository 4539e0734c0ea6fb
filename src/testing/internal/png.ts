import { concat } from "../../internal/bytes.js"

const signature = [137, 80, 78, 71, 13, 10, 26, 10]

/** The most a stored zlib block can hold. */
const blockSize = 65535

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

const crc32 = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

const adler32 = (bytes: Uint8Array): number => {
  let a = 1
  let b = 0
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}

/** A zlib stream that stores its bytes without compressing them. */
const store = (bytes: Uint8Array): Uint8Array => {
  const blocks = Math.max(1, Math.ceil(bytes.length / blockSize))
  const out = new Uint8Array(2 + blocks * 5 + bytes.length + 4)
  const view = new DataView(out.buffer)
  view.setUint16(0, 0x7801)
  let offset = 2
  for (let block = 0; block < blocks; block++) {
    const part = bytes.subarray(block * blockSize, (block + 1) * blockSize)
    out[offset] = block === blocks - 1 ? 1 : 0
    view.setUint16(offset + 1, part.length, true)
    view.setUint16(offset + 3, part.length ^ 0xffff, true)
    out.set(part, offset + 5)
    offset += 5 + part.length
  }
  view.setUint32(offset, adler32(bytes))
  return out
}

const chunk = (type: string, data: Uint8Array): Uint8Array => {
  const out = new Uint8Array(12 + data.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, data.length)
  out.set(new TextEncoder().encode(type), 4)
  out.set(data, 8)
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)))
  return out
}

/**
 * Encodes 8-bit RGB pixels, row by row, as a PNG file.
 *
 * @internal
 */
export const encode = (width: number, height: number, rgb: Uint8Array): Uint8Array => {
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, 2, 0, 0, 0], 8)

  const row = width * 3
  const scanlines = new Uint8Array(height * (row + 1))
  // the byte before each row names its filter; 0 is none
  for (let y = 0; y < height; y++) scanlines.set(rgb.subarray(y * row, (y + 1) * row), y * (row + 1) + 1)

  return concat([
    Uint8Array.from(signature),
    chunk("IHDR", header),
    chunk("IDAT", store(scanlines)),
    chunk("IEND", new Uint8Array(0))
  ])
}
