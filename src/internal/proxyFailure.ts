/**
 * No connection came about, and it was the proxy that failed. Keeps of the cause its code alone: what is beneath knows
 * the URL of the proxy, which may hold a password.
 *
 * @internal
 */
export class ProxyFailure extends Error {
  /** Its host and port. */
  readonly proxy: string
  readonly code: string
  /** Nothing was sent to the target yet. */
  readonly syscall = "connect"
  constructor(proxy: string, code: string) {
    super(`The proxy at ${proxy} made no connection (${code})`)
    this.proxy = proxy
    this.code = code
  }
}
