import * as NodeContext from "@effect/platform-node/NodeContext"
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as Credentials from "../src/Credentials.js"
import * as Output from "../src/Output.js"
import { Blocked, MissingAuth, type ProviderError, ResponseError } from "../src/ProviderError.js"

const secret = "SECRET-token-1"
const newSecret = "SECRET-token-2"
const info = { name: "Example", loginUrl: "https://example.com/keys" }

const token = (token: string): Credentials.Credential => Redacted.make({ token })
const old = token(secret)
const fresh = token(newSecret)
const login: Output.Output = { _tag: "LoginRequest", label: "Example", url: "https://example.com/login" }
const said = (...texts: ReadonlyArray<string>) => texts.map(Output.textDelta)

const rejected = new MissingAuth({ provider: info.name, reason: "rejected", status: 401 })
const blocked = new Blocked({ provider: info.name, by: "cloudflare" })
const broken = new ResponseError({ provider: info.name, reason: "network" })

/** What is stored, in the clear. */
const stored = (key = info.name) =>
  Effect.flatMap(
    Credentials.Credentials,
    ({ get }) => Effect.map(get(key), (credential) => Option.getOrUndefined(Option.map(credential, Redacted.value)))
  )

const put = (credential: Credentials.Credential, key = info.name) =>
  Effect.flatMap(Credentials.Credentials, ({ set }) => set(key, credential))

/** A directory that does not exist yet, inside one that goes with the test. */
const directory = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  return paths.join(yield* fs.makeTempDirectoryScoped(), "a", "credentials")
})

const inDirectory = <A, E>(
  use: (
    directory: string
  ) => Effect.Effect<A, E, Credentials.Credentials | FileSystem.FileSystem | Path.Path>
) =>
  Effect.flatMap(directory, (directory) => Effect.provide(use(directory), Credentials.layerFile(directory))).pipe(
    Effect.scoped,
    Effect.provide(NodeContext.layer)
  )

const inFiles = <A, E>(effect: Effect.Effect<A, E, Credentials.Credentials>) => inDirectory(() => effect)

/** Everything that came out, and the error at its end. */
const observe = <R>(answer: Stream.Stream<Output.Output, ProviderError, R>) =>
  Effect.gen(function*() {
    const outputs = new Array<Output.Output>()
    const end = yield* Effect.either(Stream.runForEach(answer, (output) => Effect.sync(() => outputs.push(output))))
    return { outputs, error: Either.isLeft(end) ? end.left : undefined }
  })

/** A service that says `one` and `two` to whoever has the right token, and counts its calls. */
const service = (accepts: (token: unknown) => boolean) => {
  const tokens = new Array<unknown>()
  const call = (credential: Credentials.Credential) =>
    Stream.suspend(() => {
      const { token } = Redacted.value(credential)
      tokens.push(token)
      return accepts(token) ? Stream.fromIterable(said("one", "two")) : Stream.fail(rejected)
    })
  return { tokens, call }
}

/** A login as a person does it: first it is asked for, later the credential is there. */
const loggingIn = (credential: Credentials.Credential) => {
  const logins = { count: 0 }
  const authenticate = Stream.concat(
    Stream.sync(() => {
      logins.count += 1
      return login
    }),
    Stream.fromEffect(Effect.as(Effect.yieldNow(), credential))
  )
  return { logins, authenticate }
}

describe("stores", () => {
  const stores = {
    memory: <A, E>(effect: Effect.Effect<A, E, Credentials.Credentials>) =>
      Effect.provide(effect, Credentials.layerMemory),
    file: inFiles
  }

  for (const [name, provide] of Object.entries(stores)) {
    it.effect(`${name}: gives what was set, by key`, () =>
      Effect.gen(function*() {
        assert.isUndefined(yield* stored())
        const credential = { api_key: secret, cookies: { a: "1" }, at: [1, null, true] }
        yield* put(Redacted.make(credential))
        yield* put(fresh, "Other")
        assert.deepStrictEqual(yield* stored(), credential)
        assert.deepStrictEqual(yield* stored("Other"), { token: newSecret })
        yield* put(old)
        assert.deepStrictEqual(yield* stored(), { token: secret })
      }).pipe(provide))

    it.effect(`B17: ${name}: an empty credential removes what is stored`, () =>
      Effect.gen(function*() {
        const { remove } = yield* Credentials.Credentials
        yield* remove(info.name)
        yield* put(old)
        yield* put(Redacted.make({}))
        assert.isUndefined(yield* stored())
        yield* put(old)
        yield* remove(info.name)
        assert.isUndefined(yield* stored())
      }).pipe(provide))
  }

  it.effect("an empty credential of a store of one's own is none", () =>
    Effect.gen(function*() {
      const credentials = yield* Credentials.make({
        get: () => Effect.succeedSome(Redacted.make({})),
        set: () => Effect.die("not to be called"),
        remove: () => Effect.void
      })
      assert.isTrue(Option.isNone(yield* credentials.get("Example")))
      yield* credentials.set("Example", Redacted.make({}))
    }))
})

