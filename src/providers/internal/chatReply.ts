import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { parseJson } from "../../internal/errorBody.js"
import * as Output from "../../Output.js"

/**
 * Why a reply is none: the nonce was refused, the service told of an error (`body` is as a JSON API would tell it), or
 * the reply is of no known form.
 *
 * @internal
 */
export type Flaw =
  | { readonly kind: "nonce"; readonly text: string }
  | { readonly kind: "error"; readonly body: unknown }
  | { readonly kind: "malformed"; readonly why: string; readonly text: string }

/**
 * A reader in the middle of one reply. It is mutable: one reply, one reader.
 *
 * @internal
 */
export interface Reader {
  /** Takes the next piece of text, cut anywhere, and gives the outputs it completed. */
  readonly feed: (text: string) => ReadonlyArray<Output.Output>
  /** Takes the end of the reply, and gives what was kept until then. */
  readonly end: () => ReadonlyArray<Output.Output>
  /** The reply said that it is over. */
  readonly isDone: boolean
  readonly flaw: Flaw | undefined
  /** Deltas given, and their characters. */
  readonly deltas: number
  readonly characters: number
}

/** Most characters held of one line, and of JSON. */
const longest = 32 * 1024 * 1024

/** Fields of event streams that say nothing here. */
const isField = (line: string): boolean => /^(?:event|id|retry):/.test(line)

interface Choice {
  readonly content: string
  readonly finish: unknown
}

const choiceOf = (event: unknown): Choice | undefined => {
  const choice: unknown = Predicate.isRecord(event) && Array.isArray(event.choices) ? event.choices[0] : undefined
  if (!Predicate.isRecord(choice) || !Predicate.isRecord(choice.delta)) return undefined
  const content = choice.delta.content ?? ""
  return typeof content === "string" ? { content, finish: choice.finish_reason } : undefined
}

/** An event about the prompt alone, such as the one that begins Azure's replies. */
const isPreface = (event: unknown): boolean =>
  Predicate.isRecord(event) && Array.isArray(event.choices) && event.choices.length === 0

/** An event that has no place for content, such as one of usage, or of the end alone. */
const closingOf = (event: unknown): Choice | undefined => {
  if (!Predicate.isRecord(event)) return undefined
  const choice: unknown = Array.isArray(event.choices) ? event.choices[0] : event.choices
  if (Predicate.isNullable(choice)) return { content: "", finish: undefined }
  return Predicate.isRecord(choice) && Predicate.isNullable(choice.delta)
    ? { content: "", finish: choice.finish_reason }
    : undefined
}

const reasonOf = (finish: unknown): Output.Of<"Finish">["reason"] =>
  finish === "length" ? "length" : finish === "content_filter" ? "content-filter" : "stop"

const failureOf = (value: unknown): Flaw | undefined => {
  if (value === 0 || value === -1) return { kind: "nonce", text: String(value) }
  if (!Predicate.isRecord(value)) return undefined
  if (Predicate.isNotNullable(value.error)) return { kind: "error", body: value }
  if (value.status !== "error" && value.success !== false) return undefined
  const said = [value.msg, value.message, value.data].find(Predicate.isString) ?? "the service gave no reason"
  return /\bnonce\b/i.test(said) ? { kind: "nonce", text: said } : { kind: "error", body: { error: said } }
}

/**
 * Makes a reader for one reply of the chat plugin: an event stream of deltas, a JSON object with the whole text, or
 * both. The text of the JSON comes last, wherever it stood.
 *
 * @internal
 */
export const makeReader = (): Reader => {
  let held = ""
  let json = ""
  /** The first event that is not JSON. */
  let unreadable: string | undefined
  /** Fields of an event have come, and its data has not. */
  let isBegun = false
  let isDone = false
  let finish: unknown
  let flaw: Flaw | undefined
  let deltas = 0
  let characters = 0

  const readEvent = (data: string, outputs: Array<Output.Output>) => {
    const event = Option.getOrUndefined(parseJson(data))
    if (event === undefined) {
      if (data !== "") unreadable ??= data
      return
    }
    const failure = failureOf(event)
    if (failure === undefined && isPreface(event)) return
    // beside deltas, what has no content is noise
    const choice = choiceOf(event) ?? (deltas > 0 && failure === undefined ? closingOf(event) : undefined)
    if (choice === undefined) {
      flaw = failure ?? { kind: "malformed", why: "an event has no choices", text: data }
      return
    }
    finish = choice.finish ?? finish
    if (choice.content === "") return
    deltas++
    characters += choice.content.length
    outputs.push(Output.textDelta(choice.content))
  }

  const readLine = (untrimmed: string, outputs: Array<Output.Output>) => {
    const line = untrimmed.trim()
    if (!line.startsWith("data:")) {
      if (line === "" || isField(line)) isBegun = line !== ""
      else if (!line.startsWith(":")) json += line
      return
    }
    isBegun = false
    const data = line.slice("data:".length).trim()
    if (data === "[DONE]") isDone = true
    else readEvent(data, outputs)
  }

  const isOver = () => isDone || flaw !== undefined

  const feed = (text: string): ReadonlyArray<Output.Output> => {
    const outputs: Array<Output.Output> = []
    const lines = text.split("\n")
    const rest = lines.pop() ?? ""
    for (const line of lines) {
      if (isOver()) return outputs
      readLine(held + line, outputs)
      held = ""
    }
    held += rest
    if (!isOver() && Math.max(held.length, json.length) > longest) {
      flaw = { kind: "malformed", why: `the reply has a line, or JSON, of more than ${longest} characters`, text: "" }
    }
    return outputs
  }

  /** Whether a last line without end can be all of it. */
  const isWhole = (line: string) =>
    line === "" || line.startsWith(":") ||
    Option.isSome(parseJson(line.startsWith("data:") ? line.slice("data:".length) : json))

  const readJson = (outputs: Array<Output.Output>) => {
    const value = Option.getOrUndefined(parseJson(json))
    const failure = failureOf(value)
    if (failure !== undefined) flaw = failure
    else if (Predicate.isRecord(value) && Predicate.isNotNullable(value.data)) {
      outputs.push(typeof value.data === "string" ? Output.textDelta(value.data) : { _tag: "Json", value: value.data })
      finish ??= "stop"
    } else if (deltas === 0) {
      // beside deltas, what is no reply is noise
      flaw = { kind: "malformed", why: "expected a reply of the chat", text: json }
    }
  }

  const end = (): ReadonlyArray<Output.Output> => {
    const outputs: Array<Output.Output> = []
    const last = held.trim()
    if (!isOver() && last !== "") readLine(last, outputs)
    held = ""
    if (!isOver() && deltas > 0 && (isBegun || !isWhole(last))) {
      flaw = { kind: "malformed", why: "the reply was cut in the middle of an event", text: "" }
    }
    if (flaw === undefined && json !== "") readJson(outputs)
    else if (flaw === undefined && deltas === 0 && unreadable !== undefined) {
      flaw = { kind: "malformed", why: "an event is not JSON", text: unreadable }
    } else if (flaw === undefined && deltas === 0 && !isDone && finish === undefined) {
      flaw = { kind: "malformed", why: "the reply is empty", text: "" }
    }
    if (flaw === undefined && (isDone || finish !== undefined)) {
      outputs.push({ _tag: "Finish", reason: reasonOf(finish) })
    }
    return outputs
  }

  return {
    feed,
    end,
    get isDone() {
      return isDone
    },
    get flaw() {
      return flaw
    },
    get deltas() {
      return deltas
    },
    get characters() {
      return characters
    }
  }
}
