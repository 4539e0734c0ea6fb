/**
 * The chat of chatgptfree.ai, without a key, as a `Provider`.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as BrowserSession from "../http/BrowserSession.js"
import * as ModelCatalog from "../ModelCatalog.js"
import * as Parameters from "../Parameters.js"
import * as Provider from "../Provider.js"
import type { ProviderError } from "../ProviderError.js"
import { NonceRefused, outputs } from "./internal/chatStream.js"
import { makeTickets, type Ticket } from "./internal/chatTicket.js"
import { promptOf, unlessIgnored } from "./internal/requestChecks.js"

/**
 * What is known of the site without calling it.
 *
 * @since 0.1.0
 * @category models
 */
export const info: Provider.Info = {
  name: "ChatgptFree",
  url: "https://chatgptfree.ai",
  working: false,
  needsAuth: false,
  supportsStream: true,
  supportsSystemMessage: false,
  supportsMessageHistory: false
}

/**
 * The model the site answers with. It takes no other, so the model of a request is checked and not sent.
 *
 * @since 0.1.0
 * @category models
 */
export const catalog: ModelCatalog.ModelCatalog = ModelCatalog.make({
  default: "gpt-4o-mini-2024-07-18",
  text: ["gpt-4o-mini-2024-07-18"],
  aliases: { "gpt-4o-mini": "gpt-4o-mini-2024-07-18" }
})

/**
 * Options of the provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Calls the site although it is known not to answer; otherwise each call fails with `InvalidRequest`. */
  readonly ignoreWorking?: boolean | undefined
  /** Cookies of a browser that was let in, by name. Those the site sets are kept beside them. */
  readonly cookies?: Readonly<Record<string, Redacted.Redacted<string>>> | undefined
  /** Default `https://chatgptfree.ai`. */
  readonly baseUrl?: string | URL | undefined
  /** Total clock. Default 2 minutes. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Idle clock. Default none. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** Connect clock of each request. Default 30 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** Changes the HTTP client beneath. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** What it accepts, with the clocks it runs. */
const parametersOf = (
  { connectTimeout = "30 seconds", idleTimeout, timeout = "2 minutes" }: Options
): ReadonlyArray<Parameters.Parameter> =>
  Parameters.fromSchema(Provider.Request, {
    pick: ["model", "messages", "prompt", "system", "maxTokens", "stop", "timeout", "idleTimeout", "connectTimeout"],
    defaults: { connectTimeout, idleTimeout, timeout }
  })

/**
 * What the provider accepts, and the clocks it runs by default.
 *
 * @since 0.1.0
 * @category models
 */
export const parameters: ReadonlyArray<Parameters.Parameter> = parametersOf({})

interface Site {
  readonly host: string
  readonly origin: string
}

const headersOf = (site: Site) => ({
  authority: site.host,
  accept: "*/*",
  "accept-language": "en,fr-FR;q=0.9,fr;q=0.8,es-ES;q=0.7,es;q=0.6,en-US;q=0.5,am;q=0.4,de;q=0.3",
  origin: site.origin,
  referer: `${site.origin}/chat/`,
  "sec-ch-ua": "\"Chromium\";v=\"118\", \"Google Chrome\";v=\"118\", \"Not=A?Brand\";v=\"99\"",
  "sec-ch-ua-mobile": "?0",
  "sec-ch-ua-platform": "\"macOS\"",
  "sec-fetch-dest": "empty",
  "sec-fetch-mode": "cors",
  "sec-fetch-site": "same-origin",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36"
})

interface Asked {
  readonly message: string
  readonly connectTimeout: Duration.DurationInput | undefined
}

/** The order of the fields is that of the site's own form. */
const formOf = (site: Site, { nonce, postId }: Ticket, message: string) =>
  HttpClientRequest.bodyUrlParams(HttpClientRequest.post(`${site.origin}/wp-admin/admin-ajax.php`), [
    ["_wpnonce", nonce],
    ["post_id", postId],
    ["url", site.origin],
    ["action", "wpaicg_chat_shortcode_message"],
    ["message", message],
    ["bot_id", "0"]
  ])

