import * as Headers from "@effect/platform/Headers"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** @internal */
export type Clean = (text: string) => string

const longestDetail = 500

const tidy: Clean = (text) => text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim()

/** @internal */
export const cut: Clean = (text) => text.length > longestDetail ? `${text.slice(0, longestDetail - 1)}…` : text

/**
 * Tidies text from outside, takes the secrets out in every form a server may echo them in, and cuts the rest.
 *
 * @internal
 */
export const cleaner = (secrets: ReadonlyArray<string>): Clean => {
  const forms = secrets.flatMap((secret) => [
    tidy(secret),
    JSON.stringify(secret).slice(1, -1),
    Either.getOrElse(Encoding.encodeUriComponent(secret), () => "")
  ])
  // a secret may be the beginning of another one
  const longestFirst = forms.filter((form) => form !== "").sort((a, b) => b.length - a.length)
  return (text) => cut(longestFirst.reduce((text, form) => text.replaceAll(form, "<redacted>"), tidy(text)))
}

const decode = (text: string) => Either.getOrElse(Encoding.decodeUriComponent(text), () => text)

/**
 * Headers that carry credentials whatever a program says of others.
 *
 * @internal
 */
export const secretHeaders = ["authorization", "cookie", "x-api-key", "proxy-authorization"]

/** Headers that carry credentials here: what a program adds is known to the fiber, which also plain functions run in. */
const secretNames = (): ReadonlyArray<string | RegExp> =>
  Option.match(Fiber.getCurrentFiber(), {
    onNone: () => secretHeaders,
    onSome: (fiber) => [...secretHeaders, ...fiber.getFiberRef(Headers.currentRedactedNames)]
  })

/**
 * Pieces of the request that may be credentials. Short ones are not, and would make holes in the text.
 *
 * @internal
 */
export const carriedSecrets = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> => {
  const inHeaders = Object.values(Headers.redact(request.headers, secretNames()))
    .flatMap((value) => typeof value === "string" ? [] : Redacted.value(value).split(/[\s;,=]+/))
  const inUrl = Option.match(HttpClientRequest.toUrl(request), {
    onNone: () => [],
    onSome: (url) => [decode(url.username), decode(url.password), ...url.searchParams.values()]
  })
  return [...inHeaders, ...inUrl].filter((text) => text.length >= 8)
}
