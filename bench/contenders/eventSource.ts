/** A loop over `fetch` with a ready-made parser. */
import { createParser } from "eventsource-parser"
import type { Run, Task } from "../row.js"
import { model } from "../work.js"
import { bodyOf, send } from "./fetch.js"
import { tally } from "./raw.js"

export const stream = async ({ base }: Task): Promise<Run> => async () => {
  const { urls } = await send("POST", `${base}/v1/models/${model}/predictions`, { input: { prompt: "Hi" } })
  const { add, proof } = tally()
  let isDone = false
  const parser = createParser({
    onEvent: ({ data, event }) => {
      if (event === "output") add(data)
      else isDone ||= event === "done"
    }
  })
  const decoder = new TextDecoder()
  for await (const bytes of await bodyOf(urls.stream)) parser.feed(decoder.decode(bytes, { stream: true }))
  if (!isDone) throw new Error("the stream has no end")
  return proof
}
