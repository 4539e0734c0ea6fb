/** Asks for JSON and decodes it; an answer that is not what was asked for is a `ParseError`. */
import { Effect, Schema } from "effect"
import { Provider } from "effect-providers"
import { local } from "./openai-compatible.js"
import { main } from "./support/main.js"

const Animal = Schema.Struct({ name: Schema.String, legs: Schema.Int })

export const program = Provider.text({
  prompt: "Name an animal. Answer with a JSON object that has the fields name and legs, and nothing else.",
  responseFormat: { type: "json_object" }
}).pipe(Effect.flatMap(Schema.decode(Schema.parseJson(Animal))))

main(import.meta.url, Effect.provide(program, local))
