import type { Contender, Row } from "../row.js"
import { isTampered, mix, tokensChecksum } from "../work.js"
import { official } from "./http.js"

const sse = () => import("../contenders/sse.js")
const webhook = () => import("../contenders/webhook.js")

type Pieces = "eventPieces" | "largePieces" | "longLine"

const byHand = (pieces: Pieces): ReadonlyArray<Contender> => [
  { name: "by hand", start: async (task) => (await sse()).byHand((await sse())[pieces])(task) },
  { name: "by hand, in a stream", start: async (task) => (await sse()).byHandStreamed((await sse())[pieces])(task) }
]

const parsers = (pieces: Pieces, ratio?: number): ReadonlyArray<Contender> => [
  {
    name: "Sse.makeParser",
    start: async (task) => (await sse()).ours((await sse())[pieces])(task),
    ...(ratio === undefined ? {} : { goal: { ratio } })
  },
  { name: "Sse.decode, in a stream", start: async (task) => (await sse()).oursStreamed((await sse())[pieces])(task) },
  {
    name: "eventsource-parser",
    start: async (task) => (await sse()).eventSource((await sse())[pieces])(task),
    peer: true
  }
]

const tokens = (size: number) => ({ count: size, checksum: tokensChecksum(size) })

const verifiers = (length: number, ratio: number): ReadonlyArray<Contender> => [
  { name: "node:crypto", start: async (task) => (await webhook()).nodeCrypto(length)(task) },
  { name: "Webhook.verify", start: async (task) => (await webhook()).ours(length)(task), goal: { ratio } },
  { name: official, start: async (task) => (await webhook()).official(length)(task), peer: true }
]

/** How many webhooks are authentic, and how many are not. */
const verdicts = (size: number) => {
  const refused = Array.from({ length: size }, (_, n) => n).filter(isTampered).length
  return { count: size - refused, checksum: refused }
}

export const decoders: ReadonlyArray<Row> = [
  {
    name: "sse",
    about: (size) => `decoding ${size} server-sent events, one in each piece`,
    unit: "event",
    size: 1_000_000,
    floors: ["by hand", "by hand, in a stream"],
    contenders: [...byHand("eventPieces"), ...parsers("eventPieces", 1.3)],
    expected: tokens
  },
  {
    name: "sse-64k",
    about: (size) => `decoding ${size} server-sent events, in pieces of 64 KiB`,
    unit: "event",
    size: 1_000_000,
    floors: ["by hand", "by hand, in a stream"],
    contenders: [...byHand("largePieces"), ...parsers("largePieces", 1.3)],
    expected: tokens
  },
  {
    name: "sse-line",
    about: (size) => `decoding one data line of ${size} kB, in pieces of 1 kB`,
    unit: "kB",
    size: 10_000,
    // by hand it is quadratic
    floors: ["eventsource-parser"],
    contenders: parsers("longLine"),
    expected: (size) => ({ count: 1, checksum: mix(0, "x".repeat(size * 1000)) })
  },
  {
    name: "webhook",
    about: (size) => `verifying ${size} webhooks of 2 KB`,
    unit: "webhook",
    size: 20_000,
    floors: ["node:crypto"],
    contenders: verifiers(2000, 8),
    expected: verdicts
  },
  {
    name: "webhook-256k",
    about: (size) => `verifying ${size} webhooks of 256 KB`,
    unit: "webhook",
    size: 2000,
    floors: ["node:crypto"],
    contenders: verifiers(256_000, 2),
    expected: verdicts
  }
]
