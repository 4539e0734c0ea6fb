/**
 * Type-checks every fenced `ts` example of src and of the README in one program, and holds the doc comments of public
 * modules to the house's form.
 */
import { readdirSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import ts from "typescript"

const categories = ["models", "errors", "constructors", "layers", "combinators", "guards", "schemas", "context"]
const problems = []

const sources = readdirSync("src", { recursive: true })
  .map((file) => `src/${file.replaceAll("\\", "/")}`)
  .filter((file) => file.endsWith(".ts") && !file.includes("/internal/"))

/** Each example becomes a file of its own beside its source, padded so that line numbers are those of the source. */
const examples = new Map()
for (const file of [...sources, "README.md", "docs/performance.md", "docs/providers.md", "docs/replicate.md"]) {
  const margin = file.endsWith(".ts") ? /^\s*\* ?/ : /^/
  let start
  const lines = readFileSync(file, "utf8").split("\n").map((line) => line.replace(margin, ""))
  for (const [index, line] of lines.entries()) {
    if (start === undefined && line === "```ts") start = index + 1
    else if (start !== undefined && line === "```") {
      examples.set(resolve(`${file}.${start}.ts`), "\n".repeat(start) + lines.slice(start, index).join("\n"))
      start = undefined
    }
  }
}

const config = ts.getParsedCommandLineOfConfigFile("tsconfig.json", { noUnusedLocals: false }, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
    throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))
  }
})
const host = ts.createCompilerHost(config.options)
const { fileExists, getSourceFile, readFile } = host
host.fileExists = (path) => examples.has(path) || fileExists(path)
host.readFile = (path) => examples.get(path) ?? readFile(path)
host.getSourceFile = (path, options, ...rest) =>
  examples.has(path)
    ? ts.createSourceFile(path, examples.get(path), options)
    : getSourceFile(path, options, ...rest)

const program = ts.createProgram([...sources.map((file) => resolve(file)), ...examples.keys()], config.options, host)

for (const path of examples.keys()) {
  const file = program.getSourceFile(path)
  for (
    const { messageText, start } of [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  ) {
    const line = file.getLineAndCharacterOfPosition(start).line + 1
    const name = path.slice(process.cwd().length + 1).replace(/\.\d+\.ts$/, "")
    problems.push(`${name}:${line} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`)
  }
}

const namesOf = (statement) =>
  ts.isVariableStatement(statement)
    ? statement.declarationList.declarations.map(({ name }) => name.getText())
    : [statement.name?.text ?? "default"]

for (const path of sources) {
  const file = program.getSourceFile(resolve(path))
  // a file that needs one of TypeScript's libraries says so before anything else
  if (!/^(?:\/\/\/ <reference [^>]*>\n)?\/\*\*(?:(?!\*\/)[^])*@since \d+\.\d+\.\d+/.test(file.text)) {
    problems.push(`${path}:1 the module has no @since`)
  }
  // overloads are told by the first of them
  const told = new Set()
  const exported = file.statements.filter((statement) => {
    if (!ts.canHaveModifiers(statement)) return false
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return false
    const name = ts.isFunctionDeclaration(statement) ? statement.name?.text : undefined
    const isOverload = name !== undefined && told.has(name)
    told.add(name)
    return !isOverload
  })
  for (const statement of exported) {
    const tags = new Map(ts.getJSDocTags(statement).map((tag) => [tag.tagName.text, String(tag.comment ?? "")]))
    if (tags.has("internal")) continue
    const line = file.getLineAndCharacterOfPosition(statement.getStart()).line + 1
    const complain = (what) => problems.push(`${path}:${line} ${namesOf(statement).join(", ")} ${what}`)
    const category = tags.get("category")
    if (!/^\d+\.\d+\.\d+$/.test(tags.get("since") ?? "")) complain("has no @since")
    if (!categories.includes(category)) {
      complain(`has the category ${category}, which is none of ${categories.join(", ")}`)
    }
    const makes = namesOf(statement).some((name) => /^(make|layer)/.test(name))
    if (makes && ["constructors", "layers"].includes(category) && !tags.has("example")) complain("has no @example")
  }
}

for (const problem of problems) console.error(problem)
console.log(`${examples.size} examples, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
