import * as Effect from "effect/Effect"
import * as Message from "../../Message.js"
import type { Resolved } from "../../Provider.js"
import { InvalidRequest, Issue } from "../../ProviderError.js"

/**
 * The refusal to try a service that is known not to answer.
 *
 * @internal
 */
export const notWorking = (provider: string): InvalidRequest =>
  new InvalidRequest({
    provider,
    issues: [
      new Issue({
        field: "",
        message: "the service is known not to work; make the provider with `ignoreWorking: true` to try it all the same"
      })
    ]
  })

/**
 * The prompt of a request: its own, or the one made from its messages, of which there has to be one.
 *
 * @internal
 */
export const promptOf = (
  provider: string,
  { messages = [], prompt }: Resolved,
  kind: "text" | "image"
): Effect.Effect<string, InvalidRequest> => {
  const text = prompt ?? (kind === "image" ? Message.lastUserMessage(messages) : Message.formatPrompt(messages))
  const message = `expected a message${kind === "image" ? " of the user" : ""} with text, or a prompt`
  return prompt === undefined && text.trim() === ""
    ? Effect.fail(new InvalidRequest({ provider, issues: [new Issue({ field: "messages", message })] }))
    : Effect.succeed(text)
}
