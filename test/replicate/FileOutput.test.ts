import * as NodeContext from "@effect/platform-node/NodeContext"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { FileOutput, find, replace } from "../../src/replicate/FileOutput.js"
import * as Prediction from "../../src/replicate/Prediction.js"
import * as ReplicateClient from "../../src/replicate/ReplicateClient.js"
import * as ReplicateEmulator from "../../src/testing/ReplicateEmulator.js"
import * as Server from "../support/replicate-server.js"
import * as Told from "../support/replicate-told.js"

const url = "https://replicate.delivery/xezq/out.webp"
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** An emulator, and the client in front of it. */
const emulated = (options: ReplicateEmulator.Options) =>
  Layer.provideMerge(ReplicateClient.layer({ token: Redacted.make("r8_test") }), ReplicateEmulator.layer(options))

const body = (content: string): Server.Answer => () => new Response(content)

/** Some bytes, and then either the connection breaks or nothing comes any more. */
const partial = (end: "breaks" | "hangs", onClose: () => void = () => undefined): Server.Answer => () => {
  let sent = false
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (!sent) controller.enqueue(new Uint8Array(100_000))
        else if (end === "breaks") controller.error(new TypeError("terminated"))
        else return new Promise(() => undefined)
        sent = true
        return undefined
      },
      cancel: onClose
    })
  )
}

describe("find", () => {
  const urls = (output: unknown) => find(output).map((file) => file.url)

  it("C05: finds files in a string, a list, nested objects, and nothing in text", () => {
    assert.deepStrictEqual(urls(url), [url])
    assert.deepStrictEqual(urls([url, "text", `${url}?a=b`]), [url, `${url}?a=b`])
    assert.deepStrictEqual(urls({ image: url, more: { masks: [{ at: "data:image/png;base64,AA==" }, 7, null] } }), [
      url,
      "data:image/png;base64,AA=="
    ])
    for (
      const output of [
        "",
        "see https://replicate.com/x",
        "https://",
        "ftp://x/y",
        "data:",
        null,
        undefined,
        7,
        true,
        []
      ]
    ) {
      assert.deepStrictEqual(urls(output), [])
    }
  })

  it("a file prints as its URL", () => {
    assert.strictEqual(String(new FileOutput(url)), url)
    assert.strictEqual(JSON.stringify({ file: new FileOutput(url) }), JSON.stringify({ file: url }))
  })
})

describe("replace", () => {
  it("C05: puts files in the place of URLs and data URIs, in a copy that is otherwise the same", () => {
    const output = {
      image: url,
      list: [url, "text", 7, null, { masks: ["data:image/png;base64,AA=="] }],
      text: `see ${url}`,
      self: JSON.parse(`{"__proto__":{"image":"${url}"}}`)
    }
    const before = JSON.stringify(output)
    const copy = replace(output)
    assert.deepStrictEqual(copy, {
      image: new FileOutput(url),
      list: [new FileOutput(url), "text", 7, null, { masks: [new FileOutput("data:image/png;base64,AA==")] }],
      text: `see ${url}`,
      self: JSON.parse(`{"__proto__":{"image":null}}`, (key, value) => key === "image" ? new FileOutput(url) : value)
    })
    assert.strictEqual(JSON.stringify(output), before)
    assert.deepStrictEqual(replace(copy), copy)
    assert.deepStrictEqual(replace(url), new FileOutput(url))
    for (const plain of ["text", 7, null, undefined, true, []]) assert.deepStrictEqual(replace(plain), plain)
  })

  it("C05: is not bound by the depth of an output", () => {
    let output: unknown = url
    for (let depth = 0; depth < 100_000; depth++) output = [output]
    let copy = replace(output)
    while (Array.isArray(copy)) [copy] = copy
    assert.deepStrictEqual(copy, new FileOutput(url))
  })
})

