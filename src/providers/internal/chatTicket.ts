import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Session } from "../../http/BrowserSession.js"
import { timeoutFail } from "../../internal/clocks.js"
import { durationOf } from "../../internal/durationOf.js"
import { type ProviderError, Timeout } from "../../ProviderError.js"

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

interface Asked {
  readonly refused?: Ticket | undefined
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/** @internal */
export interface Tickets {
  /**
   * The ticket in use. It is got from the page when there is none yet, or when it is the one that was refused; whoever
   * asks meanwhile waits, and shares the ticket or the failure. A failure is not remembered.
   */
  readonly take: (asked: Asked) => Effect.Effect<Ticket, ProviderError>
}

type Landing = Exit.Exit<Ticket, ProviderError>

/** A look at the page, under way. */
interface Flight extends Pick<Asked, "connectTimeout"> {
  readonly landing: Deferred.Deferred<Landing>
}

/** That somebody left, or had less time, tells nothing about the page. */
const concerns = (landing: Landing, flight: Flight, { connectTimeout }: Asked): boolean =>
  !Exit.isInterrupted(landing) &&
  (Equal.equals(flight.connectTimeout, connectTimeout) ||
    !Option.exists(Option.flatMap(Exit.causeOption(landing), Cause.failureOption), ({ _tag }) => _tag === "Timeout"))

interface Options {
  readonly provider: string
  readonly session: Session
  readonly page: string
  /** The connect clock of the session. */
  readonly connectTimeout: Duration.DurationInput | undefined
}

/** @internal */
export const makeTickets = (options: Options): Effect.Effect<Tickets> =>
  Effect.sync(() => {
    const { page, provider, session } = options
    let held: Ticket | undefined
    let flight: Flight | undefined

    const read = Effect.fnUntraced(function*(connectTimeout: Asked["connectTimeout"]) {
      const response = yield* session.send(HttpClientRequest.get(page), { connectTimeout })
      const text = yield* session.text(response)
      return yield* Effect.mapError(scrape(text), (why) => session.malformed(response, { why }))
    })

    const take: Tickets["take"] = (asked) =>
      Effect.uninterruptibleMask((restore) => {
        if (held !== undefined && held !== asked.refused) return Effect.succeed(held)
        if (flight !== undefined) {
          const joined = flight
          const clock = asked.connectTimeout ?? options.connectTimeout ?? "30 seconds"
          // with a clock that is none, the page is not asked for, which need not be waited for
          const duration = Either.getOrElse(durationOf(clock, () => undefined), () => Duration.infinity)
          const timeout = () => new Timeout({ provider, clock: "connect", duration, method: "GET", url: page })
          // whose page it is may have more time
          const landed = timeoutFail({ duration, onTimeout: timeout })(Deferred.await(joined.landing))
          return Effect.flatMap(
            restore(landed),
            (landing) => concerns(landing, joined, asked) ? landing : restore(take(asked))
          )
        }
        const { connectTimeout } = asked
        const landing = Deferred.unsafeMake<Landing>(FiberId.none)
        flight = { connectTimeout, landing }
        return Effect.onExit(restore(read(connectTimeout)), (exit) => {
          flight = undefined
          if (Exit.isSuccess(exit)) held = exit.value
          return Deferred.succeed(landing, exit)
        })
      })
    return { take }
  })
