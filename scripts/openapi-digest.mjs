/**
 * Writes test/replicate/openapi-digest.json, the facts that `ReplicateApi` is compared with, from Replicate's OpenAPI
 * document: `node scripts/openapi-digest.mjs openapi.json`.
 */
import { readFileSync, writeFileSync } from "node:fs"

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error("usage: node scripts/openapi-digest.mjs <document>")
const document = JSON.parse(readFileSync(path, "utf8"))

const resolved = (value) =>
  value?.$ref === undefined
    ? value
    : value.$ref.split("/").slice(1).reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], document)

// names of headers know no case
const parameter = ({ in: place, name, required = false }) =>
  `${place} ${place === "header" ? name.toLowerCase() : name}${required ? "" : "?"}`

const body = (requestBody) =>
  Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => ({
    type,
    required: (resolved(schema).required ?? []).toSorted()
  }))

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, { parameters = [], requestBody, responses }]) => [
    `${method.toUpperCase()} ${path}`,
    {
      parameters: parameters.map((one) => parameter(resolved(one))).toSorted(),
      body: body(requestBody),
      statuses: Object.keys(responses).map(Number)
    }
  ])
)

writeFileSync("test/replicate/openapi-digest.json", `${JSON.stringify(Object.fromEntries(operations), null, 2)}\n`)
console.log(`${operations.length} operations`)
