import * as Cookies from "@effect/platform/Cookies"
import type * as Headers from "@effect/platform/Headers"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { collect } from "../../internal/bytes.js"

/** @internal */
export type Body = Stream.Stream<Uint8Array, unknown>

/**
 * A message that went over no wire. Its body is read without promises, which a test's clock would not wait for.
 */
abstract class LocalMessage<E> extends Inspectable.Class implements HttpIncomingMessage.HttpIncomingMessage<E> {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly remoteAddress = Option.none<string>()

  abstract readonly headers: Headers.Headers
  protected abstract readonly body: Body
  protected abstract failure(cause: unknown): E

  get stream(): Stream.Stream<Uint8Array, E> {
    return Stream.mapError(this.body, (error) => this.failure(error))
  }

  protected get bytes(): Effect.Effect<Uint8Array<ArrayBuffer>, E> {
    return collect(this.stream)
  }

  get text(): Effect.Effect<string, E> {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
  }

  get json(): Effect.Effect<unknown, E> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => text === "" ? null : JSON.parse(text),
      catch: (error) => this.failure(error)
    })
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, E> {
    return Effect.map(this.bytes, (bytes) => bytes.buffer)
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, E> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  toJSON(): unknown {
    return { _id: this.constructor.name }
  }
}

/** @internal */
export class LocalRequest extends LocalMessage<HttpServerError.RequestError>
  implements HttpServerRequest.HttpServerRequest
{
  readonly [HttpServerRequest.TypeId]: HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly source = {}
  readonly method: HttpServerRequest.HttpServerRequest["method"]
  readonly headers: Headers.Headers
  /** Path and query. */
  readonly url: string
  readonly originalUrl: string
  protected readonly body: Body

  constructor(parts: Pick<LocalRequest, "method" | "headers" | "url" | "originalUrl">, body: Body) {
    super()
    this.method = parts.method
    this.headers = parts.headers
    this.url = parts.url
    this.originalUrl = parts.originalUrl
    this.body = body
  }

  protected failure(cause: unknown): HttpServerError.RequestError {
    return new HttpServerError.RequestError({ request: this, reason: "Decode", cause })
  }

  get cookies() {
    return Cookies.parseHeader(this.headers["cookie"] ?? "")
  }

  get multipartStream(): Stream.Stream<Multipart.Part, Multipart.MultipartError> {
    return Stream.pipeThroughChannel(
      Stream.mapError(this.stream, (cause) => new Multipart.MultipartError({ reason: "InternalError", cause })),
      Multipart.makeChannel<Multipart.MultipartError>(this.headers)
    )
  }

  get multipart() {
    return Multipart.toPersisted(this.multipartStream)
  }

  get upgrade() {
    return Effect.fail(this.failure(new Error("not upgradeable")))
  }

  modify({ headers = this.headers, url = this.url }: Partial<Pick<LocalRequest, "headers" | "url">>): LocalRequest {
    return new LocalRequest({ method: this.method, originalUrl: this.originalUrl, headers, url }, this.body)
  }
}

const bodyOf = ({ body }: HttpServerResponse.HttpServerResponse): Body =>
  body._tag === "Uint8Array" ? Stream.make(body.body) : body._tag === "Stream" ? body.stream : Stream.empty

/** @internal */
export class LocalResponse extends LocalMessage<HttpClientError.ResponseError>
  implements HttpClientResponse.HttpClientResponse
{
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly cookies: Cookies.Cookies
  protected readonly body: Body

  constructor(request: HttpClientRequest.HttpClientRequest, response: HttpServerResponse.HttpServerResponse) {
    super()
    this.request = request
    this.status = response.status
    this.headers = response.headers
    this.cookies = response.cookies
    this.body = bodyOf(response)
  }

  protected failure(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.tryPromise({
        try: () => new Response(bytes, { headers: { ...this.headers } }).formData(),
        catch: (error) => this.failure(error)
      }))
  }
}
