/** The size of a minimal program for the browser, and how much of it is ours. */
import { build } from "esbuild"
import { gzipSync } from "node:zlib"
import { root } from "./compile.js"

const ours = `
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Prediction from "effect-providers/replicate/Prediction"
import * as ReplicateClient from "effect-providers/replicate/ReplicateClient"

Prediction.run("acme/llama", { prompt: "Hello" }).pipe(
  Effect.provide(
    ReplicateClient.layer({ token: Redacted.make("r8_token") }).pipe(Layer.provide(FetchHttpClient.layer))
  ),
  Effect.runPromise
).then((prediction) => console.log(prediction.output))
`

const official = `
import Replicate from "replicate"

new Replicate({ auth: "r8_token" }).run("acme/llama", { input: { prompt: "Hello" } }).then(console.log)
`

export interface Size {
  readonly program: string
  /** In bytes, minified and compressed. */
  readonly total: number
  /** Our share of that, by what is ours before compression. */
  readonly ours: number
}

const sizeOf = async (program: string, contents: string): Promise<Size> => {
  const { metafile, outputFiles: [bundle] } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: "esm",
    platform: "browser",
    outfile: "bundle.js",
    tsconfigRaw: {}
  })
  const [output] = Object.values(metafile.outputs)
  if (bundle === undefined || output === undefined) throw new Error("esbuild made no bundle")
  const bytes = Object.entries(output.inputs)
    .filter(([path]) => /(^|\/)dist\//.test(path) && !path.includes("node_modules"))
    .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
  const total = gzipSync(bundle.contents, { level: 9 }).length
  return { program, total, ours: total * bytes / bundle.contents.length }
}

export const sizes = async (): Promise<ReadonlyArray<Size>> => [
  await sizeOf("effect-providers", ours),
  await sizeOf("replicate 1.4.0", official)
]
