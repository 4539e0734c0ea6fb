/** `request` of undici, for the loops of `raw.ts`. */
import { Agent, request } from "@effect/platform-node/Undici"
import { type Send, token, type Wire } from "./raw.js"

const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }

const dispatcher = new Agent()

export const send: Send = async (method, url, body) => {
  const response = await request(url, {
    dispatcher,
    // the loops send nothing else
    method: method as "GET" | "POST",
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  if (response.statusCode >= 300) throw new Error(`${method} ${url} failed with status ${response.statusCode}`)
  // the servers are ours
  return await response.body.json() as Wire
}
