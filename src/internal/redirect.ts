import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { sourceOf } from "./body.js"
import { secretHeaders } from "./scrub.js"

const parse = (url: string, base?: URL): Option.Option<URL> =>
  URL.canParse(url, base) ? Option.some(new URL(url, base)) : Option.none()

/**
 * Where an answer came from. A client that follows redirects by itself, as `fetch` does, ends elsewhere than where the
 * request says. The platform shows that nowhere: it is read from the `Response` within its own, and where there is
 * none, the request is believed.
 *
 * @internal
 */
export const answeredFrom = (response: HttpClientResponse.HttpClientResponse): Option.Option<URL> => {
  const source = sourceOf(response)
  const url = Predicate.hasProperty(source, "url") && Predicate.isString(source.url) ? source.url : ""
  return Option.orElse(parse(url), () => HttpClientRequest.toUrl(response.request))
}

const becomesGet = (status: number, method: string): boolean =>
  status === 303 ? method !== "HEAD" : method === "POST" && (status === 301 || status === 302)

/**
 * The request that a redirect asks for, as browsers make it: a form that was posted is not posted again, unless the
 * status says so, and credentials do not go to another origin. None when the answer is no redirect to be followed.
 *
 * @internal
 */
export const redirected = (
  request: HttpClientRequest.HttpClientRequest,
  { headers, status }: HttpClientResponse.HttpClientResponse
): Option.Option<HttpClientRequest.HttpClientRequest> =>
  Option.gen(function*() {
    const from = yield* HttpClientRequest.toUrl(request)
    const location = yield* Headers.get(headers, "location")
    const to = yield* Option.filter(parse(location, from), ({ protocol }) => /^https?:$/.test(protocol))
    if (![301, 302, 303, 307, 308].includes(status)) return yield* Option.none()
    const kept = to.origin === from.origin
      ? request.headers
      : Headers.remove(request.headers, secretHeaders)
    const isGet = becomesGet(status, request.method)
    return HttpClientRequest.get(to, { headers: kept }).pipe(
      HttpClientRequest.setMethod(isGet ? "GET" : request.method),
      HttpClientRequest.setBody(isGet ? HttpBody.empty : request.body)
    )
  })
