/**
 * Installs the packed package into an empty project, as a user would, and tries every entry there: first with the
 * required peers only, then the Node entries with theirs.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const manifest = JSON.parse(readFileSync("package.json", "utf8"))
const { devDependencies, exports, name, peerDependencies, peerDependenciesMeta } = manifest
const nodeEntries = new Set([`${name}/node`, `${name}/http/Proxy`])
const entries = Object.keys(exports)
  .filter((entry) => exports[entry] !== null && entry !== "./package.json")
  .map((entry) => name + entry.slice(1))
const coreEntries = entries.filter((entry) => !nodeEntries.has(entry))

const project = mkdtempSync(join(tmpdir(), `${name}-`))
const tsc = resolve("node_modules/typescript/bin/tsc")

const run = (command, args, cwd = project) => execFileSync(command, args, { cwd, encoding: "utf8", stdio: "pipe" })
const script = (code) => run(process.execPath, ["--input-type=module", "--eval", code])
const install = (...packages) => run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...packages])
// the versions this package was tried with, so that the result does not change with the day
const pinned = (packages) => packages.map((dependency) => `${dependency}@${devDependencies[dependency]}`)
const peers = (optional) =>
  pinned(Object.keys(peerDependencies).filter((peer) => (peerDependenciesMeta[peer]?.optional === true) === optional))

const importAll = (specifiers) => script(specifiers.map((specifier) => `await import("${specifier}")`).join("\n"))

const typeCheck = (specifiers) => {
  const imports = specifiers.map((specifier, index) => `import * as entry${index} from "${specifier}"`)
  const uses = `export const used = [${specifiers.map((_, index) => `entry${index}`).join(", ")}]`
  writeFileSync(join(project, "consumer.ts"), [...imports, uses, ""].join("\n"))
  for (const [module, moduleResolution] of [["NodeNext", "NodeNext"], ["ESNext", "bundler"]]) {
    const options = ["--module", module, "--moduleResolution", moduleResolution, "--target", "ES2022"]
    run(process.execPath, [tsc, "--noEmit", "--strict", "--skipLibCheck", "--declaration", ...options, "consumer.ts"])
  }
}

const step = (title, action) => {
  action()
  console.log(`ok  ${title}`)
}

try {
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const [{ filename }] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], ".")
  )

  step("installs with the required peers", () => install(`./${filename}`, ...peers(false)))
  step(`imports ${coreEntries.length} entries`, () => importAll(coreEntries))
  step("type-checks them under NodeNext and bundler", () => typeCheck(coreEntries))
  step("keeps internal modules closed", () =>
    script(`
      for (const path of ["internal/clocks", "replicate/internal/http", "internal/clocks.js", "dist/internal/clocks.js"]) {
        const code = await import("${name}/" + path).then(() => "imported", (error) => error.code)
        if (code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error(path + ": " + code)
      }
    `))
  step("installs with the optional peers", () => install(...peers(true)))
  step("imports and type-checks the Node entries", () => {
    importAll(entries)
    typeCheck(entries)
  })
} catch (error) {
  // a failed child carries its own account; the stack of this script says nothing more
  console.error(error.stdout ?? "", error.stderr ?? error)
  process.exitCode = 1
} finally {
  rmSync(project, { recursive: true, force: true })
}
