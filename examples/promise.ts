/** Streams a text and saves a picture by promises, without Effect. */
import { Effect } from "effect"
import * as Replicate from "effect-providers/promise"
import { isProviderError } from "effect-providers/ProviderError"
import { mkdir, writeFile } from "node:fs/promises"
import { emulator } from "./support/emulator.js"
import { main } from "./support/main.js"

export const program = async (settings: Replicate.Options, directory: string) => {
  const replicate = Replicate.make(settings)
  try {
    const signal = AbortSignal.timeout(60_000)
    let text = ""
    const asked = { prompt: "Why do llamas hum?", max_new_tokens: 8 }
    for await (const piece of replicate.stream("meta/meta-llama-3-70b-instruct", asked, { signal })) text += piece

    const drawn = { prompt: "a llama on a rocket", num_inference_steps: 1 }
    const { files } = await replicate.run("black-forest-labs/flux-schnell", drawn, { signal })
    await mkdir(directory, { recursive: true })
    const saved = await Promise.all(files.map(async (file, n) => {
      const path = `${directory}/${n + 1}.png`
      await writeFile(path, await replicate.download(file, { signal }))
      return path
    }))

    const failed = await replicate.run("emulator/fail", {}, { signal }).then(
      () => undefined,
      (error: unknown) => isProviderError(error) ? error._tag : Promise.reject(error)
    )
    return { text, saved, failed }
  } finally {
    await replicate.dispose()
  }
}

/** In your program there is no Effect: the token is in the environment, and `run` and `stream` are imported. */
const local = Effect.flatMap(
  emulator,
  (baseUrl) => Effect.promise(() => program({ token: "r8_emulated", baseUrl }, "out/promise"))
)

main(import.meta.url, Effect.scoped(local))
