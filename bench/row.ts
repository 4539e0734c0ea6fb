import type { IncomingMessage, ServerResponse } from "node:http"

/** What one sample is to do. */
export interface Task {
  /** Where the server of the row is, size included: the base of every URL. Empty for rows without a server. */
  readonly base: string
  readonly size: number
  /** A folder of this sample's own. */
  readonly folder: string
}

/** What a contender shows for its work: how much arrived, and what it was. */
export interface Proof {
  readonly count: number
  readonly checksum: number | string
}

/** The work, which is measured. What only proves it can be left for later, when the measuring is over. */
export type Run = () => Promise<Proof | (() => Promise<Proof>)>

/** The least ratio to the first floor, and the peak memory, that we want. */
export interface Goal {
  readonly ratio?: number
  /** In megabytes of 10^6 bytes. */
  readonly memory?: number
}

/**
 * One who does the work of a row. Modules are loaded in `start` and not before, so that each process holds only what
 * its own contender needs.
 */
export interface Contender {
  readonly name: string
  readonly start: (task: Task) => Promise<Run>
  readonly goal?: Goal
  /** Somebody else's library: left out where only our own cost and the floor's are looked at. */
  readonly peer?: boolean
}

/** One kind of work, and who does it. */
export interface Row {
  readonly name: string
  readonly about: (size: number) => string
  /** At scale 1. */
  readonly size: number
  /** What the cost is told for. */
  readonly unit: string
  /** How many of them there are; as many as the size when absent. */
  readonly units?: (size: number) => number
  readonly contenders: ReadonlyArray<Contender>
  /** Names of the contenders that the others are compared with; the goals are ratios to the first. */
  readonly floors: ReadonlyArray<string>
  /** What is compared: CPU when absent. */
  readonly metric?: "cpu" | "requests"
  /** What each contender has to show. */
  readonly expected: (size: number) => Proof
  readonly serve?: () => Promise<Serve>
  /** Whether a small piece of the work is done before the measuring; `true` when absent. */
  readonly warmUp?: boolean
  /** Samples enough, where more would tell nothing new. */
  readonly samples?: number
  /** Whether the work makes no sense at other sizes. */
  readonly fixed?: boolean
}

/** A request as the server of a row sees it: what follows the size in the path is `path`. */
export interface Call {
  readonly base: string
  readonly size: number
  readonly path: string
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export type Serve = (call: Call) => void
