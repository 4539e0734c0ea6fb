/**
 * A provider that plays a script: for tests of programs that use `Provider`.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as ModelCatalog from "../ModelCatalog.js"
import * as Output from "../Output.js"
import * as Parameters from "../Parameters.js"
import * as Provider from "../Provider.js"
import { isProviderError, type ProviderError } from "../ProviderError.js"

/**
 * A pause in a script, on Effect's Clock: under `TestClock` it passes when the test says so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delay {
  readonly _tag: "Delay"
  readonly duration: Duration.DurationInput
}

/**
 * One step of a script: a text delta, any other output, a pause, or the error that ends it.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = string | Output.Output | Delay | ProviderError

/**
 * What the provider plays: the same steps for each request, or steps made from the request and its number, from 0. A
 * script that is played to its end, and has no `Finish` of its own, ends with one for the reason `stop`.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = ReadonlyArray<Step> | ((request: Provider.Resolved, n: number) => ReadonlyArray<Step>)

/**
 * What may differ from a provider called `Mock` that takes any model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly info?: Partial<Provider.Info> | undefined
  readonly catalog?: ModelCatalog.ModelCatalog | undefined
  readonly clocks?: Provider.MakeOptions["clocks"]
}

/**
 * What reached the mock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The requests, in order, with their models resolved. */
  readonly requests: Effect.Effect<ReadonlyArray<Provider.Resolved>>
}

/**
 * What reached the mock.
 *
 * @since 0.1.0
 * @category context
 */
export class MockProvider extends Context.Tag("effect-providers/testing/MockProvider")<MockProvider, Service>() {}

/**
 * Makes a pause for a script.
 *
 * @example
 * ```ts
 * import { MockProvider } from "effect-providers/testing"
 *
 * const slow = MockProvider.layer(["Hel", MockProvider.delay("1 second"), "lo"])
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const delay = (duration: Duration.DurationInput): Delay => ({ _tag: "Delay", duration })

const finish: Output.Output = { _tag: "Finish", reason: "stop" }

const isFinish = (step: Step): boolean => typeof step !== "string" && step._tag === "Finish"

const withFinish = (steps: ReadonlyArray<Step>) => steps.some(isFinish) ? steps : [...steps, finish]

/** Outputs up to the next pause or error go out as one chunk, as they would from a socket. */
const play = (steps: ReadonlyArray<Step>): Stream.Stream<Output.Output, ProviderError> =>
  Stream.unfoldChunkEffect(0, (start) =>
    Effect.gen(function*() {
      const outputs: Array<Output.Output> = []
      let next = start
      for (; next < steps.length; next++) {
        const step = steps[next]
        if (step === undefined) continue
        if (typeof step === "string") outputs.push(Output.textDelta(step))
        else if (step._tag === "Delay" || isProviderError(step)) {
          if (outputs.length > 0) break
          if (step._tag !== "Delay") return yield* step
          yield* Effect.sleep(step.duration)
        } else outputs.push(step)
      }
      return outputs.length === 0 ? Option.none() : Option.some([Chunk.unsafeFromArray(outputs), next] as const)
    }))

/**
 * Makes the provider, and what tells which requests reached it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { MockProvider } from "effect-providers/testing"
 *
 * const mock = MockProvider.make((request, n) => n === 0 ? ["first"] : [`again: ${request.prompt ?? ""}`])
 * const answers = Effect.map(mock, ({ provider }) => provider.stream({ prompt: "Hi" }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  script: Script,
  options: Options = {}
): Effect.Effect<Service & { readonly provider: Provider.Service }> =>
  Effect.map(Ref.make<ReadonlyArray<Provider.Resolved>>([]), (log) => ({
    requests: Ref.get(log),
    provider: Provider.make({
      info: { name: "Mock", url: "https://mock.invalid", ...options.info },
      catalog: options.catalog ?? ModelCatalog.make({ default: "mock", text: ["mock"], mode: "lenient" }),
      parameters: Parameters.fromSchema(Provider.Request),
      clocks: options.clocks,
      run: (request) =>
        Stream.unwrap(Effect.map(
          Ref.modify(log, (requests) => [requests.length, [...requests, request]]),
          (n) => play(withFinish(typeof script === "function" ? script(request, n) : script))
        ))
    })
  }))

/**
 * Provides the provider, and `MockProvider` to look at the requests with.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Provider, ProviderError } from "effect-providers"
 * import { MockProvider } from "effect-providers/testing"
 *
 * const broken = MockProvider.layer([
 *   "Once upon",
 *   new ProviderError.RateLimited({ provider: "Mock" })
 * ])
 * const answer = Provider.text({ prompt: "A story" }).pipe(Effect.provide(broken))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (script: Script, options: Options = {}): Layer.Layer<Provider.Provider | MockProvider> =>
  Layer.effectContext(
    Effect.map(
      make(script, options),
      ({ provider, requests }) =>
        Context.make(Provider.Provider, provider).pipe(Context.add(MockProvider, { requests }))
    )
  )