describe("runOutput", () => {
  const model = (value: unknown): ReplicateEmulator.Model => ({
    name: "test/any",
    kind: "json",
    boot: 0,
    script: () => [{ _tag: "Json", after: 0, value }]
  })
  const nested = { image: url, more: [{ at: url }], seed: 7 }

  it.effect.each([
    { what: "a single file", value: url, files: new FileOutput(url) },
    { what: "a list", value: [url, url], files: [new FileOutput(url), new FileOutput(url)] },
    {
      what: "what is nested",
      value: nested,
      files: { image: new FileOutput(url), more: [{ at: new FileOutput(url) }], seed: 7 }
    },
    { what: "a text", value: "no file", files: "no file" }
  ])("C05: gives $what as files, or as it is", ({ files, value }) =>
    Effect.gen(function*() {
      const { plain, run, told } = yield* Server.timed(Effect.all({
        run: Prediction.runOutput("test/any", {}),
        told: Prediction.runOutput("test/any", {}, { useFileOutput: true, timeout: "1 minute" }),
        plain: Prediction.runOutput("test/any", {}, { useFileOutput: false })
      }))
      assert.deepStrictEqual(run, files)
      assert.deepStrictEqual(told, files)
      assert.deepStrictEqual(plain, value)
    }).pipe(
      Effect.provide(emulated({ models: [model(value)] }))
    ))

  it.effect("C26: what one model gives goes into the next as it is", () =>
    Effect.gen(function*() {
      yield* Server.timed(
        Effect.flatMap(Prediction.runOutput("test/any", {}), (output) => Prediction.run("test/any", { from: output }))
      )
      const [last] = yield* Effect.flatMap(ReplicateEmulator.ReplicateEmulator, ({ predictions }) => predictions)
      assert.deepStrictEqual(last?.input, { from: nested })
    }).pipe(
      Effect.provide(emulated({ models: [model(nested)] }))
    ))
})

