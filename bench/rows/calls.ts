import type { Row } from "../row.js"
import { mix } from "../work.js"
import { official, overFetch, overPool, overUndici } from "./http.js"

const output = "A llama in a pyjama."

/** What runs have to show that all give the same. */
const outputs = (count: number) => {
  let checksum = 0
  for (let n = 0; n < count; n++) checksum = mix(checksum, output)
  return { count, checksum }
}

const pageSize = 100

const ids = (pages: number) => {
  let checksum = 0
  for (let n = 0; n < pages * pageSize; n++) checksum = mix(checksum, `p${n % pageSize}`)
  return { count: pages * pageSize, checksum }
}

const fetch = () => import("../contenders/fetch.js")
const undici = () => import("../contenders/undici.js")
const raw = () => import("../contenders/raw.js")

export const calls: ReadonlyArray<Row> = [
  {
    name: "runs",
    about: (size) => `${size} runs one after the other, answered at once`,
    unit: "run",
    size: 5000,
    floors: ["fetch", "undici"],
    contenders: [
      { name: "fetch", start: async (task) => (await raw()).runs((await fetch()).send)(task) },
      { name: "undici", start: async (task) => (await raw()).runs((await undici()).send)(task) },
      {
        name: "Prediction.run, fetch's layer",
        start: async (task) => (await import("../contenders/ours.js")).runs(await overFetch())(task),
        goal: { ratio: 1.5 }
      },
      {
        name: "Prediction.run, undici's layer",
        start: async (task) => (await import("../contenders/ours.js")).runs(await overUndici())(task),
        goal: { ratio: 0.9 }
      },
      {
        name: "plain composition, fetch's layer",
        start: async (task) => (await import("../contenders/platform.js")).runs(await overFetch())(task),
        peer: true
      },
      {
        name: "plain composition, undici's layer",
        start: async (task) => (await import("../contenders/platform.js")).runs(await overUndici())(task),
        peer: true
      },
      { name: official, start: async (task) => (await import("../contenders/official.js")).runs(task), peer: true }
    ],
    expected: outputs,
    serve: async () => (await import("../servers/calls.js")).finishedAtOnce
  },
  {
    name: "predictions",
    about: (size) => `${size} runs at the same time, finished at the third look`,
    unit: "run",
    size: 2000,
    floors: ["fetch", "undici"],
    contenders: [
      { name: "fetch", start: async (task) => (await raw()).predictions((await fetch()).send)(task) },
      { name: "undici", start: async (task) => (await raw()).predictions((await undici()).send)(task) },
      {
        name: "Prediction.run, undici's layer",
        start: async (task) => (await import("../contenders/ours.js")).predictions(await overUndici())(task),
        goal: { ratio: 1, memory: 300 }
      },
      {
        name: "Prediction.run, 128 connections of undici",
        start: async (task) => (await import("../contenders/ours.js")).predictions(await overPool(128))(task),
        goal: { ratio: 1, memory: 300 }
      },
      {
        name: "Prediction.run, fetch's layer",
        start: async (task) => (await import("../contenders/ours.js")).predictions(await overFetch())(task)
      },
      {
        name: "plain composition, undici's layer",
        start: async (task) => (await import("../contenders/platform.js")).predictions(await overUndici())(task),
        peer: true
      },
      {
        name: "plain composition, 128 connections of undici",
        start: async (task) => (await import("../contenders/platform.js")).predictions(await overPool(128))(task),
        peer: true
      },
      {
        name: official,
        start: async (task) => (await import("../contenders/official.js")).predictions(task),
        peer: true
      }
    ],
    expected: outputs,
    serve: async () => (await import("../servers/calls.js")).threeLooks
  },
  {
    name: "looks",
    about: (size) => `the requests that ${size} runs need which take from 1 to 10 seconds`,
    unit: "run",
    size: 200,
    samples: 1,
    metric: "requests",
    floors: ["every 500 ms"],
    contenders: [
      { name: "every 500 ms", start: async (task) => (await raw()).predictions((await fetch()).send)(task) },
      {
        name: "Prediction.run",
        start: async (task) => (await import("../contenders/ours.js")).predictions(await overUndici())(task),
        goal: { ratio: 0.99 }
      },
      {
        name: official,
        start: async (task) => (await import("../contenders/official.js")).predictions(task),
        peer: true
      }
    ],
    expected: outputs,
    serve: async () => (await import("../servers/calls.js")).seconds
  },
  {
    name: "pages",
    about: (size) => `${size} pages of ${pageSize} predictions`,
    unit: "page",
    size: 200,
    floors: ["fetch", "undici"],
    contenders: [
      { name: "fetch", start: async (task) => (await raw()).pages((await fetch()).send)(task) },
      { name: "undici", start: async (task) => (await raw()).pages((await undici()).send)(task) },
      {
        name: "Pages.predictions, undici's layer",
        start: async (task) => (await import("../contenders/ours.js")).pages(await overUndici())(task),
        goal: { ratio: 1.3 }
      },
      {
        name: "Pages.predictions, mapChunks",
        start: async (task) => (await import("../contenders/ours.js")).mapPages(await overUndici())(task),
        goal: { ratio: 1.3 }
      },
      {
        name: "Pages.predictions, fetch's layer",
        start: async (task) => (await import("../contenders/ours.js")).pages(await overFetch())(task)
      },
      {
        name: "plain composition, undici's layer",
        start: async (task) => (await import("../contenders/platform.js")).pages(await overUndici())(task),
        peer: true
      },
      { name: official, start: async (task) => (await import("../contenders/official.js")).pages(task), peer: true }
    ],
    expected: ids,
    serve: async () => (await import("../servers/calls.js")).pages(pageSize)
  }
]