describe("layerFile", () => {
  it.effect("B12: a file per provider, or per parent, in the directory given", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        assert.isFalse(yield* fs.exists(directory))
        assert.isUndefined(yield* stored())
        assert.isFalse(yield* fs.exists(directory), "reading makes nothing")
        yield* put(old, Credentials.key({ name: "Replicate" }))
        yield* put(fresh, Credentials.key({ name: "Child", parent: "Parent" }))
        assert.deepStrictEqual((yield* fs.readDirectory(directory)).sort(), ["auth_Parent.json", "auth_Replicate.json"])
        assert.deepStrictEqual(yield* stored(Credentials.key({ name: "Sibling", parent: "Parent" })), {
          token: newSecret
        })
        assert.strictEqual(yield* fs.readFileString(`${directory}/auth_Replicate.json`), `{"token":"${secret}"}`)
      })
    ))

  it.effect("B12: only the owner can read the files and enter the directory", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const mode = (path: string) => Effect.map(fs.stat(path), ({ mode }) => mode & 0o777)
        const file = `${directory}/auth_Example.json`
        yield* put(old)
        assert.strictEqual(yield* mode(directory), 0o700)
        assert.strictEqual(yield* mode(file), 0o600)
        yield* fs.chmod(file, 0o644)
        yield* put(fresh)
        assert.strictEqual(yield* mode(file), 0o600, "an open file is replaced, not written to")
        assert.deepStrictEqual(yield* fs.readDirectory(directory), ["auth_Example.json"])
      })
    ))

  it.effect("B12: a directory that is there keeps its mode; its files are the owner's all the same", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const mode = (path: string) => Effect.map(fs.stat(path), ({ mode }) => mode & 0o777)
        yield* fs.makeDirectory(directory, { recursive: true })
        for (const shared of [0o755, 0o777]) {
          yield* fs.chmod(directory, shared)
          yield* put(old)
          assert.strictEqual(yield* mode(directory), shared)
          assert.strictEqual(yield* mode(`${directory}/auth_Example.json`), 0o600)
        }
      })
    ))

  const hostile = FastCheck.oneof(
    FastCheck.string({ unit: "binary", maxLength: 20 }),
    FastCheck.stringMatching(/^[./\\%a:*]{1,12}$/),
    FastCheck.constantFrom("../../x", "/etc/passwd", "..", ".", "a/b", "C:\\x", "\u0000", "\ud800", "")
  )

  it.effect.prop(
    "B12: no key leaves the directory, and no two share a file",
    [hostile, hostile],
    ([a, b]) =>
      inDirectory((directory) =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const paths = yield* Path.Path
          yield* put(old, a)
          yield* put(fresh, b)
          assert.deepStrictEqual(yield* stored(b), { token: newSecret })
          if (a !== b) assert.deepStrictEqual(yield* stored(a), { token: secret })
          assert.lengthOf(yield* fs.readDirectory(directory), a === b ? 1 : 2)
          assert.lengthOf(yield* fs.readDirectory(paths.dirname(directory)), 1)
        })
      ),
    { fastCheck: { numRuns: 50 } }
  )

  it.effect("B12: names of characters whose codes have different lengths are different files", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* put(old, "/a")
        yield* put(fresh, "\u02fa")
        assert.deepStrictEqual(yield* stored("/a"), { token: secret })
        assert.deepStrictEqual(yield* stored("\u02fa"), { token: newSecret })
        assert.lengthOf(yield* fs.readDirectory(directory), 2)
      })
    ))

  it.effect("B12: a link in the place of a file is replaced, and what it leads to stays as it is", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* put(old, "Linked")
        yield* fs.symlink(`${directory}/auth_Linked.json`, `${directory}/auth_Example.json`)
        assert.deepStrictEqual(yield* stored(), { token: secret })
        yield* put(fresh)
        assert.deepStrictEqual(yield* stored(), { token: newSecret })
        assert.deepStrictEqual(yield* stored("Linked"), { token: secret })
      })
    ))

  const contents: ReadonlyArray<readonly [string, string]> = [
    ["empty", ""],
    ["blank", " \n"],
    ["cut short", `{"token":"${secret}`],
    ["an empty object", "{}"],
    ["a list", `["${secret}"]`],
    ["a string", `"${secret}"`],
    ["null", "null"],
    ["not text", "\u0000\ufffd\u0001"]
  ]

  for (const [name, content] of contents) {
    it.effect(`B16: a file that is ${name} is absent, and replaced after the login`, () =>
      inDirectory((directory) =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          yield* put(token("to be overwritten"))
          yield* fs.writeFileString(`${directory}/auth_Example.json`, content)
          assert.isUndefined(yield* stored())
          const { call } = service((token) => token === newSecret)
          const { authenticate } = loggingIn(fresh)
          const { error, outputs } = yield* observe(Credentials.authed({ info, authenticate, call }))
          assert.isUndefined(error)
          assert.deepStrictEqual(outputs, [login, ...said("one", "two")])
          assert.deepStrictEqual(yield* stored(), { token: newSecret })
        })
      ))
  }

  /** What is logged at the levels that a program shows by default. */
  const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const lines = new Array<string>()
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel.label} ${String(message)}`)
      })
      yield* Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger))
      return lines
    })

  it.effect("B16: a file that cannot be read is told by its name, and not by what is in it", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        assert.deepStrictEqual(yield* logged(stored()), [], "that there is none is no news")
        yield* fs.makeDirectory(`${directory}/auth_Folder.json`, { recursive: true })
        for (const name of ["auth", "api_key"]) {
          const path = `${directory}/${name}_Example.json`
          for (const content of [`{"token":"${secret}`, `["${secret}"]`, "{}", JSON.stringify({ token: secret })]) {
            yield* fs.writeFileString(path, content)
            const lines = yield* logged(stored())
            assert.lengthOf(lines, content.startsWith("{") && content.endsWith("}") ? 0 : 1, content)
            for (const line of lines) {
              assert.isTrue(line.startsWith("WARN ") && line.includes("are ignored: not a JSON object"), line)
              assert.include(line, path)
              assert.notInclude(line, secret)
            }
          }
          yield* fs.remove(path)
        }
        const [line, ...more] = yield* logged(stored("Folder"))
        assert.match(String(line), /^WARN .*auth_Folder\.json are ignored: /)
        assert.deepStrictEqual(more, [])
      })
    ))

  it.effect("B16: what is no file, or may not be read, is absent", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* fs.makeDirectory(`${directory}/auth_Example.json`, { recursive: true })
        assert.isUndefined(yield* stored())
        const denied = FileSystem.layerNoop({
          readFileString: (path) =>
            Effect.fail(
              new PlatformError.SystemError({
                reason: "PermissionDenied",
                module: "FileSystem",
                method: "readFile",
                pathOrDescriptor: path
              })
            )
        })
        const unreadable = Layer.provide(Credentials.layerFile(directory), Layer.merge(denied, Path.layer))
        assert.isUndefined(yield* Effect.provide(stored(), unreadable))
      })
    ))

  it.effect("what cannot be written is a FileError that tells where and why, and leaves nothing behind", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = `${directory}/auth_Example.json`
        const notJson = yield* Effect.flip(put(Redacted.make({ token: secret, big: 1n })))
        assert.deepInclude(notJson, { _tag: "FileError", operation: "write", path, reason: "not JSON" })
        assert.notInclude(inspect(notJson), secret)

        yield* fs.makeDirectory(path, { recursive: true })
        const inTheWay = yield* Effect.flip(put(old))
        assert.deepInclude(inTheWay, { _tag: "FileError", operation: "write", path })
        assert.notInclude(inspect(inTheWay), secret)
        assert.deepStrictEqual(yield* fs.readDirectory(directory), ["auth_Example.json"])

        const credentials = yield* Credentials.Credentials
        const notRemoved = yield* Effect.flip(credentials.remove(info.name))
        assert.deepInclude(notRemoved, { _tag: "FileError", operation: "write", path })
      })
    ))

  it.effect("B12: what is being written when it is interrupted is written all the same, whole", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const slow = Layer.succeed(FileSystem.FileSystem, {
          ...fs,
          writeFileString: (path, text, options) =>
            Deferred.succeed(begun, undefined).pipe(
              Effect.zipRight(Deferred.await(gate)),
              Effect.zipRight(fs.writeFileString(path, text, options))
            )
        })
        const disk = Layer.provide(Credentials.layerFile(directory), Layer.merge(slow, Path.layer))
        const writing = yield* Effect.fork(Effect.provide(put(old), disk))
        yield* Deferred.await(begun)
        const interrupting = yield* Effect.fork(Fiber.interrupt(writing))
        yield* Effect.yieldNow()
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(interrupting)
        assert.deepStrictEqual(yield* fs.readDirectory(directory), ["auth_Example.json"])
        assert.deepStrictEqual(yield* stored(), { token: secret })
      })
    ))

  it.effect("B32: a key put by hand into api_key_{key}.json is used until something is stored, and stays", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = `${directory}/api_key_Parent.json`
        yield* fs.makeDirectory(directory, { recursive: true })
        yield* fs.writeFileString(path, JSON.stringify({ api_key: secret }))
        const key = Credentials.key({ name: "Child", parent: "Parent" })
        const credentials = yield* Credentials.Credentials
        assert.deepStrictEqual(yield* stored(key), { api_key: secret })
        yield* put(fresh, key)
        assert.deepStrictEqual(yield* stored(key), { token: newSecret })
        yield* credentials.remove(key)
        assert.deepStrictEqual(yield* stored(key), { api_key: secret })
        assert.deepStrictEqual(yield* fs.readDirectory(directory), ["api_key_Parent.json"])
      })
    ))

  for (const content of ["{}", `{"api_key":""}`, `{"api_key":" "}`, "null", `{"token":`]) {
    it.effect(`B32: a key put by hand is not hidden by ${content} in the place of what is stored`, () =>
      inDirectory((directory) =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          yield* fs.makeDirectory(directory, { recursive: true })
          yield* fs.writeFileString(`${directory}/auth_Example.json`, content)
          assert.isUndefined(yield* stored())
          yield* fs.writeFileString(`${directory}/api_key_Example.json`, JSON.stringify({ api_key: secret }))
          assert.deepStrictEqual(yield* stored(), { api_key: secret })
          yield* fs.writeFileString(`${directory}/api_key_Example.json`, content)
          assert.isUndefined(yield* stored())
        })
      ))
  }

  it.effect("B32: a stored credential with more than a blank key is one", () =>
    inDirectory(() =>
      Effect.gen(function*() {
        yield* put(Redacted.make({ api_key: "", token: secret }))
        assert.deepStrictEqual(yield* stored(), { api_key: "", token: secret })
        yield* put(Redacted.make({ api_key: null }))
        assert.deepStrictEqual(yield* stored(), { api_key: null })
      })
    ))
})

