import { assert, describe, it } from "@effect/vitest"
import { makeRecent } from "../../src/internal/recent.js"
import { makeTrail } from "../../src/replicate/internal/trail.js"

describe("recent", () => {
  it("forgets what was set longest ago, and counts nothing twice", () => {
    const recent = makeRecent<number>(2)
    recent.set(undefined, 1)
    recent.set("a", 2)
    recent.set(undefined, 3)
    assert.deepStrictEqual([recent.get(undefined), recent.get("a")], [3, 2])
    recent.set("b", 4)
    assert.deepStrictEqual([recent.get(undefined), recent.get("a"), recent.get("b")], [3, undefined, 4])
    recent.set("c", 5)
    assert.deepStrictEqual([recent.get(undefined), recent.get("b"), recent.get("c")], [undefined, 4, 5])
  })

  it("C18: a trail knows the last ten thousand links, and forgets those before", () => {
    const isNew = makeTrail()
    assert.isTrue(isNew("first"))
    for (let n = 1; n < 10_000; n++) assert.isTrue(isNew(`${n}`))
    assert.isFalse(isNew("first"))
    assert.isTrue(isNew("one more"))
    assert.isTrue(isNew("first"))
  })
})
