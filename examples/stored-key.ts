/** Replicate with a stored key: that of a file, or else of the environment. */
import { FetchHttpClient } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { Credentials, Provider, Replicate } from "effect-providers"
import { ReplicateEmulator } from "effect-providers/testing"
import { main } from "./support/main.js"

export const make = Effect.gen(function*() {
  const credentials = yield* Credentials.Credentials
  const replicate = yield* Replicate.make()
  const withKey = (request: Provider.Request, credential: Credentials.Credential) =>
    replicate.stream({ ...request, apiKey: Option.getOrUndefined(Credentials.apiKey(credential)) })

  const provider: Provider.Service = {
    ...replicate,
    stream: (request) =>
      Credentials.authed({
        info: replicate.info,
        apiKey: request.apiKey,
        call: (credential) => withKey(request, credential)
      }).pipe(Stream.provideService(Credentials.Credentials, credentials))
  }
  return provider
})

export const layer = Layer.effect(Provider.Provider, make)

/** Keys in `.credentials/auth_Replicate.json` or `.credentials/api_key_Replicate.json`, else in `REPLICATE_API_KEY`. */
export const live = layer.pipe(
  Layer.provide(Layer.provide(Credentials.layerEnv, Credentials.layerFile(".credentials"))),
  Layer.provide([NodeContext.layer, FetchHttpClient.layer])
)

export const program = Provider.text({ prompt: "Write a haiku about llamas." })

const stored = Credentials.fromApiKey(Redacted.make("r8_emulated"))
const keys = Layer.effectDiscard(Effect.flatMap(Credentials.Credentials, ({ set }) => set("Replicate", stored)))
const emulated = layer.pipe(
  Layer.provide(Layer.provideMerge(keys, Credentials.layerMemory)),
  Layer.provide(ReplicateEmulator.layer())
)

main(import.meta.url, Effect.provide(program, emulated))
