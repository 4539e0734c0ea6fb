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
  FastCheck.record({ _tag: FastCheck.constant("Version" as const), version: hash }),
  FastCheck.record({ _tag: FastCheck.constant("Deployment" as const), owner: slug, name: slug })
)

describe("ModelRef", () => {
  const model = { _tag: "Model", owner: "acme", name: "llama-3.1" }
  const pinned = { _tag: "Version", owner: "acme", name: "llama-3.1", version }
  const deployed = { _tag: "Deployment", owner: "acme", name: "llama-3.1" }

  it.each([
    ["acme/llama-3.1", model],
    [`acme/llama-3.1:${version}`, pinned],
    [version, { _tag: "Version", version }],
    [version.toUpperCase(), { _tag: "Version", version: version.toUpperCase() }],
    ["https://replicate.com/acme/llama-3.1", model],
    ["https://www.replicate.com/acme/llama-3.1/", model],
    ["http://replicate.com/acme/llama-3.1?input=form#top", model],
    [`https://replicate.com/acme/llama-3.1/versions/${version}`, pinned],
    ["https://replicate.com/acme/llama-3.1/api", model],
    ["https://replicate.com/acme/llama-3.1/examples", model],
    ["https://replicate.com/acme/llama-3.1/readme", model],
    ["https://replicate.com/acme/llama-3.1/versions", model],
    ["https://replicate.com/acme/llama-3.1/versions/", model],
    ["https://replicate.com/acme/llama-3.1/api?tab=node#top", model],
    ["https://replicate.com/acme/llama-3.1/api/schema", model],
    [`https://replicate.com/acme/llama-3.1/versions/${version}/api`, pinned],
    [`https://replicate.com/acme/llama-3.1/versions/${version}/api/?x#y`, pinned],
    ["p/llama-3.1", { ...model, owner: "p" }],
    ["deployments/acme/llama-3.1", deployed],
    ["deployments/deployer/deployments", { _tag: "Deployment", owner: "deployer", name: "deployments" }],
    ["https://replicate.com/deployments/acme/llama-3.1", deployed],
    ["https://www.replicate.com/deployments/acme/llama-3.1/", deployed],
    ["http://replicate.com/deployments/acme/llama-3.1/settings", deployed],
    ["https://replicate.com/deployments/acme/llama-3.1/predictions/gm3qorzdhgbfurvjtvhg6dckhu/", deployed],
    ["https://replicate.com/deployments/acme/llama-3.1/settings?tab=a/b#../x", deployed],
    ["https://replicate.com/deployments/acme/llama-3.1?x#y", deployed]
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
    "https://replicate.com/acme/%2e%2e",
    "deployments",
    "deployments/",
    "deployments/acme",
    "deployments//app",
    "deployments/acme/",
    "deployments/acme/app/",
    "deployments/acme/app/settings",
    `deployments/acme/app:${version}`,
    `deployments/acme:${version}`,
    "deployments/../app",
    "deployments/acme/..",
    "deployments/acme/app\n",
    "deployments/deployments/app",
    "https://replicate.com/deployments",
    "https://replicate.com/deployments/acme",
    "https://replicate.com/deployments/acme/..",
    "https://replicate.com/deployments/acme/app/../other",
    "https://replicate.com/deployments/acme/app/%2e%2e/other",
    "https://replicate.com/deployments/acme/app//other",
    `https://replicate.com/deployments/acme/versions/${version}/x y`,
    "https://evil.example/deployments/acme/app"
  ])("%j is refused with a reason", (text) => {
    const parsed = ModelRef.parse(text)
    assert.isTrue(Either.isLeft(parsed))
    assert.isNotEmpty(Either.getOrThrow(Either.flip(parsed)))
  })

  it.each([
    "https://replicate.com/p/gm3qorzdhgbfurvjtvhg6dckhu",
    "https://replicate.com/collections/text-to-image",
    "https://replicate.com/acme",
    "https://replicate.com/acme/llama/settings",
    "https://api.replicate.com/v1/models/acme/llama",
    "https://evil.example/acme/llama",
    "ftp://replicate.com/acme/llama"
  ])("C04: %s is told to be no page of what can be run", (text) => {
    assert.include(
      Either.getOrThrow(Either.flip(ModelRef.parse(text))),
      "is not the page of a model, a version or a deployment"
    )
  })

  it("says how a deployment is written to who gives half of one", () => {
    assert.include(Either.getOrThrow(Either.flip(ModelRef.parse("deployments/acme"))), "deployments/owner/name")
  })

  it.prop("what is formatted can be read again", [ref], ([ref]) => {
    assert.deepStrictEqual(Either.getOrThrow(ModelRef.parse(ModelRef.format(ref))), ref)
  })

  it.prop("a reference is read as its text is, and text is given back as it is", [ref], ([ref]) => {
    const text = ModelRef.format(ref)
    assert.deepStrictEqual(Either.getOrThrow(ModelRef.decode(ref)), ref)
    assert.deepStrictEqual(Either.getOrThrow(ModelRef.decode(text)), ref)
    assert.strictEqual(ModelRef.format(text), text)
  })

  it.each<ModelRef.ModelRef>([
    { _tag: "Model", owner: "..", name: "llama" },
    { _tag: "Model", owner: "acme", name: "llama/predictions" },
    { _tag: "Model", owner: "deployments", name: "acme" },
    { _tag: "Version", version: "latest" },
    { _tag: "Version", owner: "acme", name: "llama", version: "latest" },
    { _tag: "Version", owner: "acme", name: "", version },
    { _tag: "Deployment", owner: "acme", name: "app/../other" },
    { _tag: "Deployment", owner: "", name: "app" }
  ])("%j is no reference, and is refused with a reason", (ref) => {
    assert.isNotEmpty(Either.getOrThrow(Either.flip(ModelRef.decode(ref))))
  })

  const start = FastCheck.constantFrom(
    "",
    "",
    "deployments/",
    "https://replicate.com/",
    "https://replicate.com/deployments/"
  )
  const part = FastCheck.oneof(
    slug,
    FastCheck.constantFrom("/", "/", ":", "..", ".", "%", "%2f", "?", "#", "\\", "@", "\n", "é", "𝒳")
  )
  const hostile = FastCheck.tuple(start, FastCheck.array(part, { maxLength: 8 }))
    .map(([start, parts]) => start + parts.join(""))

  it.prop("any text is a reference made of harmless path segments, or has a reason", [
    FastCheck.oneof({ weight: 5, arbitrary: hostile }, FastCheck.fullUnicodeString())
  ], ([text]) => {
    const parsed = ModelRef.parse(text)
    if (Either.isLeft(parsed)) return assert.isNotEmpty(parsed.left)
    const { right: ref } = parsed
    for (const segment of [ref.owner, ref.name].filter((segment) => segment !== undefined)) {
      assert.strictEqual(encodeURIComponent(segment), segment)
      assert.strictEqual(new URL(`https://host/models/${segment}/x`).pathname, `/models/${segment}/x`)
    }
  })
})
