import { Cause, Exit } from "effect"

/** Within this time, more signals are the first one again: npm passes on what the terminal has sent already. */
const together = 1000

/**
 * Lets a program end in order when it is interrupted, also under npm. The runtime listens to one signal only, and the
 * next one would kill the process in the middle of its finalizers. A signal that comes later does so on purpose.
 */
export const endInOrder = (): void => {
  let first: number | undefined
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      first ??= performance.now()
      if (performance.now() - first > together) process.exit(130)
    })
  }
  // a reader that has seen enough, such as `head`, is no failure
  process.stdout.on("error", () => process.exit(0))
}

/** The exit code of a program: 130 when it was interrupted, as shells have it. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>, onInterrupt: number): number =>
  Exit.isSuccess(exit) ? 0 : Cause.isInterruptedOnly(exit.cause) ? onInterrupt : 1
