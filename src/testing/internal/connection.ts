import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/**
 * The connection was dropped on purpose, in a place without a socket to destroy.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionDropped extends Data.TaggedError("ConnectionDropped") {
  override get message(): string {
    return "The emulator dropped the connection, as it was asked to."
  }
}

/**
 * Drops the connection a request came in on. What was written before still arrives, as it would from a server that
 * died; the end of a body does not. Node's request shows its socket in `source`, so that nothing of Node is needed.
 *
 * @internal
 */
export const drop = ({ source }: HttpServerRequest.HttpServerRequest): Effect.Effect<never, ConnectionDropped> =>
  Effect.suspend(() => {
    if (!Predicate.hasProperty(source, "socket") || !Predicate.hasProperty(source.socket, "destroySoon")) {
      return new ConnectionDropped()
    }
    if (Predicate.isFunction(source.socket.destroySoon)) source.socket.destroySoon()
    return Effect.never
  })

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