describe("layerEnv", () => {
  const environment = (variables: Readonly<Record<string, string>>) =>
    Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

  const withVariables = (variables: Readonly<Record<string, string>>) =>
    Credentials.layerEnv.pipe(Layer.provideMerge(Credentials.layerMemory), Layer.provide(environment(variables)))

  it.effect("B32: reads {PARENT OR NAME}_API_KEY where nothing is stored", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* stored("Replicate"), { api_key: "r8_env" })
      assert.deepStrictEqual(yield* stored(Credentials.key({ name: "Child", parent: "My-Parent 2" })), {
        api_key: "p_env"
      })
      assert.isUndefined(yield* stored("Unset"))
      assert.isUndefined(yield* stored("Blank"), "a blank variable is absent")
      yield* put(old, "Replicate")
      assert.deepStrictEqual(yield* stored("Replicate"), { token: secret }, "what is stored comes first")
      yield* put(Redacted.make({}), "Replicate")
      assert.deepStrictEqual(yield* stored("Replicate"), { api_key: "r8_env" })
    }).pipe(
      Effect.provide(withVariables({ REPLICATE_API_KEY: "r8_env", MY_PARENT_2_API_KEY: "p_env", BLANK_API_KEY: " " }))
    ))

  it.effect("B32: a key of the environment is used and not stored, and a login replaces one that is rejected", () =>
    Effect.gen(function*() {
      const good = yield* observe(Credentials.authed({
        info,
        call: (credential) => Stream.fromIterable(said(String(Redacted.value(credential)["api_key"])))
      }))
      assert.deepStrictEqual(good.outputs, said("env"))

      const { call, tokens } = service((token) => token === newSecret)
      const { authenticate, logins } = loggingIn(fresh)
      const answer = Credentials.authed({ info, authenticate, call })
      assert.isUndefined((yield* observe(answer)).error)
      assert.isUndefined((yield* observe(answer)).error)
      assert.deepStrictEqual(tokens, [undefined, newSecret, newSecret])
      assert.strictEqual(logins.count, 1)
    }).pipe(Effect.provide(withVariables({ EXAMPLE_API_KEY: "env" }))))

  it.effect("B32: together with files", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const both = Credentials.layerEnv.pipe(
          Layer.provide(Credentials.layerFile(directory)),
          Layer.provide(environment({ EXAMPLE_API_KEY: "env" }))
        )
        yield* Effect.gen(function*() {
          assert.deepStrictEqual(yield* stored(), { api_key: "env" })
          assert.isFalse(yield* fs.exists(directory))
          yield* put(old)
          assert.deepStrictEqual(yield* stored(), { token: secret })
        }).pipe(Effect.provide(both))
        assert.deepStrictEqual(yield* stored(), { token: secret }, "it is the file that was written")
      })
    ))
})

