/**
 * Several providers as one: when one fails, the next one answers.
 *
 * An answer is never mixed of two. Once a provider has given content (text, reasoning, media, JSON, a tool call) its
 * failure is the call's; before that, any failure, and an answer without content, moves on to the next provider.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Failure from "./http/Failure.js"
import * as Retry from "./http/Retry.js"
import { withClocks } from "./internal/clocks.js"
import { attempt, type Failed } from "./internal/fallbackAttempt.js"
import { describe, without } from "./internal/fallbackMembers.js"
import * as FallbackOptions from "./internal/fallbackOptions.js"
import * as Requests from "./internal/fallbackRequests.js"
import * as Rotation from "./internal/rotation.js"
import { cleaner } from "./internal/scrub.js"
import { isPresent } from "./internal/token.js"
import * as Output from "./Output.js"
import * as Provider from "./Provider.js"
import { AllProvidersFailed, InvalidRequest, isRetryable, Issue, type ProviderError, Timeout } from "./ProviderError.js"

/**
 * How several providers make one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Name of the whole. Default `Fallback`. */
  readonly name?: string | undefined
  /**
   * `given`, the default; `shuffled` anew for each call; or `rotating`: shuffled once, each call goes on behind the
   * provider that was tried last. Chance is Effect's `Random`.
   */
  readonly order?: "given" | "shuffled" | "rotating" | undefined
  /** Names of providers to leave out, also from a fallback among them. */
  readonly ignored?: ReadonlyArray<string> | undefined
  /** Leaves out providers whose outputs come only once the model is done, also from a fallback among them. */
  readonly onlyStreaming?: boolean | undefined
  /**
   * When to try a provider again before moving on. Only an error that `isRetryable` and came before content is tried
   * again; the provider then fails with its last error, which tells the number of attempts.
   */
  readonly retries?: Schedule.Schedule<unknown, ProviderError> | undefined
  /**
   * Fields of the request for one provider, by its name, such as its model or its key; also for a member of a fallback
   * among the providers, whose own settings come before these. They replace those of the request; a blank key is
   * none. A key serves also the providers that take one and whose `parent` has that name.
   */
  readonly settings?: Readonly<Record<string, Provider.Request>> | undefined
}

/**
 * A provider made of several.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends Provider.Service {
  readonly members: ReadonlyArray<Provider.Service>
  /**
   * By the name of each provider: the number of its complete answers less that of its failures. An attempt that was
   * stopped, by the consumer or by the total clock of the call, is neither.
   */
  readonly health: Effect.Effect<ReadonlyMap<string, number>>
}

/**
 * The provider made of several, as `layer` provides it beside `Provider`: for its members and their health.
 *
 * @since 0.1.0
 * @category context
 */
export class Fallback extends Context.Tag("effect-providers/Fallback")<Fallback, Service>() {}

const introduction = (info: Provider.Info, model: string | undefined): Output.Of<"ProviderInfo"> => ({
  _tag: "ProviderInfo",
  name: info.name,
  url: info.url,
  label: info.label,
  model
})

/**
 * Tries again for as long as the schedule says. The attempts follow one another, and none is within the one before: it
 * would cost the more, the more there were.
 */
const retrying = (
  stream: Stream.Stream<Output.Output, Failed>,
  schedule: Schedule.Schedule<unknown, ProviderError>
): Stream.Stream<Output.Output, Failed> =>
  Stream.unwrap(Effect.map(Schedule.driver(schedule), (driver) => {
    let attempts = 0
    let failed: Failed | undefined

    const once = Stream.catchAll(stream, (failure) => {
      failed = failure
      return Stream.empty
    })
    const attempt = Effect.sync(() => {
      attempts++
      failed = undefined
      return once
    })
    const again = ({ afterContent, error }: Failed) => {
      const giveUp = Option.some({ afterContent, error: Retry.withAttempts(error, attempts) })
      return afterContent || !isRetryable(error)
        ? Effect.fail(giveUp)
        : Effect.zipRight(Effect.mapError(driver.next(error), () => giveUp), attempt)
    }
    const next = Effect.suspend(() =>
      failed !== undefined ? again(failed) : attempts === 0 ? attempt : Effect.fail(Option.none<Failed>())
    )
    return Stream.flatten(Stream.repeatEffectOption(next))
  }))

