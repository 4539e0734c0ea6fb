import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as UrlParams from "@effect/platform/UrlParams"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import * as Scope from "effect/Scope"
import * as Body from "../../internal/body.js"
import { timeoutFail } from "../../internal/clocks.js"
import type { Route, Success } from "./route.js"

/**
 * What a call of an endpoint is made with.
 *
 * @internal
 */
export interface CallRequest {
  readonly path?: Readonly<Record<string, string>>
  readonly urlParams?: unknown
  readonly headers?: { readonly prefer?: string }
  readonly payload?: unknown
}

type Encoded<A> = Either.Either<A, ParseResult.ParseError>

type ReadAnswer = (
  response: HttpClientResponse.HttpClientResponse,
  scope: Scope.CloseableScope
) => Effect.Effect<unknown, ParseResult.ParseError | HttpClientError.HttpClientError>

/** Encodes a part of the request that may not be there. The client's own types hold that it is what is declared. */
const encoder = <I>(schema: Schema.Schema.All | undefined): (part: unknown) => Encoded<I | undefined> => {
  if (schema === undefined) return () => Either.right(undefined)
  const encode = Schema.encodeUnknownEither(Schema.make<unknown, I>(schema.ast))
  return encode
}

/**
 * The path of a route, with parameters that are escaped already in their places.
 *
 * @internal
 */
export const pathOf = (route: string) => {
  const pieces = route.split(/:(\w+)/)
  return (parameters: Readonly<Record<string, string>> = {}) =>
    pieces.map((piece, n) => n % 2 === 0 ? piece : parameters[piece] ?? "").join("")
}

const withJson = (request: HttpClientRequest.HttpClientRequest, payload: unknown, ast: AST.AST) =>
  Either.try({
    try: () => HttpClientRequest.bodyText(request, JSON.stringify(payload), "application/json"),
    catch: () => new ParseResult.ParseError({ issue: new ParseResult.Type(ast, payload, "Could not encode as JSON") })
  })

/**
 * Makes what turns the request of a call into one of HTTP.
 *
 * @internal
 */
export const requestOf = (route: Route): (request: CallRequest) => Encoded<HttpClientRequest.HttpClientRequest> => {
  const path = encoder<Readonly<Record<string, string>>>(route.pathParams)
  const urlParams = encoder<UrlParams.CoercibleRecord>(route.urlParams)
  const headers = encoder<Readonly<Record<string, string | undefined>>>(route.headers)
  const payload = encoder<unknown>(route.payload)
  const locate = pathOf(route.path)
  const { ast } = route.payload ?? Schema.Unknown

  return (request) => {
    const at = path(request.path)
    if (Either.isLeft(at)) return Either.left(at.left)
    const query = urlParams(request.urlParams)
    if (Either.isLeft(query)) return Either.left(query.left)
    const named = headers(request.headers)
    if (Either.isLeft(named)) return Either.left(named.left)
    const asked = HttpClientRequest.make(route.method)(locate(at.right), {
      headers: named.right,
      urlParams: query.right
    })
    if (request.payload instanceof FormData) return Either.right(HttpClientRequest.bodyFormData(asked, request.payload))
    return route.payload === undefined
      ? Either.right(asked)
      : Either.flatMap(payload(request.payload), (body) => withJson(asked, body, ast))
  }
}

const parse = (text: string, ast: AST.AST, empty: unknown): Encoded<unknown> =>
  Either.try({
    try: (): unknown => text === "" ? empty : JSON.parse(text),
    catch: () => new ParseResult.ParseError({ issue: new ParseResult.Type(ast, text, "Could not parse JSON") })
  })

/**
 * Makes what reads an answer in JSON, where `empty` stands for an answer without any.
 *
 * @internal
 */
export const readJson = <A, I>(schema: Schema.Schema<A, I>, empty: unknown) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (response: HttpClientResponse.HttpClientResponse) =>
    Effect.flatMap(Body.text(response), (text) => Either.flatMap(parse(text, schema.ast, empty), decode))
}

/** How long what nobody wants to know is waited for, so that its connection can be used again. */
const longestDrain = Duration.seconds(1)

const readAs = ({ encoding, schema }: Success): ReadAnswer => {
  switch (encoding) {
    case "None":
      return (response, scope) =>
        Effect.catchAll(
          Effect.asVoid(timeoutFail(Body.text(response), { duration: longestDrain, onTimeout: () => "unread" })),
          () => Scope.close(scope, Exit.void)
        )
    case "Uint8Array":
      return ({ arrayBuffer }) => Effect.map(arrayBuffer, (bytes) => new Uint8Array(bytes))
    case "Text":
      return Body.text
    case "Json":
      return readJson(schema, undefined)
  }
}

/**
 * Makes what reads the answer, whose status is one of success.
 *
 * @internal
 */
export const answerOf = ({ method, success }: Route): ReadAnswer => {
  const read = readAs(success)
  return (response, scope) =>
    // what a POST did, it did under any status of success: a prediction under 203 is paid for as well
    method === "POST" || success.statuses.includes(response.status)
      ? read(response, scope)
      : Effect.fail(new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode" }))
}
