/**
 * How Replicate's JSON is read: lenient about what may be absent, exact about what is there.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * A field that is absent or a value in the type, and may be anything on the wire: null, or what this library cannot
 * read, is absent. What was paid for is not lost over a field that nobody needs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const optional = <A, I>(schema: Schema.Schema<A, I>) =>
  // Effect compiles a parser once, at its first use: compiled here, all of them would slow the start of every program
  Schema.optionalToOptional(Schema.Unknown, Schema.typeSchema(schema), {
    decode: Option.flatMap((value) => value === null ? Option.none() : Schema.decodeUnknownOption(schema)(value)),
    encode: Option.map((value) => Schema.encodeSync(schema)(value))
  })

/**
 * A status: text, or `unknown` when it is anything else.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Status = Schema.optionalToRequired(Schema.Unknown, Schema.String, {
  decode: Option.match({
    onNone: () => "unknown",
    onSome: (status) => typeof status === "string" ? status : "unknown"
  }),
  encode: Option.some
})

/** No URL keeps a dot segment apart, and no escape carries half of a surrogate pair. */
const isSegment = (text: string): boolean => !/^\s*\.?\.?$|\p{Surrogate}/u.test(text)

/**
 * A path segment, escaped: an id of `../account` would reach another route.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PathSegment = Schema.transform(
  Schema.String,
  Schema.String.pipe(Schema.filter(isSegment, { title: "an id or a name, neither empty nor a relative path" })),
  // the server's router has unescaped the segment before it is decoded here
  { strict: true, decode: (segment) => segment, encode: encodeURIComponent }
)

/**
 * Any JSON object.
 *
 * @since 0.1.0
 * @category schemas
 */
export const JsonObject = Schema.Record({ key: Schema.String, value: Schema.Unknown })
