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
 * The prompt of a request: its own, or the one made from its messages. It has to say something. Before that of a text
 * goes the system prompt, as a system message would.
 *
 * @internal
 */
export const promptOf = (
  provider: string,
  { messages = [], prompt, system = "" }: Resolved,
  kind: "text" | "image"
): Effect.Effect<string, InvalidRequest> => {
  const isImage = kind === "image"
  const said = isImage
    ? Message.lastUserMessage(messages)
    : messages.map(({ content }) => Message.toText(content)).join("")
  if ((prompt ?? said).trim() === "") {
    const issue = prompt === undefined
      ? new Issue({
        field: "messages",
        message: `expected a message${isImage ? " of the user" : ""} with text, or a prompt`
      })
      : new Issue({ field: "prompt", message: "expected a text that is not blank" })
    return Effect.fail(new InvalidRequest({ provider, issues: [issue] }))
  }
  const turns = [
    ...(system.trim() === "" ? [] : [{ role: "system", content: system }]),
    ...(prompt === undefined ? messages : [{ role: "user", content: prompt }])
  ]
  return Effect.succeed(isImage ? prompt ?? said : Message.formatPrompt(turns))
}
