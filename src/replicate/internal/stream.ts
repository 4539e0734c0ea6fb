import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Failure from "../../http/Failure.js"
import { timeoutFail } from "../../internal/clocks.js"
import type * as Push from "../../internal/push.js"
import { isProviderError, isRetryable, type ProviderError, retryAfter, StreamInterrupted } from "../../ProviderError.js"
import type { Followed } from "../PredictionOptions.js"
import type { Service } from "../ReplicateClient.js"
import { Prediction } from "../schemas/Prediction.js"
import { connect } from "./connection.js"
import { provider } from "./http.js"
import { invalid } from "./invalid.js"
import { predictions } from "./jobs.js"
import { outcome } from "./outcome.js"
import { PredictionReader, type Taken } from "./reader.js"
import * as remote from "./remote.js"
import { saysUnstreamable } from "./streamable.js"
import type { View } from "./views.js"

/** Connections in a row that may bring nothing new before the stream is given up. */
const maxReconnects = 5
const firstDelay = Duration.millis(250)

/** How long the finished prediction is looked for after its stream ended well. */
const finalTimeout = Duration.seconds(5)

/** @internal */
export interface FollowOptions<A> {
  readonly view: View<A>
  readonly untilFinal: (prediction: Prediction) => Effect.Effect<Prediction, ProviderError>
}

/** @internal */
export interface Options<A> extends FollowOptions<A> {
  readonly model: string
  /** A model without a version is run by its latest one. */
  readonly isLatest: boolean
  readonly unstreamable: "fail" | "poll" | "refuse"
}

/** Where a prediction is streamed. */
const urlOf = ({ urls }: Prediction): URL | undefined =>
  urls?.stream !== undefined && URL.canParse(urls.stream) ? new URL(urls.stream) : undefined

/** What went wrong, without what to do about it: of a stream that was cut, the rest is to be read. */
const saidBy = ({ message }: { readonly message: string }): string => message.replace(/\. Try[^.]*\.$/, "")

type Pieces<A> = Effect.Effect<Chunk.Chunk<A>, ProviderError>

/**
 * Reads the stream of a prediction over as many connections as it takes, and completes it from the finished
 * prediction, which is all there is where it has no stream. `release` is called when the prediction need not be
 * canceled any more: it is over, or left to the caller.
 */
const deliver = <A>(
  client: Service,
  prediction: Prediction,
  options: FollowOptions<A>,
  take: Push.Take<A>,
  release: () => void,
  taken?: Taken
): Effect.Effect<void, ProviderError, Scope.Scope> => {
  const streamUrl = urlOf(prediction)
  // what has no stream is files where it looks like them
  const givesFiles = streamUrl === undefined ? !taken?.characters : /(?:^|\/)v1\/files\//.test(streamUrl.pathname)
  const reader = new PredictionReader(options.view, givesFiles, taken)
  const read = client.api.predictions.get({ path: { prediction_id: prediction.id } })
  const end = (last: Prediction) => Chunk.unsafeFromArray(options.view.end(last))

  const interrupted = (detail: string, resumable: boolean) => {
    // what can be read, be it on or anew, must not be canceled
    release()
    return new StreamInterrupted({
      provider,
      // whoever has the whole URL can read the output
      url: streamUrl?.origin,
      predictionId: prediction.id,
      ...reader.taken,
      resumable,
      detail
    })
  }

  /** Adds what the finished prediction holds beyond what arrived, or fails where the two do not agree. */
  const complete = (final: Prediction): Pieces<A> =>
    Option.match(reader.rest(final), {
      onSome: (rest) => Effect.succeed(Chunk.appendAll(rest, end(final))),
      onNone: () =>
        Effect.fail(
          final.data_removed === true
            ? interrupted("the output was removed meanwhile", false)
            : interrupted("what arrived is not how the prediction's output begins", false)
        )
    })

  /** Completes the stream from the finished prediction, or fails with what it ended with. */
  const settle = (final: Prediction): Pieces<A> => {
    release()
    return Effect.flatMap(outcome(client.config, final), complete)
  }

  /** The server ended the stream. The prediction is read for what it used, or why it failed. */
  const closed = (reason: string | undefined): Pieces<A> => {
    const { error, reconnected } = reader
    const endedWell = reason === undefined && error === undefined
    // any other end leaves open whether the prediction is over: until that is known, whoever gives up cancels it
    if (endedWell) release()
    const read = options.untilFinal(prediction)
    // a replay can be told wrong from news: what came over several connections is whole if the prediction says so
    if (endedWell && reconnected) {
      return Effect.matchEffect(read, {
        onFailure: (error) =>
          Effect.fail(interrupted(`what arrived could not be compared: ${saidBy(error)}`, isRetryable(error))),
        onSuccess: settle
      })
    }
    const final = Effect.asSome(read).pipe(
      timeoutFail({ duration: finalTimeout, onTimeout: () => undefined }),
      Effect.catchAll((error) => {
        if (error === undefined) return Effect.succeedNone
        // what is not there cannot be canceled
        if (error._tag === "ResponseError" && error.status === 404) release()
        return Effect.as(
          Effect.logDebug(`prediction ${prediction.id} could not be read: ${error.message}`),
          Option.none()
        )
      })
    )
    const told = () => {
      const status = reason === "canceled" ? "canceled" : "failed"
      return new Prediction({ ...prediction, status, ...(error === undefined ? {} : { error }) })
    }
    return Effect.flatMap(final, (final) => {
      if (Option.isNone(final) && endedWell) return Effect.succeed(end(prediction))
      if (Option.isSome(final)) release()
      // what the prediction says of its end counts, but does not make good an error that was sent
      const last = Option.filter(final, ({ status }) => error === undefined || status !== "succeeded")
      const ended = outcome(client.config, Option.getOrElse(last, told))
      // only a stream that ended well is known to be whole
      return endedWell ? Effect.map(ended, end) : Effect.flatMap(ended, complete)
    })
  }

  /** The connection ended before the stream did: gives the rest, or nothing when the stream is to be read on. */
  const cut = Effect.fnUntraced(function*(why: string, failures: number, hint: Duration.Duration) {
    const unreadable = (error: ProviderError) => interrupted(why, isRetryable(error))
    const current = yield* Effect.mapError(read, unreadable)
    if (current.isTerminal) return Option.some(yield* settle(current))
    const pause = Duration.max(Duration.times(firstDelay, 2 ** failures), hint)
    if (failures < maxReconnects && Duration.lessThanOrEqualTo(pause, client.config.retry.maxWait)) {
      yield* Effect.sleep(pause)
      return Option.none()
    }
    return Option.some(yield* settle(yield* Effect.mapError(options.untilFinal(current), unreadable)))
  })

  // nothing comes after, so that there need be no room
  const finish = (pieces: Pieces<A>) => Effect.map(pieces, (last): void => void take(last))

  const connection = (url: URL, failures: number): Effect.Effect<void, ProviderError, Scope.Scope> => {
    const before = reader.events
    const over = (why: string, hint: Duration.Duration): Effect.Effect<void, ProviderError, Scope.Scope> => {
      if (reader.done !== undefined) return finish(closed(reader.done.reason))
      const nth = reader.events > before ? 0 : failures + 1
      return Effect.flatMap(
        cut(why, nth, hint),
        Option.match({
          onNone: () => {
            reader.reconnect()
            return connection(url, nth)
          },
          onSome: (pieces) => finish(Effect.succeed(pieces))
        })
      )
    }
    const connected = Effect.flatMap(
      Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential)),
      (scope) =>
        Effect.onExit(
          connect(client, url.href, reader, scope, take),
          // what the server ended has until the end of all to bring its connection to its end as well
          (exit) => reader.done === undefined ? Scope.close(scope, exit) : Effect.void
        )
    )
    return Effect.matchEffect(connected, {
      onFailure: (error) =>
        over(
          saidBy(error).replaceAll(Failure.publicUrl(url.href), url.origin),
          isProviderError(error) ? Option.getOrElse(retryAfter(error), () => Duration.zero) : Duration.zero
        ),
      onSuccess: () => over("the connection was closed", Duration.zero)
    })
  }
  return streamUrl === undefined || prediction.isTerminal
    ? finish(Effect.flatMap(options.untilFinal(prediction), settle))
    : connection(streamUrl, 0)
}

