/** Programs that only import: what a program pays before its first line. */
import { build } from "esbuild"
import { writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Run } from "../row.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What a program that runs a model needs, each by its path. */
export const byPath = [
  "effect/Effect",
  "effect/Layer",
  "effect/Redacted",
  "@effect/platform/FetchHttpClient",
  "effect-providers/replicate/Prediction",
  "effect-providers/replicate/ReplicateClient"
]

/** The same through the barrel. */
export const byBarrel = [...byPath.slice(0, 4), "effect-providers/replicate"]

/** What a program needs that talks to the provider contract. */
export const provider = [...byPath.slice(0, 4), "effect-providers/Provider", "effect-providers/providers/Replicate"]

const importing = (specifiers: ReadonlyArray<string>) =>
  specifiers.map((specifier) => `import ${JSON.stringify(specifier)}\n`).join("")

/** What of effect and its platform is imported, by us or by the program itself. */
const foundations = async (specifiers: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const { metafile } = await build({
    stdin: { contents: importing(specifiers), resolveDir: root },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    external: ["effect", "@effect/*"],
    ignoreAnnotations: true,
    tsconfigRaw: {}
  })
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
  return [...new Set(imports.filter(({ external }) => external).map(({ path }) => path))]
}

/** A module is written beside this one, where the packages are found, so that it is imported as any other. */
const imported = async (name: string, specifiers: ReadonlyArray<string>): Promise<Run> => {
  const module = new URL(`imports-${name}.mjs`, import.meta.url)
  await writeFile(module, importing(specifiers))
  return async () => {
    await import(module.href)
    return { count: 1, checksum: 0 }
  }
}

export const program = (name: string, specifiers: ReadonlyArray<string>) => (): Promise<Run> =>
  imported(name, specifiers)

/** The floor: the parts of effect and its platform that a program uses, without what it uses them for. */
export const foundation = (name: string, specifiers: ReadonlyArray<string>) => async (): Promise<Run> =>
  imported(name, await foundations(specifiers))
