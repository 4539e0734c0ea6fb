/** Measures the library against others and against what the work costs at least. README.md beside this says how. */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem } from "node:os"
import { parseArgs } from "node:util"
import { type Size, sizes } from "./bundle.js"
import { canPin } from "./child.js"
import { compile, root, staleness } from "./compile.js"
import { measure, type Options } from "./measure.js"
import * as Report from "./report.js"
import type { Row } from "./row.js"
import { rows } from "./rows.js"

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    samples: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
    growth: { type: "boolean", default: false },
    own: { type: "boolean", default: false },
    json: { type: "string" },
    budget: { type: "string", default: "20" },
    limit: { type: "string", default: "300" },
    profile: { type: "string" }
  }
})

const refuse = (message: string): never => {
  console.error(message)
  process.exit(1)
}

const positive = (name: "samples" | "scale" | "budget" | "limit"): number => {
  const value = Number(values[name])
  return value > 0 ? value : refuse(`--${name} ${values[name]}: expected a number greater than 0`)
}

const names = [...rows.map(({ name }) => name), "bundle"]
const unknown = (values.only ?? []).filter((name) => !names.includes(name))
if (unknown.length > 0) refuse(`There is no row ${unknown.join(", ")}; there are: ${names.join(", ")}`)
const isChosen = (name: string) => values.only === undefined || values.only.includes(name)

const stale = staleness()
if (stale !== undefined) refuse(stale)

const options: Options = {
  modules: await compile(),
  samples: positive("samples"),
  budget: positive("budget") * 1000,
  limit: positive("limit") * 1000,
  withoutPeers: values.own || values.growth,
  profiles: values.profile
}

const scale = positive("scale")
const scales = values.growth ? [scale / 10, scale, scale * 10] : [scale]

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, "utf8")).version

const packages = ["effect", "@effect/platform", "@effect/platform-node", "undici", "replicate", "eventsource-parser"]

const machine = {
  node: process.version,
  system: `${process.platform} ${release()}`,
  processor: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  pinned: canPin,
  packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)]))
}

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(79)}\r`)
}

const resultOf = async (row: Row, scale: number): Promise<Report.Result> => {
  const size = Math.max(1, Math.round(row.size * scale))
  const series = await measure(row, size, options, (contender, round) => {
    progress(`${row.name} at ${size}, round ${round + 1} of ${options.samples}: ${contender}`)
  })
  progress("")
  return { row, size, series }
}

const all: Array<Report.Result> = []
let bundles: ReadonlyArray<Size> | undefined

console.log(
  `Node ${machine.node}, ${machine.system}, ${machine.cores} x ${machine.processor}, ${machine.memory}; `
    + Object.entries(machine.packages).map((versions) => versions.join(" ")).join(", ")
)
if (!canPin) console.log("taskset is not here, or there is one core only: nothing is pinned, and the spread is wider.")

for (const row of rows.filter(({ fixed, name }) => isChosen(name) && !(values.growth && fixed === true))) {
  const results: Array<Report.Result> = []
  for (const scale of row.fixed === true ? [1] : scales) results.push(await resultOf(row, scale))
  console.log(`\n## ${row.name}\n`)
  console.log(values.growth ? Report.growth(results) : results.map(Report.results).join("\n\n"))
  all.push(...results)
}

if (isChosen("bundle") && !values.growth) {
  bundles = await sizes()
  console.log(`\n## bundle\n\n${Report.bundles(bundles)}`)
}

if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, settings: values, results: all.map(Report.data), bundles }, null, 2)}\n`
  )
}

if (all.some(({ series }) => series.some(({ error }) => error !== undefined))) process.exitCode = 1
