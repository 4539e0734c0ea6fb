import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as Output from "../src/Output.js"

const png = "data:image/png;base64,iVBORw0KGgo="

/** Each response type of gpt4free, the output it is here, and what readers of plain text and of markdown see. */
const rows: ReadonlyArray<[type: string, output: Output.Output, text: string, markdown: string]> = [
  ["a text", Output.textDelta("Hi *there*\n"), "Hi *there*\n", "Hi *there*\n"],
  ["FinishReason", { _tag: "Finish", reason: "stop" }, "", ""],
  ["ToolCalls", { _tag: "ToolCall", id: "1", name: "weather", params: { city: "Lima" } }, "", ""],
  ["Usage", { _tag: "Usage", inputTokens: 1, outputTokens: 2, totalTokens: 3 }, "", ""],
  ["TitleGeneration", { _tag: "Title", title: "Llamas" }, "", ""],
  ["DebugResponse", { _tag: "Log", text: "loading" }, "", ""],
  ["Reasoning: token", { _tag: "ReasoningDelta", text: "Hm.", label: "Phase", status: "Thinking" }, "Hm.", "Hm."],
  [
    "Reasoning: label and status",
    { _tag: "ReasoningDelta", text: "", label: "Phase", status: "Thinking" },
    "Phase: Thinking\n",
    "Phase: Thinking\n"
  ],
  ["Reasoning: status", { _tag: "ReasoningDelta", text: "", status: "Thinking" }, "Thinking\n", "Thinking\n"],
  ["Reasoning: nothing", { _tag: "ReasoningDelta", text: "" }, "", ""],
  [
    "Sources",
    {
      _tag: "Sources",
      sources: [
        { url: "https://a.example/x?utm_source=chat&b=1", title: "A\n [1]" },
        { url: "" },
        { url: "?utm_source=chat" },
        { url: "https://www.b.example/y?q=1&utm_source=chat" },
        { url: "javascript:alert(1)", title: "C" }
      ]
    },
    "\n\n\n\n[0] A [1]: https://a.example/x\n[1] b.example/y: https://www.b.example/y?q=1\n[2] C: javascript:alert(1)",
    "\n\n\n\n> [0] [A \\[1\\]](https://a.example/x)\n>\n> [1] [b.example/y](https://www.b.example/y?q=1)\n>\n> [2] C"
  ],
  ["Sources: none", { _tag: "Sources", sources: [{ url: "" }] }, "", ""],
  [
    "SourceLink",
    { _tag: "Sources", sources: [{ url: "https://a.example/", title: "A" }] },
    "\n\n\n\n[0] A: https://a.example/",
    "\n\n\n\n> [0] [A](https://a.example/)"
  ],
  [
    "YouTube",
    { _tag: "File", url: "https://www.youtube.com/watch?v=abc", name: "YouTube abc" },
    "\nhttps://www.youtube.com/watch?v=abc\n",
    "\n[YouTube abc](https://www.youtube.com/watch?v=abc)\n\n"
  ],
  [
    "AudioResponse",
    { _tag: "Audio", url: "data:audio/mpeg;base64,SUQz", mediaType: "audio/mpeg" },
    "\ndata:audio/mpeg;base64,...\n",
    "\n<audio controls src=\"data:audio/mpeg;base64,SUQz\"></audio>\n\n"
  ],
  [
    "AudioResponse: transcript",
    { _tag: "Audio", url: "https://a.example/a.mp3", transcript: "Hello" },
    "\nHello\n",
    "\n<audio controls src=\"https://a.example/a.mp3\"></audio>\n\n"
  ],
  ["BaseConversation, JsonConversation", { _tag: "Conversation", provider: "X", data: { id: 1 } }, "", ""],
  ["SuggestedFollowups", { _tag: "Suggestions", suggestions: ["Why?"] }, "", ""],
  [
    "RequestLogin",
    { _tag: "LoginRequest", label: "X [1]", url: "https://a.example/login" },
    "",
    "[Login to X \\[1\\]](https://a.example/login)\n\n"
  ],
  [
    "ImageResponse",
    { _tag: "Image", url: "https://a.example/a b(1).png?x=%2F&y=1#z", alt: " a\n  llama, [sitting] " },
    "\nhttps://a.example/a b(1).png?x=%2F&y=1#z\n",
    "\n[![a llama, \\[sitting\\]](https://a.example/a%20b%281%29.png?x=%2F&y=1#z)]" +
    "(https://a.example/a%20b%281%29.png?x=%2F&y=1#z)\n\n"
  ],
  [
    "ImageResponse: preview",
    { _tag: "Image", url: "https://a.example/a.png", preview: "https://a.example/small.png", alt: "a" },
    "\nhttps://a.example/a.png\n",
    "\n[![a](https://a.example/small.png)](https://a.example/a.png)\n\n"
  ],
  ["ImageResponse: data URI", { _tag: "Image", url: png }, "\ndata:image/png;base64,...\n", `\n![](${png})\n\n`],
  ["ImagePreview, PreviewResponse", { _tag: "Preview", url: png, alt: "soon" }, "", `\n![soon](${png})\n\n`],
  [
    "VideoResponse",
    { _tag: "Video", url: "https://a.example/a.mp4?a=1&b=2" },
    "\nhttps://a.example/a.mp4?a=1&b=2\n",
    "\n<video controls src=\"https://a.example/a.mp4?a=1&amp;b=2\"></video>\n\n"
  ],
  ["ProviderInfo", { _tag: "ProviderInfo", name: "X", model: "m" }, "", ""],
  [
    "JsonResponse",
    { _tag: "Json", value: { a: ["```"] } },
    "{\n  \"a\": [\n    \"```\"\n  ]\n}",
    "\n```json\n{\n  \"a\": [\n    \"```\"\n  ]\n}\n```\n\n"
  ],
  ["JsonResponse: a string", { _tag: "Json", value: "\n```\n" }, "\n```\n", "\n```json\n\"\\n```\\n\"\n```\n\n"],
  ["PlainTextResponse, VariantResponse, ContinueResponse", { _tag: "Log", text: "raw" }, "", ""]
]

