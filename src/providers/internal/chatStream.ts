import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Session } from "../../http/BrowserSession.js"
import * as Failure from "../../http/Failure.js"
import type * as Output from "../../Output.js"
import { type ProviderError, StreamInterrupted } from "../../ProviderError.js"
import { type Flaw, makeReader, type Reader } from "./chatReply.js"

/**
 * The nonce was refused before anything was said: with another one, the same message may be taken.
 *
 * @internal
 */
export class NonceRefused extends Data.TaggedError("NonceRefused")<{ readonly error: ProviderError }> {}

type Failed = ProviderError | NonceRefused

interface Reply {
  readonly provider: string
  readonly session: Session
  readonly response: HttpClientResponse.HttpClientResponse
}

const toError = ({ response, session }: Reply, flaw: Flaw, reader: Reader): Failed => {
  switch (flaw.kind) {
    case "nonce": {
      const error = session.malformed(response, { why: "the nonce was refused", body: flaw.text })
      return reader.deltas === 0 ? new NonceRefused({ error }) : error
    }
    case "error":
      return Option.getOrElse(
        session.reported(response, flaw.body),
        () => session.malformed(response, { why: "the service failed" })
      )
    case "malformed":
      return session.malformed(response, { why: flaw.why, body: flaw.text })
  }
}

/** A connection that breaks while nothing was said yet is no more than that. */
const interrupted = ({ provider, response }: Reply, error: ProviderError, reader: Reader): ProviderError =>
  error._tag === "ResponseError" && error.reason === "network" && reader.deltas > 0
    ? new StreamInterrupted({
      provider,
      method: response.request.method,
      url: Failure.publicUrl(response.request.url),
      events: reader.deltas,
      characters: reader.characters,
      resumable: false
    })
    : error

/**
 * The outputs of a reply, as they arrive. The connection is closed as soon as the reply says that it is over.
 *
 * @internal
 */
export const outputs = (reply: Reply): Stream.Stream<Output.Output, Failed> =>
  Stream.suspend(() => {
    const reader = makeReader()
    const decoder = new TextDecoder()

    type Step = Channel.Channel<
      Chunk.Chunk<Output.Output>,
      Chunk.Chunk<Uint8Array>,
      Failed,
      ProviderError,
      void,
      unknown
    >
    const write = (outputs: ReadonlyArray<Output.Output>, next: () => Step): Step =>
      outputs.length === 0 ? next() : Channel.flatMap(Channel.write(Chunk.unsafeFromArray(outputs)), next)
    const settle = (): Step =>
      reader.flaw === undefined ? Channel.void : Channel.fail(toError(reply, reader.flaw, reader))
    const end = (): Step => write(reader.end(), settle)

    const loop: Step = Channel.readWith({
      onInput: (chunk: Chunk.Chunk<Uint8Array>) => {
        let text = ""
        for (const bytes of chunk) text += decoder.decode(bytes, { stream: true })
        return write(reader.feed(text), () => reader.isDone || reader.flaw !== undefined ? end() : loop)
      },
      onFailure: (error: ProviderError) => Channel.fail(interrupted(reply, error, reader)),
      onDone: end
    })
    return Stream.pipeThroughChannel(reply.session.bytes(reply.response), loop)
  })
