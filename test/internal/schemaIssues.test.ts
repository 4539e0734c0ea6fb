import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import { issuesOf } from "../../src/internal/schemaIssues.js"

const decode = Schema.decodeUnknownEither(Schema.Array(Schema.Number), { errors: "all" })

const issuesOfMany = (count: number) =>
  Either.match(decode(Array.from({ length: count }, () => "SECRET")), {
    onLeft: (error) => issuesOf(error, identity).map(({ field, message }) => `${field}: ${message}`),
    onRight: () => []
  })

describe("issuesOf", () => {
  it("tells where something else was expected, and what, not what was found", () => {
    assert.deepStrictEqual(issuesOfMany(2), ["0: expected number", "1: expected number"])
  })

  it("tells of twenty at most", () => {
    assert.lengthOf(issuesOfMany(20), 20)
    assert.lengthOf(issuesOfMany(25), 20)
  })
})
