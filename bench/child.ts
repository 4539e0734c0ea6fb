import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { availableParallelism } from "node:os"

/** Whether processes can be kept to a core of their own. */
export const canPin = availableParallelism() > 1 &&
  spawnSync("taskset", ["-c", "0,1", "true"], { stdio: "ignore" }).status === 0

/** The cores of the two that work at the same time; whoever measures sleeps meanwhile. */
export const cores = { worker: 0, server: 1 }

/** A process of our own that is talked to by messages. */
export interface Child {
  readonly send: (message: object) => void
  /** The next message; fails when it tells an error, or the process ends without one. */
  readonly receive: () => Promise<unknown>
  readonly stop: () => void
}

/** What a process that died said last. */
const tail = (text: string) => text.trim().split("\n").slice(-10).join("\n")

export const start = (
  core: number,
  module: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string>
): Child => {
  const command = [...(canPin ? ["taskset", "-c", String(core)] : []), process.execPath, ...flags, module, ...args]
  const [program = process.execPath, ...rest] = command
  const child: ChildProcess = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe", "ipc"] })

  const messages: Array<unknown> = []
  let errors = ""
  let ended: string | undefined
  let wake = () => {}
  child.stderr?.on("data", (text) => {
    errors += text
  })
  child.on("message", (message) => {
    messages.push(message)
    wake()
  })
  child.on("error", (error) => {
    ended = error.message
    wake()
  })
  child.on("close", (code, signal) => {
    ended ??= tail(errors) || `it ended with ${signal ?? `code ${code}`}`
    wake()
  })

  const receive = async () => {
    while (messages.length === 0) {
      if (ended !== undefined) throw new Error(ended)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const message = messages.shift()
    if (typeof message === "object" && message !== null && "error" in message) throw new Error(String(message.error))
    return message
  }
  return { receive, send: (message) => void child.send(message), stop: () => void child.kill("SIGKILL") }
}
