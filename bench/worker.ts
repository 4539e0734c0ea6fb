/** One sample, in a process of its own: `worker.mjs ROW CONTENDER TASK`. */
import { readFileSync } from "node:fs"
import type { Run } from "./row.js"
import { rows } from "./rows.js"

const [, , rowName, contenderName, task] = process.argv
const row = rows.find((row) => row.name === rowName)
const contender = row?.contenders.find((contender) => contender.name === contenderName)
if (row === undefined || contender === undefined || task === undefined) {
  throw new Error(`there is no ${contenderName} in the row ${rowName}`)
}

const { base, folder, size } = JSON.parse(task)

const start = (size: number) => contender.start({ base: base === "" ? "" : `${base}/${size}`, folder, size })

const tell = (message: object) => new Promise((resolve) => process.send?.(message, resolve))

/** In bytes. What the operating system counts can hold the parent's peak too; what Linux keeps here does not. */
const peakMemory = (): number => {
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : ""
  const kilobytes = /^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS
  return Number(kilobytes) * 1024
}

const go = new Promise((resolve) => process.once("message", resolve))

// a worker without a parent works for nobody
process.on("disconnect", () => process.exit())

const proofOf = async (done: Awaited<ReturnType<Run>>) => typeof done === "function" ? await done() : done

const sample = async () => {
  if (row.warmUp !== false) {
    const warmUp = await start(Math.ceil(size / 1000))
    await proofOf(await warmUp())
  }
  const run = await start(size)
  await tell({ ready: true })
  await go

  const startedAt = performance.now()
  const before = process.cpuUsage()
  const done = await run()
  const { system, user } = process.cpuUsage(before)
  const wall = performance.now() - startedAt
  const memory = peakMemory()

  return { cpu: (user + system) / 1000, wall, memory, proof: await proofOf(done) }
}

await tell(
  await sample().catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }))
)
process.exit()
