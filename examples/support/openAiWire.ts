import { Option, Schema, String } from "effect"
import { type Message, Output, type Provider } from "effect-providers"

/** Options that the JSON has as they are, in snake case. */
const settings = ["maxTokens", "temperature", "topP", "stop", "seed", "responseFormat", "tools"] as const

const clocks = ["timeout", "idleTimeout", "connectTimeout"] as const

/** The options of a request that are honoured. */
export const taken = ["model", "messages", "prompt", "system", ...settings, "apiKey", ...clocks] as const

const turnOf = ({ content, name, role, toolCallId, toolCalls }: Message.Message) => ({
  role,
  content,
  name,
  tool_call_id: toolCallId,
  tool_calls: toolCalls?.map(({ id, name, params }) => {
    return { id, type: "function", function: { name, arguments: JSON.stringify(params) } }
  })
})

/** What OpenAI's chat completions are asked with. */
export const bodyOf = ({ messages = [], model, prompt, system, ...request }: Provider.Resolved) => ({
  model,
  messages: [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    ...(prompt === undefined ? messages.map(turnOf) : [{ role: "user", content: prompt }])
  ],
  ...Object.fromEntries(settings.map((name) => [String.camelToSnake(name), request[name]])),
  stream: true,
  stream_options: { include_usage: true }
})

const Text = Schema.NullishOr(Schema.String)
const Call = Schema.Struct({ index: Schema.Int, id: Text, function: Schema.Struct({ name: Text, arguments: Text }) })
const Delta = Schema.Struct({ content: Text, tool_calls: Schema.NullishOr(Schema.Array(Call)) })
const Choice = Schema.Struct({ delta: Delta, finish_reason: Text })
const Usage = Schema.Struct({ prompt_tokens: Schema.Int, completion_tokens: Schema.Int, total_tokens: Schema.Int })
const Piece = Schema.Struct({ choices: Schema.Array(Choice), usage: Schema.NullishOr(Usage) })

export const parse = Schema.decode(Schema.parseJson())

/** A piece of an answer, which is the data of one event. */
export const decodePiece = Schema.decodeUnknown(Piece)

const parsed = Schema.decodeOption(Schema.parseJson())

const reasons: Readonly<Record<string, Output.Of<"Finish">["reason"]>> = {
  stop: "stop",
  length: "length",
  content_filter: "content-filter",
  tool_calls: "tool-calls"
}

/** Makes a reader of the pieces of one answer. The arguments of a tool call come bit by bit, and are told at the end. */
export const makeReader = () => {
  const calls: Array<{ readonly id: string; readonly name: string; text: string }> = []

  const outputsOf = ({ delta, finish_reason }: typeof Choice.Type): ReadonlyArray<Output.Output> => {
    for (const { function: called, id, index } of delta.tool_calls ?? []) {
      const call = calls[index] ??= { id: id ?? "", name: called.name ?? "", text: "" }
      call.text += called.arguments ?? ""
    }
    const text = delta.content ? [Output.textDelta(delta.content)] : []
    if (!finish_reason) return text
    const toolCalls = calls.map(({ id, name, text }): Output.Output => {
      return { _tag: "ToolCall", id, name, params: Option.getOrElse(parsed(text), () => text) }
    })
    return [...text, ...toolCalls, { _tag: "Finish", reason: reasons[finish_reason] ?? "unknown" }]
  }

  return ({ choices, usage }: typeof Piece.Type): ReadonlyArray<Output.Output> => {
    const outputs = choices.flatMap(outputsOf)
    if (!usage) return outputs
    const { completion_tokens: outputTokens, prompt_tokens: inputTokens, total_tokens: totalTokens } = usage
    return [...outputs, { _tag: "Usage", inputTokens, outputTokens, totalTokens }]
  }
}
