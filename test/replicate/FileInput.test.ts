import * as NodeContext from "@effect/platform-node/NodeContext"
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import { runInNewContext } from "node:vm"
import * as Provider from "../../src/Provider.js"
import { FileError, type ProviderError, RateLimited } from "../../src/ProviderError.js"
import * as Replicate from "../../src/providers/Replicate.js"
import * as FileInput from "../../src/replicate/FileInput.js"
import { FileOutput } from "../../src/replicate/FileOutput.js"
import { inputFiles } from "../../src/replicate/internal/inputFiles.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import type * as ReplicateConfig from "../../src/replicate/ReplicateConfig.js"
import { FileResource } from "../../src/replicate/schemas/File.js"
import * as Training from "../../src/replicate/Training.js"
import * as ReplicateEmulator from "../../src/testing/ReplicateEmulator.js"
import * as Server from "../support/replicate-server.js"

const model = "test/any"
const anything: ReplicateEmulator.Model = {
  name: model,
  kind: "json",
  boot: 0,
  script: () => [{ _tag: "Json", after: 0, value: "https://replicate.delivery/out.png" }]
}

const epoch = new Date(0)

/** The largest that is part of an input, and the largest that is uploaded. */
const [inline, largest] = [256 * 1024, 100 * 1024 * 1024]

/** Bytes that compress to nothing else: the same for the same seed. */
/** Bytes that come again after 251 of them. */
const bytes = (size: number, seed = 0) =>
  Uint8Array.from(Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, n) => (n * 31 + seed) % 251)))
const png = Uint8Array.from("\x89PNG\r\n\x1a\n", (char) => char.charCodeAt(0))
const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex")
const dataUri = (content: Uint8Array, type = "application/octet-stream") =>
  `data:${type};base64,${Buffer.from(content).toString("base64")}`

type Env =
  | ReplicateClient.ReplicateClient
  | ReplicateEmulator.ReplicateEmulator
  | HttpClient.HttpClient
  | FileSystem.FileSystem
  | Path.Path

/** A test with an emulator of its own, and the client in front of it. */
const emulated = <A, E>(
  test: (client: ReplicateClient.Service, emulator: ReplicateEmulator.Service) => Effect.Effect<A, E, Env>,
  options: ReplicateConfig.Options = {}
) =>
  Effect.flatMap(
    Effect.all([ReplicateClient.ReplicateClient, ReplicateEmulator.ReplicateEmulator]),
    ([client, emulator]) => test(client, emulator)
  ).pipe(
    Effect.provide(
      ReplicateClient.layer({ token: Redacted.make("r8_test"), ...options }).pipe(
        Layer.provideMerge(ReplicateEmulator.layer({ models: [anything] })),
        Layer.provideMerge(NodeContext.layer)
      )
    )
  )

/** Waits for what needs promises, Blobs and digests, while the clock of the test stands still. */
const unhurried = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    while (!(yield* Server.isDone(fiber))) yield* Server.settle
    return yield* Fiber.join(fiber)
  })

/** The same, while the clock moves on a second now and then. */
const patient = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    while (!(yield* Server.isDone(fiber))) yield* Server.elapse(1)
    return yield* Fiber.join(fiber)
  })

const create = (input: Prediction.Input) => unhurried(Prediction.create(model, input))

/** What arrived at the server in the place of a file. */
const sent = (file: unknown) =>
  Effect.gen(function*() {
    const emulator = yield* ReplicateEmulator.ReplicateEmulator
    yield* create({ file })
    return (yield* emulator.predictions)[0]?.input["file"]
  })

/** What arrived at the server of each upload, oldest first. */
const uploaded = Effect.gen(function*() {
  const { api } = yield* ReplicateClient.ReplicateClient
  const { results } = yield* api.files.list()
  return results.toReversed().map(({ checksums, content_type, name, size, urls }) => ({
    name,
    size,
    type: content_type,
    sha256: checksums?.["sha256"],
    url: urls?.get
  }))
})

/** How often something was asked for. */
const count = (emulator: ReplicateEmulator.Service, path: string) =>
  Effect.map(
    emulator.requests,
    (requests) => requests.filter((request) => request.method === "POST" && request.path === path).length
  )

const refused = <A, R>(effect: Effect.Effect<A, ProviderError, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert(error._tag === "InvalidRequest")
    return error
  })

const detached = (() => {
  const buffer = new ArrayBuffer(8)
  const view = new Uint8Array(buffer, 2)
  structuredClone(buffer, { transfer: [buffer] })
  return { buffer, view }
})()

/** A Blob that says to be of another size than it is, and counts how often it is read. */
class CountedBlob extends Blob {
  readonly pretended: number | undefined
  reads = 0
  constructor(parts: Array<BlobPart>, pretended?: number) {
    super(parts)
    this.pretended = pretended
  }
  override get size() {
    return this.pretended ?? super.size
  }
  override stream() {
    this.reads++
    return super.stream()
  }
  override slice(...range: [number?, number?]) {
    this.reads++
    return super.slice(...range)
  }
}

/** What a polyfill has of a Blob. */
class OldBlob {
  readonly [Symbol.toStringTag] = "Blob"
  readonly type = ""
  readonly size: number
  readonly stream: () => ReadableStream

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.size = bytes.length
    this.stream = () => new Blob([bytes]).stream()
  }
}

/** What a file system tells of a file, with a size of its own to be put in. */
const fileInfo: FileSystem.File.Info = {
  type: "File",
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0,
  ino: Option.none(),
  mode: 0,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: FileSystem.Size(0),
  blksize: Option.none(),
  blocks: Option.none()
}