/** Response types that are no output here, and where their job is done. */
const elsewhere = {
  ResponseType: "the union `Output`",
  JsonMixin: "the codec `Output`",
  HiddenResponse: "every output whose `toText` is empty",
  RawResponse: "`Json`",
  MediaResponse: "`Image`, `Audio`, `Video`, `File`: one output for each URL",
  AuthResult: "`Credentials`; never part of a stream",
  SynthesizeData: "speech is an `Audio`",
  Parameters: "`Provider.Service.parameters`",
  HeadersResponse: "headers never leave the HTTP layer",
  JsonRequest: "requests are never part of a stream"
}

/** Words and URLs made to break out of markdown and HTML. */
const hostile = FastCheck.array(
  FastCheck.oneof(
    FastCheck.constantFrom(..."[]()<>\\`*_~!|#$\"'&;:/?%=.-+ \n\r\t\u0085\u2028\u00a0aé"),
    FastCheck.constantFrom("](", "<script>", "--><img>", "&lt;", "```", "\n\n"),
    FastCheck.constantFrom("javascript:", "data:text/html,", "data:image/png,", "https://a.example/"),
    FastCheck.string()
  ),
  { maxLength: 12 }
).map((pieces) => pieces.join(""))

const hostileUrl = FastCheck.oneof(
  hostile,
  hostile.map((rest) => `https://a.example/${rest}`),
  hostile.map((rest) => `data:image/png,${rest}`),
  hostile.map((rest) => `java\nscript:${rest}`)
)

const escaped = String.raw`(?:[^\\\[\]\x60*_~$<>"\s]|\\[^\s]| )*`
const http = String.raw`https?:\/\/[^\s()<>"'\x60\\]+`
const data = (media: string) => String.raw`data:${media}\/[^\s()<>"'\x60\\]*`
const only = (...shapes: ReadonlyArray<string>) => new RegExp(`^(?:${shapes.join("|")})$`)

const anImage = String.raw`!\[${escaped}\]\((?:${http}|${data("image")})\)`
const shapes = {
  Image: only("", String.raw`\n(?:\[${anImage}\]\(${http}\)|${anImage}|${escaped})\n\n`),
  Audio: only("", String.raw`\n<audio controls src="(?:${http}|${data("audio")})"><\/audio>\n\n`),
  File: only(String.raw`\n(?:\[${escaped}\]\(${http}\)|${escaped})\n\n`),
  LoginRequest: only(String.raw`(?:\[${escaped}\]\(${http}\)|${escaped})\n\n`),
  Sources: only("", String.raw`\n\n\n\n> \[0\] (?:\[${escaped}\]\(${http}\)|${escaped})`)
}

