import * as Inspectable from "effect/Inspectable"
import type { Of, Output } from "../Output.js"
import * as Markdown from "./markdown.js"

const reasoning = ({ label, status, text }: Of<"ReasoningDelta">): string =>
  text !== "" || !status ? text : label ? `${label}: ${status}\n` : `${status}\n`

/** A data URI holds the whole file, which nobody can read. */
const address = (url: string): string => url.startsWith("data:") ? `${url.slice(0, url.indexOf(",") + 1)}...` : url

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim()

const line = (text: string): string => `\n${text}\n`

const block = (markdown: string): string => markdown === "" ? "" : `\n${markdown}\n\n`

/** Sources with a URL, without the mark of who led there, and with a title. */
const cited = ({ sources }: Of<"Sources">) =>
  sources
    .map((source) => ({ url: source.url.replace(/[?&]utm_source=.+/s, ""), title: oneLine(source.title ?? "") }))
    .filter(({ url }) => url !== "")
    .map(({ title, url }) => ({ url, title: title || url.replace(/^\w+:\/\/(www\.)?/, "").replace(/[?#].*/s, "") }))

const citations = (lines: ReadonlyArray<string>, separator: string): string =>
  lines.length === 0 ? "" : `\n\n\n\n${lines.join(separator)}`

/** @internal */
export const toText = (output: Output): string => {
  switch (output._tag) {
    case "TextDelta":
      return output.text
    case "ReasoningDelta":
      return reasoning(output)
    case "Image":
    case "Video":
    case "File":
      return line(address(output.url))
    case "Audio":
      return line(output.transcript || address(output.url))
    case "Json":
      return Inspectable.toStringUnknown(output.value)
    case "Sources":
      return citations(cited(output).map(({ title, url }, index) => `[${index}] ${title}: ${url}`), "\n")
    case "ToolCall":
    case "Usage":
    case "Finish":
    case "ProviderInfo":
    case "LoginRequest":
    case "Conversation":
    case "Title":
    case "Suggestions":
    case "Log":
    case "Preview":
      return ""
  }
}

/** @internal */
export const toMarkdown = (output: Output): string => {
  switch (output._tag) {
    case "TextDelta":
      return output.text
    case "ReasoningDelta":
      return reasoning(output)
    case "Image":
      return block(Markdown.image(output.alt ?? "", output.url, output.preview))
    case "Preview":
      return block(Markdown.image(output.alt ?? "", output.url))
    case "Audio":
      return block(Markdown.player("audio", output.url))
    case "Video":
      return block(Markdown.player("video", output.url))
    case "File":
      return block(Markdown.link(output.name?.trim() || "File", output.url))
    case "Json":
      return block(`\`\`\`json\n${json(output.value)}\n\`\`\``)
    case "Sources":
      return citations(
        cited(output).map(({ title, url }, index) => `> [${index}] ${Markdown.link(title, url)}`),
        "\n>\n"
      )
    case "LoginRequest":
      return `${Markdown.link(`Login to ${output.label}`, output.url)}\n\n`
    case "ToolCall":
    case "Usage":
    case "Finish":
    case "ProviderInfo":
    case "Conversation":
    case "Title":
    case "Suggestions":
    case "Log":
      return ""
  }
}

/** A bare string could close the fence around it; as JSON it has no line of its own. */
const json = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : Inspectable.toStringUnknown(value)
