import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Failure from "../../http/Failure.js"
import { collect, concat } from "../../internal/bytes.js"
import { timeoutFail } from "../../internal/clocks.js"
import * as MediaType from "../../internal/mediaType.js"
import * as Pull from "../../internal/pull.js"
import { isRetryable, type ProviderError, Timeout } from "../../ProviderError.js"
import type { Service } from "../ReplicateClient.js"
import { FileResource } from "../schemas/File.js"
import { provider } from "./http.js"
import type { NamedFile } from "./namedFile.js"
import type { OpenFile } from "./openFile.js"

/**
 * The media type of a file: what was said of it, else what its name or its first bytes tell.
 *
 * @internal
 */
export const mediaTypeOf = ({ contentType, name }: NamedFile, head: Uint8Array): string =>
  contentType ?? (name === undefined ? undefined : MediaType.byName(name)) ?? MediaType.byBytes(head)

/** As browsers write it: nothing ends the name before its time. */
const quoted = (name: string): string =>
  name.replace(/["\r\n]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)

/** Some browsers cannot stream a request, and would send the text "[object ReadableStream]" in its place. */
const canStream = (): boolean => {
  const init = { method: "POST", body: new ReadableStream(), duplex: "half" }
  return !new Request("http://localhost", init).headers.has("content-type")
}

/** What goes around the bytes of the one part of a form. */
const form = Effect.fnUntraced(function*(file: NamedFile, head: Uint8Array) {
  const numbers = yield* Effect.forEach([1, 2, 3, 4], () => Random.nextIntBetween(0, 0x7fffffff))
  const boundary = `----effect-providers-${numbers.map((number) => number.toString(36)).join("")}`
  const type = mediaTypeOf(file, head)
  const name = quoted(file.name ?? MediaType.nameFor(type))
  const disposition = `Content-Disposition: form-data; name="content"; filename="${name}"`
  const encoder = new TextEncoder()
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    before: encoder.encode(`--${boundary}\r\n${disposition}\r\nContent-Type: ${type}\r\n\r\n`),
    after: encoder.encode(`\r\n--${boundary}--\r\n`)
  }
})

/**
 * Bytes with others before and after them, two pieces in each chunk: platform-node's client of node:http waits for its
 * socket between the elements of a chunk, and only there.
 */
const between = (before: Uint8Array, source: Pull.Source<Uint8Array>, after: Uint8Array) =>
  Pull.toStream(Effect.map(source, (pull) => {
    const pieces = [before]
    let isOver = false
    const next: Pull.Pull<Uint8Array> = Effect.suspend(() => {
      if (pieces.length >= 2) return Effect.succeed(Chunk.unsafeFromArray(pieces.splice(0, 2)))
      if (isOver) return pieces.length === 0 ? Pull.end : Effect.succeed(Chunk.unsafeFromArray(pieces.splice(0)))
      return Effect.matchEffect(pull, {
        onFailure: () => {
          isOver = true
          pieces.push(after)
          return next
        },
        onSuccess: (chunk) => {
          for (const piece of chunk) pieces.push(piece)
          return next
        }
      })
    })
    return next
  }))

/**
 * The form that uploads a file. Its length is told wherever a transport lets it be told, as some servers want it: a
 * body in one piece always has one, a stream has one except with fetch.
 */
const bodyOf = Effect.fnUntraced(function*(file: NamedFile, open: OpenFile, bytes: Pull.Source<Uint8Array>) {
  const { head, isWhole, size } = open
  const { after, before, type } = yield* form(file, head)
  if (isWhole) return HttpBody.uint8Array(concat([before, head, after]), type)
  if (canStream()) {
    return HttpBody.stream(
      between(before, bytes, after),
      type,
      size === undefined ? undefined : before.length + size + after.length
    )
  }
  const content = file.content._tag === "Blob" ? file.content.blob : (yield* collect(open.bytes))
  return HttpBody.raw(new Blob([before, content, after]), { contentType: type })
})

/**
 * Ends whoever still reads when nothing is to be read any more: fetch drops the body of a call that is over and leaves
 * what reads it waiting, with a timer that keeps the process alive.
 */
const makeReaders = () => {
  const readers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  let isOver = false
  return {
    reading: <A, E, R>(read: Effect.Effect<A, E, R>) =>
      Effect.withFiberRuntime<A, E, R>((fiber) => {
        if (isOver) return Effect.interrupt
        readers.add(fiber)
        return Effect.ensuring(read, Effect.sync(() => readers.delete(fiber)))
      }),
    end: Effect.sync(() => {
      isOver = true
      for (const reader of readers) reader.unsafeInterruptAsFork(FiberId.none)
    })
  }
}

/**
 * Uploads a file that was opened. Nothing is paid for: the upload can be interrupted, and is tried again as a safe call
 * is where its bytes can be read again. At worst a file is there twice, for a day.
 *
 * @internal
 */
export const upload = Effect.fnUntraced(function*(client: Service, file: NamedFile, open: OpenFile) {
  const failure = yield* Deferred.make<never, ProviderError>()
  // HTTP clients end a body that fails as if it were whole, or take it for a broken connection: the call is given up
  const giveUp = (cause: Cause.Cause<ProviderError>) =>
    Effect.zipRight(Deferred.failCause(failure, cause), Effect.never)
  const orGiveUp = Effect.catchAllCause((cause: Cause.Cause<Option.Option<ProviderError>>): Pull.Pull<never> =>
    Option.match(Cause.flipCauseOption(cause), { onNone: () => Pull.end, onSome: giveUp })
  )
  const { end, reading } = makeReaders()
  const bytes = Effect.map(
    reading(Effect.catchAllCause(Pull.open(open.bytes), giveUp)),
    (pull) => reading(orGiveUp(pull))
  )
  const request = HttpClientRequest.setBody(HttpClientRequest.post("/files"), yield* bodyOf(file, open, bytes))
  const sent = client.send(request, FileResource, {
    name: "files.create",
    hold: Duration.infinity,
    while: (error) => open.isReadable() && isRetryable(error)
  })
  return yield* Effect.ensuring(Effect.raceFirst(sent, Deferred.await(failure)), end)
})

/**
 * Gives up what reads and uploads a file when the clock of uploads runs out.
 *
 * @internal
 */
export const uploadClock = ({ config }: Service) => {
  const duration = config.uploadTimeout
  const at = { method: "POST", url: Failure.publicUrl(`${config.baseUrl}/files`) }
  return timeoutFail({ duration, onTimeout: () => new Timeout({ provider, ...at, clock: "total", duration }) })
}