describe("reading", () => {
  it.effect("C05: gives text, and a Blob with the media type of the host or the data URI", () =>
    Effect.gen(function*() {
      const typed: Server.Answer = () =>
        new Response("hé", { headers: { "content-type": "text/plain; charset=utf-8" } })
      const untyped: Server.Answer = () => new Response(new TextEncoder().encode("hi"))
      const server = Server.make({ other: [typed, typed, untyped] })
      const read = Effect.gen(function*() {
        assert.strictEqual(yield* new FileOutput(url).text, "hé")
        const blobs = yield* Effect.forEach([
          url,
          url,
          "data:image/png;base64,aGk=",
          "data:text/plain;charset=utf-8;base64,aGk=",
          "data:text/plain;charset=utf-8,hi",
          "data:,hi",
          "data:;base64,aGk="
        ], (url) => new FileOutput(url).blob)
        assert.deepStrictEqual(
          yield* Effect.forEach(blobs, (blob) => Effect.promise(async () => [blob.type, await blob.text()])),
          [
            ["text/plain; charset=utf-8", "hé"],
            ["", "hi"],
            ["image/png", "hi"],
            ["text/plain;charset=utf-8", "hi"],
            ["text/plain;charset=utf-8", "hi"],
            ["", "hi"],
            ["", "hi"]
          ]
        )
      })
      yield* read.pipe(Effect.provide(server.layer))
      const gone = Server.make({ other: [Server.status(404)] })
      assert.propertyVal(
        yield* Effect.flip(new FileOutput(url).blob.pipe(Effect.provide(gone.layer))),
        "_tag",
        "ResponseError"
      )
    }))

  it.effect.each([403, 404, 410])(
    "C05: %i of a file host says that the file is gone, and why",
    (status) =>
      Effect.gen(function*() {
        const server = Server.make({ other: [Server.status(status, "<Error>AccessDenied</Error>")] })
        const read = (url: string) => Effect.flip(new FileOutput(url).bytes).pipe(Effect.provide(server.layer))
        const error = yield* read(`${url}?sig=SECRET`)
        assert.deepInclude(error, { _tag: "ResponseError", reason: "status", status, url })
        assert.include(error.message, "the file is gone, as Replicate keeps output files for an hour")
        // of the API's own files that is not true
        const own = yield* read("https://api.replicate.com/v1/files/a/download")
        assert.deepInclude(own, { _tag: "ResponseError", status })
        assert.notInclude(own.message, "an hour")
      })
  )

  it.effect("C05: another refusal of a file host is told as it is", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.status(400)] })
      const error = yield* Effect.flip(new FileOutput(url).bytes).pipe(Effect.provide(server.layer))
      assert.notInclude(error.message, "an hour")
    }))

  it.effect("C05: the emulator keeps a file for an hour, as Replicate does", () =>
    Effect.gen(function*() {
      const { files: [file] } = yield* Server.timed(Prediction.run("black-forest-labs/flux-schnell", { prompt: "a" }))
      assert(file !== undefined)
      assert.isAbove((yield* file.bytes).length, 1000)
      assert.strictEqual((yield* file.blob).type, "image/png")
      yield* TestClock.adjust("1 hour")
      const error = yield* Effect.flip(file.bytes)
      assert.deepInclude(error, { _tag: "ResponseError", status: 404 })
      assert.include(error.message, "for an hour")
    }).pipe(
      Effect.provide(emulated({ fileUrl: "https://files.example" }))
    ))

  it.effect("C05: nothing is fetched until it is read, and each reading fetches", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [body("one"), body("two")] })
      const [file] = find([url])
      assert(file !== undefined)
      yield* Server.settle
      assert.lengthOf(server.calls, 0)
      const { bytes, stream } = file
      assert.lengthOf(server.calls, 0)
      const read = Effect.gen(function*() {
        assert.strictEqual(text(yield* bytes), "one")
        assert.strictEqual(yield* Stream.mkString(Stream.decodeText(stream)), "two")
      })
      yield* read.pipe(Effect.provide(server.layer))
      assert.deepStrictEqual(server.calls.map((call) => [call.method, call.url]), [["GET", url], ["GET", url]])
    }))

  it.effect("C24: a fetch that fails before its first byte is tried again", () =>
    Effect.gen(function*() {
      const server = Server.make({
        other: [Server.status(503), Server.breaks("ECONNRESET"), Server.silent, body("ok")]
      })
      const bytes = yield* Server.timed(new FileOutput(url).bytes).pipe(Effect.provide(server.layer))
      assert.strictEqual(text(bytes), "ok")
      assert.lengthOf(server.calls, 4)
    }))

  it.effect("a file that is gone, or cut off, is a typed error", () =>
    Effect.gen(function*() {
      const server = Server.make({ other: [Server.status(404), partial("breaks")] })
      const read = Server.timed(new FileOutput(`${url}?sig=SECRET`).bytes).pipe(
        Effect.provide(server.layer),
        Effect.flip
      )
      assert.deepInclude(yield* read, { _tag: "ResponseError", reason: "status", status: 404, url })
      assert.deepInclude(yield* read, { _tag: "ResponseError", reason: "network", url })
    }))

  it.effect.each([
    ["data:text/plain;base64,aMOp", "hé"],
    ["data:text/plain;charset=utf-8;base64,aGk=", "hi"],
    ["data:;base64,", ""],
    ["data:;base64,aGk", "hi"],
    ["data:text/plain,h%C3%A9%20there", "hé there"],
    ["data:,plain", "plain"],
    ["data:text/plain,a,b", "a,b"],
    ["DATA:text/plain,loud", "loud"]
  ])("C16: %s is read without a request", ([uri, expected]) =>
    Effect.gen(function*() {
      const server = Server.make()
      const [file] = find(uri)
      assert(file !== undefined)
      assert.strictEqual(text(yield* file.bytes.pipe(Effect.provide(server.layer))), expected)
      assert.lengthOf(server.calls, 0)
    }))

  it.effect("C16: percent-encoded bytes need not be text", () =>
    Effect.gen(function*() {
      const bytes = yield* new FileOutput("data:application/octet-stream,%00%FF%FEa").bytes.pipe(
        Effect.provide(Server.make().layer)
      )
      assert.deepStrictEqual([...bytes], [0, 255, 254, 97])
    }))

  it.effect.each([
    "data:text/plain;base64,@@@",
    "data:text/plain;base64,aGk=aGk=",
    "data:text/plain,%zz",
    "data:text/plain"
  ])(
    "C16: %s is malformed",
    (uri) =>
      Effect.gen(function*() {
        const server = Server.make()
        const error = yield* new FileOutput(uri).bytes.pipe(Effect.provide(server.layer), Effect.flip)
        assert.deepInclude(error, { _tag: "ResponseError", reason: "malformed" })
        assert.lengthOf(server.calls, 0)
      })
  )
})

