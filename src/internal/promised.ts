import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * Runs effects for a program that knows promises only. What a signal or the disposal ends is interrupted, and waited
 * for: the rejection comes when all is cleaned up. What rejects is the error itself, the defect, or the signal's reason.
 *
 * @internal
 */
export interface Promised<R> {
  readonly run: <A, E>(effect: Effect.Effect<A, E, R>, signal: AbortSignal | undefined) => Promise<A>
  /** To be read once. It starts when it is first read, and reads no chunk before the one at hand is used up. */
  readonly iterate: <A, E>(stream: Stream.Stream<A, E, R>, signal: AbortSignal | undefined) => AsyncIterableIterator<A>
  readonly dispose: () => Promise<void>
}

interface Asked<A> {
  readonly resolve: (result: IteratorResult<A>) => void
  readonly reject: (reason: unknown) => void
}

const nothing = (): void => undefined

/** @internal */
export const make = <R, E>(layer: Layer.Layer<R, E>): Promised<R> => {
  const runtime = ManagedRuntime.make(layer)
  const running = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  let isDisposed = false

  const reasonOf = (cause: Cause.Cause<unknown>, signal: AbortSignal | undefined): unknown => {
    // an error that passed a span is a proxy, which is not equal to what was thrown
    const failure = Cause.failureOption(cause)
    if (Option.isSome(failure)) return Cause.originalError(failure.value)
    if (signal?.aborted === true && Cause.isInterrupted(cause)) return signal.reason
    return isDisposed
      ? new DOMException("The client was disposed: make another one.", "AbortError")
      : Cause.originalError(Cause.squash(cause))
  }

  /** Runs an effect, tells how it ended, and gives what ends it before. */
  const start = <A, E>(
    effect: Effect.Effect<A, E, R>,
    signal: AbortSignal | undefined,
    onExit: (exit: Exit.Exit<A, unknown>) => void
  ): () => void => {
    if (signal?.aborted === true) {
      onExit(Exit.interrupt(FiberId.none))
      return nothing
    }
    const fiber = runtime.runFork(effect)
    const stop = () => fiber.unsafeInterruptAsFork(FiberId.none)
    running.add(fiber)
    signal?.addEventListener("abort", stop)
    fiber.addObserver((exit) => {
      running.delete(fiber)
      signal?.removeEventListener("abort", stop)
      onExit(exit)
    })
    return stop
  }

  const run = <A, E>(effect: Effect.Effect<A, E, R>, signal: AbortSignal | undefined): Promise<A> => {
    const ended = new Promise<Exit.Exit<A, unknown>>((resolve) => {
      start(effect, signal, resolve)
    })
    const promise: Promise<A> = ended.then((exit) => {
      if (Exit.isSuccess(exit)) return exit.value
      // whoever stopped it may not listen any more, and a rejection that nobody handles ends a process
      if (Cause.isInterruptedOnly(exit.cause)) promise.catch(nothing)
      throw reasonOf(exit.cause, signal)
    })
    return promise
  }

  const iterate = <A, E>(
    stream: Stream.Stream<A, E, R>,
    signal: AbortSignal | undefined
  ): AsyncIterableIterator<A> => {
    const none = (): Iterator<A> => [].values()
    const asked: Array<Asked<A>> = []
    const wanted = Effect.unsafeMakeLatch(false)
    let pieces = none()
    let exit: Exit.Exit<void, unknown> | undefined
    let source: { readonly ended: Promise<void>; readonly stop: () => void } | undefined

    const answer = (): void => {
      // it takes a moment until the fiber has stopped
      if (signal?.aborted === true || isDisposed) pieces = none()
      while (asked.length > 0) {
        const piece = pieces.next()
        if (piece.done !== true) asked.shift()?.resolve(piece)
        else if (exit === undefined) return wanted.unsafeOpen()
        else if (Exit.isSuccess(exit)) asked.shift()?.resolve({ done: true, value: undefined })
        else {
          asked.shift()?.reject(reasonOf(exit.cause, signal))
          exit = Exit.void
        }
      }
    }

    const deliver = (chunk: Chunk.Chunk<A>) =>
      Effect.suspend(() => {
        pieces = chunk[Symbol.iterator]()
        wanted.unsafeClose()
        answer()
        return wanted.await
      })

    const open = () => {
      let stop = nothing
      const ended = new Promise<void>((resolve) => {
        stop = start(Stream.runForEachChunk(stream, deliver), signal, (end) => {
          exit ??= end
          answer()
          resolve()
        })
      })
      return { ended, stop }
    }

    return {
      next: () =>
        new Promise((resolve, reject) => {
          asked.push({ resolve, reject })
          if (exit === undefined) source ??= open()
          answer()
        }),
      return: async () => {
        pieces = none()
        exit ??= Exit.void
        answer()
        source?.stop()
        await source?.ended
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]() {
        return this
      }
    }
  }

  const dispose = async () => {
    isDisposed = true
    if (running.size > 0) await runtime.runPromise(Fiber.interruptAll(running))
    await runtime.dispose()
  }

  return { run, iterate, dispose }
}
