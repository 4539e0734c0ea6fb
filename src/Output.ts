/**
 * What a provider's stream carries: a tagged union, with plain constructors and the text forms of each member.
 *
 * Text deltas come by the hundred thousand, so the constructors validate nothing: `Output` is the codec for values
 * that cross a boundary.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as json from "./internal/filterJson.js"
import * as views from "./internal/outputViews.js"
import * as Message from "./Message.js"

/**
 * A piece of the answer's text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TextDelta = Schema.TaggedStruct("TextDelta", { text: Schema.String })

/**
 * A piece of the model's thinking, kept apart from the answer. `status` is a short note such as `Searching`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReasoningDelta = Schema.TaggedStruct("ReasoningDelta", {
  text: Schema.String,
  label: Schema.optional(Schema.String),
  status: Schema.optional(Schema.String)
})

/**
 * An image. `url` is an HTTP URL or a data URI; `alt` describes it; `preview` is the URL of a smaller one.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Image = Schema.TaggedStruct("Image", {
  url: Schema.String,
  alt: Schema.optional(Schema.String),
  preview: Schema.optional(Schema.String),
  mediaType: Schema.optional(Schema.String)
})

/**
 * A sound. `url` is an HTTP URL or a data URI; `transcript` is what is said in it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Audio = Schema.TaggedStruct("Audio", {
  url: Schema.String,
  transcript: Schema.optional(Schema.String),
  mediaType: Schema.optional(Schema.String)
})

/**
 * A video. `url` is an HTTP URL or a data URI.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Video = Schema.TaggedStruct("Video", { url: Schema.String, mediaType: Schema.optional(Schema.String) })

/**
 * Any other file. `url` is an HTTP URL or a data URI.
 *
 * @since 0.1.0
 * @category schemas
 */
export const File = Schema.TaggedStruct("File", {
  url: Schema.String,
  name: Schema.optional(Schema.String),
  mediaType: Schema.optional(Schema.String)
})

/**
 * A structured value, for models whose output is neither text nor a file.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Json = Schema.TaggedStruct("Json", { value: Schema.Unknown })

/**
 * The model asks for a tool to be called with `params`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolCall = Schema.TaggedStruct("ToolCall", Message.ToolCall.fields)

/**
 * What the call used. Tokens are counts; `seconds` is the time the model ran.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Usage = Schema.TaggedStruct("Usage", {
  inputTokens: Schema.optional(Schema.Number),
  outputTokens: Schema.optional(Schema.Number),
  totalTokens: Schema.optional(Schema.Number),
  seconds: Schema.optional(Schema.Number)
})

/**
 * The last output of every stream that ends well, with the reason why the model stopped. `id` is what the service calls
 * its answer, where it can be looked up again: a prediction of Replicate by `Prediction.get`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Finish = Schema.TaggedStruct("Finish", {
  reason: Schema.Literal("stop", "length", "content-filter", "tool-calls", "unknown"),
  id: Schema.optional(Schema.String)
})

/**
 * The first output of every stream: which provider and which model answer.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ProviderInfo = Schema.TaggedStruct("ProviderInfo", {
  name: Schema.String,
  url: Schema.optional(Schema.String),
  label: Schema.optional(Schema.String),
  model: Schema.optional(Schema.String)
})

/**
 * A person has to log in at `url` before the call can go on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LoginRequest = Schema.TaggedStruct("LoginRequest", { label: Schema.String, url: Schema.String })

/**
 * State that a later request of the same conversation hands back to the provider.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Conversation = Schema.TaggedStruct("Conversation", { provider: Schema.String, data: Schema.Unknown })

/**
 * Pages the answer is based on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Sources = Schema.TaggedStruct("Sources", {
  sources: Schema.Array(Schema.Struct({ url: Schema.String, title: Schema.optional(Schema.String) }))
})

/**
 * A title for the conversation.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Title = Schema.TaggedStruct("Title", { title: Schema.String })

/**
 * Questions a user may want to ask next.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Suggestions = Schema.TaggedStruct("Suggestions", { suggestions: Schema.Array(Schema.String) })

/**
 * A line for whoever watches the call, not part of the answer: a model's log, or why a fallback moved on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Log = Schema.TaggedStruct("Log", { text: Schema.String })

/**
 * An early version of what is to come, to be replaced by it. `url` is an HTTP URL or a data URI.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Preview = Schema.TaggedStruct("Preview", { url: Schema.String, alt: Schema.optional(Schema.String) })

/**
 * Everything a provider's stream can carry.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Output = Schema.Union(
  TextDelta,
  ReasoningDelta,
  Image,
  Audio,
  Video,
  File,
  Json,
  ToolCall,
  Usage,
  Finish,
  ProviderInfo,
  LoginRequest,
  Conversation,
  Sources,
  Title,
  Suggestions,
  Log,
  Preview
)

/**
 * Everything a provider's stream can carry.
 *
 * @since 0.1.0
 * @category models
 */
export type Output = typeof Output.Type

/**
 * One member of `Output` by its tag: `Output.Of<"Image">`.
 *
 * @since 0.1.0
 * @category models
 */
export type Of<Tag extends Output["_tag"]> = Extract<Output, { readonly _tag: Tag }>

/**
 * Makes a `TextDelta` without validating it, for hot paths.
 *
 * @example
 * ```ts
 * import * as Output from "effect-providers/Output"
 *
 * const output: Output.Output = Output.textDelta("Hello")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const textDelta = (text: string): Of<"TextDelta"> => ({ _tag: "TextDelta", text })

/**
 * Keeps the text of a stream: the `TextDelta`s, as strings. Works on whole chunks.
 *
 * @since 0.1.0
 * @category combinators
 */
export const text = <E, R>(self: Stream.Stream<Output, E, R>): Stream.Stream<string, E, R> =>
  Stream.mapChunks(
    self,
    Chunk.filterMap((output) => output._tag === "TextDelta" ? Option.some(output.text) : Option.none())
  )

/**
 * Shows an output to a reader of plain text: the answer and the reasoning; the URLs of files, a data URI cut short;
 * what a sound says; the sources. Everything that is for programs, or for a page to show elsewhere, is empty.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toText: (output: Output) => string = views.toText

/**
 * Shows an output in markdown: images that link to themselves, players for sound and video, links. Words and URLs
 * beside the answer's text are escaped, and only HTTP URLs, and data URIs of the right media, are loaded or linked to.
 *
 * A `Preview` is shown too: leave it out once the image it stands for has come.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toMarkdown: (output: Output) => string = views.toMarkdown

/**
 * Takes the JSON out of a text that wraps it: the content of its first fenced block that is labelled `json` or not at
 * all, else the whole text, trimmed. For services without a JSON mode.
 *
 * @since 0.1.0
 * @category combinators
 */
export const filterJson: (text: string) => string = json.filterJson
