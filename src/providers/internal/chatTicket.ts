import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as SynchronizedRef from "effect/SynchronizedRef"
import type { Session } from "../../http/BrowserSession.js"
import type { ProviderError } from "../../ProviderError.js"

/**
 * What a message has to show to be taken.
 *
 * @internal
 */
export interface Ticket {
  readonly postId: string
  readonly nonce: string
}

/**
 * Finds the ticket in the text of a page, or tells what is missing. The two parts need not stand together.
 *
 * @internal
 */
const scrape = (page: string): Either.Either<Ticket, string> => {
  const postId = /data-post-id="([0-9]+)"/.exec(page)?.[1]
  if (postId === undefined) return Either.left("No post id found")
  const nonce = /data-nonce="([^"\r\n]+)"/.exec(page)?.[1]
  return nonce === undefined ? Either.left("No nonce found") : Either.right({ postId, nonce })
}

/** @internal */
export interface Tickets {
  /**
   * The ticket in use. It is got from the page when there is none yet, or when it is the one that was refused; whoever
   * asks meanwhile waits and shares it. A page without ticket is not remembered.
   */
  readonly take: (options: {
    readonly refused?: Ticket | undefined
    readonly connectTimeout?: Duration.DurationInput | undefined
  }) => Effect.Effect<Ticket, ProviderError>
}

/** @internal */
export const makeTickets = (session: Session, page: string): Effect.Effect<Tickets> =>
  Effect.map(SynchronizedRef.make<Ticket | undefined>(undefined), (held) => ({
    take: ({ connectTimeout, refused }) => {
      const read = Effect.gen(function*() {
        const response = yield* session.send(HttpClientRequest.get(page), { connectTimeout })
        const text = yield* session.text(response)
        return yield* Effect.mapError(scrape(text), (why) => session.malformed(response, { why }))
      })
      return SynchronizedRef.modifyEffect(held, (ticket) =>
        Effect.map(
          ticket === undefined || ticket === refused ? read : Effect.succeed(ticket),
          (ticket) => [ticket, ticket]
        ))
    }
  }))