describe("what a file can be", () => {
  const content = Uint8Array.of(1, 2, 3, 250)
  const padded = Uint8Array.of(9, 9, ...content, 9)
  const shared = new SharedArrayBuffer(4)
  new Uint8Array(shared).set(content)

  it.effect.each([
    { what: "a Uint8Array", file: content },
    { what: "a Buffer", file: Buffer.from(content) },
    { what: "a part of a buffer", file: padded.subarray(2, 6) },
    { what: "a Uint8ClampedArray", file: Uint8ClampedArray.from(content) },
    { what: "a DataView", file: new DataView(padded.buffer, 2, 4) },
    { what: "an ArrayBuffer", file: content.buffer },
    { what: "a SharedArrayBuffer", file: shared },
    { what: "a view of a SharedArrayBuffer", file: new Uint8Array(shared) },
    { what: "a Blob", file: new Blob([content]) },
    { what: "a Blob that cannot be sliced", file: new OldBlob(content) as unknown as Blob },
    { what: "a File", file: new File([content], "a") },
    { what: "bytes of another realm", file: runInNewContext("Uint8Array.of(1, 2, 3, 250)") },
    { what: "a FileInput of bytes", file: FileInput.make(content) },
    { what: "a FileInput of a Blob", file: FileInput.make(new Blob([content])) },
    { what: "a FileInput of a stream", file: FileInput.fromStream(Stream.make(content.slice(0, 1), content.slice(1))) }
  ])(
    "C26: $what",
    ({ file }) => emulated(() => Effect.map(sent(file), (arrived) => assert.strictEqual(arrived, dataUri(content))))
  )

  it.effect("C26: nothing at all is a file too", () =>
    emulated(() =>
      Effect.gen(function*() {
        for (const file of [new Uint8Array(), new Blob(), FileInput.fromStream(Stream.empty)]) {
          assert.strictEqual(yield* sent(file), dataUri(new Uint8Array()))
        }
      })
    ))

  it.effect("C26: a file of an output goes as its URL, and is not fetched", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const url = "https://replicate.delivery/a.png"
        assert.strictEqual(yield* sent(new FileOutput(url)), url)
        assert.deepStrictEqual(
          yield* sent({ deep: [null, 1, new FileOutput("data:,a")] }),
          { deep: [null, 1, "data:,a"] }
        )
        assert.strictEqual((yield* emulator.requests).length, 2)
      })
    ))

  it.effect("C26: files stand anywhere; what they stand in keeps its form", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        class Scene {
          readonly photo = png
          readonly size = 2
        }
        const nothing = Object.assign(Object.create(null), { png })
        const sparse = [png, 1]
        sparse[3] = 2
        yield* create({
          list: [png, [{ png, text: "a", none: undefined, nothing: null }]],
          nothing,
          scene: new Scene(),
          sparse,
          data: Data.struct({ png, n: 1 }),
          at: epoch,
          self: JSON.parse("{\"__proto__\":{\"a\":1},\"b\":2}"),
          link: new URL("https://example.com/a")
        })
        const uri = dataUri(png, "image/png")
        assert.deepStrictEqual((yield* emulator.predictions)[0]?.input, {
          list: [uri, [{ png: uri, text: "a", nothing: null }]],
          nothing: { png: uri },
          scene: { photo: uri, size: 2 },
          sparse: [uri, 1, null, 2],
          data: { png: uri, n: 1 },
          at: "1970-01-01T00:00:00.000Z",
          self: JSON.parse("{\"__proto__\":{\"a\":1},\"b\":2}"),
          link: "https://example.com/a"
        })
      })
    ))
})

