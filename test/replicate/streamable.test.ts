import { assert, describe, it } from "@effect/vitest"
import { isUnstreamable } from "../../src/replicate/internal/streamable.js"
import { ModelVersion } from "../../src/replicate/schemas/ModelVersion.js"

const version = (output: unknown, cog_version?: string, more: Readonly<Record<string, unknown>> = {}) =>
  new ModelVersion({
    id: "v1",
    ...(cog_version === undefined ? {} : { cog_version }),
    openapi_schema: { ...more, components: { schemas: { Input: {}, Output: output } } }
  })

const text = { type: "string" }
const file = { type: "string", format: "uri" }
const list = { type: "array", items: text }

describe("isUnstreamable", () => {
  it.each([
    ["a text", version(text, "0.14.0")],
    ["a number", version({ type: "number" }, "0.14.0")],
    ["a text of an old builder", version(text, "0.2.0")],
    ["a text of an unknown builder", version(text)],
    ["an object of texts", version({ type: "object", properties: { a: text } }, "0.14.0")],
    ["a list", version(list, "0.14.0")],
    ["a list of the first builder that marks iterators", version(list, "0.3.9")],
    ["a list of a later major version", version(list, "1.0.0+shimmed")]
  ])("R20: %s is known not to stream", (_, version) => {
    assert.isTrue(isUnstreamable(version))
  })

  it.each([
    ["an iterator", version({ ...list, "x-cog-array-type": "iterator" }, "0.14.0")],
    [
      "an iterator of a model's text",
      version({
        ...list,
        "x-cog-array-type": "iterator",
        "x-cog-array-display": "concatenate"
      }, "0.14.0")
    ],
    ["a list of an old builder", version(list, "0.3.8")],
    ["a list of a very old builder", version(list, "0.1.3+shimmed")],
    ["a list of an unknown builder", version(list)],
    ["a list of an odd builder", version(list, "dev")],
    ["a file", version(file, "0.14.0")],
    ["a list of files", version({ type: "array", items: file }, "0.14.0")],
    ["an object with a file", version({ type: "object", properties: { mask: file } }, "0.14.0")],
    [
      "an object of what is described elsewhere",
      version({
        type: "object",
        properties: { mask: { $ref: "#/components/schemas/Mask" } }
      }, "0.14.0")
    ],
    [
      "an operation marked as streaming",
      version(text, "0.20.0", {
        paths: { "/predictions": { post: { "x-cog-streaming": true } } }
      })
    ],
    ["anything", version({}, "0.14.0")],
    ["one of several", version({ anyOf: [text, file] }, "0.14.0")],
    ["no schema of the output", version(undefined, "0.14.0")],
    ["a schema that is none", version("string", "0.14.0")],
    ["no schema", new ModelVersion({ id: "v1", cog_version: "0.14.0" })]
  ])("R20: %s may stream", (_, version) => {
    assert.isFalse(isUnstreamable(version))
  })
})
