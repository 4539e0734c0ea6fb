import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Child from "./child.js"
import type { Contender, Proof, Row } from "./row.js"

/** What one process needed for the work. */
export interface Sample {
  /** User and system, in milliseconds. */
  readonly cpu: number
  /** In milliseconds. */
  readonly wall: number
  /** The peak of the whole process, in bytes. */
  readonly memory: number
  /** That the server saw. */
  readonly requests: number
  /** How much of its core the server needed, from 0 to 1. */
  readonly server: number
}

/** The samples of one contender: the nth of each contender were taken in the same round. */
export interface Series {
  readonly contender: Contender
  readonly samples: ReadonlyArray<Sample>
  /** Why there are no more. */
  readonly error: string | undefined
}

export interface Options {
  readonly modules: { readonly server: string; readonly worker: string }
  readonly samples: number
  /** Once a contender's samples took this long, it takes part in no more rounds. In milliseconds. */
  readonly budget: number
  /** A sample that takes longer is given up. In milliseconds. */
  readonly limit: number
  /** Whether to leave out the libraries of others. */
  readonly withoutPeers: boolean
  /** Where CPU profiles of the samples go. */
  readonly profiles: string | undefined
}

interface Usage {
  readonly cpu: number
  readonly requests: number
}

interface Server {
  readonly base: string
  readonly usage: () => Promise<Usage>
  readonly stop: () => void
}

const noServer: Server = { base: "", usage: async () => ({ cpu: 0, requests: 0 }), stop: () => {} }

// what arrives from `server.ts` and `worker.ts` is what they send
const startServer = async (row: Row, options: Options): Promise<Server> => {
  if (row.serve === undefined) return noServer
  const child = Child.start(Child.cores.server, options.modules.server, [row.name], [])
  const { port } = await child.receive() as { readonly port: number }
  const usage = async () => {
    child.send({})
    return await child.receive() as Usage
  }
  return { base: `http://127.0.0.1:${port}`, usage, stop: child.stop }
}

const isSame = (a: Proof, b: Proof) => a.count === b.count && a.checksum === b.checksum

const describe = ({ checksum, count }: Proof) => `${count} of checksum ${checksum}`

const takeSample = async (
  row: Row,
  contender: Contender,
  size: number,
  server: Server,
  expected: Proof,
  options: Options
): Promise<Sample> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  const flags = options.profiles === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", options.profiles]
  const task = JSON.stringify({ base: server.base, folder, size })
  const child = Child.start(Child.cores.worker, options.modules.worker, [row.name, contender.name, task], flags)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.stop()
  }, options.limit)
  try {
    await child.receive()
    const before = await server.usage()
    child.send({})
    const measured = await child.receive() as Omit<Sample, "requests" | "server"> & { readonly proof: Proof }
    const after = await server.usage()
    const { cpu, memory, proof, wall } = measured
    if (!isSame(proof, expected)) throw new Error(`shows ${describe(proof)} and not ${describe(expected)}`)
    return { cpu, wall, memory, requests: after.requests - before.requests, server: (after.cpu - before.cpu) / wall }
  } catch (error) {
    throw isLate ? new Error(`took longer than ${options.limit / 1000} s`) : error
  } finally {
    clearTimeout(timer)
    if (options.profiles === undefined) child.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const rotated = <A>(all: ReadonlyArray<A>, by: number): ReadonlyArray<A> => [
  ...all.slice(by % all.length),
  ...all.slice(0, by % all.length)
]

/** Lets the contenders of a row take turns, round by round, so that a slow moment of the machine falls on all. */
export const measure = async (
  row: Row,
  size: number,
  options: Options,
  onSample: (contender: string, round: number) => void
): Promise<ReadonlyArray<Series>> => {
  const expected = row.expected(size)
  const server = await startServer(row, options)
  const all = row.contenders
    .filter(({ name, peer }) => !(options.withoutPeers && peer === true && !row.floors.includes(name)))
    .map((contender) => ({ contender, samples: new Array<Sample>(), error: undefined as string | undefined, spent: 0 }))
  try {
    for (let round = 0; round < Math.min(options.samples, row.samples ?? Infinity); round++) {
      for (const series of rotated(all, round)) {
        const { contender, samples } = series
        if (series.error !== undefined) continue
        if (series.spent > options.budget && !row.floors.includes(contender.name)) continue
        onSample(contender.name, round)
        const startedAt = performance.now()
        try {
          samples.push(await takeSample(row, contender, size, server, expected, options))
        } catch (error) {
          series.error = error instanceof Error ? error.message : String(error)
        }
        series.spent += performance.now() - startedAt
      }
    }
  } finally {
    server.stop()
  }
  return all
}
