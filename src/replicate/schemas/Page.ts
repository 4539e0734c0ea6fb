/**
 * A page of a list, as Replicate's API gives it.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** A URL, or what the API may write where there is none. */
const Link = Schema.optionalToRequired(Schema.NullishOr(Schema.String), Schema.OptionFromSelf(Schema.String), {
  decode: (link) =>
    Option.filter(link, (text): text is string => typeof text === "string" && text !== "" && text !== "null"),
  encode: (link) => Option.some(Option.getOrNull(link))
}).pipe(Schema.withConstructorDefault(Option.none))

/**
 * A page of a list. Its links are whole URLs, to be followed as they are.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Page = <A, I, R>(item: Schema.Schema<A, I, R>) =>
  Schema.Struct({ results: Schema.Array(item), next: Link, previous: Link })
