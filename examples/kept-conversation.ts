/** Goes on with a conversation that the service keeps: the state an answer comes with is handed back to go on. */
import { Effect, Layer, Option, Schema, Stream } from "effect"
import { ModelCatalog, Output, Parameters, Provider } from "effect-providers"
import { main } from "./support/main.js"

const State = Schema.Struct({ conversation_id: Schema.String, message_id: Schema.Int })
const decode = Schema.decodeUnknownOption(Output.Conversation.pipe(Schema.pluck("data"), Schema.compose(State)))

/** A provider of one's own, of a service that counts the messages of a conversation. */
export const layer = Layer.succeed(
  Provider.Provider,
  Provider.make({
    info: { name: "Counter", url: "https://counter.example", supportsMessageHistory: true },
    catalog: ModelCatalog.make({ default: "counter-1" }),
    parameters: Parameters.fromSchema(Provider.Request, { pick: ["prompt", "conversation"] }),
    run: ({ conversation }) => {
      const id = "550e8400-e29b-11d4-a716-446655440000"
      const last = Option.getOrElse(decode(conversation), () => ({ conversation_id: id, message_id: 0 }))
      const data = { ...last, message_id: last.message_id + 1 }
      return Stream.make<Array<Output.Output>>(
        Output.textDelta(`message ${data.message_id}`),
        { _tag: "Conversation", provider: "Counter", data }
      )
    }
  })
)

const ask = Effect.fnUntraced(function*(prompt: string, conversation?: unknown) {
  const outputs = yield* Provider.collect({ prompt, conversation })
  const said = outputs.map((output) => Output.toText(output)).join("")
  return { said, state: outputs.find(({ _tag }) => _tag === "Conversation") }
})

export const program = Effect.gen(function*() {
  const first = yield* ask("Write a short story about a cat.")
  const second = yield* ask("And now about a dog.", first.state)
  return { first: first.said, second: second.said }
})

main(import.meta.url, Effect.provide(program, layer))
