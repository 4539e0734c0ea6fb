const fenced = /^[^\S\n]*```([^\n`]*)\n([^]*?)^[^\S\n]*```/gm

/**
 * Finds the JSON in an answer that may talk around it: the content of the first fenced block labelled `json` or not
 * labelled, else the whole text, without the space around it.
 *
 * @internal
 */
export const filterJson = (text: string): string => {
  for (const [, label = "", content = ""] of text.matchAll(fenced)) {
    if (/^(?:json)?$/i.test(label.trim())) return content.trim()
  }
  return text.trim()
}
