import { assert, describe, it } from "@effect/vitest"
import * as MediaType from "../../src/internal/mediaType.js"

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
const utf8 = (text: string) => new TextEncoder().encode(text)

describe("byBytes", () => {
  it.each(
    [
      ["image/png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"],
      ["image/jpeg", "\xff\xd8\xff\xe0\0\x10JFIF"],
      ["image/gif", "GIF89a\x01\0\x01\0"],
      ["image/gif", "GIF87a\x01\0\x01\0"],
      ["image/webp", "RIFF\x24\0\0\0WEBPVP8 "],
      ["audio/wav", "RIFF\x24\0\0\0WAVEfmt "],
      ["application/octet-stream", "RIFF\x24\0\0\0AVI \0"],
      ["application/pdf", "%PDF-1.7\n"],
      ["audio/mpeg", "ID3\x04\0\0\0"],
      ["audio/mpeg", "\xff\xfb\x90\x64\0"],
      ["image/avif", "\0\0\0\x1cftypavif"],
      ["audio/mp4", "\0\0\0\x1cftypM4A "],
      ["video/quicktime", "\0\0\0\x14ftypqt  "],
      ["video/mp4", "\0\0\0\x18ftypisom"],
      ["video/webm", "\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webmB\x87"],
      ["video/x-matroska", "\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska"],
      ["audio/ogg", "OggS\0\x02"],
      ["audio/flac", "fLaC\0\0\0\x22"],
      ["application/zip", "PK\x03\x04\x14\0"],
      ["application/zip", "PK\x05\x06\0\0"],
      ["application/gzip", "\x1f\x8b\x08\0"],
      ["application/x-tar", `${"name".padEnd(257, "\0")}ustar\0`],
      ["application/octet-stream", ""],
      ["application/octet-stream", "\0\x01\x02"],
      ["application/octet-stream", "\x89PN"],
      ["application/octet-stream", "caf\xe9 in Latin-1"]
    ] as const
  )("C26: %s", (type, head) => assert.strictEqual(MediaType.byBytes(latin1(head)), type))

  it.each(
    [
      ["text/plain", "Hello, llama\r\n\tfriends\n"],
      ["text/plain", "[INFO] started"],
      ["text/plain", "[1] a footnote"],
      ["application/json", " {\"a\": 1}"],
      ["application/json", "[1, 2]"],
      ["application/json", "[{\"a\": 1}]"],
      ["image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"],
      ["image/svg+xml", "<?xml version=\"1.0\"?>\n<svg/>"],
      ["text/plain", "<?xml version=\"1.0\"?><rss/>"],
      // 512 bytes end in the middle of a character
      ["text/plain", `a${"é".repeat(400)}`]
    ] as const
  )("C26: text as %s: %s", (type, text) => assert.strictEqual(MediaType.byBytes(utf8(text)), type))
})

describe("byName", () => {
  it.each(
    [
      ["a.png", "image/png"],
      ["A.JPEG", "image/jpeg"],
      ["archive.tar.gz", "application/gzip"],
      ["/tmp/x.y/song.mp3", "audio/mpeg"],
      ["none", undefined],
      ["dir.png/none", undefined],
      [".", undefined],
      ["", undefined],
      ["a.constructor", undefined]
    ] as const
  )("C26: %s", (name, type) => assert.strictEqual(MediaType.byName(name), type))

  it("C26: a file without a name gets one that tells its type", () => {
    assert.strictEqual(MediaType.nameFor("image/jpeg"), "file.jpg")
    assert.strictEqual(MediaType.nameFor("text/plain;charset=utf-8"), "file.txt")
    assert.strictEqual(MediaType.nameFor("application/octet-stream"), "file")
    assert.strictEqual(MediaType.nameFor("constructor"), "file")
  })
})

describe("isMediaType", () => {
  it.each(["image/png", "application/vnd.api+json", "text/plain;charset=utf-8", "text/plain; charset=\"utf-8\""])(
    "takes %s",
    (text) => assert.isTrue(MediaType.isMediaType(text))
  )
  it.each(["", "png", "image/", "image/png\r\nx: y", "image/png,", "text/plain;", "image/png; a=\"b\nc\"", "a/b/c"])(
    "refuses %j",
    (text) => assert.isFalse(MediaType.isMediaType(text))
  )
})
