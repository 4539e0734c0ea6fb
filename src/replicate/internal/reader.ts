import * as Chunk from "effect/Chunk"
import type * as Sse from "../../http/Sse.js"
import type * as Output from "../../Output.js"
import type { Prediction } from "../schemas/Prediction.js"

/** Replicate's event ids are `<unix seconds>:<n>`: they tell which of two events is older. */
const parseId = (id: string): readonly [seconds: number, n: number] | undefined => {
  const parts = /^(\d+):(\d+)$/.exec(id)
  return parts === null ? undefined : [Number(parts[1]), Number(parts[2])]
}

/** Whether an event is not newer than another, where their ids tell. */
const isAtOrBefore = (id: string, last: string): boolean | undefined => {
  const a = parseId(id)
  const b = parseId(last)
  if (a === undefined || b === undefined) return id === last ? true : undefined
  return a[0] < b[0] || (a[0] === b[0] && a[1] <= b[1])
}

/** The `detail` of an `error` event, or its text when it is not the JSON it should be. */
const detailOf = (data: string): string => {
  try {
    const json: unknown = JSON.parse(data)
    return typeof json === "object" && json !== null && "detail" in json ? String(json.detail) : data
  } catch {
    return data
  }
}

const reasonOf = (data: string): string | undefined => {
  try {
    const json: unknown = JSON.parse(data)
    return typeof json === "object" && json !== null && "reason" in json ? String(json.reason) : undefined
  } catch {
    return undefined
  }
}

/**
 * Turns the events of a prediction's stream into outputs, over as many connections as it takes, and knows how far it
 * came: what a new connection replays is dropped, and what the finished prediction holds beyond it can be added.
 *
 * @internal
 */
export class PredictionReader {
  /** Events that were taken in. */
  events = 0
  /** Characters of text that were given out. */
  characters = 0
  files = 0
  lastEventId: string | undefined
  /** The server ended the stream: with a reason, unless it ended well. */
  done: { readonly reason: string | undefined } | undefined
  /** What an `error` event said. */
  error: string | undefined

  private firstEventId: string | undefined
  /** Events of a new connection that were seen before; -1 once it is past them. */
  private replayed = -1
  /** The new connection began with the first event of all. */
  private anew = false

  private readonly givesFiles: boolean

  /** `givesFiles` says that output events are URLs of files. */
  constructor(givesFiles: boolean) {
    this.givesFiles = givesFiles
  }

  /** To be called before each connection but the first. */
  reconnect(): void {
    this.replayed = this.events > 0 ? 0 : -1
  }

  read(chunk: Chunk.Chunk<Sse.Event>): Chunk.Chunk<Output.Output> {
    const outputs: Array<Output.Output> = []
    for (const event of Chunk.toReadonlyArray(chunk)) {
      if (event.event === "done") {
        this.done = { reason: reasonOf(event.data) }
        break
      }
      if (this.replayed >= 0 && this.isReplay(event)) continue
      this.events++
      if (event.id !== undefined) {
        this.firstEventId ??= event.id
        this.lastEventId = event.id
      }
      if (event.event === "output") outputs.push(this.output(event.data))
      else if (event.event === "logs") outputs.push({ _tag: "Log", text: event.data })
      else if (event.event === "error") this.error = detailOf(event.data)
    }
    return Chunk.unsafeFromArray(outputs)
  }

  /** Whether a finished prediction holds at least what was given out: its output may have been removed. */
  covers(prediction: Prediction): boolean {
    if (prediction.data_removed === true) return false
    return this.givesFiles ? prediction.files.length >= this.files : prediction.text.length >= this.characters
  }

  /** What a finished prediction holds beyond what was given out. */
  rest(prediction: Prediction): Chunk.Chunk<Output.Output> {
    if (this.givesFiles) {
      const files = prediction.files.slice(this.files)
      this.files += files.length
      return Chunk.unsafeFromArray(files.map(({ url }): Output.Output => ({ _tag: "File", url })))
    }
    const text = prediction.text.slice(this.characters)
    this.characters += text.length
    return text === "" ? Chunk.empty() : Chunk.of<Output.Output>({ _tag: "TextDelta", text })
  }

  private output(data: string): Output.Output {
    if (this.givesFiles) {
      this.files++
      return { _tag: "File", url: data }
    }
    this.characters += data.length
    return { _tag: "TextDelta", text: data }
  }

  /**
   * Whether an event came before. The ids tell, where they can be compared; a server that sends none, or does not
   * honour `Last-Event-ID`, begins anew, so that as many events as were taken in are dropped.
   */
  private isReplay({ id }: Sse.Event): boolean {
    if (this.replayed === 0) this.anew = id === undefined || id === this.firstEventId
    const last = this.lastEventId
    const byId = id === undefined || last === undefined ? undefined : isAtOrBefore(id, last)
    const seen = byId ?? (this.anew && this.replayed < this.events)
    this.replayed = seen ? this.replayed + 1 : -1
    return seen
  }
}
