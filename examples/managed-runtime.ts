/** Answers HTTP requests outside of Effect: one runtime for the process, so that all requests share one client. */
import { Effect, ManagedRuntime } from "effect"
import { Prediction, type ReplicateClient } from "effect-providers/replicate"
import { replicateClient } from "./support/emulated.js"
import { main } from "./support/main.js"

const answer = (prompt: string | undefined) =>
  Prediction.run("meta/meta-llama-3-70b-instruct", { prompt, max_new_tokens: 8 }).pipe(
    Effect.map(({ text }) => Response.json({ text })),
    Effect.catchTag("InvalidRequest", ({ message }) => Effect.succeed(Response.json({ message }, { status: 400 }))),
    Effect.catchAll(({ message }) => Effect.succeed(Response.json({ message }, { status: 502 })))
  )

type Runtime = ManagedRuntime.ManagedRuntime<ReplicateClient.ReplicateClient, never>

/** Whoever hangs up has the prediction canceled. */
export const makeHandler = (runtime: Runtime) => async (request: Request): Promise<Response> => {
  const { searchParams } = new URL(request.url)
  return runtime.runPromise(answer(searchParams.get("prompt") ?? undefined), { signal: request.signal })
}

export const program = async () => {
  const runtime = ManagedRuntime.make(replicateClient)
  try {
    const handle = makeHandler(runtime)
    const queries = ["?prompt=Why%20do%20llamas%20hum%3F", "?prompt=What%20do%20goats%20eat%3F", ""]
    const responses = await Promise.all(queries.map((query) => handle(new Request(`http://localhost/${query}`))))
    return await Promise.all(responses.map(async (response) => ({ status: response.status, ...await response.json() })))
  } finally {
    // at the end of the process, such as on SIGTERM
    await runtime.dispose()
  }
}

main(import.meta.url, Effect.promise(program))
