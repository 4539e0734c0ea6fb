import type { Fault } from "./faults.js"

type Examples = {
  readonly [Tag in Fault["_tag"]]: { readonly about: string; readonly fault: Extract<Fault, { readonly _tag: Tag }> }
}

/**
 * Each fault as it is asked for over HTTP, and what it does.
 *
 * @internal
 */
export const faultExamples: Examples = {
  Answer: {
    about: "answers in place of the service; body may be an object or a text",
    fault: { _tag: "Answer", status: 503, headers: { "retry-after": "3" }, body: { detail: "down" } }
  },
  Delay: { about: "waits before the request goes on", fault: { _tag: "Delay", duration: "10 seconds" } },
  SlowBody: {
    about: "sends the answer so many bytes at a time, with a pause before each piece but the first",
    fault: { _tag: "SlowBody", bytes: 100, pause: "1 second" }
  },
  DropBefore: { about: "drops the connection before anything is done", fault: { _tag: "DropBefore" } },
  DropAfter: { about: "does what was asked for, and drops the connection", fault: { _tag: "DropAfter" } },
  MalformedBody: { about: "sends half of the answer as if it were all", fault: { _tag: "MalformedBody" } },
  CutBody: {
    about: "drops the connection after so many bytes of the answer; half of it without bytes",
    fault: { _tag: "CutBody", bytes: 10 }
  },
  ContentType: {
    about: "says that the answer is of another type",
    fault: { _tag: "ContentType", contentType: "text/html" }
  },
  Stall: { about: "never answers, and does nothing", fault: { _tag: "Stall" } },
  CutStream: {
    about: "drops the connection of a stream after so many events",
    fault: { _tag: "CutStream", events: 3 }
  },
  IgnoreLastEventId: {
    about: "begins a stream that is taken up again anew",
    fault: { _tag: "IgnoreLastEventId" }
  },
  RepeatEvents: {
    about: "begins a stream that is taken up again so many events too early",
    fault: { _tag: "RepeatEvents", events: 2 }
  },
  NoEventIds: { about: "leaves the ids out of a stream", fault: { _tag: "NoEventIds" } },
  PartialHold: {
    about: "answers a create that was held in vain with its status and output by then",
    fault: { _tag: "PartialHold" }
  }
}