describe("API keys", () => {
  it("B14: a credential of a key gives the key back; blank and other values are absent", () => {
    const key = Credentials.apiKey(Credentials.fromApiKey(Redacted.make(secret)))
    assert.deepStrictEqual(Option.map(key, Redacted.value), Option.some(secret))
    for (const api_key of ["", " ", 7, null, undefined, { secret }]) {
      assert.isTrue(Option.isNone(Credentials.apiKey(Redacted.make({ api_key }))))
    }
  })

  it.effect("B14: a key given is used as it is, whatever is stored", () =>
    Effect.gen(function*() {
      yield* put(old)
      const seen = new Array<unknown>()
      const { authenticate, logins } = loggingIn(fresh)
      const answer = (outcome: Stream.Stream<Output.Output, ProviderError>) =>
        observe(Credentials.authed({
          info,
          apiKey: Redacted.make("given"),
          authenticate,
          call: (credential, refreshed) => {
            seen.push(Redacted.value(credential))
            return Stream.concat(outcome, Stream.execute(refreshed(fresh)))
          }
        }))
      assert.deepStrictEqual(yield* answer(Stream.fromIterable(said("one"))), {
        outputs: said("one"),
        error: undefined
      })
      assert.deepStrictEqual(yield* answer(Stream.fail(rejected)), { outputs: [], error: rejected })
      assert.deepStrictEqual(seen, [{ api_key: "given" }, { api_key: "given" }])
      assert.strictEqual(logins.count, 0)
      assert.deepStrictEqual(yield* stored(), { token: secret })
    }).pipe(Effect.provide(Credentials.layerMemory)))

  for (const apiKey of [undefined, Redacted.make(""), Redacted.make(" ")]) {
    it.effect(`B14: without a key (${apiKey === undefined ? "absent" : "blank"}) nothing is called: MissingAuth`, () =>
      Effect.gen(function*() {
        const { call, tokens } = service(() => true)
        const { error, outputs } = yield* observe(Credentials.authed({ info, apiKey, call }))
        assert.deepInclude({ ...error }, { _tag: "MissingAuth", reason: "absent", loginUrl: info.loginUrl })
        assert.deepStrictEqual(outputs, [])
        assert.deepStrictEqual(tokens, [])
      }).pipe(Effect.provide(Credentials.layerMemory)))
  }

  for (const refusal of [rejected, blocked]) {
    it.effect(`B14: a stored key that is refused (${refusal._tag}) is final without a way to log in`, () =>
      Effect.gen(function*() {
        yield* put(old)
        const result = yield* observe(Credentials.authed({ info, call: () => Stream.fail(refusal) }))
        assert.deepStrictEqual(result, { outputs: [], error: refusal })
        assert.deepStrictEqual(yield* stored(), refusal === rejected ? undefined : { token: secret })
      }).pipe(Effect.provide(Credentials.layerMemory)))
  }
})

interface Row {
  readonly title: string
  readonly before?: Credentials.Credential
  readonly authenticate?: Stream.Stream<Output.Output | Credentials.Credential, ProviderError>
  /** What each call does, in turn. */
  readonly calls: ReadonlyArray<Stream.Stream<Output.Output, ProviderError>>
  /** How many outputs the consumer takes; all by default. */
  readonly take?: number
  readonly outputs: ReadonlyArray<Output.Output>
  readonly error?: ProviderError
  /** The tokens used, in turn. */
  readonly tokens: ReadonlyArray<string>
  readonly after: string | undefined
}

const answers = Stream.fromIterable(said("one", "two"))
const rejects = Stream.fail(rejected)
const blocks = Stream.fail(blocked)
const { authenticate } = loggingIn(fresh)
const lastLogin = new MissingAuth({ provider: info.name, reason: "absent" })

