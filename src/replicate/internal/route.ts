import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as Schema from "effect/Schema"

// `HttpApi` declares routes as well, and brings a server's router and its reader of forms to every client. Nothing here
// is marked internal, as the build would then remove the types that those of the client are computed from.

/** A schema of what HTTP carries as texts. */
interface Texts extends Schema.Schema.AnyNoContext {
  readonly Encoded: Readonly<Record<string, string | undefined>>
}

/** What an operation succeeds with. */
export interface Success<S extends Schema.Schema.AnyNoContext = Schema.Schema.AnyNoContext> {
  readonly schema: S
  readonly encoding: "Json" | "Text" | "Uint8Array" | "None"
  /** What is asked for. */
  readonly contentType: string
  readonly statuses: ReadonlyArray<number>
}

/** What goes with an operation, and what comes of it. */
interface Parts {
  readonly pathParams?: Texts
  readonly urlParams?: Texts
  readonly headers?: Texts
  readonly payload?: Schema.Schema.AnyNoContext
  readonly success: Success
  /** Sent twice, it does no more than once: so do all GET and DELETE, others where they say so. */
  readonly isSafe?: boolean
}

type Method = "GET" | "POST" | "PATCH" | "DELETE"

/** An operation of an API. */
export interface Route extends Parts {
  readonly method: Method
  /** With its parameters: `/files/:file_id`. */
  readonly path: HttpApiEndpoint.PathSegment
}

/** The type of a part of a route, `never` where there is no such part. */
export type Part<R extends Route, Name extends keyof Parts> = R extends
  { readonly [_ in Name]: { readonly Type: infer A } } ? A : never

const route = <M extends Method>(method: M) => <P extends Parts>(path: HttpApiEndpoint.PathSegment, parts: P) => ({
  ...parts,
  method,
  path
})

export const get = route("GET")
export const post = route("POST")
export const patch = route("PATCH")
export const del = route("DELETE")

export const json = <S extends Schema.Schema.AnyNoContext>(
  schema: S,
  ...statuses: ReadonlyArray<number>
): Success<S> => ({
  schema,
  encoding: "Json",
  contentType: "application/json",
  statuses: statuses.length === 0 ? [200] : statuses
})

export const text: Success<typeof Schema.String> = {
  schema: Schema.String,
  encoding: "Text",
  contentType: "text/plain",
  statuses: [200]
}

export const bytes: Success<typeof Schema.Uint8ArrayFromSelf> = {
  schema: Schema.Uint8ArrayFromSelf,
  encoding: "Uint8Array",
  contentType: "application/octet-stream",
  statuses: [200]
}

/** An answer without a body. */
export const none = (status: number): Success<typeof Schema.Void> => ({
  schema: Schema.Void,
  encoding: "None",
  contentType: "application/json",
  statuses: [status]
})

/** A payload that is sent as it is. */
export const Form = Schema.declare((form): form is FormData => form instanceof FormData)
