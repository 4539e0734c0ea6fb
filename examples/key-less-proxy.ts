/** Chats without a key through a proxy: PROXY_URL says which, e.g. `socks5h://127.0.0.1:9050`. */
import { Config, ConfigProvider, Effect, Layer } from "effect"
import { ChatgptFree, Provider } from "effect-providers"
import { Proxy } from "effect-providers/node"
import { keylessSites } from "./support/emulator.js"
import { localProxy } from "./support/localProxy.js"
import { main } from "./support/main.js"

/** Without CHAT_URL it is the site itself, which is known not to answer. */
const chat = ChatgptFree.layerConfig(Config.all({
  ignoreWorking: Config.succeed(true),
  baseUrl: Config.withDefault(Config.string("CHAT_URL"), undefined)
}))

const proxied = Proxy.layerConfig(Config.all({ url: Config.redacted("PROXY_URL") }))

export const program = Provider.text({ messages: [{ role: "user", content: "What is the capital of France?" }] }).pipe(
  Effect.provide(Layer.provide(chat, proxied))
)

/** The settings of a proxy and a site on this machine. */
const settings = Effect.all({ PROXY_URL: localProxy("user:password"), CHAT_URL: keylessSites })

main(
  import.meta.url,
  settings.pipe(
    Effect.flatMap((env) => Effect.withConfigProvider(program, ConfigProvider.fromJson(env))),
    Effect.scoped
  )
)