describe("what is no file", () => {
  it.effect("C26: an input without files is given back as it is, and only what holds a file is copied", () =>
    emulated((client) =>
      Effect.gen(function*() {
        const at = epoch
        const settings = Object.freeze({ at, numbers: [1, 2, 3], deep: { a: [{}] }, time: DateTime.unsafeMake(0) })
        const plain = Object.freeze({ prompt: "hi", settings, other: [settings, settings], none: undefined })
        assert.strictEqual(yield* Effect.flatten(inputFiles(client, plain)), plain)
        const given = Object.freeze({ ...plain, files: Object.freeze([{ png }, settings]) })
        const result = yield* Effect.flatten(inputFiles(client, given))
        assert.strictEqual(result["settings"], settings)
        assert.strictEqual(result["other"], plain.other)
        assert.isTrue("none" in result)
        assert.deepStrictEqual(result["files"], [{ png: dataUri(png, "image/png") }, settings])
        assert.strictEqual(Array.isArray(result["files"]) && result["files"][1], settings)
        assert.strictEqual(given.files[0], given.files[0])
        assert.deepStrictEqual(given.files[0], { png })
      })
    ))

  const nested = (depth: number): unknown => {
    let value: unknown = png
    for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value }
    return value
  }
  const circle: Record<string, unknown> = {}
  circle["list"] = [1, circle]

  it.effect.each([
    { what: "itself", input: { circle }, field: "input.circle.list.1", message: "contains itself" },
    {
      what: "what is nested deep",
      input: { a: nested(100_000) },
      field: /^input\.a\.value/,
      message: "nested deeper than 1000 levels"
    },
    {
      what: "a Float32Array",
      input: { a: [new Float32Array(2)] },
      field: "input.a.0",
      message: /Float32Array.*Uint8Array/
    },
    { what: "an Int8Array", input: { a: new Int8Array(2) }, field: "input.a", message: /Int8Array/ },
    { what: "a detached ArrayBuffer", input: { a: detached.buffer }, field: "input.a", message: /detached/ },
    { what: "a view of one", input: { a: FileInput.make(detached.view) }, field: "input.a", message: /detached/ },
    { what: "a bigint", input: { a: { b: 1n } }, field: "input.a.b", message: /bigint/ },
    { what: "a Map", input: { a: new Map([["b", png]]) }, field: "input.a", message: /Map.*Object\.fromEntries/ },
    { what: "a Set", input: { a: [new Set([png])] }, field: "input.a.0", message: /array, not a Set/ },
    { what: "a Redacted", input: { a: Redacted.make("key") }, field: "input.a", message: /Redacted\.value/ },
    { what: "NaN", input: { a: { b: Number.NaN } }, field: "input.a.b", message: /NaN/ },
    { what: "an infinity", input: { a: [0, -Infinity] }, field: "input.a.1", message: /-Infinity/ },
    { what: "a function", input: { a: () => png }, field: "input.a", message: /function/ },
    { what: "a symbol", input: { a: Symbol.iterator }, field: "input.a", message: /symbol/ },
    { what: "no time", input: { a: new Date(Number.NaN) }, field: "input.a", message: /Date/ },
    { what: "an Effect", input: { a: FileInput.fromPath("a") }, field: "input.a", message: /Effect/ },
    { what: "a Promise", input: { a: Promise.resolve(png) }, field: "input.a", message: /Promise/ },
    { what: "a Stream", input: { a: Stream.make(png) }, field: "input.a", message: /fromStream/ },
    { what: "a ReadableStream", input: { a: new Blob([png]).stream() }, field: "input.a", message: /fromStream/ },
    {
      what: "a media type that would end its header",
      input: { a: FileInput.make(png, { contentType: "image/png\r\nx-evil: 1" }) },
      field: "input.a",
      message: /contentType/
    },
    {
      what: "a long name",
      input: { a: FileInput.make(png, { name: "é".repeat(128) }) },
      field: "input.a",
      message: /255 bytes/
    },
    { what: "101 MB", input: { a: new ArrayBuffer(largest + 1) }, field: "input.a", message: /up to 100 MB/ },
    { what: "a Blob of 101 MB", input: { a: new CountedBlob([], largest + 1) }, field: "input.a", message: /100 MB/ },
    {
      what: "an upload without URL",
      input: { a: new FileResource({ id: "x" }) },
      field: "input.a",
      message: "the file has no URL"
    },
    {
      // only JavaScript can do that
      what: "a FileInput of something else",
      input: { a: Reflect.construct(FileInput.FileInput, [{ no: "bytes" }]) },
      field: "input.a",
      message: /bytes or a Blob/
    },
    {
      what: "a FileInput of a text",
      input: { a: Reflect.construct(FileInput.FileInput, ["text"]) },
      field: "input.a",
      message: /bytes or a Blob.*TextEncoder/
    },
    {
      what: "a FileInput of nothing",
      input: { a: [Reflect.construct(FileInput.FileInput, [undefined])] },
      field: "input.a.0",
      message: /bytes or a Blob/
    },
    {
      what: "a stream that is none",
      input: { a: Reflect.construct(FileInput.FileInput, [{ _tag: "Stream", stream: [png] }]) },
      field: "input.a",
      message: /Stream of bytes or a ReadableStream/
    },
    {
      what: "a getter that throws",
      input: {
        a: {
          get b() {
            throw new Error("no")
          }
        }
      },
      field: "input.a",
      message: /getter/
    },
    {
      what: "a Proxy that throws",
      input: {
        a: new Proxy([], {
          get: () => {
            throw new Error("no")
          }
        })
      },
      field: "input.a",
      message: /Proxy/
    }
  ])(
    "C26: $what is refused before anything is sent",
    ({ field, input, message }) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          const { issues: [issue, ...others] } = yield* refused(create({ ...input, file: bytes(inline + 1) }))
          assert.lengthOf(others, 0)
          if (typeof field === "string") assert.strictEqual(issue?.field, field)
          else assert.match(issue?.field ?? "", field)
          if (typeof message === "string") assert.strictEqual(issue?.message, message)
          else assert.match(issue?.message ?? "", message)
          assert.lengthOf(yield* emulator.requests, 0)
        })
      )
  )

  it.effect.each([
    { what: "nothing", input: undefined, message: /not undefined/ },
    { what: "null", input: null, message: /not null/ },
    { what: "a text", input: "prompt", message: /not string/ },
    { what: "a list", input: [{ prompt: "a" }], message: /not an array/ },
    { what: "a file", input: png, message: /the file in a field/ },
    { what: "a Promise", input: Promise.resolve({}), message: /await/ },
    {
      what: "a getter",
      input: {
        get prompt() {
          throw new Error("no")
        }
      },
      message: /getter/
    }
  ])(
    "C26: $what in the place of the input is refused before anything is sent",
    ({ input, message }) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          // what a caller without types may send
          const given = input as Prediction.Input
          const options = { unstreamable: "refuse", latestVersion: true } as const
          for (
            const call of [
              Prediction.create("acme/any", given, options),
              Prediction.run("acme/any", given, options),
              Stream.runDrain(Prediction.stream("acme/any", given, options))
            ]
          ) {
            const { issues: [issue, ...others] } = yield* refused(call)
            assert.lengthOf(others, 0)
            assert.strictEqual(issue?.field, "input")
            assert.match(issue?.message ?? "", message)
          }
          assert.lengthOf(yield* emulator.requests, 0)
        })
      )
  )

  it.effect("C26: all that is wrong is told at once", () =>
    emulated(() =>
      Effect.gen(function*() {
        const error = yield* refused(create({ a: new Float64Array(1), b: [detached.buffer], c: png }))
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["input.a", "input.b.0"])
        assert.include(error.message, "Correct it and call again.")
      })
    ))

  it.effect("C26: what is nested less deep is sent", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        yield* create({ a: nested(900) })
        assert.include(JSON.stringify((yield* emulator.predictions)[0]?.input), dataUri(png, "image/png"))
      })
    ))
})

