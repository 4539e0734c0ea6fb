/** Talks through a proxy: PROXY_URL says which, e.g. `http://user:password@127.0.0.1:3128`. */
import { Config, ConfigProvider, Effect, Layer } from "effect"
import { Provider, Replicate } from "effect-providers"
import { Proxy } from "effect-providers/node"
import { emulator } from "./support/emulator.js"
import { localProxy } from "./support/localProxy.js"
import { main } from "./support/main.js"

/** Redacted, because the URL holds the password. */
const proxied = Proxy.layerConfig(Config.all({ url: Config.redacted("PROXY_URL") }))

export const program = Provider.text({ prompt: "Write a haiku about llamas.", maxTokens: 12 }).pipe(
  Effect.provide(Replicate.layerConfig().pipe(Layer.provide(proxied)))
)

/** The settings of a proxy and an emulator on this machine. */
const settings = Effect.all({
  PROXY_URL: localProxy("user:password"),
  REPLICATE_BASE_URL: emulator,
  REPLICATE_API_TOKEN: Effect.succeed("r8_emulated")
})

main(
  import.meta.url,
  settings.pipe(
    Effect.flatMap((env) => Effect.withConfigProvider(program, ConfigProvider.fromJson(env))),
    Effect.scoped
  )
)
