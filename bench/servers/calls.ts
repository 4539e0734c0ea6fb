import type { Call, Serve } from "../row.js"
import { finished, prediction } from "../work.js"
import { json, notFound } from "./answer.js"

const isCreate = ({ path, request }: Call) => request.method === "POST" && path.endsWith("/predictions")

const idOf = (path: string): string | undefined => /^\/v1\/predictions\/([^/]+)$/.exec(path)?.[1]

const ending = finished("A llama in a pyjama.")

const finishedBody = Buffer.from(JSON.stringify(prediction("http://bench", "p0", ending)))

/** Predictions that are finished when they are created. */
export const finishedAtOnce: Serve = (call) => {
  if (!isCreate(call)) return notFound(call)
  call.request.resume()
  json(call.response, 201, finishedBody)
}

/** Predictions that go on until `look` says that they are finished; it is asked once for each look at one. */
const running = (begin: (n: number) => () => boolean): Serve => {
  const looks = new Map<string, () => boolean>()
  let made = 0
  return (call) => {
    if (isCreate(call)) {
      call.request.resume()
      const id = `p${made}`
      looks.set(id, begin(made++))
      return json(call.response, 201, JSON.stringify(prediction(call.base, id)))
    }
    const id = idOf(call.path)
    const look = id === undefined ? undefined : looks.get(id)
    if (id === undefined || look === undefined) return notFound(call)
    const isFinished = look()
    if (isFinished) looks.delete(id)
    json(call.response, 200, JSON.stringify(prediction(call.base, id, isFinished ? ending : { status: "processing" })))
  }
}

/** Predictions that are finished at the third look. */
export const threeLooks = running(() => {
  let looks = 0
  return () => ++looks === 3
})

/** Predictions that take from 1 to 10 seconds, by turns. */
export const seconds = running((n) => {
  const endsAt = performance.now() + 1000 + 9000 * ((n * 61) % 200) / 200
  return () => performance.now() >= endsAt
})

/** A list of many pages. All hold the same: what differs is where the next one is. */
export const pages = (pageSize: number): Serve => {
  const results = JSON.stringify(
    Array.from({ length: pageSize }, (_, n) => prediction("http://bench", `p${n}`, ending))
  )
  return (call) => {
    if (call.path !== "/v1/predictions") return notFound(call)
    const page = Number(call.query.get("cursor") ?? "1")
    const next = page < call.size ? JSON.stringify(`${call.base}/v1/predictions?cursor=${page + 1}`) : "null"
    json(call.response, 200, `{"next":${next},"previous":null,"results":${results}}`)
  }
}
