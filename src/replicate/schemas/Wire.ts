/**
 * How Replicate's JSON is read: lenient about what may be absent, exact about what is there.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A field that may be absent or null on the wire, and is absent or a value in the type.
 *
 * @since 0.1.0
 * @category schemas
 */
export const optional = <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  Schema.optionalWith(schema, { nullable: true, exact: true })

/** No URL keeps a dot segment apart, and no escape carries half of a surrogate pair. */
const isSegment = (text: string): boolean =>
  text !== "" && text !== "." && text !== ".." && !/\p{Surrogate}/u.test(text)

/**
 * A path segment, escaped. `HttpApiClient` puts parameters into the path as they are, so that an id of `../account`
 * would reach another route.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PathSegment = Schema.transform(
  Schema.String,
  Schema.String.pipe(Schema.filter(isSegment, { identifier: "PathSegment" })),
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
