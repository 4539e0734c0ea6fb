import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Issue } from "../ProviderError.js"
import { Request } from "../Request.js"
import { keyOwnersOf, type Provider } from "./fallbackRequests.js"
import { nearest } from "./nearest.js"
import { issuesOf } from "./schemaIssues.js"
import { cleaner } from "./scrub.js"

/**
 * Tells who is not to be asked. A fallback of which nobody is left is left out as well.
 *
 * @internal
 */
export const leavesOut = (options: {
  readonly ignored?: ReadonlyArray<string> | undefined
  readonly onlyStreaming?: boolean | undefined
}): (provider: Provider) => boolean => {
  const { ignored = [], onlyStreaming = false } = options
  const isOut = ({ info, members }: Provider): boolean =>
    ignored.includes(info.name) ||
    (members === undefined ? onlyStreaming && !info.supportsStream : members.every(isOut))
  return isOut
}

const namesOf = ({ info, members = [] }: Provider): ReadonlyArray<string> => [info.name, ...members.flatMap(namesOf)]

const decode = Schema.decodeUnknownEither(Request, { errors: "all" })

/**
 * What is wrong with options that tell of providers by their names: names that nobody has, here or in a fallback within,
 * and settings that are no part of a request.
 *
 * @internal
 */
export const issues = (
  providers: ReadonlyArray<Provider>,
  options: {
    readonly ignored?: ReadonlyArray<string> | undefined
    readonly settings?: Readonly<Record<string, Request>> | undefined
  }
): ReadonlyArray<Issue> => {
  const names = Arr.dedupe(providers.flatMap(namesOf))
  const unknown = (option: string, asked: ReadonlyArray<string>, known: ReadonlyArray<string>) => {
    const all = known.length === 0 ? "there are none" : `there are ${known.join(", ")}`
    return asked.filter((name) => !known.includes(name)).map((name) => {
      const near = nearest(name, known)
      const then = near === undefined ? all : `did you mean ${near}? T${all.slice(1)}`
      return new Issue({ field: `options.${option}`, message: `no provider is named ${JSON.stringify(name)}; ${then}` })
    })
  }
  const malformed = ([name, fields]: readonly [string, unknown]) =>
    Either.match(decode(fields), {
      onLeft: (error) =>
        issuesOf(error, cleaner([])).map(({ field, message }) =>
          new Issue({ field: ["options.settings", name, ...field === "" ? [] : [field]].join("."), message })
        ),
      onRight: () => []
    })
  const { ignored = [], settings = {} } = options
  return [
    ...unknown("ignored", ignored, names),
    ...unknown("settings", Object.keys(settings), Arr.dedupe([...names, ...keyOwnersOf(providers)])),
    ...Object.entries(settings).flatMap(malformed)
  ]
}
