import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Progress from "../../src/replicate/Progress.js"

const read = (logs: string) => Option.getOrUndefined(Progress.fromLogs(logs))

const steps = (fraction: number, current: number | undefined, total: number | undefined) => ({
  fraction,
  current,
  total
})

describe("Progress.fromLogs", () => {
  it.each([
    ["a bar", " 50%|█████     | 2/4 [00:01<00:01]", steps(0.5, 2, 4)],
    ["a prefix and a fraction of a percent", "Downloading: 12.5%|███▏   | 3/24 [00:01<00:07]", steps(0.125, 3, 24)],
    ["no steps", "100%|##########| done", steps(1, undefined, undefined)],
    ["nothing done", "0%|          | 0/28 [00:00<?, ?it/s]", steps(0, 0, 28)],
    ["the last of several lines", "10%|# | 1/10\n20%|## | 2/10\nsaving\n", steps(0.2, 2, 10)],
    ["the last of a bar that redraws itself", "10%|# | 1/10\r20%|## | 2/10\r30%|### | 3/10", steps(0.3, 3, 10)]
  ])("reads %s", (_, logs, progress) => {
    assert.deepStrictEqual(read(logs), progress)
  })

  it.each([
    ["no logs", ""],
    ["lines without a bar", "Using seed: 7\n50% of the time\n\r\n"],
    ["a percentage beyond 100", "101%|##########| 5/4"]
  ])("finds nothing in %s", (_, logs) => {
    assert.isUndefined(read(logs))
  })

  it("passes over a bar that cannot be, for the one before it", () => {
    assert.deepStrictEqual(read("10%|# | 1/10\n999%|# | 9/10"), steps(0.1, 1, 10))
  })
})
