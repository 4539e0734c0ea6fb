/**
 * Runs the benchmarks of this folder one after the other, each in a process of its own: `npm run bench`, or
 * `npm run bench -- --only NAME` for one of them.
 */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values: { only } } = parseArgs({ options: { only: { type: "string" } } })

const folder = fileURLToPath(new URL(".", import.meta.url))
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== "index.ts")
  .map((file) => file.slice(0, -".ts".length))
  .toSorted()
const chosen = only === undefined ? names : names.filter((name) => name === only)

if (chosen.length === 0) {
  console.error(`No benchmark ${only ?? ""} here; there are: ${names.join(", ") || "none"}`)
  process.exitCode = 1
}

for (const name of chosen) {
  console.log(`\n== ${name}`)
  // the loader this process was started with serves its children too
  const { status } = spawnSync(process.execPath, [...process.execArgv, `${folder}${name}.ts`], { stdio: "inherit" })
  if (status !== 0) process.exitCode = 1
}
