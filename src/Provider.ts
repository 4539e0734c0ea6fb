/**
 * The contract every provider keeps: a request goes in, a stream of typed outputs comes out, and what can go wrong is
 * in the type.
 *
 * Swapping the provider is swapping the layer that provides `Provider`.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type * as Tracer from "effect/Tracer"
import * as Failure from "./http/Failure.js"
import { toStream } from "./internal/answer.js"
import { withClocks } from "./internal/clocks.js"
import { durationOf } from "./internal/durationOf.js"
import { framed } from "./internal/frame.js"
import * as Pull from "./internal/pull.js"
import { enforce } from "./internal/textLimits.js"
import { fromThrown } from "./internal/thrown.js"
import type { Doubt } from "./internal/underway.js"
import * as ModelCatalog from "./ModelCatalog.js"
import * as Output from "./Output.js"
import * as Parameters from "./Parameters.js"
import { InvalidRequest, Issue, type ProviderError, Timeout } from "./ProviderError.js"
import { Request } from "./Request.js"

export {
  /**
   * What a caller asks of a provider.
   *
   * @since 0.1.0
   * @category models
   */
  Request
} from "./Request.js"

/**
 * What is known of a provider without calling it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  readonly name: string
  /** Page of the service. */
  readonly url: string
  /** Name to show to people, when it differs from `name`. */
  readonly label?: string | undefined
  /** Page where a user gets credentials. */
  readonly loginUrl?: string | undefined
  /** Whether the service is known to answer today. */
  readonly working: boolean
  readonly needsAuth: boolean
  /** Whether outputs arrive while the model still works. */
  readonly supportsStream: boolean
  /** Whether the service takes system messages as such; otherwise they become part of the prompt. */
  readonly supportsSystemMessage: boolean
  /** Whether the service takes a conversation as such; otherwise it becomes one prompt. */
  readonly supportsMessageHistory: boolean
  /** Provider whose credentials this one shares. */
  readonly parent?: string | undefined
}

/**
 * A provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly info: Info
  readonly catalog: ModelCatalog.ModelCatalog
  /** What the provider accepts; everything else in a request is ignored. */
  readonly parameters: ReadonlyArray<Parameters.Parameter>
  /** Whether it was made to be called although it is known not to work; `ProviderRegistry.resolve` heeds it. */
  readonly ignoreWorking?: boolean | undefined
  /** The providers it is made of, when it is several as one. */
  readonly members?: ReadonlyArray<Service> | undefined
  /**
   * Runs a request. The first output is `ProviderInfo`; a stream that ends well ends with `Finish`. Ending the stream
   * early, or interrupting it, stops the work at the service.
   */
  readonly stream: (request: Request) => Stream.Stream<Output.Output, ProviderError>
}

/**
 * The provider in use.
 *
 * @since 0.1.0
 * @category context
 */
export class Provider extends Context.Tag("effect-providers/Provider")<Provider, Service>() {}

/**
 * Whether a call is made although its provider is known not to work (`info.working`). A provider that refuses such
 * calls asks here; `ProviderRegistry.resolve` sets it for what it was told to find all the same. Default `false`.
 *
 * @since 0.1.0
 * @category context
 */
export class IgnoreWorking extends Context.Reference<IgnoreWorking>()("effect-providers/Provider/IgnoreWorking", {
  defaultValue: () => false
}) {}

/**
 * Streams the outputs of a request, as they are produced.
 *
 * @since 0.1.0
 * @category combinators
 */
export const stream = (request: Request): Stream.Stream<Output.Output, ProviderError, Provider> =>
  Stream.unwrap(Effect.map(Provider, (provider) => provider.stream(request)))

/**
 * Runs a request and gives its text, whole: empty for an answer without one, such as an image, which `collect` gives.
 * Nothing is given when it fails on the way.
 *
 * @since 0.1.0
 * @category combinators
 */
export const text = (request: Request): Effect.Effect<string, ProviderError, Provider> =>
  Stream.mkString(Output.text(stream(request)))

/**
 * Runs a request and gives all its outputs.
 *
 * @since 0.1.0
 * @category combinators
 */
export const collect = (request: Request): Effect.Effect<ReadonlyArray<Output.Output>, ProviderError, Provider> =>
  Effect.suspend(() => {
    const outputs: Array<Output.Output> = []
    // not `Stream.runCollect`: `Chunk.appendAll`, which it uses, may lose chunks that are slices
    return Effect.as(
      Stream.runForEachChunk(stream(request), (chunk) =>
        Effect.sync(() => {
          for (const output of chunk) outputs.push(output)
        })),
      outputs
    )
  })

