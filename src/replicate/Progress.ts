/**
 * How far a running model has come, read from its logs.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"

/**
 * How far a model has come: `fraction` from 0 to 1, `current` of `total` steps where the log says so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly fraction: number
  readonly current: number | undefined
  readonly total: number | undefined
}

/** `Downloading: 12.5%|███▏   | 3/24 [00:01<00:07]`: what tqdm prints, with any prefix. */
const bar = /(\d{1,3}(?:\.\d+)?)%\s*\|[^|]*\|(?:\s*(\d+)\/(\d+))?/

const read = (line: string): Option.Option<Progress> => {
  const match = bar.exec(line)
  if (match === null) return Option.none()
  const percent = Number(match[1])
  if (percent > 100) return Option.none()
  const count = (text: string | undefined) => text === undefined ? undefined : Number(text)
  return Option.some({ fraction: percent / 100, current: count(match[2]), total: count(match[3]) })
}

/**
 * Finds the last progress bar in a model's logs. Bars that redraw themselves are separated by carriage returns.
 *
 * @example
 * ```ts
 * import { Option } from "effect"
 * import { Progress } from "effect-providers/replicate"
 *
 * const half = Option.map(Progress.fromLogs(" 50%|#####     | 2/4 [00:01<00:01]"), (progress) => progress.fraction)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromLogs = (logs: string): Option.Option<Progress> => {
  let end = logs.length
  while (end > 0) {
    const start = Math.max(logs.lastIndexOf("\n", end - 1), logs.lastIndexOf("\r", end - 1)) + 1
    const progress = read(logs.slice(start, end))
    if (Option.isSome(progress)) return progress
    end = start - 1
  }
  return Option.none()
}
