import type { ServerResponse } from "node:http"
import type { Call } from "../row.js"

/** Answers with JSON, given as it is to be sent. */
export const json = (response: ServerResponse, status: number, body: string | Uint8Array): void => {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.length
  }).end(body)
}

/** Answers to what no contender should ask for. */
export const notFound = ({ path, request, response }: Call): void =>
  json(response, 404, JSON.stringify({ detail: `the benchmark has no ${request.method} ${path}` }))

/** Writes as fast as the reader takes it. */
export const pump = (
  sink: NodeJS.WritableStream,
  next: () => Uint8Array | undefined,
  end: () => void
): void => {
  for (let bytes = next(); bytes !== undefined; bytes = next()) {
    if (!sink.write(bytes)) return void sink.once("drain", () => pump(sink, next, end))
  }
  end()
}

/** Keeps what is made for each size, so that it is made once. */
export const perSize = <A>(make: (size: number) => A): (size: number) => A => {
  const made = new Map<number, A>()
  return (size) => {
    const known = made.get(size)
    if (known !== undefined) return known
    const fresh = make(size)
    made.set(size, fresh)
    return fresh
  }
}
