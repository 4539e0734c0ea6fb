import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import { ReplicateApi } from "../../src/replicate/ReplicateApi.js"
import digest from "./openapi-digest.json"

interface Operation {
  readonly parameters: ReadonlyArray<string>
  readonly body: ReadonlyArray<{ readonly type: string; readonly required: ReadonlyArray<string> }>
  readonly statuses: ReadonlyArray<number>
}

/** What we declare otherwise than the document, on purpose. */
const intended: ReadonlyArray<{ readonly difference: string; readonly reason: string }> = [
  {
    difference: "QUERY /models: not declared",
    reason: "HttpApi knows no method QUERY; Models.search sends it by hand"
  },
  ...["POST /predictions", "POST /models/{model_owner}/{model_name}/predictions"].map((operation) => ({
    difference: `${operation}: also succeeds with 200`,
    reason: "a prediction that was created has been paid for, whatever a proxy made of the status"
  })),
  {
    difference: "POST /deployments/{deployment_owner}/{deployment_name}/predictions: also succeeds with 200",
    reason: "as for any prediction"
  },
  ...[200, 202].map((status) => ({
    difference: `POST /models/{model_owner}/{model_name}/versions/{version_id}/trainings: also succeeds with ${status}`,
    reason: "as for predictions, and 202 because they have it: a training is a prediction underneath"
  }))
]

const methods = ["get", "post", "patch", "delete"] as const

const declared = (): ReadonlyMap<string, Operation> => {
  const { components, paths } = OpenApi.fromApi(ReplicateApi)
  const requiredOf = (schema: object): ReadonlyArray<string> => {
    const ref = "$ref" in schema ? String(schema.$ref).replace("#/components/schemas/", "") : undefined
    const target: object = ref === undefined ? schema : components.schemas[ref] ?? {}
    return "required" in target && Array.isArray(target.required) ? target.required.map(String).sort() : []
  }
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method): ReadonlyArray<readonly [string, Operation]> => {
      const operation = item[method]
      return operation === undefined ? [] : [[`${method.toUpperCase()} ${path}`, {
        parameters: operation.parameters
          .map(({ in: place, name, required }) => `${place} ${name}${required ? "" : "?"}`)
          .sort(),
        body: Object.entries(operation.requestBody?.content ?? {}).map(([type, media]) => ({
          type,
          required: requiredOf(media?.schema ?? {})
        })),
        statuses: Object.keys(operation.responses).map(Number)
      }]]
    })
  )
  return new Map(operations)
}

const successes = ({ statuses }: Operation) => statuses.filter((status) => status < 300)

const compare = (name: string, theirs: Operation | undefined, ours: Operation | undefined): ReadonlyArray<string> => {
  if (ours === undefined || theirs === undefined) {
    return [`${name}: ${ours === undefined ? "not declared" : "not in the document"}`]
  }
  const differences: Array<string> = []
  if (ours.parameters.join() !== theirs.parameters.join()) {
    differences.push(`takes ${ours.parameters.join()} for ${theirs.parameters.join()}`)
  }
  if (JSON.stringify(ours.body) !== JSON.stringify(theirs.body)) {
    differences.push(`takes the body ${JSON.stringify(ours.body)} for ${JSON.stringify(theirs.body)}`)
  }
  for (const status of successes(ours)) {
    if (!theirs.statuses.includes(status)) differences.push(`also succeeds with ${status}`)
  }
  for (const status of successes(theirs)) {
    if (!ours.statuses.includes(status)) differences.push(`does not succeed with ${status}`)
  }
  return differences.map((difference) => `${name}: ${difference}`)
}

describe("ReplicateApi and Replicate's document", () => {
  const theirs = new Map<string, Operation>(Object.entries(digest))
  const ours = declared()
  const names = [...new Set([...theirs.keys(), ...ours.keys()])]
  const differences = names.flatMap((name) => compare(name, theirs.get(name), ours.get(name)))

  it("have 37 operations between them", () => {
    assert.lengthOf(names, 37)
    assert.strictEqual(ours.size, 36)
  })

  it.each(names)("%s: differs only as intended", (name) => {
    const unintended = differences.filter((difference) =>
      difference.startsWith(`${name}: `) && !intended.some((entry) => entry.difference === difference)
    )
    assert.deepStrictEqual(unintended, [])
  })

  it.each(intended)("still differ: $difference ($reason)", ({ difference }) => {
    assert.include(differences, difference)
  })

  it("a difference is seen, whatever it is in", () => {
    const operation: Operation = { parameters: ["path id"], body: [], statuses: [200] }
    for (
      const other of [
        { ...operation, parameters: ["path id", "query limit?"] },
        { ...operation, body: [{ type: "application/json", required: ["id"] }] },
        { ...operation, statuses: [201] }
      ]
    ) {
      assert.isNotEmpty(compare("GET /x", operation, other))
    }
    assert.isNotEmpty(compare("GET /x", operation, undefined))
    assert.isNotEmpty(compare("GET /x", undefined, operation))
    assert.isEmpty(compare("GET /x", operation, { ...operation, statuses: [200, 400] }))
  })
})
