import { HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"

const Asked = Schema.Struct({
  messages: Schema.NonEmptyArray(Schema.Struct({ role: Schema.String, content: Schema.NullOr(Schema.String) })),
  max_tokens: Schema.optional(Schema.Int),
  response_format: Schema.optional(Schema.Struct({ type: Schema.String })),
  stream_options: Schema.optional(Schema.Struct({ include_usage: Schema.Boolean })),
  tools: Schema.optional(Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) })))
})

const refusal = (status: number, message: string) => HttpServerResponse.unsafeJson({ error: { message } }, { status })

const event = (data: string) => `data: ${data}\n\n`

const piece = (delta: unknown, finish_reason: string | null) =>
  event(JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] }))

/** Asks for the first of the tools, with what was said last for its argument. */
const toolCall = (name: string, said: string) => {
  const [start = "", ...rest] = JSON.stringify({ said }).split(/(?<=:)/)
  const call = { index: 0, id: "call_1", type: "function", function: { name, arguments: start } }
  return [
    piece({ tool_calls: [call] }, null),
    ...rest.map((part) => piece({ tool_calls: [{ index: 0, function: { arguments: part } }] }, null)),
    piece({}, "tool_calls")
  ]
}

/**
 * Repeats the last message word by word; answers with an animal when JSON is asked for; calls a tool if there is one,
 * and was not called before.
 */
const answer = ({ max_tokens, messages, response_format, stream_options, tools = [] }: typeof Asked.Type) => {
  const { content, role } = messages[messages.length - 1] ?? messages[0]
  const last = content ?? ""
  const text = response_format?.type === "json_object"
    ? JSON.stringify({ name: "llama", legs: 4 })
    : `You said: ${last}`
  const words = text.match(/\s*\S+/g) ?? []
  const said = words.slice(0, max_tokens)
  const pieces = tools[0] === undefined || role === "tool"
    ? [...said.map((content) => piece({ content }, null)), piece({}, said.length < words.length ? "length" : "stop")]
    : toolCall(tools[0].function.name, last)
  const usage = { prompt_tokens: 7, completion_tokens: said.length, total_tokens: 7 + said.length }
  const end = stream_options?.include_usage === true ? [event(JSON.stringify({ choices: [], usage }))] : []
  return HttpServerResponse.stream(
    Stream.fromIterable([...pieces, ...end, event("[DONE]")]).pipe(Stream.encodeText),
    { contentType: "text/event-stream" }
  )
}

/**
 * Serves a small OpenAI-compatible endpoint on a free loopback port while the scope is open. It takes the key
 * `sk-local`, and tells the bodies that arrived.
 */
export const openAiServer = Effect.gen(function*() {
  const bodies: Array<unknown> = []
  const app = Effect.gen(function*() {
    const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
    if (`${method} ${url}` !== "POST /v1/chat/completions") return refusal(404, "Not Found")
    if (headers["authorization"] !== "Bearer sk-local") return refusal(401, "Incorrect API key provided")
    const asked = yield* HttpServerRequest.schemaBodyJson(Asked, { onExcessProperty: "preserve" })
    bodies.push(asked)
    return answer(asked)
  }).pipe(Effect.catchTag("ParseError", () => Effect.succeed(refusal(400, "expected messages"))))
  const context = yield* Layer.build(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 }))
  yield* Effect.provide(HttpServer.serveEffect(app), context)
  const url = yield* HttpServer.addressFormattedWith((url) => Effect.succeed(`${url}/v1`)).pipe(Effect.provide(context))
  return { url, bodies: Effect.sync(() => bodies.slice()) }
})
