import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as ModelRef from "../../src/replicate/ModelRef.js"

const version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"

const alphanumeric = FastCheck.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789ABC")
const slug = FastCheck.tuple(
  alphanumeric,
  FastCheck.stringOf(FastCheck.oneof(alphanumeric, FastCheck.constantFrom(".", "_", "-")), { maxLength: 20 }),
  alphanumeric
).map((parts) => parts.join(""))
const hash = FastCheck.hexaString({ minLength: 64, maxLength: 64 })

const ref: FastCheck.Arbitrary<ModelRef.ModelRef> = FastCheck.oneof(
  FastCheck.record({ _tag: FastCheck.constant("Model" as const), owner: slug, name: slug }),
  FastCheck.record({ _tag: FastCheck.constant("Version" as const), owner: slug, name: slug, version: hash }),
  FastCheck.record({ _tag: FastCheck.constant("Version" as const), version: hash })
)

describe("ModelRef", () => {
  const model = { _tag: "Model", owner: "acme", name: "llama-3.1" }
  const pinned = { _tag: "Version", owner: "acme", name: "llama-3.1", version }

  it.each([
    ["acme/llama-3.1", model],
    [`acme/llama-3.1:${version}`, pinned],
    [version, { _tag: "Version", version }],
    [version.toUpperCase(), { _tag: "Version", version: version.toUpperCase() }],
    ["https://replicate.com/acme/llama-3.1", model],
    ["https://www.replicate.com/acme/llama-3.1/", model],
    ["http://replicate.com/acme/llama-3.1?input=form#top", model],
    [`https://replicate.com/acme/llama-3.1/versions/${version}`, pinned]
  ])("C04: %s is read", (text, expected) => {
    assert.deepStrictEqual<unknown>(Either.getOrThrow(ModelRef.parse(text)), expected)
  })

  it.each([
    "",
    "llama",
    "/llama",
    "acme/",
    "acme//llama",
    "acme/llama/",
    "acme/llama/extra",
    "acme/llama:",
    "acme/llama:latest",
    `acme/llama:${version}0`,
    `acme/llama:${version}/..`,
    `${version}0`,
    "../llama",
    "acme/..",
    "acme/.",
    "./llama",
    "acme/%2e%2e",
    "acme/llama%2Fpredictions",
    "acme/llama?x=1",
    "acme/llama#x",
    "acme\\llama/x",
    "acme/lla ma",
    " acme/llama",
    "acme/llama\n",
    "acme/lläma",
    "acmе/llama",
    "https://replicate.com.evil.example/acme/llama",
    "https://evil.example/acme/llama",
    "https://user@replicate.com/acme/llama",
    "https://replicate.com/acme/../account",
    "https://replicate.com/acme/%2e%2e"
  ])("%j is refused with a reason", (text) => {
    const parsed = ModelRef.parse(text)
    assert.isTrue(Either.isLeft(parsed))
    assert.isNotEmpty(Either.getOrThrow(Either.flip(parsed)))
  })

  it.prop("what is formatted can be read again", [ref], ([ref]) => {
    assert.deepStrictEqual(Either.getOrThrow(ModelRef.parse(ModelRef.format(ref))), ref)
  })

  const hostile = FastCheck.array(
    FastCheck.oneof(slug, FastCheck.constantFrom("/", ":", "..", ".", "%", "%2f", "?", "#", "\\", "@", "\n", "é", "𝒳")),
    { maxLength: 8 }
  ).map((parts) => parts.join(""))

  it.prop("what is read is made of harmless path segments", [hostile], ([text]) => {
    const parsed = ModelRef.parse(text)
    if (Either.isLeft(parsed)) return
    const { right: ref } = parsed
    for (const segment of [ref.owner, ref.name].filter((segment) => segment !== undefined)) {
      assert.strictEqual(encodeURIComponent(segment), segment)
      assert.strictEqual(new URL(`https://host/models/${segment}/x`).pathname, `/models/${segment}/x`)
    }
  })
})