const table: ReadonlyArray<Row> = [
  {
    title: "B13: nothing stored: logs in, calls, stores",
    authenticate,
    calls: [answers],
    outputs: [login, ...said("one", "two")],
    tokens: [newSecret],
    after: newSecret
  },
  {
    title: "B13: a good one stored: no login",
    before: old,
    authenticate,
    calls: [answers],
    outputs: said("one", "two"),
    tokens: [secret],
    after: secret
  },
  {
    title: "B13: rejected at the start: logs in, calls, stores",
    before: old,
    authenticate,
    calls: [rejects, answers],
    outputs: [login, ...said("one", "two")],
    tokens: [secret, newSecret],
    after: newSecret
  },
  {
    title: "B13: rejected after an output: nothing is said twice",
    before: old,
    authenticate,
    calls: [Stream.concat(Stream.fromIterable(said("one")), rejects)],
    outputs: said("one"),
    error: rejected,
    tokens: [secret],
    after: undefined
  },
  {
    title: "B13: any other error is the call's",
    before: old,
    authenticate,
    calls: [Stream.fail(broken)],
    outputs: [],
    error: broken,
    tokens: [secret],
    after: secret
  },
  {
    title: "B16: blocked: logs in, calls, stores",
    before: old,
    authenticate,
    calls: [blocks, answers],
    outputs: [login, ...said("one", "two")],
    tokens: [secret, newSecret],
    after: newSecret
  },
  {
    title: "B16: blocked after an output: final, and no proof against the credential",
    before: old,
    authenticate,
    calls: [Stream.concat(Stream.fromIterable(said("one")), blocks)],
    outputs: said("one"),
    error: blocked,
    tokens: [secret],
    after: secret
  },
  {
    title: "B17: rejected, and the login fails: its error, and nothing stored",
    before: old,
    authenticate: Stream.concat(Stream.succeed(login), Stream.fail(broken)),
    calls: [rejects],
    outputs: [login],
    error: broken,
    tokens: [secret],
    after: undefined
  },
  {
    title: "B17: blocked, and the login fails: the stored one stays",
    before: old,
    authenticate: Stream.fail(broken),
    calls: [blocks],
    outputs: [],
    error: broken,
    tokens: [secret],
    after: secret
  },
  {
    title: "B17: the new one is rejected too: final, and nothing stored",
    before: old,
    authenticate,
    calls: [rejects, rejects],
    outputs: [login],
    error: rejected,
    tokens: [secret, newSecret],
    after: undefined
  },
  {
    title: "B17: nothing stored, and the new one is rejected",
    authenticate,
    calls: [rejects],
    outputs: [login],
    error: rejected,
    tokens: [newSecret],
    after: undefined
  },
  {
    title: "B17: the new one is rejected after an output",
    authenticate,
    calls: [Stream.concat(Stream.fromIterable(said("one")), rejects)],
    outputs: [login, ...said("one")],
    error: rejected,
    tokens: [newSecret],
    after: undefined
  },
  {
    title: "B17: the call with the new one fails otherwise: not stored",
    authenticate,
    calls: [Stream.fail(broken)],
    outputs: [login],
    error: broken,
    tokens: [newSecret],
    after: undefined
  },
  {
    title: "B17: the call with the new one says nothing: not stored",
    before: old,
    authenticate,
    calls: [rejects, Stream.empty],
    outputs: [login],
    tokens: [secret, newSecret],
    after: undefined
  },
  {
    title: "B13: the consumer stops after an output of a stored one",
    before: old,
    authenticate,
    calls: [answers],
    take: 1,
    outputs: said("one"),
    tokens: [secret],
    after: secret
  },
  {
    title: "B13: the consumer stops after the first output of a new one",
    authenticate,
    calls: [answers],
    take: 2,
    outputs: [login, ...said("one")],
    tokens: [newSecret],
    after: newSecret
  },
  {
    title: "B13: the consumer stops at the login",
    before: old,
    authenticate,
    calls: [rejects],
    take: 1,
    outputs: [login],
    tokens: [secret],
    after: undefined
  },
  {
    title: "B14: a login at once",
    authenticate: Stream.succeed(fresh),
    calls: [answers],
    outputs: said("one", "two"),
    tokens: [newSecret],
    after: newSecret
  },
  {
    title: "B14: the last of several credentials is used, other outputs are relayed",
    authenticate: Stream.make(old, login, { _tag: "Log" as const, text: "almost there" }, fresh),
    calls: [answers],
    outputs: [login, { _tag: "Log", text: "almost there" }, ...said("one", "two")],
    tokens: [newSecret],
    after: newSecret
  },
  {
    title: "B14: a login without a credential: nothing is called",
    authenticate: Stream.succeed(login),
    calls: [],
    outputs: [login],
    error: new MissingAuth({ provider: info.name, reason: "absent", loginUrl: info.loginUrl }),
    tokens: [],
    after: undefined
  },
  {
    title: "B14: a rejection and a login without a credential: the rejection",
    before: old,
    authenticate: Stream.succeed(login),
    calls: [rejects],
    outputs: [login],
    error: rejected,
    tokens: [secret],
    after: undefined
  },
  {
    title: "B14: a login that says the credentials are missing is not repeated",
    authenticate: Stream.fail(lastLogin),
    calls: [],
    outputs: [],
    error: lastLogin,
    tokens: [],
    after: undefined
  }
]

