import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as Polling from "effect-providers/http/Polling"
import * as ModelCatalog from "effect-providers/ModelCatalog"
import * as Output from "effect-providers/Output"
import * as Provider from "effect-providers/Provider"
import type { ProviderError } from "effect-providers/ProviderError"
import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
import * as KeylessEmulator from "effect-providers/testing/KeylessEmulator"
import * as ReplicateEmulator from "effect-providers/testing/ReplicateEmulator"

const create = { path: "/api/prediction" }
const poll = { path: "/api/poll" }
const asked: Provider.Request = { messages: [{ role: "user", content: "Hello there" }] }

interface Setup extends KeylessEmulator.Options {
  readonly options?: ReplicateHome.Options | undefined
  readonly client?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** A provider, told to try it all the same, before an emulator of its own. */
const setup = ({ options, ...rest }: Setup = {}) =>
  Effect.gen(function*() {
    const emulator = yield* KeylessEmulator.make(rest)
    const provider = yield* Effect.provide(
      ReplicateHome.make({ ignoreWorking: true, ...options }),
      Layer.succeed(KeylessEmulator.HttpClient, emulator.client)
    )
    return { emulator, provider }
  })
