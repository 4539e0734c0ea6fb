/**
 * Keeps what users logged in with, and brings a login into a call when the service asks for one.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { authedCall } from "./internal/authedCall.js"
import * as CredentialFile from "./internal/credentialFile.js"
import { isPresent } from "./internal/token.js"
import type * as Output from "./Output.js"
import type { Info } from "./Provider.js"
import { type FileError, MissingAuth, type ProviderError } from "./ProviderError.js"

/**
 * What a service takes for a login: any JSON object, such as an API key, tokens or cookies.
 *
 * @since 0.1.0
 * @category models
 */
export type Credential = Redacted.Redacted<Readonly<Record<string, unknown>>>

/**
 * A place for credentials, one per key. An empty credential is none, as is one of a blank API key alone.
 *
 * @since 0.1.0
 * @category models
 */
export interface Store {
  /** What cannot be read is absent. */
  readonly get: (key: string) => Effect.Effect<Option.Option<Credential>>
  /** An empty credential removes what is stored. */
  readonly set: (key: string, credential: Credential) => Effect.Effect<void, FileError>
  readonly remove: (key: string) => Effect.Effect<void, FileError>
}

/**
 * A store that several fibers can share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends Store {
  /** Waits until nobody else logs in with the key. The effect given ends the turn; so does the scope. */
  readonly turn: (key: string) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
}

/**
 * The stored credentials.
 *
 * @since 0.1.0
 * @category context
 */
export class Credentials extends Context.Tag("effect-providers/Credentials")<Credentials, Service>() {}

/**
 * Names the credentials of a provider. Providers with one parent share them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const key = (info: Pick<Info, "name" | "parent">): string => info.parent ?? info.name

/**
 * Makes a credential of an API key: its member `api_key`.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 *
 * const credential: Credentials.Credential = Credentials.fromApiKey(Redacted.make("key_example"))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromApiKey = (apiKey: Redacted.Redacted<string>): Credential =>
  Redacted.make({ api_key: Redacted.value(apiKey) })

/**
 * Reads the API key of a credential. A blank one is absent.
 *
 * @since 0.1.0
 * @category combinators
 */
export const apiKey = (credential: Credential): Option.Option<Redacted.Redacted<string>> => {
  const { api_key } = Redacted.value(credential)
  return typeof api_key === "string" ? Option.liftPredicate(Redacted.make(api_key), isPresent) : Option.none()
}

