import { build } from "esbuild"
import { readdirSync, rmSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

const newest = (folder: string): number => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Math.max(...files.map(({ name, parentPath }) => statSync(`${parentPath}/${name}`).mtimeMs))
}

/** What is wrong with `dist`, which is what is measured. */
export const staleness = (): string | undefined => {
  const built = statSync(`${root}dist/index.js`, { throwIfNoEntry: false })
  if (built === undefined) return "There is no dist to measure: run `npm run build` first."
  return newest(`${root}src`) > built.mtimeMs
    ? "dist is older than src, and dist is what is measured: run `npm run build` first."
    : undefined
}

/**
 * Compiles what runs in processes of its own, so that they hold no TypeScript loader. Packages stay outside, this
 * one included: they are imported as a user's program would.
 */
export const compile = async (): Promise<{ readonly server: string; readonly worker: string }> => {
  const outdir = `${root}bench/out`
  rmSync(outdir, { recursive: true, force: true })
  await build({
    entryPoints: [`${root}bench/server.ts`, `${root}bench/worker.ts`],
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    // its paths would lead to src
    tsconfigRaw: {},
    sourcemap: true
  })
  return { server: `${outdir}/server.mjs`, worker: `${outdir}/worker.mjs` }
}
