/**
 * Chat messages, and the prompt text made from them for services that take one string.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Schema from "effect/Schema"
import * as Str from "effect/String"

/**
 * A part of a message's content. What it has besides `text` is kept, and says nothing in a text prompt.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ContentPart = Schema.Struct(
  {
    type: Schema.optional(Schema.String),
    text: Schema.optional(Schema.String),
    name: Schema.optional(Schema.String)
  },
  { key: Schema.String, value: Schema.Unknown }
).annotations({ title: "a content part" })

/**
 * A part of a message's content.
 *
 * @since 0.1.0
 * @category models
 */
export type ContentPart = typeof ContentPart.Type

/**
 * A call of a tool that the model asked for, as `Output.ToolCall` tells it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolCall = Schema.Struct({ id: Schema.String, name: Schema.String, params: Schema.Unknown })

/**
 * A call of a tool that the model asked for.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolCall = typeof ToolCall.Type

/**
 * A turn of a conversation. `role` is usually `system`, `user`, `assistant` or `tool`. What it says of tools is for
 * providers that have them, and says nothing in a text prompt.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Struct({
  role: Schema.String,
  content: Schema.NullOr(Schema.Union(Schema.String, ContentPart, Schema.Array(ContentPart))),
  /** Who speaks, where several have the same role. */
  name: Schema.optional(Schema.String),
  /** The calls of tools that a turn of the assistant asked for. */
  toolCalls: Schema.optional(Schema.Array(ToolCall)),
  /** The call that a turn of a tool answers. */
  toolCallId: Schema.optional(Schema.String)
}).annotations({ identifier: "Message" })

/**
 * A turn of a conversation.
 *
 * @since 0.1.0
 * @category models
 */
export type Message = typeof Message.Type

/**
 * Gives the text of a message's content: its parts' texts joined without separator. No content is no text.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toText = (content: Message["content"]): string =>
  content === null
    ? ""
    : typeof content === "string"
    ? content
    : Arr.ensure(content).map((part) => part.text ?? "").join("")

/**
 * What to change about the prompt `formatPrompt` makes.
 *
 * @since 0.1.0
 * @category models
 */
export interface FormatPromptOptions {
  /** Label the role also when there is only one message, which is otherwise given as it is. */
  readonly addRoleLabels?: boolean | undefined
  /** Let the model go on with the last message, instead of asking for an assistant's turn. */
  readonly continue?: boolean | undefined
  /** Whether system messages are part of the prompt; they are, unless `false`. */
  readonly includeSystem?: boolean | undefined
}

const isSystem = (message: Message): boolean => message.role === "system" || message.role === "developer"

/**
 * Makes one prompt of a conversation: a line `Role: text` for each message that is not blank, then `Assistant:`.
 *
 * A single message is given as it is, whatever its role, and no message at all gives an empty prompt.
 *
 * @example
 * ```ts
 * import * as Message from "effect-providers/Message"
 *
 * const prompt: string = Message.formatPrompt([
 *   { role: "system", content: "Answer in rhymes" },
 *   { role: "user", content: "What is a llama?" }
 * ])
 * // System: Answer in rhymes
 * // User: What is a llama?
 * // Assistant:
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const formatPrompt = (messages: ReadonlyArray<Message>, options?: FormatPromptOptions): string => {
  const [first] = messages
  if (messages.length <= 1 && options?.addRoleLabels !== true) return first === undefined ? "" : toText(first.content)
  const lines = messages
    .filter((message) => options?.includeSystem !== false || !isSystem(message))
    .map((message) => ({ role: Str.capitalize(message.role.toLowerCase()), text: toText(message.content) }))
    .filter((line) => line.text.trim() !== "")
    .map((line) => `${line.role}: ${line.text}`)
    .join("\n")
  return options?.continue === true ? lines : `${lines}\nAssistant:`
}

/**
 * Makes a prompt of at most `maxLength` characters (UTF-16 units) by leaving out the middle of the conversation, then
 * everything but the system messages and the last one. The last message alone is given as it is, however long.
 *
 * @since 0.1.0
 * @category combinators
 */
export const formatPromptMaxLength = (messages: ReadonlyArray<Message>, maxLength: number): string => {
  const last = messages.length - 1
  const shortened = [
    messages,
    messages.length > 6 ? [...messages.slice(0, 3), ...messages.slice(-3)] : messages,
    messages.length > 2 ? messages.filter((message, i) => i === last || isSystem(message)) : messages
  ]
  return shortened.map((some) => formatPrompt(some)).find((prompt) => prompt.length <= maxLength) ??
    toText(messages[last]?.content ?? null)
}

/**
 * Gives the text of all system messages, a line each, for services that take it apart from the conversation.
 *
 * @since 0.1.0
 * @category combinators
 */
export const systemPrompt = (messages: ReadonlyArray<Message>): string =>
  messages.filter(isSystem).map((message) => toText(message.content)).join("\n")

/**
 * Gives what the user said last: the user's messages since the one before answered, trimmed, a line each. What came
 * after the user is left out.
 *
 * @since 0.1.0
 * @category combinators
 */
export const lastUserMessage = (messages: ReadonlyArray<Message>): string => {
  const latestFirst = Arr.dropWhile(Arr.reverse(messages), (message) => message.role !== "user")
  return Arr.reverse(Arr.takeWhile(latestFirst, (message) => message.role === "user"))
    .map((message) => toText(message.content).trim())
    .filter(Str.isNonEmpty)
    .join("\n")
}

/**
 * Gives the prompt for an image, sound or video: `prompt` when there is one, else what the user said last.
 *
 * @since 0.1.0
 * @category combinators
 */
export const mediaPrompt = (messages: ReadonlyArray<Message>, prompt?: string | undefined): string =>
  prompt ?? lastUserMessage(messages)