/**
 * Makes the service of any store.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 *
 * const forgetful = Layer.effect(
 *   Credentials.Credentials,
 *   Credentials.make({ get: () => Effect.succeedNone, set: () => Effect.void, remove: () => Effect.void })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: Store): Effect.Effect<Service> =>
  Effect.gen(function*() {
    const semaphoreOf = yield* Effect.cachedFunction((_key: string) => Effect.makeSemaphore(1))
    return {
      get: (key) => Effect.map(store.get(key), Option.filter((credential) => !CredentialFile.isEmpty(credential))),
      set: (key, credential) => CredentialFile.isEmpty(credential) ? store.remove(key) : store.set(key, credential),
      remove: store.remove,
      turn: (key) =>
        Effect.uninterruptibleMask((restore) =>
          semaphoreOf(key).pipe(
            Effect.tap((semaphore) => restore(semaphore.take(1))),
            Effect.flatMap((semaphore) => Effect.once(semaphore.release(1))),
            Effect.tap((end) => Effect.addFinalizer(() => end))
          )
        )
    }
  })

/**
 * Keeps credentials as long as the layer lives.
 *
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 *
 * const program = Effect.gen(function*() {
 *   const { set } = yield* Credentials.Credentials
 *   yield* set("Example", Redacted.make({ token: "token_example" }))
 * }).pipe(Effect.provide(Credentials.layerMemory))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Credentials> = Layer.effect(
  Credentials,
  Effect.flatMap(Ref.make(HashMap.empty<string, Credential>()), (ref) =>
    make({
      get: (key) => Effect.map(Ref.get(ref), HashMap.get(key)),
      set: (key, credential) => Ref.update(ref, HashMap.set(key, credential)),
      remove: (key) => Ref.update(ref, HashMap.remove(key))
    }))
)

/**
 * Keeps credentials in files `auth_{key}.json` that only their owner can read. A missing directory is made, for the
 * owner only, when something is stored; one that is there keeps its mode, as it may hold more than this. A file that is
 * replaced is not written to: a link in its place is replaced, and what it leads to stays as it is. What is no JSON
 * object, or cannot be read, is absent, and a warning is logged that names the file.
 *
 * An API key put by hand into `api_key_{key}.json`, as `{ "api_key": "..." }`, is used while nothing, or what is empty, is
 * stored; that file is never written or removed.
 *
 * @example
 * ```ts
 * import { NodeContext } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 *
 * const live = Credentials.layerFile(".credentials").pipe(Layer.provide(NodeContext.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFile = (
  directory: string
): Layer.Layer<Credentials, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(Credentials, Effect.flatMap(CredentialFile.make(directory), make))

const fromEnv = (key: string) =>
  Config.map(Config.redacted(`${key.toUpperCase().replace(/\W/g, "_")}_API_KEY`), fromApiKey)

/**
 * Falls back on the environment where nothing is stored: the variable `{KEY}_API_KEY`, e.g. `REPLICATE_API_KEY`, whose
 * blank value is absent. The key found there is not stored.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 *
 * const live = Credentials.layerEnv.pipe(Layer.provide(Credentials.layerMemory))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv: Layer.Layer<Credentials, never, Credentials> = Layer.effect(
  Credentials,
  Effect.gen(function*() {
    const credentials = yield* Credentials
    const environment = yield* Effect.configProviderWith(Effect.succeed)
    const fromEnvironment = (key: string) =>
      Effect.map(
        Effect.option(environment.load(fromEnv(key))),
        Option.filter((credential) => Option.isSome(apiKey(credential)))
      )
    return {
      ...credentials,
      get: (key) =>
        Effect.flatMap(
          credentials.get(key),
          Option.match({ onNone: () => fromEnvironment(key), onSome: Effect.succeedSome })
        )
    }
  })
)

/**
 * A call that needs a login.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthedOptions<R = never> {
  readonly info: Pick<Info, "name" | "parent" | "loginUrl">
  /** A key given by the caller is used as it is: nothing is read, stored or asked for. A blank one is absent. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
  /**
   * Logs in. Its outputs, such as `LoginRequest`, go to the caller; the last credential it emits is used. Default: no
   * way to log in, so that a key has to be given or stored.
   */
  readonly authenticate?: Stream.Stream<Output.Output | Credential, ProviderError, R> | undefined
  /** Calls the service. What the service changes in the credential, such as cookies, is told to `refreshed`. */
  readonly call: (
    credential: Credential,
    refreshed: (credential: Credential) => Effect.Effect<void>
  ) => Stream.Stream<Output.Output, ProviderError, R>
}

/**
 * Makes a call with the stored credential, and logs in when there is none or the service refuses it (`MissingAuth`,
 * `Blocked`) before the first output. It does so once: a second refusal, or one after the first output, is final.
 *
 * A new or refreshed credential is stored when the call has given an output, and a rejected one is removed; a failure
 * to do either is logged and does not fail the call. Of fibers that need to log in at once, one does, and the others
 * wait to use what it got.
 *
 * @example
 * ```ts
 * import { Redacted, Stream } from "effect"
 * import * as Credentials from "effect-providers/Credentials"
 * import * as Output from "effect-providers/Output"
 *
 * const answer = Credentials.authed({
 *   info: { name: "Example" },
 *   authenticate: Stream.make(
 *     { _tag: "LoginRequest", label: "Example", url: "https://example.com/login" } as const,
 *     Redacted.make({ token: "token_example" })
 *   ),
 *   call: () => Stream.make(Output.textDelta("Hello"))
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const authed = <R = never>(
  { authenticate, call, info, ...options }: AuthedOptions<R>
): Stream.Stream<Output.Output, ProviderError, Credentials | R> => {
  const { apiKey: given } = options
  if (isPresent(given)) return Stream.suspend(() => call(fromApiKey(given), () => Effect.void))
  const id = key(info)
  return Stream.unwrap(Effect.map(Credentials, ({ get, remove, set, turn }) =>
    authedCall({
      absent: new MissingAuth({ provider: info.name, reason: "absent", loginUrl: info.loginUrl }),
      place: { get: get(id), set: (credential) => set(id, credential), remove: remove(id), turn: turn(id) },
      authenticate: authenticate ?? Stream.empty,
      call
    })))
}
