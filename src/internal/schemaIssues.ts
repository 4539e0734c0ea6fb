import * as Arr from "effect/Array"
import type * as ParseResult from "effect/ParseResult"
import { Issue } from "../ProviderError.js"
import { mostIssues } from "./errorBody.js"
import type { Clean } from "./scrub.js"

interface Unmet {
  readonly path: ReadonlyArray<PropertyKey>
  readonly expected: string
}

/** What a Schema expected and where. The formatters of `ParseResult` are no use here: they print the values found. */
const unmet = (issue: ParseResult.ParseIssue, path: ReadonlyArray<PropertyKey> = []): ReadonlyArray<Unmet> => {
  switch (issue._tag) {
    case "Pointer":
      return unmet(issue.issue, [...path, ...Arr.ensure(issue.path)])
    case "Composite": {
      const all = Arr.ensure(issue.issues).flatMap((issue) => unmet(issue, path))
      if (issue.ast._tag !== "Union") return all
      // the member of a union that was meant is the one that fits furthest
      const within = all.filter((leaf) => leaf.path.length > path.length)
      const kinds = all.map((leaf) => leaf.expected).filter((expected) => expected !== "undefined")
      return within.length > 0 ? within : [{ path, expected: Arr.dedupe(kinds).join(" or ") }]
    }
    case "Refinement":
    case "Transformation":
      return unmet(issue.issue, path)
    case "Missing":
      return [{ path, expected: `${issue.ast.type}, found nothing` }]
    case "Unexpected":
      return [{ path, expected: "nothing" }]
    default:
      return [{ path, expected: readable(String(issue.ast)) }]
  }
}

/** The text of a type says more to the authors of Schemas than to readers of errors when it tells of encodings. */
const readable = (type: string): string => /<->|side\)/.test(type) ? "a value of another form" : type

/**
 * What a Schema found wrong: where, and what it expected there.
 *
 * @internal
 */
export const issuesOf = (error: ParseResult.ParseError, clean: Clean): ReadonlyArray<Issue> =>
  unmet(error.issue).slice(0, mostIssues).map(({ expected, path }) =>
    new Issue({ field: clean(path.map(String).join(".")), message: clean(`expected ${expected}`) })
  )
