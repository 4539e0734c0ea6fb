import * as Effect from "effect/Effect"
import * as Message from "../../Message.js"
import { IgnoreWorking, type Resolved } from "../../Provider.js"
import { InvalidRequest, Issue } from "../../ProviderError.js"

/**
 * Refuses to call a service that is known not to answer, unless its provider was made to, or the call says so.
 *
 * @internal
 */
export const unlessIgnored = (provider: string, ignoreWorking: boolean | undefined) =>
  Effect.flatMap(IgnoreWorking, (ignored): Effect.Effect<void, InvalidRequest> => {
    if (ignored || ignoreWorking === true) return Effect.void
    const how = "give `ignoreWorking: true` to what made the provider, or to `ProviderRegistry.resolve`"
    const message = `the service is known not to work; to try it all the same, ${how}`
    return new InvalidRequest({ provider, issues: [new Issue({ field: "", message })] })
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
