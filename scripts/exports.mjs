/**
 * Writes the `exports` of package.json from the files in src; with `--check`, fails when they differ. Either way, fails
 * when a barrel leaves out a module of its folder.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"

/** The folders whose modules each barrel has to name. */
const barrels = {
  "index.ts": ["", "providers/"],
  "replicate/index.ts": ["replicate/"],
  "testing/index.ts": ["testing/"],
  "node.ts": [],
  "promise.ts": []
}

const files = readdirSync("src", { recursive: true })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .toSorted()
const isInternal = (file) => `/${file}`.includes("/internal/")
const folderOf = (file) => file.slice(0, file.lastIndexOf("/") + 1)
const modules = files.filter((file) => !isInternal(file))

const entryOf = (file) => {
  const path = file.replace(/\.ts$/, "")
  const name = path.replace(/(^|\/)index$/, "")
  return [name === "" ? "." : `./${name}`, { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` }]
}
const entries = modules.map(entryOf).toSorted(([a], [b]) => (a < b ? -1 : 1))
const closed = [...new Set(["internal/", ...files.filter(isInternal).map(folderOf)])].map((dir) => [`./${dir}*`, null])
const expected = Object.fromEntries([...entries, ...closed, ["./package.json", "./package.json"]])

const problems = []
for (const [barrel, folders] of Object.entries(barrels)) {
  if (!existsSync(`src/${barrel}`)) {
    problems.push(`src/${barrel} does not exist`)
    continue
  }
  const text = readFileSync(`src/${barrel}`, "utf8")
  const named = new Set()
  for (const [, name, path] of text.matchAll(/^export \* as (\w+) from "\.\/(.+)\.js"$/gm)) {
    if (name !== path.split("/").at(-1)) problems.push(`src/${barrel}: ${path} is exported as ${name}`)
    named.add(`${folderOf(barrel)}${path}.ts`)
  }
  const wanted = modules.filter((file) => folders.includes(folderOf(file)) && !(file in barrels))
  for (const file of wanted) if (!named.has(file)) problems.push(`src/${barrel} does not export ${file}`)
}

const manifest = JSON.parse(readFileSync("package.json", "utf8"))
// compared as text, since the order of the keys counts too
if (JSON.stringify(manifest.exports) !== JSON.stringify(expected)) {
  if (process.argv.includes("--check")) {
    problems.push("package.json: `exports` differ from src; run `node scripts/exports.mjs`")
  } else {
    writeFileSync("package.json", `${JSON.stringify({ ...manifest, exports: expected }, null, 2)}\n`)
  }
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