const unstreamable = (model: string) => invalid("model", `${model} cannot stream: run it, or set unstreamable to poll`)

/**
 * Creates a prediction and gives the stream of its output. See `Prediction.stream`. To be interrupted only where it says
 * that it can be, so that a prediction is not lost that was paid for.
 *
 * @internal
 */
export const predictionStream = <A>(
  client: Service,
  prepare: Effect.Effect<Effect.Effect<Prediction, ProviderError>, ProviderError>,
  options: Options<A>
): Push.Source<A, ProviderError> =>
({ opened, take }) =>
  Effect.gen(function*() {
    const call = yield* Effect.interruptible(prepare)
    if (
      options.unstreamable === "refuse" &&
      (yield* Effect.interruptible(saysUnstreamable(client, options.model, options.isLatest)))
    ) {
      return yield* unstreamable(options.model)
    }
    const { job: prediction, release } = yield* remote.createScoped(predictions(client), call)
    opened()
    if (urlOf(prediction) === undefined && options.unstreamable !== "poll") {
      return yield* unstreamable(options.model)
    }
    yield* Effect.interruptible(deliver(client, prediction, options, take, release))
  })

const isCut = (of: Followed): of is StreamInterrupted => typeof of !== "string" && "_tag" in of

/** What is over and says nothing of its output, not even that there is none, may have one: lists can leave it out. */
const isBare = ({ isTerminal, output }: Prediction): boolean => isTerminal && output === undefined

/**
 * Gives the output of a prediction that is there, and does not stop it. See `Prediction.follow`.
 *
 * @internal
 */
export const followed =
  <A>(client: Service, of: Followed, options: FollowOptions<A>): Push.Source<A, ProviderError> => ({ opened, take }) =>
    Effect.gen(function*() {
      const [from, cut] = isCut(of) ? [of.predictionId, of] as const : [of, undefined] as const
      if (from === undefined) return yield* invalid("prediction", "the stream that was cut is not of a prediction")
      const read = (id: string) =>
        Effect.mapError(predictions(client).get(id), (error) =>
          // how far it came is to be known also when Replicate can be reached again
          cut !== undefined && isRetryable(error) ? new StreamInterrupted({ ...cut, detail: saidBy(error) }) : error)
      const prediction = typeof from === "string"
        ? yield* read(from)
        : isBare(from)
        ? yield* read(from.id)
        : from
      opened()
      yield* deliver(client, prediction, options, take, () => {}, cut)
    }).pipe(Effect.interruptible)
