import { Issue } from "../ProviderError.js"

/** Of other names and values, HTTP clients throw errors, some as defects, and some that print them. */
const isName = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(text)

/** @internal */
export const isText = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)

/**
 * What is wrong with headers that cannot be sent. It never tells their values.
 *
 * @internal
 */
export const headerIssues = (
  headers: Readonly<Record<string, string>>,
  isValue: (text: string) => boolean
): ReadonlyArray<Issue> =>
  Object.entries(headers).filter(([name, value]) => !isName(name) || !isValue(value)).map(([name]) =>
    new Issue({ field: `headers.${name}`, message: "cannot be sent" })
  )