describe("save", () => {
  const withDirectory = <A, E, R>(
    answers: ReadonlyArray<Server.Answer>,
    use: (directory: string) => Effect.Effect<A, E, R>
  ) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      return yield* use(yield* fs.makeTempDirectoryScoped())
    }).pipe(Effect.provide(Layer.merge(Server.make({ other: answers }).layer, NodeContext.layer)))

  const list = (directory: string) =>
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(directory, { recursive: true }))
  const read = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))
  const write = (path: string, content: string) =>
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(path, content))

  it.scoped("C15: makes the directories, gives the absolute path, and leaves only the file", () =>
    withDirectory([body("image")], (directory) =>
      Effect.gen(function*() {
        const relative = (yield* Path.Path).relative(process.cwd(), `${directory}/a/b/out.webp`)
        const saved = yield* new FileOutput(url).save(relative)
        assert.strictEqual(saved, `${directory}/a/b/out.webp`)
        assert.strictEqual(yield* read(saved), "image")
        assert.sameMembers([...(yield* list(directory))], ["a", "a/b", "a/b/out.webp"])
      })))

  it.scoped("C16: saves a data URI", () =>
    withDirectory([], (directory) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* read(yield* new FileOutput("data:,hello").save(`${directory}/x`)), "hello")
      })))

  const block = 512 * 1024

  type WriteAll = FileSystem.File["writeAll"]

  /** The disk, but for how the bytes of a file are written. */
  const writingWith = (change: (writeAll: WriteAll) => WriteAll) =>
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: (path: string, options?: FileSystem.OpenFileOptions) =>
        Effect.map(
          fs.open(path, options),
          (file) => Object.assign(file, { writeAll: change(file.writeAll.bind(file)) })
        )
    }))

  it.scoped("C15: no more is read of a file than the disk takes", () => {
    const size = 64 * 1024
    let pulled = 0
    const endless: Server.Answer = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            pulled += size
            controller.enqueue(new Uint8Array(size))
          }
        }, { highWaterMark: 0 })
      )
    return withDirectory([endless], (directory) =>
      Effect.gen(function*() {
        let written = 0
        const slow = yield* writingWith(() => (bytes) =>
          Effect.zipRight(Effect.sync(() => written += bytes.length), Effect.sleep("1 second"))
        )
        const fiber = yield* Effect.fork(
          new FileOutput(url).save(`${directory}/out`).pipe(Effect.provideService(FileSystem.FileSystem, slow))
        )
        const step = Effect.map(Server.elapse(1), () => assert.isAtMost(pulled, written + block + 40 * size))
        yield* Effect.repeat(step, { until: () => written >= 10 * block })
        yield* Fiber.interruptFork(fiber)
        yield* Server.elapse(1)
        yield* Fiber.await(fiber)
      }))
  })

  it.scoped("C17: an interruption waits for the write that is underway, and the file is closed after it", () =>
    withDirectory([body("a".repeat(block))], (directory) =>
      Effect.gen(function*() {
        const events: Array<string> = []
        const slow = yield* writingWith((writeAll) => (bytes) =>
          Effect.sync(() => events.push("begins")).pipe(
            Effect.zipRight(Effect.sleep("1 second")),
            Effect.zipRight(writeAll(bytes)),
            Effect.tap(() => events.push("is written"))
          )
        )
        const fiber = yield* Effect.fork(
          new FileOutput(url).save(`${directory}/out`).pipe(Effect.provideService(FileSystem.FileSystem, slow))
        )
        yield* Effect.repeat(Server.settle, { until: () => events.length > 0 })
        yield* Fiber.interruptFork(fiber)
        yield* Server.settle
        assert.isNull(fiber.unsafePoll())
        yield* Server.elapse(1)
        yield* Fiber.await(fiber)
        assert.deepStrictEqual(events, ["begins", "is written"])
        assert.deepStrictEqual([...(yield* list(directory))], [])
      })))

  /** Bytes in pieces of these sizes, no two of them the same. */
  const inPieces = (sizes: ReadonlyArray<number>) =>
    sizes.map((size, at) => Uint8Array.from({ length: size }, (_, n) => (n * 31 + at) % 251))

  const pieces = (parts: ReadonlyArray<Uint8Array>, onClose?: () => void): Server.Answer => () => {
    const left = [...parts]
    return new Response(
      new ReadableStream({
        pull: (controller) => {
          const next = left.shift()
          if (next === undefined) controller.close()
          else controller.enqueue(next)
        },
        ...(onClose === undefined ? {} : { cancel: onClose })
      }, { highWaterMark: 0 })
    )
  }

  it.scoped.each([
    { what: "nothing", sizes: [] },
    { what: "an empty piece", sizes: [0] },
    { what: "exactly a block", sizes: [block] },
    { what: "blocks in pieces", sizes: [block / 2, block / 2, block - 1, 1] },
    { what: "pieces across the ends of blocks", sizes: [700_000, 700_000, 0, 1, block] },
    { what: "a piece of several blocks", sizes: [1000, 3 * block, 7] },
    { what: "small pieces", sizes: Array.from({ length: 100 }, (_, n) => 20_000 + n) }
  ])("C15: $what arrives byte for byte, in as few writes as there are blocks", ({ sizes }) => {
    const parts = inPieces(sizes)
    return withDirectory([pieces(parts)], (directory) =>
      Effect.gen(function*() {
        let writes = 0
        const counting = yield* writingWith((writeAll) => (bytes) => {
          writes++
          return writeAll(bytes)
        })
        const saved = yield* new FileOutput(url).save(`${directory}/out`).pipe(
          Effect.provideService(FileSystem.FileSystem, counting)
        )
        const expected = Buffer.concat(parts)
        const content = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(saved))
        assert.isTrue(expected.equals(content))
        assert.strictEqual(writes, Math.ceil(expected.length / block))
      }))
  })

  it.scoped.each([
    { what: "midway", sizes: Array.from({ length: 100 }, () => block / 4), at: 2, isClosed: true },
    { what: "at the end", sizes: [block, 1000], at: 2, isClosed: false }
  ])("C17: a disk that is full $what is a FileError, and nothing is left behind", ({ at, isClosed, sizes }) => {
    let closed = 0
    return withDirectory([pieces(inPieces(sizes), () => closed++)], (directory) =>
      Effect.gen(function*() {
        const error = new SystemError({ module: "FileSystem", method: "writeAll", reason: "Unknown" })
        let writes = 0
        const full = yield* writingWith((writeAll) => (bytes) => ++writes === at ? Effect.fail(error) : writeAll(bytes))
        const failure = yield* Effect.flip(
          new FileOutput(url).save(`${directory}/out`).pipe(Effect.provideService(FileSystem.FileSystem, full))
        )
        assert.deepInclude(failure, { _tag: "FileError", operation: "write", path: `${directory}/out` })
        assert.strictEqual(writes, at)
        yield* Server.settle
        assert.strictEqual(closed, isClosed ? 1 : 0)
        assert.deepStrictEqual([...(yield* list(directory))], [])
      }))
  })

  it.scoped("C15: an existing file is replaced", () =>
    withDirectory([body("new")], (directory) =>
      Effect.gen(function*() {
        yield* write(`${directory}/out`, "something longer and old")
        yield* new FileOutput(url).save(`${directory}/out`)
        assert.strictEqual(yield* read(`${directory}/out`), "new")
        assert.deepStrictEqual([...(yield* list(directory))], ["out"])
      })))

  it.scoped.each([
    { what: "an error status", answers: [Server.status(404)] },
    { what: "a broken connection", answers: [partial("breaks")] }
  ])(
    "C17: $what leaves nothing behind, and an older file as it was",
    ({ answers }) =>
      withDirectory(answers, (directory) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(new FileOutput(url).save(`${directory}/fresh`))
          assert.strictEqual(error._tag, "ResponseError")
          yield* write(`${directory}/old`, "old")
          yield* Effect.flip(new FileOutput(url).save(`${directory}/old`))
          assert.strictEqual(yield* read(`${directory}/old`), "old")
          assert.deepStrictEqual([...(yield* list(directory))], ["old"])
        }))
  )

  it.scoped.each([
    { what: "that is gone", answer: Server.status(404) },
    { what: "that breaks midway", answer: partial("breaks") }
  ])(
    "C17: a file $what leaves no directories behind",
    ({ answer }) =>
      withDirectory([answer], (directory) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(new FileOutput(url).save(`${directory}/x/a/b/c.png`))
          assert.strictEqual(error._tag, "ResponseError")
          assert.deepStrictEqual([...(yield* list(directory))], [])
        }))
  )

  it.scoped.each(["x".repeat(240), "é".repeat(125), `x${"𝒳".repeat(63)}yz`])(
    "C15: saves to a name as long as the system takes: %s",
    (name) =>
      withDirectory([body("image")], (directory) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* read(yield* new FileOutput(url).save(`${directory}/${name}`)), "image")
          assert.deepStrictEqual([...(yield* list(directory))], [name])
        }))
  )

  it.scoped("C17: an interruption leaves nothing behind and closes the connection", () => {
    let closed = 0
    return withDirectory([partial("hangs", () => closed++)], (directory) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(new FileOutput(url).save(`${directory}/out`))
        yield* Effect.repeat(Effect.zipRight(Server.settle, list(directory)), { until: (names) => names.length > 0 })
        assert.notInclude(yield* list(directory), "out")
        yield* Fiber.interrupt(fiber)
        yield* Server.settle
        assert.deepStrictEqual([...(yield* list(directory))], [])
        assert.strictEqual(closed, 1)
      }))
  })

  it.scoped("C15: saving to the same path at the same time leaves one whole file", () =>
    withDirectory([body("a".repeat(50_000))], (directory) =>
      Effect.gen(function*() {
        const save = new FileOutput(url).save(`${directory}/out`)
        yield* Effect.all([save, save, save], { concurrency: "unbounded" })
        assert.strictEqual(yield* read(`${directory}/out`), "a".repeat(50_000))
        assert.deepStrictEqual([...(yield* list(directory))], ["out"])
      })))

  it.scoped("C15: a directory is no place for a file, and says so", () =>
    withDirectory([body("image")], (directory) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(new FileOutput(url).save(directory))
        const message = `The file ${directory} could not be written: it is a directory, not a file.`
        assert.strictEqual(error.message, message)
      })))

  it.scoped("what saves a file has a span", () =>
    withDirectory([body("image")], (directory) =>
      Effect.gen(function*() {
        const told = Told.make()
        const file = new FileOutput(url)
        yield* Effect.provide(file.save(`${directory}/out`), told.layer)
        const spans = told.spans.filter((span) => span.startsWith("FileOutput."))
        assert.deepStrictEqual(spans, ["FileOutput.save"])
      })))

  it.scoped("C15: nothing is fetched for a target that cannot be written", () => {
    const server = Server.make({ other: [body("image")] })
    return Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${directory}/file`, "not a directory")
      for (const target of [directory, `${directory}/file/out`, `${directory}/file/a/out`, `${directory}/a\0b`]) {
        const error = yield* Effect.flip(new FileOutput(url).save(target))
        assert.strictEqual(error._tag, "FileError")
      }
      assert.lengthOf(server.calls, 0)
    }).pipe(Effect.provide(Layer.merge(server.layer, NodeContext.layer)))
  })

  it.scoped("C15: a target that cannot be written is a FileError, and nothing is left behind", () =>
    withDirectory([body("image")], (directory) =>
      Effect.gen(function*() {
        yield* write(`${directory}/file`, "not a directory")
        const beneath = yield* Effect.flip(new FileOutput(url).save(`${directory}/file/out`))
        assert.deepInclude(beneath, { _tag: "FileError", operation: "write", path: `${directory}/file/out` })
        yield* Effect.flatMap(FileSystem.FileSystem, (fs) =>
          fs.makeDirectory(`${directory}/taken/inside`, { recursive: true }))
        const taken = yield* Effect.flip(new FileOutput(url).save(`${directory}/taken`))
        assert.deepInclude(taken, { _tag: "FileError", operation: "write", path: `${directory}/taken` })
        const long = yield* Effect.flip(new FileOutput(url).save(`${directory}/${"x".repeat(300)}`))
        assert.strictEqual(long._tag, "FileError")
        const nul = yield* Effect.flip(new FileOutput(url).save(`${directory}/a\0b`))
        assert.strictEqual(nul._tag, "FileError")
        assert.sameMembers([...(yield* list(directory))], ["file", "taken", "taken/inside"])
      })))
})
