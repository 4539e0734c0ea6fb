import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Sse from "../../http/Sse.js"
import { parseJson, toJson } from "../../internal/errorBody.js"
import type { Prediction } from "../schemas/Prediction.js"
import { type View, whole } from "./views.js"

/** Event ids are `<unix seconds>:<n>` in Replicate's docs on streaming: they tell which of two events is older. */
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

/** What the JSON of an event has in a field. */
const fieldOf = (data: string, name: string): string | undefined =>
  parseJson(data).pipe(
    Option.filter(Predicate.hasProperty(name)),
    Option.flatMap(({ [name]: field }) => typeof field === "string" ? Option.some(field) : toJson(field)),
    Option.getOrUndefined
  )

/** The output of a model as its stream would give it, all at once; none where it is nested too deep for JSON. */
const textOf = (output: unknown): Option.Option<string> => {
  const parts = (Array.isArray(output) ? output : [output ?? ""]).map((part) =>
    typeof part === "string" ? part : Option.getOrUndefined(toJson(part))
  )
  return parts.includes(undefined) ? Option.none() : Option.some(parts.join(""))
}

/** Event streams make line feeds of all line ends. */
const withLineFeeds = (text: string): string => text.replace(/\r\n?/g, "\n")

/** FNV-1a over the units of a text, begun anew or gone on with: tells another text from the one that was given out. */
const hashOf = (text: string, hash = 0x811c9dc5): number => {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/**
 * How far a stream was read before, as `StreamInterrupted` tells.
 *
 * @internal
 */
export interface Taken {
  readonly events: number
  readonly characters: number
  readonly files?: number | undefined
  readonly hash?: number | undefined
  readonly lastEventId?: string | undefined
}

const nothing: Taken = { events: 0, characters: 0, hash: hashOf("") }

/**
 * Turns the events of a prediction's stream into what a view makes of them, over as many connections as it takes, and
 * knows how far it came: what a new connection replays is dropped, and what the finished prediction holds beyond it can
 * be added.
 *
 * @internal
 */
export class PredictionReader<A> {
  /** Events that were taken in. */
  events: number
  /** There was more than one connection. */
  reconnected = false
  lastEventId: string | undefined
  /** The server ended the stream: with a reason, unless it ended well. */
  done: { readonly reason: string | undefined } | undefined
  /** What an `error` event said. */
  error: string | undefined

  /** Some output was given out, an empty text included. */
  private given: boolean
  private files: number
  /** The text that was given out, after what was given out before. */
  private text = ""
  private readonly before: Pick<Taken, "characters" | "hash">
  private firstEventId: string | undefined
  /** Events of a new connection that were seen before; -1 once it is past them. */
  private replayed = -1
  /** The new connection began with the first event of all. */
  private anew = false

  private readonly view: View<A>
  private readonly givesFiles: boolean

  /** `givesFiles` says that output events are URLs of files. */
  constructor(view: View<A>, givesFiles: boolean, taken = nothing) {
    this.view = view
    this.givesFiles = givesFiles
    this.events = taken.events
    this.files = taken.files ?? 0
    this.before = taken
    const { lastEventId = "" } = taken
    // one without an order does not tell what came before it: a host that is not sent it begins anew
    this.lastEventId = parseId(lastEventId) && lastEventId
    this.given = taken.characters + this.files > 0
    if (this.events > 0) this.reconnect()
  }

  /** To be called before each connection but the first. */
  reconnect(): void {
    this.reconnected = true
    this.replayed = this.events > 0 ? 0 : -1
  }

  read(events: ReadonlyArray<Sse.Event>): Chunk.Chunk<A> {
    const read: Array<A> = []
    // joined once: a text that grows by each event is a tree of as many nodes
    const texts: Array<string> = []
    for (const event of events) {
      if (event.event === "done") {
        this.done = { reason: fieldOf(event.data, "reason") }
        break
      }
      if (this.replayed >= 0 && this.isReplay(event)) continue
      this.events++
      if (event.id !== undefined) {
        this.firstEventId ??= event.id
        this.lastEventId = event.id
      }
      if (event.event === "output") read.push(this.output(event, texts))
      else if (event.event === "logs") read.push(this.view.logs(event.data, event.id))
      else if (event.event === "error") this.error = fieldOf(event.data, "detail") ?? event.data
    }
    this.text += texts.join("")
    return Chunk.unsafeFromArray(read)
  }

  /** How far it came. */
  get taken(): Taken {
    return {
      events: this.events,
      characters: this.before.characters + this.text.length,
      files: this.files,
      hash: this.before.hash === undefined ? undefined : hashOf(this.text, this.before.hash),
      lastEventId: this.lastEventId
    }
  }

  /** What a finished prediction holds beyond what was given out; none when its output does not begin with that. */
  rest(prediction: Prediction): Option.Option<Chunk.Chunk<A>> {
    if (prediction.data_removed === true) return Option.none()
    if (!this.given) return Option.some(Chunk.fromIterable(whole(this.view, prediction, !this.givesFiles)))
    if (this.givesFiles) {
      const { files } = prediction
      const more = files.slice(this.files).map(({ url }) => this.view.file(url))
      return files.length < this.files ? Option.none() : Option.some(Chunk.unsafeFromArray(more))
    }
    const { characters, hash } = this.before
    const end = characters + this.text.length
    const isSame = (text: string) =>
      text.length >= end && text.startsWith(this.text, characters) &&
      (hash === undefined || hashOf(text.slice(0, characters)) === hash)
    return textOf(prediction.output).pipe(
      Option.map(withLineFeeds),
      Option.filter(isSame),
      Option.map((text) => text.length === end ? Chunk.empty() : Chunk.of(this.view.text(text.slice(end))))
    )
  }

  private output({ data, id }: Sse.Event, texts: Array<string>): A {
    this.given = true
    if (this.givesFiles) {
      this.files++
      return this.view.file(data, id)
    }
    texts.push(data)
    return this.view.text(data, id)
  }

  /**
   * Whether an event came before. The ids tell, where they can be compared; a server that sends none, was sent none, or
   * does not honour `Last-Event-ID`, begins anew, so that as many events as were taken in are dropped.
   */
  private isReplay({ id }: Sse.Event): boolean {
    const last = this.lastEventId
    if (this.replayed === 0) {
      this.anew = id === undefined || last === undefined || id === this.firstEventId
      if (this.anew) this.firstEventId ??= id
    }
    const byId = id === undefined || last === undefined ? undefined : isAtOrBefore(id, last)
    const seen = byId ?? (this.anew && this.replayed < this.events)
    this.replayed = seen ? this.replayed + 1 : -1
    return seen
  }
}
