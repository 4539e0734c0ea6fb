import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { FileError } from "../ProviderError.js"
import { fileReason } from "./fileReason.js"
import { partialFile } from "./partialFile.js"

/** @internal */
export type Secret = Redacted.Redacted<Readonly<Record<string, unknown>>>

/**
 * Whether a secret is none: it has no members, or none but an API key that is blank.
 *
 * @internal
 */
export const isEmpty = (secret: Secret): boolean =>
  Object.entries(Redacted.value(secret)).every(([name, value]) =>
    name === "api_key" && typeof value === "string" && value.trim() === ""
  )

const SecretJson = Schema.parseJson(Schema.Redacted(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

// the errors of both print what they could not take
const decode = Schema.decodeOption(SecretJson)

/**
 * The JSON text; none for what JSON cannot hold.
 *
 * @internal
 */
export const encode: (secret: Secret) => Option.Option<string> = Schema.encodeOption(SecretJson)

/** Any name becomes a file name, and no two names the same one: nothing leaves the directory. */
const fileName = (key: string) =>
  key.replace(/[^\w.-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/**
 * Keeps the secret of `key` in `auth_{key}.json`. One put into `api_key_{key}.json` by hand is only read.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const folder = paths.resolve(directory)
  const pathOf = (kind: "auth" | "api_key", key: string) => paths.join(folder, `${kind}_${fileName(key)}.json`)

  const ignored = (path: string, why: string) => Effect.logWarning(`credentials in ${path} are ignored: ${why}`)

  const read = (path: string): Effect.Effect<Option.Option<Secret>> =>
    Effect.gen(function*() {
      const secret = decode(yield* fs.readFileString(path))
      if (Option.isNone(secret)) yield* ignored(path, "not a JSON object")
      // it does not hide another one
      return Option.filter(secret, (secret) => !isEmpty(secret))
    }).pipe(
      Effect.mapError(fileReason),
      Effect.tapError((reason) => reason === "NotFound" ? Effect.void : ignored(path, reason)),
      Effect.orElseSucceed(() => Option.none())
    )

  const failed = (path: string) => (reason: string) => new FileError({ path, operation: "write", reason })

  const write = (target: string, text: string) =>
    Effect.gen(function*() {
      const partial = yield* partialFile(paths, target)
      yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
      yield* fs.writeFileString(partial, text, { flag: "wx", mode: 0o600 }).pipe(
        Effect.zipRight(fs.rename(partial, target)),
        Effect.onError(() => Effect.ignore(fs.remove(partial, { force: true })))
      )
    }).pipe(Effect.mapError(fileReason), Effect.uninterruptible)

  return {
    get: (key: string) =>
      Effect.flatMap(
        read(pathOf("auth", key)),
        Option.match({
          onNone: () => read(pathOf("api_key", key)),
          onSome: Effect.succeedSome
        })
      ),
    set: (key: string, secret: Secret) => {
      const path = pathOf("auth", key)
      return Option.match(encode(secret), {
        onNone: () => Effect.fail("not JSON"),
        onSome: (text) => write(path, text)
      }).pipe(Effect.mapError(failed(path)))
    },
    remove: (key: string) => {
      const path = pathOf("auth", key)
      return fs.remove(path, { force: true }).pipe(Effect.mapError(fileReason), Effect.mapError(failed(path)))
    }
  }
})
