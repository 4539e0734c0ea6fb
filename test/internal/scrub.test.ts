import { assert, describe, it } from "@effect/vitest"
import { cleaner } from "../../src/internal/scrub.js"

describe("cleaner", () => {
  it("B11: takes a secret out whole where another one is how it begins, whichever is given first", () => {
    for (const secrets of [["abcdefgh", "abcdefghXY"], ["abcdefghXY", "abcdefgh"]]) {
      assert.strictEqual(cleaner(secrets)("abcdefghXY, abcdefgh."), "<redacted>, <redacted>.")
    }
  })
})
