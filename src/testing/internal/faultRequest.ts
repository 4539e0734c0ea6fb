import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { ArmedFault, Fault } from "./faults.js"

/** Milliseconds, or text such as `10 seconds`. */
const Span = Schema.transformOrFail(
  Schema.Union(Schema.NonNegative, Schema.String),
  Schema.DurationFromSelf,
  {
    strict: true,
    decode: (input, _, ast) =>
      Effect.mapError(
        Duration.decodeUnknown(input),
        () => new ParseResult.Type(ast, input, "Expected milliseconds, or text such as 10 seconds")
      ),
    encode: (duration) => Effect.succeed(Duration.toMillis(duration))
  }
)

const Pattern = Schema.transformOrFail(
  Schema.Struct({ pattern: Schema.String, flags: Schema.optional(Schema.String) }),
  Schema.instanceOf(RegExp),
  {
    strict: true,
    decode: (input, _, ast) =>
      ParseResult.try({
        try: () => new RegExp(input.pattern, input.flags),
        catch: () => new ParseResult.Type(ast, input, "Expected a regular expression")
      }),
    encode: ({ flags, source }) => Effect.succeed({ pattern: source, flags })
  }
)

// others would make the server fail when it sends them
const HeaderName = Schema.String.pipe(
  Schema.pattern(/^[!#$%&'*+.^_`|~0-9a-z-]+$/i, { message: () => "Expected the name of a header" })
)
const HeaderValue = Schema.String.pipe(
  Schema.pattern(/^[\t\x20-\x7e\x80-\xff]*$/, { message: () => "Expected what a header can carry" })
)

const Count = Schema.NonNegativeInt

const faults = {
  Answer: Schema.TaggedStruct("Answer", {
    status: Schema.Int.pipe(Schema.between(200, 599)),
    headers: Schema.optional(Schema.Record({ key: HeaderName, value: HeaderValue })),
    body: Schema.optional(Schema.Unknown)
  }),
  Delay: Schema.TaggedStruct("Delay", { duration: Span }),
  SlowBody: Schema.TaggedStruct("SlowBody", { bytes: Schema.Positive.pipe(Schema.int()), pause: Span }),
  DropBefore: Schema.TaggedStruct("DropBefore", {}),
  DropAfter: Schema.TaggedStruct("DropAfter", {}),
  MalformedBody: Schema.TaggedStruct("MalformedBody", {}),
  CutBody: Schema.TaggedStruct("CutBody", { bytes: Schema.optional(Count) }),
  ContentType: Schema.TaggedStruct("ContentType", { contentType: HeaderValue }),
  Stall: Schema.TaggedStruct("Stall", {}),
  CutStream: Schema.TaggedStruct("CutStream", { events: Count }),
  IgnoreLastEventId: Schema.TaggedStruct("IgnoreLastEventId", {}),
  RepeatEvents: Schema.TaggedStruct("RepeatEvents", { events: Count }),
  NoEventIds: Schema.TaggedStruct("NoEventIds", {}),
  PartialHold: Schema.TaggedStruct("PartialHold", {})
} satisfies Record<Fault["_tag"], unknown>

/**
 * A fault as it is asked for over HTTP.
 *
 * @internal
 */
export const FaultRequest = Schema.Struct({
  matcher: Schema.Struct({
    method: Schema.optional(Schema.String),
    path: Schema.optional(Schema.Union(Schema.String, Pattern))
  }),
  fault: Schema.Union(...Object.values(faults)),
  times: Schema.optional(Schema.Positive.pipe(Schema.int()))
})

/**
 * A fault in the form it is asked for.
 *
 * @internal
 */
export const encode = ({ fault, left, matcher: { method, path } }: ArmedFault) => ({
  matcher: { method, path: path instanceof RegExp ? { pattern: path.source, flags: path.flags } : path },
  fault: {
    ...fault,
    ...("duration" in fault ? { duration: Duration.toMillis(fault.duration) } : {}),
    ...("pause" in fault ? { pause: Duration.toMillis(fault.pause) } : {})
  },
  times: left
})