describe("Output", () => {
  for (const [type, output, text, markdown] of rows) {
    it(`B23: ${type} is ${output._tag}`, () => {
      assert.strictEqual(Output.toText(output), text)
      assert.strictEqual(Output.toMarkdown(output), markdown)
    })
  }

  it("B23: every response type has its place", () => {
    const placed = rows.flatMap(([type]) => type.replace(/:.*/, "").split(", ")).concat(Object.keys(elsewhere))
    assert.includeMembers(
      placed,
      [
        "ResponseType JsonMixin HiddenResponse RawResponse FinishReason ToolCalls Usage AuthResult TitleGeneration",
        "DebugResponse Reasoning Sources SourceLink YouTube AudioResponse BaseConversation JsonConversation",
        "SynthesizeData SuggestedFollowups RequestLogin MediaResponse ImageResponse ImagePreview VideoResponse",
        "PreviewResponse Parameters ProviderInfo PlainTextResponse VariantResponse ContinueResponse HeadersResponse",
        "JsonRequest JsonResponse"
      ].flatMap((types) => types.split(" "))
    )
  })

  it("B23: only URLs of the right kind are loaded or linked to", () => {
    const unsafe = ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,<script>", "file:///etc/passwd"]
    for (const url of [...unsafe, "/a.png"]) {
      assert.strictEqual(Output.toMarkdown({ _tag: "Image", url, alt: "a" }), "\na\n\n")
      assert.strictEqual(Output.toMarkdown({ _tag: "Audio", url }), "")
      assert.strictEqual(Output.toMarkdown({ _tag: "Video", url }), "")
      assert.strictEqual(Output.toMarkdown({ _tag: "File", url, name: "a.pdf" }), "\na.pdf\n\n")
      assert.strictEqual(Output.toMarkdown({ _tag: "LoginRequest", url, label: "X" }), "Login to X\n\n")
    }
  })

  it("B23: words that would begin a block do not", () => {
    const image = (alt: string) => Output.toMarkdown({ _tag: "Image", url: "", alt }).trim()
    assert.deepStrictEqual(["# a", "- a", "+ a", "=", "12. a", "1) a", "> a"].map(image), [
      "\\# a",
      "\\- a",
      "\\+ a",
      "\\=",
      "12\\. a",
      "1\\) a",
      "&gt; a"
    ])
  })

  it("B23: entities in a URL stay as they are written", () => {
    const markdown = Output.toMarkdown({ _tag: "File", url: "https://a.example/?a=1&lt;&copy=2", name: "a" })
    assert.strictEqual(markdown, "\n[a](https://a.example/?a=1&amp;lt;&copy=2)\n\n")
  })

  it.prop(
    "B23: words and URLs of a model never break out of the markdown around them",
    [hostile, hostileUrl, hostileUrl],
    ([words, url, preview]) => {
      assert.match(Output.toMarkdown({ _tag: "Image", url, preview, alt: words }), shapes.Image)
      assert.match(Output.toMarkdown({ _tag: "Preview", url, alt: words }), shapes.Image)
      assert.match(Output.toMarkdown({ _tag: "Audio", url, transcript: words }), shapes.Audio)
      assert.match(Output.toMarkdown({ _tag: "File", url, name: words }), shapes.File)
      assert.match(Output.toMarkdown({ _tag: "LoginRequest", url, label: words }), shapes.LoginRequest)
      assert.match(Output.toMarkdown({ _tag: "Sources", sources: [{ url, title: words }] }), shapes.Sources)
    },
    { fastCheck: { numRuns: 2000 } }
  )

  it.prop(
    "B23: a structured value never closes the fence around it",
    [FastCheck.oneof(hostile, FastCheck.jsonValue(), FastCheck.dictionary(hostile, hostile))],
    ([value]) => {
      const lines = Output.toMarkdown({ _tag: "Json", value }).split("\n")
      assert.deepStrictEqual(lines.filter((line) => /^\s*`{3}/.test(line)), ["```json", "```"])
      assert.deepStrictEqual(lines.slice(-3), ["```", "", ""])
    }
  )

  it.effect("B23: the text of a stream is its text deltas", () =>
    Effect.gen(function*() {
      const outputs = Stream.make<Array<Output.Output>>(
        { _tag: "ProviderInfo", name: "X" },
        Output.textDelta("a"),
        { _tag: "ReasoningDelta", text: "hidden" },
        Output.textDelta("b"),
        { _tag: "Finish", reason: "stop" }
      )
      assert.strictEqual(yield* Stream.mkString(Output.text(outputs)), "ab")
    }))
})