describe("authed", () => {
  for (const { after, authenticate, before, calls, error, outputs, take = 100, title, tokens } of table) {
    it.effect(title, () =>
      Effect.gen(function*() {
        if (before !== undefined) yield* put(before)
        const used = new Array<unknown>()
        const call = (credential: Credentials.Credential) => {
          used.push(Redacted.value(credential)["token"])
          return calls[used.length - 1] ?? Stream.die("one call too many")
        }
        const seen = yield* observe(Stream.take(Credentials.authed({ info, authenticate, call }), take))
        assert.deepStrictEqual(seen, { outputs, error })
        assert.deepStrictEqual(used, [...tokens])
        assert.deepStrictEqual(yield* stored(), after === undefined ? undefined : { token: after })
        const { turn } = yield* Credentials.Credentials
        yield* Effect.asVoid(Effect.scoped(turn(info.name)))
      }).pipe(inFiles))
  }

  it.effect("B17: what only introduces an answer proves no credential", () =>
    Effect.gen(function*() {
      const credentials = yield* Credentials.Credentials
      const introduction: Output.Output = { _tag: "ProviderInfo", name: "Example" }
      const call = () =>
        Stream.concat(
          Stream.succeed(introduction),
          Stream.fail(new ResponseError({ provider: "Example", reason: "status", status: 500 }))
        )
      const { authenticate } = loggingIn(fresh)
      yield* Effect.flip(Stream.runDrain(Credentials.authed({ info, authenticate, call })))
      assert.isTrue(Option.isNone(yield* credentials.get("Example")))
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: a rejection after nothing but an introduction still leads to a login", () =>
    Effect.gen(function*() {
      yield* put(old)
      const introduction: Output.Output = { _tag: "ProviderInfo", name: "Example" }
      const { call } = service((token) => token === newSecret)
      const { authenticate, logins } = loggingIn(fresh)
      yield* Stream.runDrain(Credentials.authed({
        info,
        authenticate,
        call: (credential) => Stream.concat(Stream.succeed(introduction), call(credential))
      }))
      assert.strictEqual(logins.count, 1)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("many that store at once under one seed do not get in each other's way", () =>
    inDirectory(() =>
      Effect.gen(function*() {
        const credentials = yield* Credentials.Credentials
        const store = Effect.withRandom(credentials.set("Example", fresh), Random.make("seed"))
        yield* Effect.all(Array.from({ length: 20 }, () => store), { concurrency: "unbounded" })
        assert.isTrue(Option.isSome(yield* credentials.get("Example")))
      })
    ))

  it.effect("B13: nothing is read or called before the stream is run", () =>
    Effect.gen(function*() {
      const { call, tokens } = service(() => true)
      const { authenticate, logins } = loggingIn(fresh)
      const answer = Credentials.authed({ info, authenticate, call })
      assert.deepStrictEqual([tokens.length, logins.count], [0, 0])
      yield* Stream.runDrain(answer)
      yield* Stream.runDrain(answer)
      assert.deepStrictEqual(tokens, [newSecret, newSecret])
      assert.strictEqual(logins.count, 1, "the second run uses what the first one stored")
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: a rejected credential falls back on another stored one before a login", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* put(old)
        yield* fs.writeFileString(`${directory}/api_key_Example.json`, JSON.stringify({ token: "by hand" }))
        const { call, tokens } = service((token) => token === "by hand")
        const { authenticate, logins } = loggingIn(fresh)
        const { outputs } = yield* observe(Credentials.authed({ info, authenticate, call }))
        assert.deepStrictEqual(outputs, said("one", "two"))
        assert.deepStrictEqual(tokens, [secret, "by hand"])
        assert.strictEqual(logins.count, 0)
      })
    ))

  it.effect("a store that cannot be written costs a warning, not the answer", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const paths = yield* Path.Path
        yield* fs.makeDirectory(paths.dirname(directory))
        yield* fs.writeFileString(directory, "a file where the directory should be")
        const warnings = new Array<unknown>()
        const logger = Logger.make(({ logLevel, message }) => void warnings.push([logLevel.label, String(message)]))
        const { call } = service(() => true)
        const { authenticate } = loggingIn(fresh)
        const { error, outputs } = yield* observe(Credentials.authed({ info, authenticate, call })).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
        assert.isUndefined(error)
        assert.deepStrictEqual(outputs, [login, ...said("one", "two")])
        const file = `${directory}/auth_Example.json`
        // nor can what it is in be read
        const told = warnings.filter((warning) => !String(warning).includes("are ignored: BadResource"))
        assert.deepStrictEqual(told, [["WARN", `The file ${file} could not be written: AlreadyExists.`]])
      })
    ))
})

describe("refreshed credentials", () => {
  const refreshing = (
    before: ReadonlyArray<string>,
    refresh: Credentials.Credential,
    after: Stream.Stream<Output.Output, ProviderError>
  ) =>
    Credentials.authed({
      info,
      call: (_credential, refreshed) =>
        Stream.fromIterable(said(...before)).pipe(
          Stream.concat(Stream.execute(refreshed(refresh))),
          Stream.concat(after)
        )
    })

  const cases: ReadonlyArray<
    readonly [string, Stream.Stream<Output.Output, ProviderError, Credentials.Credentials>, unknown]
  > = [
    ["told before the first output: stored with it", refreshing([], fresh, answers), { token: newSecret }],
    ["told between outputs", refreshing(["one"], fresh, answers), { token: newSecret }],
    ["told after the last output", refreshing(["one"], fresh, Stream.empty), { token: newSecret }],
    ["the call fails later", refreshing(["one"], fresh, Stream.fail(broken)), { token: newSecret }],
    ["the consumer stops", Stream.take(refreshing([], fresh, answers), 1), { token: newSecret }],
    ["the call fails before it said anything: not stored", refreshing([], fresh, Stream.fail(broken)), {
      token: secret
    }],
    ["the call says nothing: not stored", refreshing([], fresh, Stream.empty), { token: secret }],
    ["rejected all the same: both are gone", refreshing([], fresh, rejects), undefined],
    ["rejected later: the refreshed one is gone", refreshing(["one"], fresh, rejects), undefined],
    ["logged out: an empty one removes it", refreshing(["one"], Redacted.make({}), answers), undefined]
  ]

  for (const [title, answer, after] of cases) {
    it.effect(`B15: ${title}`, () =>
      Effect.gen(function*() {
        yield* put(old)
        yield* observe(answer)
        assert.deepStrictEqual(yield* stored(), after)
      }).pipe(Effect.provide(Credentials.layerMemory)))
  }

  it.effect("B15: of a new credential, what it has become is stored", () =>
    Effect.gen(function*() {
      const sets = new Array<unknown>()
      const { remove, turn } = yield* Credentials.Credentials
      const spied = Credentials.Credentials.of({
        remove,
        turn,
        get: () => Effect.succeedNone,
        set: (_key, credential) => Effect.sync(() => sets.push(Redacted.value(credential)))
      })
      const call: Credentials.AuthedOptions["call"] = (_credential, refreshed) =>
        Stream.concat(Stream.execute(refreshed(token("refreshed"))), answers)
      yield* Stream.runDrain(Credentials.authed({ info, authenticate: Stream.succeed(fresh), call })).pipe(
        Effect.provideService(Credentials.Credentials, spied)
      )
      assert.deepStrictEqual(sets, [{ token: "refreshed" }], "stored once")
    }).pipe(Effect.provide(Credentials.layerMemory)))
})

describe("several fibers", () => {
  /** A login that a person takes a minute for. */
  const slowLogin = () => {
    const logins = { count: 0 }
    const authenticate = Stream.fromEffect(
      Effect.delay(Effect.sync(() => token(`login-${++logins.count}`)), "1 minute")
    )
    return { logins, authenticate }
  }

  const accepts = (token: unknown) => String(token).startsWith("login")
  const family = ["A", "B", "C"].map((name) => ({ name, parent: "Family" }))

  for (const [title, before] of [["nothing is stored", undefined], ["the stored one is rejected", old]] as const) {
    it.effect(`B13: ${title}: one logs in, all use it`, () =>
      Effect.gen(function*() {
        if (before !== undefined) yield* put(before, "Family")
        const { call, tokens } = service(accepts)
        const { authenticate, logins } = slowLogin()
        const fibers = yield* Effect.fork(Effect.all(
          family.map((info) => observe(Credentials.authed({ info, authenticate, call }))),
          { concurrency: "unbounded" }
        ))
        yield* TestClock.adjust("1 minute")
        for (const { error, outputs } of yield* Fiber.join(fibers)) {
          assert.isUndefined(error)
          assert.deepStrictEqual(outputs, said("one", "two"))
        }
        assert.strictEqual(logins.count, 1)
        const used = ["login-1", "login-1", "login-1"]
        assert.deepStrictEqual(tokens, before === undefined ? used : [secret, secret, secret, ...used])
        assert.deepStrictEqual(yield* stored("Family"), { token: "login-1" })
      }).pipe(Effect.provide(Credentials.layerMemory)))
  }

  it.effect("B13: who waits goes on at the first output, not at the end, and the first one goes on too", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { authenticate, logins } = slowLogin()
      const first = Credentials.authed({
        info,
        authenticate,
        call: () =>
          Stream.concat(
            Stream.fromIterable(said("one")),
            Stream.fromEffect(Effect.as(Deferred.await(gate), Output.textDelta("two")))
          )
      })
      const a = yield* Effect.fork(observe(first))
      const b = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call: () => answers })))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(b)).outputs, said("one", "two"))
      assert.isTrue(Option.isNone(yield* Fiber.poll(a)))
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual((yield* Fiber.join(a)).outputs, said("one", "two"))
      assert.strictEqual(logins.count, 1)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: who finds the result of another's login has no turn to keep: its call holds up nobody", () =>
    Effect.gen(function*() {
      const { authenticate, logins } = slowLogin()
      const asking = (call: () => typeof answers) =>
        Effect.fork(observe(Credentials.authed({ info, authenticate, call })))
      const a = yield* asking(() => answers)
      const b = yield* asking(() => Stream.never)
      const c = yield* asking(() => answers)
      yield* TestClock.adjust("1 minute")
      for (const fiber of [a, c]) assert.deepStrictEqual((yield* Fiber.join(fiber)).outputs, said("one", "two"))
      assert.isTrue(Option.isNone(yield* Fiber.poll(b)))
      assert.strictEqual(logins.count, 1)
      yield* Fiber.interrupt(b)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: the one that logs in is interrupted: the next logs in", () =>
    Effect.gen(function*() {
      const { call } = service(accepts)
      const { authenticate, logins } = slowLogin()
      const answer = observe(Credentials.authed({ info, authenticate, call }))
      const a = yield* Effect.fork(answer)
      yield* TestClock.adjust("30 seconds")
      const b = yield* Effect.fork(answer)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(a)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(b)).outputs, said("one", "two"))
      assert.strictEqual(logins.count, 1)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: the new one's call is interrupted before its first output: the next logs in", () =>
    Effect.gen(function*() {
      const { authenticate, logins } = slowLogin()
      const a = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call: () => Stream.never })))
      yield* TestClock.adjust("1 minute")
      const b = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call: () => answers })))
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(Option.isNone(yield* Fiber.poll(b)))
      yield* Fiber.interrupt(a)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(b)).outputs, said("one", "two"))
      assert.strictEqual(logins.count, 2)
      assert.deepStrictEqual(yield* stored(), { token: "login-2" })
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: one that waits is interrupted at once, and the others are none the wiser", () =>
    Effect.gen(function*() {
      const { call } = service(accepts)
      const { authenticate, logins } = slowLogin()
      const answer = observe(Credentials.authed({ info, authenticate, call }))
      const [a, b, c] = yield* Effect.all([Effect.fork(answer), Effect.fork(answer), Effect.fork(answer)])
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(b)))
      yield* TestClock.adjust("30 seconds")
      for (const fiber of [a, c]) assert.deepStrictEqual((yield* Fiber.join(fiber)).outputs, said("one", "two"))
      assert.strictEqual(logins.count, 1)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B13: a login that fails is the failure of its own fiber: the next tries", () =>
    Effect.gen(function*() {
      const { call } = service(accepts)
      const { authenticate } = slowLogin()
      const failing = Stream.fromEffect(Effect.delay(Effect.fail(broken), "1 minute"))
      const a = yield* Effect.fork(observe(Credentials.authed({ info, authenticate: failing, call })))
      yield* TestClock.adjust("1 second")
      const b = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call })))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* Fiber.join(a), { outputs: [], error: broken })
      assert.deepStrictEqual((yield* Fiber.join(b)).outputs, said("one", "two"))
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B17: a late rejection of an old credential does not remove the new one", () =>
    Effect.gen(function*() {
      yield* put(old)
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const late = Credentials.authed({
        info,
        call: () =>
          Stream.concat(
            answers,
            Stream.execute(
              Deferred.succeed(begun, undefined).pipe(
                Effect.zipRight(Deferred.await(gate)),
                Effect.zipRight(Effect.fail(rejected))
              )
            )
          )
      })
      const fiber = yield* Effect.fork(observe(late))
      yield* Deferred.await(begun)
      yield* put(fresh)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(fiber), { outputs: said("one", "two"), error: rejected })
      assert.deepStrictEqual(yield* stored(), { token: newSecret })
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("a late rejection does not wait for somebody's login", () =>
    Effect.gen(function*() {
      yield* put(old)
      const { authenticate } = slowLogin()
      const other = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call: () => rejects })))
      yield* TestClock.adjust("1 second")
      yield* put(old)
      const late = Credentials.authed({ info, call: () => Stream.concat(answers, rejects) })
      assert.deepStrictEqual(yield* observe(late), { outputs: said("one", "two"), error: rejected })
      yield* Fiber.interrupt(other)
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("B17: the stored result of another is rejected too: final, and removed", () =>
    Effect.gen(function*() {
      yield* put(old)
      const { authenticate, logins } = slowLogin()
      const good = Credentials.authed({ info, authenticate, call: service(accepts).call })
      const never = service(() => false)
      const a = yield* Effect.fork(observe(good))
      const b = yield* Effect.fork(observe(Credentials.authed({ info, authenticate, call: never.call })))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined((yield* Fiber.join(a)).error)
      assert.deepStrictEqual(yield* Fiber.join(b), { outputs: [], error: rejected })
      assert.deepStrictEqual(never.tokens, [secret, "login-1"])
      assert.strictEqual(logins.count, 1)
      assert.isUndefined(yield* stored())
    }).pipe(Effect.provide(Credentials.layerMemory)))

  it.effect("different keys do not wait for each other", () =>
    Effect.gen(function*() {
      const { call } = service(accepts)
      const never = yield* Effect.fork(observe(Credentials.authed({ info, authenticate: Stream.never, call })))
      const { authenticate } = slowLogin()
      const other = yield* Effect.fork(observe(Credentials.authed({ info: { name: "Other" }, authenticate, call })))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined((yield* Fiber.join(other)).error)
      yield* Fiber.interrupt(never)
    }).pipe(Effect.provide(Credentials.layerMemory)))
})

