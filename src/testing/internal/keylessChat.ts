import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type ConnectionDropped, drop } from "./connection.js"
import type { Entry } from "./keylessLog.js"

/**
 * How the chat replies: by deltas, one `every` so often; by one JSON object; or by any text at all.
 *
 * @since 0.1.0
 * @category models
 */
export type Reply =
  | {
    readonly _tag: "Deltas"
    readonly deltas: ReadonlyArray<string>
    readonly every?: Duration.DurationInput | undefined
  }
  | { readonly _tag: "Json"; readonly data: unknown }
  | { readonly _tag: "Text"; readonly text: string; readonly contentType?: string | undefined }

/** @internal */
export interface Chat {
  readonly page: () => HttpServerResponse.HttpServerResponse
  /** Replies to the form of a request; a stream is dropped after `cutAfter` deltas. */
  readonly post: (
    request: HttpServerRequest.HttpServerRequest,
    entry: Entry,
    cutAfter: number | undefined
  ) => HttpServerResponse.HttpServerResponse
  readonly renewNonce: () => void
}

const postId = "106"

const event = (content: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

const streamed = (
  request: HttpServerRequest.HttpServerRequest,
  entry: Entry,
  cutAfter: number | undefined,
  { deltas, every }: Extract<Reply, { readonly _tag: "Deltas" }>
): Stream.Stream<Uint8Array, ConnectionDropped> => {
  const become = (state: Entry["stream"]) =>
    Effect.sync(() => {
      entry.stream = state
    })
  const events = Stream.map(Stream.fromIterable(deltas.slice(0, cutAfter)), event)
  const sent = every === undefined
    ? events
    : Stream.mapEffect(events, (text) => Effect.delay(Effect.succeed(text), every))
  const end = cutAfter === undefined
    ? Stream.concat(Stream.make("data: [DONE]\n\n"), Stream.execute(become("finished")))
    : Stream.execute(Effect.zipRight(become("dropped"), drop(request)))
  return Stream.concat(sent, end).pipe(
    Stream.encodeText,
    Stream.onStart(become("open")),
    Stream.ensuring(Effect.suspend(() => entry.stream === "open" ? become("closed") : Effect.void))
  )
}

/** @internal */
export const make = (replyTo: (message: string) => Reply): Chat => {
  let generation = 1
  const nonce = () => `nonce${String(generation).padStart(5, "0")}`

  return {
    page: () =>
      HttpServerResponse.unsafeSetCookie(
        HttpServerResponse.html(
          `<!doctype html><html><body><div class="wpaicg-chat-shortcode" data-bot-id="0" ` +
            `data-nonce="${nonce()}" data-post-id="${postId}"></div></body></html>`
        ),
        "visitor",
        `visitor-of-page-${generation}`,
        { path: "/" }
      ),
    post: (request, entry, cutAfter) => {
      const form = Predicate.isRecord(entry.body) ? entry.body : {}
      if (form.action !== "wpaicg_chat_shortcode_message") return HttpServerResponse.text("0", { status: 400 })
      if (form._wpnonce !== nonce() || form.post_id !== postId) {
        return HttpServerResponse.unsafeJson({ status: "error", msg: "Nonce verification failed" })
      }
      const reply = replyTo(String(form.message))
      switch (reply._tag) {
        case "Deltas":
          return HttpServerResponse.stream(streamed(request, entry, cutAfter, reply), {
            contentType: "text/event-stream"
          })
        case "Json":
          return HttpServerResponse.unsafeJson({ status: "success", data: reply.data })
        case "Text":
          return HttpServerResponse.text(reply.text, { contentType: reply.contentType ?? "text/html" })
      }
    },
    renewNonce: () => {
      generation++
    }
  }
}
