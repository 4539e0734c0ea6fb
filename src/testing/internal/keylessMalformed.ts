import type { Fault, Matcher } from "./faults.js"

type Answer = Extract<Fault, { readonly _tag: "Answer" }>

/**
 * An answer that a site ought not to give, and the requests it takes the place of the answer to: `fail(matcher, fault)`.
 * `0` and `-1` refuse the nonce: a client may then read the page again, and send its message once more.
 *
 * @since 0.1.0
 * @category models
 */
export interface Malformed {
  readonly what: string
  readonly matcher: Matcher
  readonly fault: Answer
}

type Row = readonly [what: string, body: unknown, status?: number]

const create: ReadonlyArray<Row> = [
  ["a page in place of a prediction", "<html>oops</html>"],
  ["no prediction at all", ""],
  ["half a prediction", `{"id":"home-prediction-1","sta`],
  ["a list of predictions", [{ id: "home-prediction-1" }]],
  ["a prediction without id", { status: "starting" }],
  ["a prediction with an empty id", { id: "", status: "starting" }],
  ["a prediction with a number for an id", { id: 7, status: "starting" }]
]

const poll: ReadonlyArray<Row> = [
  ["a page in place of a look", "<html>oops</html>"],
  ["nothing in place of a look", ""],
  ["half a look", `{"id":"home-prediction-1","status":"succ`],
  ["a look without status", { id: "home-prediction-1" }],
  ["a look with a number for a status", { id: "home-prediction-1", status: 7 }],
  ["a success without output", { status: "succeeded" }],
  ["a success with null for an output", { status: "succeeded", output: null }],
  ["a success with a number for an output", { status: "succeeded", output: 7 }],
  ["a success with an object for an output", { status: "succeeded", output: { text: "Hi" } }],
  ["a success with a list of lists for an output", { status: "succeeded", output: [["Hi"]] }]
]

const page: ReadonlyArray<Row> = [
  ["a page with nothing", "<html></html>"],
  ["a page without post id", `<div data-nonce="nonce00001"></div>`],
  ["a page with letters for a post id", `<div data-post-id="x1" data-nonce="nonce00001"></div>`],
  ["a page without nonce", `<div data-post-id="106"></div>`],
  ["a page with an empty nonce", `<div data-post-id="106" data-nonce=""></div>`],
  ["a page in single quotes", `<div data-post-id='106' data-nonce='nonce00001'></div>`]
]

const message: ReadonlyArray<Row> = [
  ["0", "0"],
  ["0 with a status of 400", "0", 400],
  ["-1", "-1"],
  ["-1 with a status of 403", "-1", 403],
  ["a failure of the plugin", { status: "error", msg: "You have no tokens left" }],
  ["a failure of WordPress", { success: false, data: "Not today" }],
  ["a page in place of a reply", "<html>oops</html>"],
  ["an empty reply", ""],
  ["JSON without data", { status: "success" }],
  ["JSON with null for data", { status: "success", data: null }],
  ["a list in place of a reply", [1, 2]],
  ["half a JSON reply", `{"status":"success","data":"Hel`],
  ["an error in the stream", `data: {"error":{"message":"overloaded"}}\n\n`],
  ["an event without choices", `data: {"object":"chunk"}\n\n`],
  ["an event with no choice", `data: {"choices":[]}\n\n`],
  ["a choice without delta", `data: {"choices":[{}]}\n\n`],
  ["content that is no text", `data: {"choices":[{"delta":{"content":7}}]}\n\n`],
  ["events that are no JSON", "data: {oops\n\ndata: [DONE]\n\n"],
  ["a stream cut within an event", `data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choi`]
]

const rows = (matcher: Matcher, rows: ReadonlyArray<Row>): ReadonlyArray<Malformed> =>
  rows.map(([what, body, status = 200]) => ({ what, matcher, fault: { _tag: "Answer", status, body } }))

/** @internal */
export const malformed: ReadonlyArray<Malformed> = [
  ...rows({ method: "POST", path: /^\/api\/prediction$/ }, create),
  ...rows({ method: "GET", path: /^\/api\/poll$/ }, poll),
  ...rows({ method: "GET", path: /^\/$/ }, page),
  ...rows({ method: "POST", path: /^\/wp-admin\/admin-ajax\.php$/ }, message)
]