describe("secrets", () => {
  it.effect("no log, error, cause or printed value holds one", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const told = new Array<string>()
        const logger = Logger.make((options) => {
          told.push(Logger.logfmtLogger.log(options), inspect(options.message, { depth: 10 }))
        })
        const tell = (value: unknown) => told.push(String(value), JSON.stringify(value), inspect(value, { depth: 10 }))

        yield* Effect.gen(function*() {
          const credentials = yield* Credentials.Credentials
          tell(credentials)
          yield* put(old)
          tell(yield* credentials.get(info.name))
          tell(Credentials.fromApiKey(Redacted.make(secret)))
          tell(Credentials.apiKey(Credentials.fromApiKey(Redacted.make(secret))))

          const { authenticate } = loggingIn(fresh)
          tell(yield* observe(Credentials.authed({ info, authenticate, call: () => Stream.fail(rejected) })))
          tell(
            yield* observe(
              Credentials.authed({ info, apiKey: Redacted.make(secret), call: () => Stream.fail(rejected) })
            )
          )

          for (const content of [`{"token":"${secret}`, `["${secret}"]`]) {
            yield* fs.writeFileString(`${directory}/auth_Example.json`, content)
            assert.isUndefined(yield* stored())
          }
          const exit = yield* Effect.exit(put(Redacted.make({ secret, big: 1n })))
          tell(exit)
          if (Exit.isFailure(exit)) told.push(Cause.pretty(exit.cause))
        }).pipe(
          Logger.withMinimumLogLevel(LogLevel.All),
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )

        const ignored = told.filter((text) => text.includes("auth_Example.json are ignored: not a JSON object"))
        assert.isAtLeast(ignored.length, 2, "an unreadable file is told at debug level")
        for (const text of told) assert.notInclude(text, "SECRET")
      })
    ))
})