describe("where it goes", () => {
  const withDirectory = <A, E>(use: (directory: string) => Effect.Effect<A, E, Env>) =>
    Effect.scoped(Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(fs.makeTempDirectoryScoped(), use)))

  const written = (path: string, content: Uint8Array) =>
    Effect.zipRight(
      Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFile(path, content)),
      FileInput.fromPath(path)
    )

  it.effect.each([
    { what: "bytes", make: (content: Uint8Array<ArrayBuffer>) => Effect.succeed(content) },
    { what: "a Blob", make: (content: Uint8Array<ArrayBuffer>) => Effect.succeed(new Blob([content])) },
    {
      what: "a path",
      make: (content: Uint8Array<ArrayBuffer>, directory: string) => written(`${directory}/file`, content)
    },
    {
      what: "a stream",
      make: (content: Uint8Array<ArrayBuffer>) =>
        Effect.succeed(FileInput.fromStream(Stream.make(content.subarray(0, 1000), content.subarray(1000))))
    },
    {
      what: "a ReadableStream",
      make: (content: Uint8Array<ArrayBuffer>) => Effect.succeed(FileInput.fromStream(new Blob([content]).stream()))
    }
  ])(
    "C26: $what of 256 kB is a part of the input, of one byte more an upload",
    ({ make }) =>
      emulated((_, emulator) =>
        withDirectory((directory) =>
          Effect.gen(function*() {
            const small = bytes(inline)
            assert.strictEqual(yield* sent(yield* make(small, directory)), dataUri(small))
            assert.strictEqual(yield* count(emulator, "/v1/files"), 0)
            const large = bytes(inline + 1)
            const url = yield* sent(yield* make(large, directory))
            const [file, ...others] = yield* uploaded
            assert.lengthOf(others, 0)
            assert.strictEqual(url, file?.url)
            assert.match(String(url), /^https:\/\/api\.replicate\.com\/v1\/files\/\w{48}$/)
            assert.deepInclude(file, { size: large.length, sha256: sha256(large), type: "application/octet-stream" })
          })
        )
      )
  )

  it.effect("C26: the media type is that given, else the Blob's, else by the name, else by the bytes", () =>
    emulated(() =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const typeOf = (file: unknown) => Effect.map(sent(file), (uri) => String(uri).split(";base64,")[0])
          const jpeg = new File([png], "a.gif", { type: "image/jpeg" })
          assert.strictEqual(yield* typeOf(FileInput.make(jpeg, { contentType: "image/x-own" })), "data:image/x-own")
          assert.strictEqual(yield* typeOf(FileInput.make(jpeg, { name: "b.bmp" })), "data:image/jpeg")
          assert.strictEqual(yield* typeOf(jpeg), "data:image/jpeg")
          assert.strictEqual(yield* typeOf(new File([png], "a.gif")), "data:image/gif")
          assert.strictEqual(yield* typeOf(new File([png], "a.gif", { type: "no type, but text" })), "data:image/gif")
          assert.strictEqual(yield* typeOf(FileInput.make(png, { name: "a.GIF" })), "data:image/gif")
          assert.strictEqual(yield* typeOf(yield* written(`${directory}/a.gif`, png)), "data:image/gif")
          assert.strictEqual(yield* typeOf(yield* written(`${directory}/none`, png)), "data:image/png")
          assert.strictEqual(yield* typeOf(new Blob([png])), "data:image/png")
          assert.strictEqual(yield* typeOf(FileInput.fromStream(Stream.make(png))), "data:image/png")
          assert.strictEqual(yield* typeOf(Buffer.from("hello")), "data:text/plain")
        })
      )
    ))

  it.effect("C26: an upload has a name and a media type, whatever is in them", () =>
    emulated(() =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const large = (start: Uint8Array) => {
            const content = new Uint8Array(inline + 1)
            content.set(start)
            return content
          }
          const evil = "a\"; name=\"x\r\n\r\nb.png"
          yield* create({
            none: large(png),
            own: FileInput.make(large(png), { name: "lama ä.png", contentType: "text/plain; charset=utf-8" }),
            evil: FileInput.make(large(Uint8Array.of(1)), { name: evil }),
            file: new File([large(Uint8Array.of(2))], "photo.jpeg"),
            path: yield* written(`${directory}/song.mp3`, large(Uint8Array.of(3))),
            other: yield* Effect.map(
              written(`${directory}/song.ogg`, large(Uint8Array.of(4))),
              ({ source }) => new FileInput.FileInput(source, { name: "x.wav" })
            )
          })
          const files = yield* uploaded
          assert.sameDeepMembers(files.map(({ name, type }) => [name, type]), [
            ["file.png", "image/png"],
            ["lama ä.png", "text/plain"],
            ["a%22; name=%22x%0D%0A%0D%0Ab.png", "image/png"],
            ["photo.jpeg", "image/jpeg"],
            ["song.mp3", "audio/mpeg"],
            ["x.wav", "audio/wav"]
          ])
        })
      )
    ))

  it.effect("C26: the same content is uploaded once for each input", () =>
    emulated((_, emulator) =>
      withDirectory((directory) =>
        Effect.gen(function*() {
          const content = bytes(inline + 5)
          const blob = new Blob([content])
          const path = yield* written(`${directory}/a`, bytes(inline + 6))
          const stream = FileInput.fromStream(Stream.make(bytes(inline + 7)))
          yield* create({
            same: [content, { content }, content.slice(), blob, blob.slice(), FileInput.make(content, { name: "a" })],
            path: [path, path, yield* FileInput.fromPath(`${directory}/a`)],
            stream: [stream, stream],
            // of the same size, but not the same
            other: [bytes(inline + 5, 1), new Blob([bytes(inline + 5, 2)])],
            // the media type is a part of what a model sees
            typed: FileInput.make(content, { contentType: "image/png" })
          })
          assert.sameMembers(
            (yield* uploaded).map(({ sha256, size, type }) => `${size} ${type} ${sha256}`),
            [
              ...[content, bytes(inline + 6), bytes(inline + 7), bytes(inline + 5, 1), bytes(inline + 5, 2)]
                .map((content) => `${content.length} application/octet-stream ${sha256(content)}`),
              `${content.length} image/png ${sha256(content)}`
            ]
          )
          const input = (yield* emulator.predictions)[0]?.input ?? {}
          const urlOf = (of: Uint8Array, type = "application/octet-stream") =>
            Effect.map(uploaded, (files) => files.find((file) => file.sha256 === sha256(of) && file.type === type)?.url)
          const url = yield* urlOf(content)
          assert.deepStrictEqual(input["same"], [url, { content: url }, url, url, url, url])
          assert.deepStrictEqual(input["other"], [
            yield* urlOf(bytes(inline + 5, 1)),
            yield* urlOf(bytes(inline + 5, 2))
          ])
          assert.strictEqual(input["typed"], yield* urlOf(content, "image/png"))
          yield* create({ again: content })
          assert.lengthOf(yield* uploaded, 7)
        })
      )
    ))

  it.effect("C26: a difference late in a large file is one", () =>
    emulated(() =>
      Effect.gen(function*() {
        const [one, other] = [new Uint8Array(9_000_000), new Uint8Array(9_000_000)]
        other[8_999_999] = 1
        yield* create({ one, other, blob: new Blob([other]) })
        assert.sameMembers((yield* uploaded).map(({ sha256 }) => sha256), [sha256(one), sha256(other)])
      })
    ))

  it.effect("C26: a Blob is read only to be sent, unless another file has its size", () =>
    emulated(() =>
      Effect.gen(function*() {
        const alone = new CountedBlob([bytes(inline + 1)])
        const small = new CountedBlob([bytes(10)])
        yield* create({ alone, small, other: bytes(inline + 2), tiny: bytes(10) })
        // once for its beginning, once to be sent
        assert.strictEqual(alone.reads, 2)
        assert.strictEqual(small.reads, 1)
        const twin = new CountedBlob([bytes(inline + 1)])
        yield* create({ twin, other: bytes(inline + 1) })
        assert.isAbove(twin.reads, 0)
        assert.lengthOf(yield* uploaded, 3)
      })
    ))

  it.effect("C26: one upload serves several predictions", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const file = yield* unhurried(FileInput.upload(FileInput.make(png, { name: "small.png" })))
        assert.deepInclude({ ...file }, { name: "small.png", size: png.length, content_type: "image/png" })
        const large = yield* unhurried(FileInput.upload(new Blob([bytes(inline + 1)])))
        assert.strictEqual(large.size, inline + 1)
        yield* create({ file, list: [{ large }] })
        yield* create({ file })
        const inputs = (yield* emulator.predictions).map(({ input }) => input)
        const url = file.urls?.get
        assert.deepStrictEqual(inputs, [{ file: url }, { file: url, list: [{ large: large.urls?.get }] }])
        assert.strictEqual(yield* count(emulator, "/v1/files"), 2)
        const error = yield* refused(FileInput.upload(detached.buffer))
        assert.deepStrictEqual(error.issues.map(({ field }) => field), ["file"])
      })
    ))

  it.effect("C26: a training takes files", () =>
    emulated(({ api }, emulator) =>
      Effect.gen(function*() {
        const path = { model_owner: "black-forest-labs", model_name: "flux-schnell" }
        const { results: [version] } = yield* api.models.versions({ path })
        yield* api.models.create({
          payload: { owner: "emulator", name: "mine", visibility: "private", hardware: "cpu" }
        })
        yield* unhurried(Training.create(`black-forest-labs/flux-schnell:${version?.id}`, {
          destination: "emulator/mine",
          input: { input_images: bytes(inline + 1) }
        }))
        const [file] = yield* uploaded
        const request = (yield* emulator.requests).find(({ path }) => path.endsWith("/trainings"))
        assert.deepNestedPropertyVal(request, "body.input.input_images", file?.url)
      })
    ))

  it.effect("C26: everything that creates takes files", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const input = { prompt: "hi", image: png }
        const llama = "meta/meta-llama-3-70b-instruct"
        yield* Server.timed(Prediction.run(model, input))
        yield* Server.timed(Stream.runDrain(Prediction.watch(model, input)))
        yield* Server.timed(Stream.runDrain(Prediction.stream(llama, input)))
        yield* Server.timed(Provider.text({ prompt: "hi", extra: { image: png } })).pipe(
          Effect.provide(Replicate.layer({ apiKey: Redacted.make("r8_test") }))
        )
        const images = (yield* emulator.predictions).map(({ input }) => input["image"])
        assert.deepStrictEqual(images, Array.from(images, () => dataUri(png, "image/png")))
        assert.lengthOf(images, 4)
      })
    ))
})

