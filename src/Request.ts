/**
 * What a caller asks of a provider. Every field is optional: a provider ignores or refuses what it cannot honour, as
 * its `parameters` say, and options it has never heard of do no harm.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Message } from "./Message.js"

const DurationInput = Schema.declare(
  (u): u is Duration.DurationInput => Option.isSome(Duration.decodeUnknown(u)),
  {
    typeConstructor: { _tag: "effect/Duration" },
    title: "a duration: milliseconds, or text such as 30 seconds"
  }
)

const option = <A, I>(schema: Schema.Schema<A, I>, description: string, example?: A) =>
  Schema.optional(schema).annotations({ description, ...(example === undefined ? {} : { examples: [example] }) })

const Whole = Schema.Number.pipe(Schema.int({ title: "a whole number" }))
const Count = Whole.pipe(Schema.positive({ title: "at least 1" }))
const ApiKey = Schema.RedactedFromSelf(Schema.String).annotations({ title: "a key made by Redacted.make" })
const Rate = Schema.Number.pipe(Schema.finite({ title: "a finite number" }))

/**
 * The Schema of a request.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Request = Schema.Struct({
  model: option(Schema.String, "Model or alias; the provider's default when absent or empty"),
  messages: option(Schema.Array(Message), "The conversation, oldest turn first", [
    { role: "system", content: "" },
    { role: "user", content: "" }
  ]),
  prompt: option(Schema.String, "Prompt text sent as it is, instead of the one made from `messages`"),
  system: option(Schema.String, "System prompt, sent apart from the conversation or before it"),
  maxTokens: option(Count, "Most tokens to generate", 4096),
  temperature: option(Rate, "Randomness of the choice of tokens", 1),
  topP: option(Rate, "Share of probability the tokens are chosen from", 1),
  topK: option(Rate, "How many of the likeliest tokens are chosen from", 1),
  frequencyPenalty: option(Rate, "Penalty on tokens by how often they came up", 1),
  presencePenalty: option(Rate, "Penalty on tokens that came up at all", 1),
  stop: option(Schema.Union(Schema.Array(Schema.String), Schema.String), "Texts that end the answer", [
    "stop1",
    "stop2"
  ]),
  seed: option(Whole, "Seed of the model's random choices", 42),
  responseFormat: option(Schema.Struct({ type: Schema.String }), "Form of the answer", { type: "json_object" }),
  tools: option(Schema.Array(Schema.Unknown), "Tools the model may call", []),
  conversation: option(Schema.Unknown, "The `Conversation` output of an earlier answer, to go on with it", {
    _tag: "Conversation",
    provider: "Example",
    data: { id: "550e8400-e29b-11d4-a716-446655440000" }
  }),
  media: option(Schema.Array(Schema.Unknown), "Images or other files that belong to the last message", [
    ["data:image/jpeg;base64,...", "filename.jpg"]
  ]),
  width: option(Count, "Width of an image, in pixels", 1024),
  height: option(Count, "Height of an image, in pixels", 1024),
  aspectRatio: option(Schema.String, "Width to height of an image", "1:1"),
  n: option(Count, "How many images to make", 1),
  guidanceScale: option(Rate, "How closely an image follows the prompt"),
  numInferenceSteps: option(Count, "How many steps an image is made in"),
  negativePrompt: option(Schema.String, "What an image must not show"),
  apiKey: option(ApiKey, "Key for this call, instead of the layer's"),
  headers: option(
    Schema.Record({ key: Schema.String, value: Schema.String }),
    "Request headers, instead of the defaults"
  ),
  extra: option(Schema.Record({ key: Schema.String, value: Schema.Unknown }), "Model inputs, merged last"),
  timeout: option(
    DurationInput,
    "Total clock: the whole call, from start to end, with all attempts of a fallback; a bare number is milliseconds"
  ),
  idleTimeout: option(
    DurationInput,
    "Idle clock: the wait for the next output, in each attempt; a bare number is milliseconds"
  ),
  connectTimeout: option(
    DurationInput,
    "Connect clock: the wait for response headers, of each HTTP request; a bare number is milliseconds"
  )
})

/**
 * What a caller asks of a provider.
 *
 * @since 0.1.0
 * @category models
 */
export type Request = typeof Request.Type
