import type { Size } from "./bundle.js"
import type { Sample, Series } from "./measure.js"
import type { Row } from "./row.js"

/** The samples of a row at one size. */
export interface Result {
  readonly row: Row
  readonly size: number
  readonly series: ReadonlyArray<Series>
}

const sorted = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)

/** NaN of nothing. */
const median = (values: ReadonlyArray<number>): number => {
  const all = sorted(values)
  const middle = all.length >> 1
  const upper = all[middle] ?? NaN
  return all.length % 2 === 0 ? ((all[middle - 1] ?? NaN) + upper) / 2 : upper
}

const number = (value: number): string =>
  Number.isNaN(value) ? "-" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The median, and from the least to the most where there are several. */
const spread = (values: ReadonlyArray<number>): string => {
  const all = sorted(values)
  const range = all.length > 1 ? ` (${number(all[0] ?? NaN)} to ${number(all.at(-1) ?? NaN)})` : ""
  return number(median(values)) + range
}

/** A Markdown table, aligned so that it can be read as it is. */
const table = (head: ReadonlyArray<string>, lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)))
  const print = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [print(head), print(widths.map((width) => "-".repeat(width))), ...lines.map(print)].join("\n")
}

const value = ({ metric }: Row) => (sample: Sample): number => metric === "requests" ? sample.requests : sample.cpu

const seriesOf = ({ series }: Result, name: string) => series.find(({ contender }) => contender.name === name)

/** The ratios to a floor, each of two samples of the same round. */
const ratios = (result: Result, series: Series, floor: string): ReadonlyArray<number> => {
  const of = value(result.row)
  const floors = seriesOf(result, floor)?.samples ?? []
  return series.samples.flatMap((sample, round) => {
    const other = floors[round]
    return other === undefined ? [] : [of(sample) / of(other)]
  })
}

const megabytes = ({ memory }: Sample) => memory / 1e6

const verdict = (goal: number | undefined, reached: number): string =>
  goal === undefined ? "" : `<= ${goal} ${reached <= goal ? "met" : "MISSED"}`

/** What a contender's work cost, per unit of it: microseconds, or requests. */
const perUnit = ({ row, size }: Result, { samples }: Series) =>
  median(samples.map(value(row))) * (row.metric === "requests" ? 1 : 1000) / (row.units?.(size) ?? size)

const unitOf = ({ metric, unit }: Row) => `${metric === "requests" ? "requests" : "us"} per ${unit}`

const errors = (result: Result): ReadonlyArray<string> =>
  result.series.flatMap(({ contender, error }) => error === undefined ? [] : [`ERROR: ${contender.name}: ${error}`])

const serverLine = ({ row, series }: Result): ReadonlyArray<string> => {
  if (row.serve === undefined) return []
  const share = Math.max(0, ...series.flatMap(({ samples }) => samples.map(({ server }) => server)))
  const isLimit = share > 0.9 ? ": IT MAY HAVE BEEN THE LIMIT" : ""
  return [`The server needed ${(share * 100).toFixed(0)} % of its core at most${isLimit}.`]
}

/** What the contenders of a row needed, next to its floors and its goals. */
export const results = (result: Result): string => {
  const { row, series, size } = result
  const ofRequests = row.metric === "requests"
  const head = [
    row.name,
    "n",
    ofRequests ? "requests" : "CPU in ms",
    unitOf(row),
    ...row.floors.map((floor) => `x ${floor}`),
    "goal",
    "peak MB",
    "goal",
    "wall in ms"
  ]
  const lines = series.map((one) => {
    const { contender: { goal, name }, samples } = one
    const memory = samples.length === 0 ? NaN : Math.max(...samples.map(megabytes))
    return [
      name,
      String(samples.length),
      spread(samples.map(value(row))),
      number(perUnit(result, one)),
      ...row.floors.map((floor) => floor === name ? "1" : spread(ratios(result, one, floor))),
      verdict(goal?.ratio, median(ratios(result, one, row.floors[0] ?? ""))),
      number(memory),
      verdict(goal?.memory, memory),
      number(median(samples.map(({ wall }) => wall)))
    ]
  })
  return [row.about(size), "", table(head, lines), "", ...serverLine(result), ...errors(result)].join("\n")
}

/** How the cost of a row grows with the size of its work; `all` are its results from small to large. */
export const growth = (all: ReadonlyArray<Result>): string => {
  const [first] = all
  if (first === undefined) return ""
  const { row } = first
  const steps = all.slice(1).map(({ size }, n) => ({
    from: all[n],
    to: all[n + 1],
    times: size / (all[n]?.size ?? NaN)
  }))
  const head = [
    row.name,
    ...all.map(({ size }) => `${unitOf(row)} at ${size}`),
    ...steps.map(({ times, to }) => `cost of ${number(times)} x the work, to ${to?.size}`),
    ...all.map(({ size }) => `peak MB at ${size}`)
  ]
  const lines = first.series.map(({ contender: { name } }) => {
    const cost = (result: Result | undefined) => {
      const series = result === undefined ? undefined : seriesOf(result, name)
      return result === undefined || series === undefined ? NaN : perUnit(result, series)
    }
    return [
      name,
      ...all.map((result) => number(cost(result))),
      ...steps.map(({ from, times, to }) => `${number(times * cost(to) / cost(from))} x`),
      ...all.map((result) => number(median((seriesOf(result, name)?.samples ?? []).map(megabytes))))
    ]
  })
  return [row.about(first.size), "", table(head, lines), "", ...all.flatMap(serverLine), ...all.flatMap(errors)].join(
    "\n"
  )
}

const kilobytes = (bytes: number) => (bytes / 1024).toFixed(1)

const bundleGoal = { total: 110, ours: 25 }

/** The sizes of bundles. */
export const bundles = (sizes: ReadonlyArray<Size>): string =>
  [
    "a minimal program that runs a model, bundled for the browser, minified and compressed",
    "",
    table(
      ["bundle", "KiB", "goal", "of it ours", "goal"],
      sizes.map(({ ours, program, total }) =>
        ours === 0
          ? [program, kilobytes(total), "", "", ""]
          : [
            program,
            kilobytes(total),
            verdict(bundleGoal.total, total / 1024),
            kilobytes(ours),
            verdict(bundleGoal.ours, ours / 1024)
          ]
      )
    )
  ].join("\n")

/** The samples themselves, for other programs. */
export const data = ({ row, series, size }: Result) => ({
  row: row.name,
  about: row.about(size),
  size,
  unit: row.unit,
  metric: row.metric ?? "cpu",
  floors: row.floors,
  contenders: series.map(({ contender: { goal, name }, error, samples }) => ({ name, goal, error, samples }))
})