/** WordPress answers 403 with `-1`, or 400 with `0`, to a form it does not take. */
const isRefusal = (error: ProviderError): boolean =>
  (error._tag === "ResponseError" && error.status === 403) ||
  (error._tag === "InvalidRequest" && error.status === 400 && error.detail === undefined)

/**
 * Makes the provider. The nonce and the post id that messages need are read off the site's page by the first call, and
 * shared by those that follow until the site refuses them; a refused message is sent once more with new ones.
 *
 * A reply that just ends, after a whole event and without saying that it is over, ends with `Finish` for the reason
 * `unknown`: whether more was to come cannot be told. One whose connection breaks, or that ends within an event, is an
 * error.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Effect, Redacted, Stream } from "effect"
 * import { Output } from "effect-providers"
 * import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
 *
 * const cookies = { cf_clearance: Redacted.make("of a browser that was let in") }
 * const answer = ChatgptFree.make({ ignoreWorking: true, cookies }).pipe(
 *   Effect.flatMap((provider) => Stream.mkString(Output.text(provider.stream({ prompt: "Hello" })))),
 *   Effect.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Provider.Service, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { connectTimeout, cookies, transformClient } = options
    const url = options.baseUrl ?? info.url
    // the session refuses to send anything to what is no URL
    const site: Site = URL.canParse(url) ? new URL(url) : { host: "", origin: "" }
    const http = yield* HttpClient.HttpClient
    const session = yield* Effect.provideService(
      BrowserSession.make({ provider: info.name, site: url, headers: headersOf(site), cookies, connectTimeout }),
      HttpClient.HttpClient,
      transformClient === undefined ? http : transformClient(http)
    )
    const tickets = yield* makeTickets({ provider: info.name, session, page: `${site.origin}/`, connectTimeout })

    const attempt = (ticket: Ticket, { connectTimeout, message }: Asked) =>
      Stream.unwrap(
        Effect.mapBoth(session.send(formOf(site, ticket, message), { connectTimeout }), {
          onFailure: (error) => isRefusal(error) ? new NonceRefused({ error }) : error,
          onSuccess: (response) => outputs({ provider: info.name, session, response })
        })
      )

    const answer = Effect.fnUntraced(function*(asked: Asked) {
      const ticket = yield* tickets.take(asked)
      const again = Effect.map(tickets.take({ ...asked, refused: ticket }), (fresh) => attempt(fresh, asked))
      return attempt(ticket, asked).pipe(
        Stream.catchTag("NonceRefused", () => Stream.unwrap(again)),
        Stream.catchTag("NonceRefused", ({ error }) => Stream.fail(error))
      )
    })

    const run = (request: Provider.Resolved) =>
      Stream.unwrap(Effect.flatMap(
        promptOf(info.name, request, "text"),
        (message) => answer({ message, connectTimeout: request.connectTimeout })
      ))

    return Provider.make({
      info,
      catalog,
      parameters: parametersOf(options),
      ignoreWorking: options.ignoreWorking,
      clocks: { idle: options.idleTimeout, total: options.timeout ?? "2 minutes" },
      run: (request) => Stream.unwrap(Effect.as(unlessIgnored(info.name, options.ignoreWorking), run(request)))
    })
  })

/**
 * Provides the provider.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer } from "effect"
 * import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
 *
 * const live = ChatgptFree.layer({ ignoreWorking: true }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effect(Provider.Provider, make(options))

/**
 * Provides the provider with the options of a `Config`, if there is one, such as cookies of the environment.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Config, Layer } from "effect"
 * import * as ChatgptFree from "effect-providers/providers/ChatgptFree"
 *
 * const cookies = Config.all({ cf_clearance: Config.redacted("CHATGPTFREE_CLEARANCE") })
 * const live = ChatgptFree.layerConfig(Config.all({ cookies })).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<Options> = Config.succeed({})
): Layer.Layer<Provider.Provider, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(Effect.map(config, layer))
