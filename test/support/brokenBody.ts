import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"

/**
 * A response as the platform makes it of an answer of node:http, whose connection broke before anybody read it: what it
 * gives itself is the end of a body.
 */
export const brokenMessage = Effect.promise(async (): Promise<HttpClientResponse.HttpClientResponse> => {
  const source = new Readable({ read: () => {} })
  source.on("error", () => {})
  source.push("the beginning")
  source.destroy(new Error("cut"))
  await new Promise((resolve) => setImmediate(resolve))
  const request = HttpClientRequest.get("https://example.com/")
  return Object.create(HttpClientResponse.fromWeb(request, new Response("")), {
    source: { value: source },
    stream: { value: Stream.empty }
  })
})
