import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type InvalidRequest, ModelNotFound, type ProviderError, type ResponseError } from "../../ProviderError.js"
import * as ModelRef from "../ModelRef.js"
import type { CreateOptions, Input, StreamOptions } from "../PredictionOptions.js"
import type { Service } from "../ReplicateClient.js"
import { WebhookEvent } from "../schemas/Prediction.js"
import { inputFiles } from "./inputFiles.js"
import { durationOf, invalid } from "./invalid.js"

const isHttpUrl = (url: string) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const callOf = ({ attempts, detail, method, provider, status, url }: ResponseError) => ({
  attempts,
  detail,
  method,
  provider,
  status,
  url
})

/** Whole seconds, rounded up, within bounds. */
const wholeSeconds = (
  field: string,
  input: Duration.DurationInput,
  [least, most]: readonly [number, number],
  expected: string
): Effect.Effect<number, InvalidRequest> =>
  Effect.flatMap(durationOf(field, input), (duration) => {
    const seconds = Math.ceil(Duration.toSeconds(duration))
    return seconds >= least && seconds <= most ? Effect.succeed(seconds) : Effect.fail(invalid(field, expected))
  })

/** Replicate documents no longest deadline. More than this is no deadline, and soon no number that a header can carry. */
const longestDeadline = Duration.toSeconds("365 days")

const refOf = (field: string, ref: ModelRef.Input): Effect.Effect<ModelRef.ModelRef, InvalidRequest> =>
  Effect.mapError(ModelRef.decode(ref), (reason) => invalid(field, reason))

type Hooks = Pick<CreateOptions, "webhook" | "webhookEventsFilter">

const areEvents = Schema.is(Schema.Array(WebhookEvent))

const hooksOf = Effect.fnUntraced(function*({ webhook, webhookEventsFilter: filter }: Hooks) {
  const url = webhook === undefined ? undefined : String(webhook)
  if (url !== undefined && !isHttpUrl(url)) return yield* invalid("webhook", "expected an http or https URL")
  // the request would be refused as well, but only after its files were uploaded
  if (filter !== undefined && !areEvents(filter)) {
    return yield* invalid("webhookEventsFilter", `expected a list of ${WebhookEvent.literals.join(", ")}`)
  }
  return {
    ...(url === undefined ? {} : { webhook: url }),
    // what an empty list means to the API is not documented
    ...(filter === undefined || filter.length === 0 ? {} : { webhook_events_filter: filter })
  }
})

const deadlineOf = (cancelAfter: Duration.DurationInput) =>
  wholeSeconds(
    "cancelAfter",
    cancelAfter,
    [5, longestDeadline],
    "expected 5 seconds to 365 days; leave it out for no deadline"
  )

const headersOf = Effect.fnUntraced(function*({ cancelAfter, wait }: CreateOptions) {
  return {
    ...(wait === undefined
      ? {}
      : { prefer: `wait=${yield* wholeSeconds("wait", wait, [1, 60], "expected 1 to 60 seconds")}` }),
    ...(cancelAfter === undefined ? {} : { "cancel-after": `${yield* deadlineOf(cancelAfter)}s` })
  }
})

const ways: ReadonlyArray<unknown> = ["fail", "refuse", "poll"] satisfies ReadonlyArray<StreamOptions["unstreamable"]>

/** How the call that is prepared goes on. */
interface StreamingOptions extends CreateOptions, Pick<StreamOptions, "unstreamable"> {
  readonly stream?: boolean | undefined
}

/** The API finds only official models by their names. */
const versionHint = "only official models run without a version: give owner/name:version, or latestVersion: true"

const notFound = (model: ModelRef.Input, error: ResponseError, hint: string | undefined): ModelNotFound => {
  const said = error.detail?.replace(/[.\s]+$/, "")
  const detail = said === undefined || hint === undefined ? said ?? hint : `${said}; ${hint}`
  return new ModelNotFound({ ...callOf(error), detail, model: ModelRef.format(model), known: [] })
}

/** What the API does not find by its name is a model that is not there. */
const orNotFound = (model: ModelRef.Input, hint?: string) => <A>(self: Effect.Effect<A, ProviderError>) =>
  Effect.catchTag(
    self,
    "ResponseError",
    (error) => Effect.fail(error.status === 404 ? notFound(model, error, hint) : error)
  )

/**
 * Checks what a prediction is created with, before any I/O, uploads the files in it, and gives the call that creates it.
 *
 * @internal
 */
export const prepare = Effect.fnUntraced(function*(
  client: Service,
  model: ModelRef.Input,
  input: Input,
  options: StreamingOptions
) {
  const given = yield* refOf("model", model)
  // another word would count as one of these, and what was to be refused would be paid for
  if (!ways.includes(options.unstreamable ?? "fail")) {
    return yield* invalid("unstreamable", "expected fail, refuse or poll")
  }
  const headers = yield* headersOf(options)
  const hooks = yield* hooksOf(options)
  const files = yield* inputFiles(client, input)
  const isLatest = given._tag === "Model" && (options.latestVersion ?? client.config.latestVersion)
  const ref = isLatest ? yield* orNotFound(model)(client.latestVersion(given)) : given
  const payload = { input: yield* files, ...hooks, ...(options.stream === undefined ? {} : { stream: options.stream }) }

  switch (ref._tag) {
    case "Version":
      return client.api.predictions.create({ headers, payload: { ...payload, version: ModelRef.format(ref) } })
    case "Model": {
      const path = { model_owner: ref.owner, model_name: ref.name }
      return orNotFound(model, isLatest ? undefined : versionHint)(
        client.api.models.predict({ path, headers, payload })
      )
    }
    case "Deployment": {
      const path = { deployment_owner: ref.owner, deployment_name: ref.name }
      return orNotFound(model)(client.api.deployments.predict({ path, headers, payload }))
    }
  }
})

/** What a reference lacks to be trained, by its kind. */
const untrainable = {
  Model: "the version is missing",
  Version: "the owner and the name are missing",
  Deployment: "not a deployment"
}

/**
 * Checks what a training is created with, before any I/O, uploads the files in it, and gives the call that creates it.
 *
 * @internal
 */
export const prepareTraining = Effect.fnUntraced(function*(
  client: Service,
  version: ModelRef.Input,
  request: { readonly destination: ModelRef.Input; readonly input: Input },
  options: Hooks
) {
  const ref = yield* refOf("version", version)
  if (ref._tag !== "Version" || ref.owner === undefined || ref.name === undefined) {
    return yield* invalid("version", `expected owner/name:version, ${untrainable[ref._tag]}`)
  }
  const destination = yield* refOf("destination", request.destination)
  if (destination._tag !== "Model") {
    return yield* invalid("destination", "expected owner/name, the model that gets the trained version")
  }
  const hooks = yield* hooksOf(options)
  const input = yield* Effect.flatten(inputFiles(client, request.input))
  return client.api.trainings.create({
    path: { model_owner: ref.owner, model_name: ref.name, version_id: ref.version },
    payload: { destination: ModelRef.format(destination), input, ...hooks }
  })
})