/**
 * Makes one provider of several.
 *
 * The outputs of each attempt begin with its `ProviderInfo`. Until content comes, only `Log` and `LoginRequest` follow;
 * the rest is held back, and dropped with an answer that fails. A `Log` tells each failure that was not the last word.
 *
 * When no provider gave content the call fails with `AllProvidersFailed`, also when there was only one, or none. A
 * request that is malformed is no provider's failure: it is an `InvalidRequest` at once, and so is each call when the
 * options name a provider there is not. What a single provider refuses, another may take.
 *
 * The model is resolved by each provider. The `timeout` of a request is for the whole, pauses between tries included:
 * when it runs out the call fails with `Timeout`, and nobody else is asked. The other clocks, and what the providers
 * have for a total clock of their own if the request sets none, run for each attempt.
 *
 * A `Conversation` goes back only to the provider it came from. An `apiKey` goes to the one service that needs a key,
 * or, if none does, that takes one, and to all its providers: where there are several such services, `settings` have
 * to tell whose it is. Other fields, `headers` among them, go to all. In a fallback within this one that holds for
 * each of its members.
 *
 * @example
 * ```ts
 * import * as Fallback from "effect-providers/Fallback"
 * import type * as Provider from "effect-providers/Provider"
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 *
 * const answer = (first: Provider.Service, second: Provider.Service) =>
 *   Fallback.make([first, second], { retries: Schedule.recurs(2) }).pipe(
 *     Effect.map((provider) => provider.stream({ prompt: "Hi" }))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  providers: ReadonlyArray<Provider.Service>,
  options: Options = {}
): Effect.Effect<Service> =>
  Effect.gen(function*() {
    const { name = "Fallback", order = "given", retries } = options
    const issues = FallbackOptions.issues(providers, options)
    const leavesOut = FallbackOptions.leavesOut(options)
    const known = describe(name, without(providers, leavesOut))
    const { members } = known
    const keyOwners = Requests.keyOwners(members)
    const settings = Object.entries(options.settings ?? {})
    const calls = yield* Rotation.make(members, order)
    const health = yield* Ref.make<ReadonlyMap<string, number>>(new Map(members.map(({ info }) => [info.name, 0])))
    const count = (provider: string, by: number) =>
      Ref.update(health, (counts) => new Map(counts).set(provider, (counts.get(provider) ?? 0) + by))

    const ask = (provider: Provider.Service, common: Provider.Request, inheritance: Requests.Inheritance) => {
      const { info } = provider
      const { given } = inheritance
      const request = Requests.tailor(common, provider, given)
      const answer = Stream.provideService(
        provider.stream(request),
        Requests.Inherited,
        provider.members === undefined ? Requests.nothing : inheritance
      )
      const once = attempt(introduction(info, request.model), answer, cleaner(Requests.secretsOf(given))).pipe(
        Stream.onEnd(count(info.name, 1)),
        Stream.tapError(() => count(info.name, -1))
      )
      return retries === undefined ? once : retrying(once, retries)
    }

    const next = (
      turns: Rotation.Turns<Provider.Service>,
      ask: (provider: Provider.Service) => Stream.Stream<Output.Output, Failed>,
      failures: AllProvidersFailed["failures"]
    ): Stream.Stream<Output.Output, ProviderError> =>
      Stream.unwrap(Effect.map(
        turns,
        Option.match({
          onNone: () => Stream.fail(new AllProvidersFailed({ failures })),
          onSome: (provider) =>
            Stream.catchAll(ask(provider), ({ afterContent, error }) =>
              afterContent
                ? Stream.fail(error)
                : next(turns, ask, [...failures, { provider: provider.info.name, error }]))
        })
      ))

    const open = Effect.fnUntraced(function*(unchecked: Provider.Request) {
      if (issues.length > 0) return yield* new InvalidRequest({ provider: name, issues })
      const request = yield* Effect.mapError(
        decodeRequest(unchecked),
        (error) => Failure.invalidRequest(name, error)
      )
      if (isPresent(request.apiKey) && keyOwners.length > 1) {
        const message = `give it in the settings of one provider: ${keyOwners.join(", ")}`
        return yield* new InvalidRequest({ provider: name, issues: [new Issue({ field: "apiKey", message })] })
      }
      const total = request.timeout === undefined ? undefined : Duration.decode(request.timeout)
      const { common, own } = Requests.divide(request, keyOwners[0])
      const inherited = yield* Requests.Inherited
      const inheritance: Requests.Inheritance = {
        given: Requests.unite(inherited.given, own, settings),
        leavesOut: (provider) => leavesOut(provider) || inherited.leavesOut(provider)
      }
      const turns = Effect.repeat(yield* calls, { until: (turn) => !Option.exists(turn, inherited.leavesOut) })
      const answers = next(turns, (provider) => ask(provider, common, inheritance), [])
      return withClocks(answers, { total }, (clock, duration, doubt) =>
        new Timeout({ provider: name, clock, duration, ...doubt }))
    })

    return {
      ...known,
      health: Ref.get(health),
      stream: (request) =>
        Stream.unwrap(open(request))
    }
  })

const decodeRequest = Schema.decodeUnknown(Provider.Request, { errors: "all" })

/**
 * What a fallback is made of: a provider, or a layer that provides one.
 *
 * @since 0.1.0
 * @category models
 */
export type Member = Provider.Service | Layer.Layer<Provider.Provider, unknown, unknown>

type LayerError<M> = M extends Layer.Layer<never, infer E, infer _R> ? E : never
type LayerContext<M> = M extends Layer.Layer<never, infer _E, infer R> ? R : never

/**
 * Provides one provider made of several, and it as a `Fallback`, which knows how they fare.
 *
 * @example
 * ```ts
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import * as Fallback from "effect-providers/Fallback"
 * import * as Replicate from "effect-providers/providers/Replicate"
 * import * as ReplicateHome from "effect-providers/providers/ReplicateHome"
 * import * as Layer from "effect/Layer"
 *
 * const live = Fallback.layer([Replicate.layerConfig(), ReplicateHome.layer()]).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <M extends Member>(
  members: ReadonlyArray<M>,
  options: Options = {}
): Layer.Layer<Provider.Provider | Fallback, LayerError<M>, LayerContext<M>> => {
  type Given = Provider.Service | Layer.Layer<Provider.Provider, LayerError<M>, LayerContext<M>>
  // what each layer needs and fails with is among what all do, which the compiler does not see of a type parameter
  const given = members as ReadonlyArray<Given>
  return Layer.scopedContext(
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      // what members have in common is built once, as it is when layers are merged
      const memo = yield* Layer.makeMemoMap
      const providers = yield* Effect.forEach(given, (member) =>
        "info" in member
          ? Effect.succeed(member)
          : Effect.map(
            Layer.buildWithMemoMap(member, memo, scope),
            (context) => Context.get(context, Provider.Provider)
          ))
      const fallback = yield* make(providers, options)
      return Context.make(Provider.Provider, fallback).pipe(Context.add(Fallback, fallback))
    })
  )
}
