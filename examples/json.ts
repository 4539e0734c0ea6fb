/** Asks for JSON and decodes it; an answer that is not what was asked for is a `ParseError`. */
import { Effect, Schema } from "effect"
import { Output, Provider } from "effect-providers"
import { local } from "./openai-compatible.js"
import { main } from "./support/main.js"

const Animal = Schema.Struct({ name: Schema.String, legs: Schema.Int })

export const program = Provider.text({
  prompt: "Name an animal. Answer with a JSON object that has the fields name and legs, and nothing else.",
  responseFormat: { type: "json_object" }
}).pipe(
  // a service without a JSON mode may wrap it in words
  Effect.map(Output.filterJson),
  Effect.flatMap(Schema.decode(Schema.parseJson(Animal)))
)

main(import.meta.url, Effect.provide(program, local))