describe("what can go wrong", () => {
  const large = new Blob([bytes(inline + 1)])
  const uploads = { method: "POST", path: "/v1/files" }
  const creates = (emulator: ReplicateEmulator.Service) => count(emulator, `/v1/models/${model}/predictions`)

  const fail = (after: number, error: ProviderError | FileError | PlatformError.PlatformError) =>
    FileInput.fromStream(Stream.concat(Stream.make(bytes(after)), Stream.fail(error)))
  const ours = new RateLimited({ provider: "Elsewhere" })
  const disk = new PlatformError.SystemError({ reason: "PermissionDenied", module: "FileSystem", method: "read" })
  const file = new FileError({ path: "/a", operation: "read", reason: "Busy" })

  it.effect.each([
    { what: "before it is known where it goes", after: 10, uploads: 0 },
    { what: "while it is uploaded", after: inline + 1, uploads: 1 }
  ])(
    "C26: a stream that fails $what fails as it says, and nothing is created",
    ({ after, uploads }) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          const passedOn = yield* Effect.flip(create({ file: fail(after, ours) }))
          assert.deepInclude(passedOn, { _tag: "RateLimited", provider: "Elsewhere" })
          const unread = yield* refused(create({ file: fail(after, disk) }))
          assert.deepStrictEqual(unread.issues.map(({ field, message }) => `${field}: ${message}`), [
            "input.file: the file could not be read: PermissionDenied"
          ])
          assert.include((yield* refused(create({ file: fail(after, file) }))).message, "/a could not be read: Busy")
          const stream = Stream.concat(Stream.make(bytes(after)), Stream.die("a bug"))
          const exit = yield* Effect.exit(create({ file: FileInput.fromStream(stream) }))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
          assert.strictEqual(yield* count(emulator, "/v1/files"), 4 * uploads)
          assert.strictEqual(yield* creates(emulator), 0)
        })
      )
  )

  it.effect("C26: a ReadableStream is for one input", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const file = FileInput.fromStream(new Blob([png]).stream())
        yield* create({ file })
        const before = (yield* emulator.requests).length
        const error = yield* refused(create({ file }))
        assert.match(error.issues[0]?.message ?? "", /its own/)
        assert.lengthOf(yield* emulator.requests, before)
      })
    ))

  it.effect("C26: a ReadableStream that was read and let go is refused, and is no empty file", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const whole = new Blob([png]).stream()
        yield* Effect.promise(() => whole.pipeTo(new WritableStream()))
        const begun = new Blob([png]).stream()
        const reader = begun.getReader()
        yield* Effect.promise(() => reader.read())
        reader.releaseLock()
        for (const stream of [whole, begun]) {
          assert.isFalse(stream.locked)
          const error = yield* refused(create({ file: FileInput.fromStream(stream) }))
          assert.deepInclude(error.issues[0], {
            field: "input.file",
            message: "the ReadableStream is read already: give each input its own"
          })
        }
        assert.lengthOf(yield* emulator.requests, 0)
      })
    ))

  it.effect("C26: a ReadableStream that breaks is refused", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("disk")) })
        const error = yield* refused(create({ file: FileInput.fromStream(broken) }))
        assert.deepInclude(error.issues[0], { field: "input.file", message: "the ReadableStream could not be read" })
        assert.lengthOf(yield* emulator.requests, 0)
      })
    ))

  it.effect("C26: a stream is stopped as soon as it is too large", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        let pulled = 0
        let closed = 0
        const megabyte = new Uint8Array(1024 * 1024)
        const endless = Stream.repeatEffect(Effect.sync(() => {
          pulled++
          return megabyte
        })).pipe(Stream.ensuring(Effect.sync(() => closed++)))
        const error = yield* refused(create({ a: { video: FileInput.fromStream(endless) } }))
        assert.strictEqual(error.issues[0]?.field, "input.a.video")
        assert.include(error.message, "up to 100 MB")
        assert.isUndefined(error.status)
        assert.strictEqual(pulled, 101)
        assert.strictEqual(closed, 1)
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect.each([0, inline + 1])(
    "C26: a stream of something else than bytes is refused, after %d bytes",
    (after) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          for (const part of ["text", 7, null, [1, 2], new Uint16Array(2)]) {
            // only JavaScript can do that
            const stream = Stream.rechunk(Stream.make(bytes(after), part), 1)
            const error = yield* refused(create({ file: Reflect.apply(FileInput.fromStream, undefined, [stream]) }))
            assert.deepStrictEqual(error.issues.map(({ field, message }) => `${field}: ${message}`), [
              "input.file: expected Uint8Arrays: use Stream.encodeText for text"
            ])
          }
          assert.strictEqual(yield* creates(emulator), 0)
        })
      )
  )

  it.effect("C26: a path is looked at when it is given, and read when it is used", () =>
    emulated((_, emulator) =>
      Effect.scoped(Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        const path = `${directory}/a`
        const missing = yield* Effect.flip(FileInput.fromPath(path))
        assert.deepInclude(missing, { _tag: "FileError", operation: "read", path, reason: "NotFound" })
        const folder = yield* Effect.flip(FileInput.fromPath(directory))
        assert.deepInclude(folder, { _tag: "FileError", reason: "it is a directory" })
        yield* fs.writeFile(path, bytes(10))
        const relative = (yield* Path.Path).relative(process.cwd(), path)
        const input = { file: yield* FileInput.fromPath(relative) }
        yield* fs.writeFile(path, png)
        yield* create(input)
        assert.strictEqual((yield* emulator.predictions)[0]?.input["file"], dataUri(png, "image/png"))
        yield* fs.remove(path)
        const gone = yield* refused(create(input))
        assert.include(gone.message, "input.file: the file could not be read: NotFound")
        assert.strictEqual(yield* creates(emulator), 1)
      }))
    ))

  it.effect.each([
    { what: "shorter", actual: inline + 9 },
    { what: "longer", actual: inline + 11 }
  ])(
    "C26: a file that became $what while it was read is not sent",
    ({ actual }) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          const disk = FileSystem.makeNoop({
            access: () => Effect.void,
            stat: () => Effect.succeed({ ...fileInfo, size: FileSystem.Size(inline + 10) }),
            stream: () => Stream.make(bytes(actual))
          })
          const path = yield* FileInput.fromPath("/a").pipe(Effect.provideService(FileSystem.FileSystem, disk))
          const error = yield* refused(create({ path }))
          assert.include(error.message, "input.path: the file changed while it was read")
          assert.strictEqual(yield* creates(emulator), 0)
        })
      )
  )

  it.effect("C26: a path of more than 100 MB is not read", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const disk = FileSystem.makeNoop({
          access: () => Effect.void,
          stat: () => Effect.succeed({ ...fileInfo, size: FileSystem.Size(largest + 1) }),
          stream: () => Stream.dieMessage("it is read")
        })
        const path = yield* FileInput.fromPath("/a").pipe(Effect.provideService(FileSystem.FileSystem, disk))
        assert.include((yield* refused(create({ path }))).message, "input.path: Replicate takes files of up to 100 MB")
        assert.lengthOf(yield* emulator.requests, 0)
      })
    ))

  it.effect("C26: what has no size, or says that it is empty, is read to its end", () =>
    emulated(() =>
      Effect.gen(function*() {
        const content = bytes(inline + 1)
        const disk = (type: "File" | "FIFO") => {
          let reads = 0
          return FileSystem.makeNoop({
            access: () => Effect.void,
            stat: () => Effect.succeed({ ...fileInfo, type, size: FileSystem.Size(0) }),
            // what was read of a pipe is gone
            stream: () => Stream.suspend(() => type === "FIFO" && reads++ > 0 ? Stream.empty : Stream.make(content))
          })
        }
        for (const type of ["File", "FIFO"] as const) {
          const path = yield* FileInput.fromPath("/a").pipe(Effect.provideService(FileSystem.FileSystem, disk(type)))
          yield* create({ path })
        }
        assert.deepStrictEqual((yield* uploaded).map(({ sha256 }) => sha256), [sha256(content), sha256(content)])
      })
    ))

  it.effect("C26: a Blob that cannot be read is refused, wherever that shows", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        class Broken extends Blob {
          override stream() {
            return new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) })
          }
          override slice(): Blob {
            throw new Error("gone")
          }
        }
        for (const input of [{ file: new Broken([png]) }, { file: new Broken([large]), other: bytes(inline + 1) }]) {
          const error = yield* refused(create(input))
          assert.deepStrictEqual(error.issues.map(({ field, message }) => `${field}: ${message}`), [
            "input.file: the Blob could not be read"
          ])
        }
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect.each([
    {
      what: "cannot be read any more",
      slice: () => Promise.reject(new DOMException("gone", "NotReadableError")),
      message: "the Blob could not be read"
    },
    {
      what: "gives less than it should",
      slice: async () => new ArrayBuffer(7),
      message: "the file changed while it was read"
    }
  ])(
    "C26: a Blob that $what is given up, and nothing is created",
    ({ message, slice }) =>
      emulated((_, emulator) =>
        Effect.gen(function*() {
          let slices = 0
          class Changing extends Blob {
            override slice(start = 0, end = this.size) {
              slices++
              const part = super.slice(start, end)
              if (start > 2_000_000) part.arrayBuffer = slice
              return part
            }
          }
          const error = yield* refused(create({ file: new Changing([bytes(5_000_000)]) }))
          assert.deepStrictEqual(error.issues.map(({ field, message }) => `${field}: ${message}`), [
            `input.file: ${message}`
          ])
          assert.isAtMost(slices, 10)
          assert.strictEqual(yield* count(emulator, uploads.path), 1)
          assert.strictEqual(yield* creates(emulator), 0)
        })
      )
  )

  it.effect("C26: no Blob is read whole at once", () =>
    emulated(() =>
      Effect.gen(function*() {
        const content = bytes(5_000_000)
        let longest = 0
        class Watched extends Blob {
          override slice(start = 0, end = this.size) {
            longest = Math.max(longest, end - start)
            return super.slice(start, end)
          }
          override stream(): never {
            throw new Error("it is read in other pieces")
          }
          override arrayBuffer(): never {
            throw new Error("it is read whole")
          }
        }
        yield* create({ file: new Watched([content]) })
        assert.isAtMost(longest, 1024 * 1024)
        assert.deepStrictEqual((yield* uploaded).map(({ sha256, size }) => [sha256, size]), [[
          sha256(content),
          5_000_000
        ]])
      })
    ))

  it.effect("C26: what the server refuses is told as it says", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const detail = "Files must be less than 100MB in size"
        yield* emulator.fail(uploads, { _tag: "Answer", status: 413, body: { detail } })
        assert.include(yield* refused(create({ large })), { status: 413, detail })
        yield* emulator.fail(uploads, { _tag: "Answer", status: 201, body: { id: "x", urls: {} } })
        const error = yield* Effect.flip(create({ large }))
        assert.deepInclude(error, {
          _tag: "ResponseError",
          reason: "malformed",
          detail: "the file has no URL"
        })
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect("C26: without a token nothing is uploaded", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        assert.propertyVal(yield* Effect.flip(create({ large })), "_tag", "MissingAuth")
        assert.lengthOf(yield* emulator.requests, 0)
      }), { token: undefined }))

  const files = (amount: number) => Array.from({ length: amount }, (_, seed) => new Blob([bytes(inline + 1 + seed)]))

  it.effect("C26: when one upload fails, the others stop and nothing is created", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail(uploads, { _tag: "Stall" })
        yield* emulator.fail(uploads, { _tag: "Answer", status: 401 })
        const error = yield* Effect.flip(create({ files: files(6) }))
        assert.propertyVal(error, "_tag", "MissingAuth")
        yield* Server.settle
        assert.isAtMost(yield* count(emulator, "/v1/files"), 4)
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect("C26: beside one that stalls, the failure of another is told at once", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const began = yield* Clock.currentTimeMillis
        const failing = FileInput.fromStream(Stream.fromEffect(Effect.zipRight(Effect.sleep("1 second"), ours)))
        const input = { stalled: FileInput.fromStream(Stream.never), failing }
        const error = yield* Effect.flip(Server.timed(Prediction.create(model, input)))
        assert.deepInclude(error, { _tag: "RateLimited", provider: "Elsewhere" })
        assert.strictEqual((yield* Clock.currentTimeMillis) - began, 1000)
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect("C26: four files are uploaded at a time", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail(uploads, { _tag: "Delay", duration: "1 second" }, 10)
        const fiber = yield* Effect.fork(Prediction.create(model, { files: files(10) }))
        const arrived = (amount: number) =>
          Effect.repeat(Effect.zipRight(Server.settle, count(emulator, "/v1/files")), { until: (n) => n === amount })
        for (const amount of [4, 8, 10]) {
          yield* arrived(amount)
          yield* Effect.repeatN(Server.settle, 5)
          assert.strictEqual(yield* count(emulator, "/v1/files"), amount)
          yield* TestClock.adjust("1 second")
        }
        yield* unhurried(Fiber.join(fiber))
        const input = (yield* emulator.predictions)[0]?.input["files"]
        const urls = new Map((yield* uploaded).map(({ size, url }) => [size, url]))
        assert.deepStrictEqual(input, files(10).map(({ size }) => urls.get(size)))
      })
    ))

  it.effect.each(
    [
      { what: "an error that passes", fault: { _tag: "Answer", status: 503 }, kept: 1 },
      { what: "a lost answer", fault: { _tag: "DropAfter" }, kept: 2 }
    ] as const
  )("C26: after $what an upload is tried again", ({ fault, kept }) =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail(uploads, fault)
        yield* patient(Prediction.create(model, { large }))
        assert.strictEqual(yield* count(emulator, "/v1/files"), 2)
        assert.lengthOf(yield* uploaded, kept)
        assert.strictEqual(yield* creates(emulator), 1)
      })
    ))

  it.effect("C26: a stream is sent again as long as the rest of it was not read, and whole", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        let runs = 0
        const content = bytes(inline + 20)
        const stream = Stream.suspend(() => {
          runs++
          return Stream.make(content.subarray(0, inline + 1), content.subarray(inline + 1))
        })
        // this answer does not wait for the body
        yield* emulator.fail(uploads, { _tag: "Answer", status: 503 })
        yield* patient(Prediction.create(model, { file: FileInput.fromStream(stream) }))
        assert.deepStrictEqual((yield* uploaded).map(({ sha256 }) => sha256), [sha256(content)])
        yield* emulator.fail(uploads, { _tag: "DropAfter" })
        const error = yield* Effect.flip(
          patient(Prediction.create(model, { file: FileInput.fromStream(stream) }))
        )
        assert.deepInclude(error, { _tag: "ResponseError", reason: "network" })
        assert.strictEqual(yield* count(emulator, "/v1/files"), 3)
        assert.strictEqual(yield* creates(emulator), 1)
        assert.strictEqual(runs, 2)
      })
    ))

  it.effect("C26: an upload has a clock of its own, and is under the total clock of run", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        const began = yield* Clock.currentTimeMillis
        const minutes = Effect.map(Clock.currentTimeMillis, (now) => (now - began) / 60_000)
        yield* emulator.fail(uploads, { _tag: "Stall" }, 3)
        const own = yield* Effect.flip(Server.timed(Prediction.create(model, { large })))
        assert.deepInclude(own, { _tag: "Timeout", clock: "total", url: "https://api.replicate.com/v1/files" })
        assert.strictEqual(yield* minutes, 7)
        const total = yield* Effect.flip(Server.timed(Prediction.run(model, { large }, { timeout: "3 minutes" })))
        assert.deepInclude(total, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* minutes, 10)
        const byHand = yield* Effect.flip(Server.timed(FileInput.upload(png)))
        assert.deepInclude(byHand, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* minutes, 17)
        const silent = FileInput.fromStream(Stream.never)
        const unread = yield* Effect.flip(Server.timed(Prediction.create(model, { silent })))
        assert.deepInclude(unread, { _tag: "Timeout", clock: "total" })
        assert.strictEqual(yield* minutes, 24)
        assert.strictEqual(yield* creates(emulator), 0)
      }), { uploadTimeout: "7 minutes" }))

  it.effect("C26: an upload can be interrupted", () =>
    emulated((_, emulator) =>
      Effect.gen(function*() {
        yield* emulator.fail(uploads, { _tag: "Stall" })
        let closed = 0
        const stream = Stream.make(bytes(inline + 1)).pipe(
          Stream.concat(Stream.never),
          Stream.ensuring(Effect.sync(() => closed++))
        )
        const fiber = yield* Effect.fork(Prediction.run(model, { file: FileInput.fromStream(stream) }))
        yield* Effect.repeat(Effect.zipRight(Server.settle, count(emulator, "/v1/files")), { until: (n) => n === 1 })
        assert.strictEqual(closed, 0)
        const exit = yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.isInterrupted(exit))
        assert.strictEqual(closed, 1)
        yield* Server.elapse(60)
        assert.strictEqual(yield* creates(emulator), 0)
      })
    ))

  it.effect("C26: a FileInput prints without its bytes", () =>
    Effect.sync(() => {
      const file = FileInput.make(bytes(3), { name: "a.png" })
      assert.strictEqual(String(file), "FileInput(a.png)")
      assert.strictEqual(JSON.stringify([file, FileInput.make(png)]), "[\"FileInput(a.png)\",\"FileInput()\"]")
    }))
})