/**
 * A request that passed the checks: its model is resolved to the provider's own name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resolved extends Omit<Request, "model"> {
  readonly model: string
}

/**
 * What makes a provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface MakeOptions {
  readonly info: Pick<Info, "name" | "url"> & { readonly [K in keyof Info]?: Info[K] | undefined }
  readonly catalog: ModelCatalog.ModelCatalog
  /**
   * What `run` takes of a request. What is done for every provider (`model`, `maxTokens`, `stop`, `timeout` and
   * `idleTimeout`) is added; what else a request holds is ignored, and the debug log tells so.
   */
  readonly parameters: ReadonlyArray<Parameters.Parameter>
  /** Clocks used when the request sets none. An absent clock does not run. */
  readonly clocks?: {
    readonly idle?: Duration.DurationInput | undefined
    readonly total?: Duration.DurationInput | undefined
  } | undefined
  /**
   * Limits of a request that `run` or the service keeps itself. The others are enforced here: `stop` ends the text
   * before a stop text, `maxTokens` after as many text deltas, whatever a delta holds; then the work at the service is
   * stopped. `timeout` and `idleTimeout` run from the start. Default none.
   */
  readonly enforces?: ReadonlyArray<"stop" | "maxTokens" | "timeout" | "idleTimeout"> | undefined
  /** Whether it is to be called although it is known not to work, as the service then says. Default `false`. */
  readonly ignoreWorking?: boolean | undefined
  /** Answers a request: a stream of outputs, one text, or an async iterable of texts and outputs. */
  readonly run: (
    request: Resolved
  ) =>
    | Stream.Stream<Output.Output, ProviderError>
    | Effect.Effect<string, ProviderError>
    | AsyncIterable<string | Output.Output>
}

/** What `make` itself does for every provider. */
const always = ["model", "maxTokens", "stop", "timeout", "idleTimeout"] as const

/**
 * Makes a provider of a function that answers requests, so that a new provider is one file.
 *
 * The service made checks each request (`InvalidRequest`), resolves its model (`ModelNotFound`), says first who
 * answers (`ProviderInfo`), runs the idle and total clocks (`Timeout`), unless `enforces` has them, and ends with
 * `Finish`. Each stream has a span, `Provider.stream`, with the model and the tokens used under the names that
 * OpenTelemetry has for them.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ModelCatalog, Parameters, Provider } from "effect-providers"
 *
 * const echo: Provider.Service = Provider.make({
 *   info: { name: "Echo", url: "https://echo.example" },
 *   catalog: ModelCatalog.make({ default: "echo-1", text: ["echo-1"] }),
 *   parameters: Parameters.fromSchema(Provider.Request, { pick: ["prompt"] }),
 *   run: (request) => Effect.succeed(request.prompt ?? "")
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: MakeOptions): Service => {
  const info: Info = {
    ...options.info,
    working: options.info.working ?? true,
    needsAuth: options.info.needsAuth ?? false,
    supportsStream: options.info.supportsStream ?? true,
    supportsSystemMessage: options.info.supportsSystemMessage ?? false,
    supportsMessageHistory: options.info.supportsMessageHistory ?? false
  }
  const origin: Failure.Origin = { provider: info.name, loginUrl: info.loginUrl }
  const { enforces = [] } = options
  /** What a clock is set to: by the request, which was checked, or by those who made the provider. */
  const clock = (
    field: "idleTimeout" | "timeout",
    own: Duration.DurationInput | undefined,
    fallback: Duration.DurationInput | undefined
  ): Either.Either<Duration.Duration | undefined, InvalidRequest> => {
    const given = own ?? fallback
    return given === undefined || enforces.includes(field)
      ? Either.right(undefined)
      : durationOf(
        given,
        (message) => new InvalidRequest({ provider: info.name, issues: [new Issue({ field, message })] })
      )
  }
  const limits = { stop: !enforces.includes("stop"), maxTokens: !enforces.includes("maxTokens") }
  const timeout = (clock: "idle" | "total", duration: Duration.Duration, doubt: Doubt) =>
    new Timeout({ provider: info.name, clock, duration, ...doubt })

  const defaults = { timeout: options.clocks?.total, idleTimeout: options.clocks?.idle }
  const parameters = Arr.dedupeWith(
    [...options.parameters, ...Parameters.fromSchema(Request, { pick: always, defaults })],
    (a, b) => a.name === b.name
  )
  const accepted = new Set<string>(parameters.map(({ name }) => name))

  const onThrown = (thrown: unknown) =>
    fromThrown(info.name, thrown, (status) => Failure.fromPayload(origin, { status, body: undefined }))

  const open = Effect.fnUntraced(function*(unchecked: Request) {
    const request = yield* Effect.mapError(
      decodeRequest(unchecked),
      (error) => Failure.invalidRequest(info.name, error)
    )
    const idle = yield* clock("idleTimeout", request.idleTimeout, options.clocks?.idle)
    const total = yield* clock("timeout", request.timeout, options.clocks?.total)
    const model = yield* ModelCatalog.resolve(options.catalog, { provider: info.name, model: request.model })
    const answer = yield* Effect.try({
      try: () => options.run({ ...request, model }),
      catch: onThrown
    })
    const body = (span: Tracer.Span) => {
      const traced = Pull.withSpan(toStream(info.name, answer, onThrown), span)
      return enforce(withClocks(traced, { idle, total }, timeout), request, limits)
    }
    const { model: _, ...rest } = request
    const given = Struct.keys(rest).filter((name) => rest[name] !== undefined)
    return yield* framed(
      { _tag: "ProviderInfo", name: info.name, url: info.url, label: info.label, model },
      { given, ignored: given.filter((name) => !accepted.has(name)) },
      body
    )
  })

  return {
    info,
    catalog: options.catalog,
    parameters,
    ignoreWorking: options.ignoreWorking === true,
    stream: (request) => Pull.toStream(open(request))
  }
}

const decodeRequest = Schema.decodeUnknown(Request, { errors: "all" })
