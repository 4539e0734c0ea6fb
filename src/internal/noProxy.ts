/**
 * The `no_proxy` list: which targets are called directly, past the proxy.
 *
 * @internal
 */
import { constFalse, constTrue } from "effect/Function"
import type * as Predicate from "effect/Predicate"

interface Target {
  readonly host: string
  readonly port: number
  /** The host's address in binary digits, if it is one. */
  readonly address: string | undefined
}

const digits = (numbers: ReadonlyArray<number>, width: number): string =>
  numbers.map((n) => n.toString(2).padStart(width, "0")).join("")

const groups = (text: string): ReadonlyArray<number> =>
  text === "" ? [] : text.split(":").map((group) => parseInt(group, 16))

/** The binary digits of an IP address, 32 or 128, so that a subnet is a prefix of its addresses. */
const toBinary = (text: string): string | undefined => {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const bytes = text.split(".").map(Number)
    return bytes.every((byte) => byte < 256) ? digits(bytes, 8) : undefined
  }
  if (!text.includes(":") || !URL.canParse(`http://[${text}]`)) return undefined
  const [head = [], tail = []] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::").map(groups)
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0)
  return digits([...head, ...zeros, ...tail], 16)
}

const toSubnet = (text: string): Predicate.Predicate<Target> | undefined => {
  const [host = "", length] = text.split("/")
  const address = toBinary(host)
  if (address === undefined) return undefined
  if (length !== undefined && !(/^\d+$/.test(length) && Number(length) <= address.length)) return constFalse
  const prefix = address.slice(0, length === undefined ? address.length : Number(length))
  return (target) => target.address?.length === address.length && target.address.startsWith(prefix)
}

const toMatcher = (entry: string): Predicate.Predicate<Target> => {
  if (entry === "*") return constTrue
  const withPort = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry)
  const port = withPort?.[2]
  const host = (withPort?.[1] ?? entry).replace(/[[\]]/g, "").toLowerCase()
  const domain = host.replace(/^\.|\.$/g, "")
  if (domain === "") return constFalse
  const isHost = toSubnet(host) ??
    ((target) => target.address === undefined && `.${target.host}`.endsWith(`.${domain}`))
  return (target) => (port === undefined || Number(port) === target.port) && isHost(target)
}

/**
 * Makes a test of URLs from the entries of a `no_proxy` list. An entry that makes no sense matches nothing.
 *
 * @internal
 */
export const make = (entries: ReadonlyArray<string>): Predicate.Predicate<URL> => {
  const matchers = entries.map((entry) => toMatcher(entry.trim()))
  return (url) => {
    const host = url.hostname.replace(/[[\]]|\.$/g, "")
    const port = url.port !== "" ? Number(url.port) : url.protocol === "https:" ? 443 : 80
    const target = { host, port, address: toBinary(host) }
    return matchers.some((matches) => matches(target))
  }
}
