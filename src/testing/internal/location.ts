import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Option from "effect/Option"

/**
 * Where the request reached the server, as its `Host` header says.
 *
 * @internal
 */
export const originOf = (request: HttpServerRequest.HttpServerRequest): string =>
  Option.match(HttpServerRequest.toURL(request), { onNone: () => "http://localhost", onSome: ({ origin }) => origin })

/**
 * The path of the request, without query.
 *
 * @internal
 */
export const pathOf = ({ url }: HttpServerRequest.HttpServerRequest): string => url.split("?", 1)[0] ?? url
