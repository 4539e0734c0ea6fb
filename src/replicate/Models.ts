/**
 * The search among Replicate's models.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Pages from "./Pages.js"
import { Model } from "./schemas/Model.js"
import { Page } from "./schemas/Page.js"

const query = (url: string, text: string) =>
  // the platform sends any method, its type lists those of HttpApi
  HttpClientRequest.make("QUERY" as HttpMethod)(url).pipe(HttpClientRequest.bodyText(text, "text/plain"))

/**
 * Lists the public models that fit a text, best first. The HTTP method is QUERY, which some proxies refuse:
 * `client.api.search.query` needs GET only.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import { Models } from "effect-providers/replicate"
 *
 * const program = Models.search("upscale photos", { limit: 10 }).items.pipe(
 *   Stream.runForEach((model) => Console.log(model.fullName))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const search = (text: string, options: Pages.Options = {}): Pages.List<Model> =>
  Pages.make(Model, (client) => client.send(query("/models", text), Page(Model)), {
    ...options,
    request: (link) => query(link, text)
  })
