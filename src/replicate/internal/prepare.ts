import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InvalidRequest, Issue, ModelNotFound, type ResponseError } from "../../ProviderError.js"
import * as ModelRef from "../ModelRef.js"
import type { CreateOptions, Input } from "../PredictionOptions.js"
import type { Service } from "../ReplicateClient.js"
import { provider } from "./http.js"

const invalid = (field: string, message: string) =>
  new InvalidRequest({ provider, issues: [new Issue({ field, message })] })

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
  least: number,
  most: number
): Effect.Effect<number, InvalidRequest> => {
  const seconds = Math.ceil(Duration.toSeconds(input))
  return Number.isFinite(seconds) && seconds >= least && seconds <= most
    ? Effect.succeed(seconds)
    : Effect.fail(invalid(field, most === Infinity ? `at least ${least} seconds` : `${least} to ${most} seconds`))
}

/**
 * Checks what a prediction is created with, before any I/O, and gives the call that creates it.
 *
 * @internal
 */
export const prepare = Effect.fnUntraced(function*(
  client: Service,
  model: string,
  input: Input,
  options: CreateOptions & { readonly stream?: boolean | undefined }
) {
  const ref = yield* Effect.mapError(ModelRef.parse(model), (reason) => invalid("model", reason))
  const webhook = options.webhook === undefined ? undefined : String(options.webhook)
  if (webhook !== undefined && !isHttpUrl(webhook)) return yield* invalid("webhook", "expected an http or https URL")
  const headers = {
    ...(options.wait === undefined ? {} : { prefer: `wait=${yield* wholeSeconds("wait", options.wait, 1, 60)}` }),
    ...(options.cancelAfter === undefined
      ? {}
      : { "cancel-after": `${yield* wholeSeconds("cancelAfter", options.cancelAfter, 5, Infinity)}s` })
  }
  const { webhookEventsFilter: filter } = options
  const payload = {
    input,
    ...(options.stream === undefined ? {} : { stream: options.stream }),
    ...(webhook === undefined ? {} : { webhook }),
    // what an empty list means to the API is not documented
    ...(filter === undefined || filter.length === 0 ? {} : { webhook_events_filter: filter })
  }
  if (ref._tag === "Version") {
    return client.api.predictions.create({ headers, payload: { ...payload, version: ModelRef.format(ref) } })
  }
  return Effect.catchTag(
    client.api.models.predict({ path: { model_owner: ref.owner, model_name: ref.name }, headers, payload }),
    "ResponseError",
    (error) =>
      Effect.fail(
        error.status === 404
          ? new ModelNotFound({ ...callOf(error), model, known: [] })
          : error
      )
  )
})
