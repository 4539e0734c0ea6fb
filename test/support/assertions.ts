import { assert } from "vitest"

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Whether two values, and all that they hold, are of the same cases: a `Some` is no `None`, a failure no success. */
const sameCases = (a: unknown, b: unknown, seen = new Set<unknown>()): boolean => {
  if (!isObject(a) || !isObject(b) || seen.has(a)) return true
  seen.add(a)
  if (Reflect.get(a, "_tag") !== Reflect.get(b, "_tag")) return false
  return Object.keys(a).every((key) => sameCases(Reflect.get(a, key), Reflect.get(b, key), seen))
}

const { deepStrictEqual } = assert

// chai takes an Option for a list, as it can be iterated over, and finds a None equal to a Some
const ofSameCases: typeof deepStrictEqual = (actual, expected, message) => {
  deepStrictEqual(actual, expected, message)
  assert.isTrue(sameCases(actual, expected), message ?? "these are of different cases, such as Some and None")
}

// set up anew for each file, in a process that they share
if (deepStrictEqual.name !== ofSameCases.name) assert.deepStrictEqual = ofSameCases
