/**
 * Replicate's HTTP API as an `HttpApi`, built of the routes that the client is derived from: what a server of it
 * implements, as the emulator does, and what its OpenAPI document is made of.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type { HttpApiDecodeError } from "@effect/platform/HttpApiError"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import type * as Schema from "effect/Schema"
import { Form, type Part, type Route, type Success } from "./internal/route.js"
import { routes } from "./internal/routes.js"
import { FileUpload } from "./schemas/FileUpload.js"

type Payload<R extends Route> = Part<R, "payload"> extends infer A ? A extends FormData ? typeof FileUpload.Type : A
  : never

type Endpoint<Name extends string, R extends Route> = HttpApiEndpoint.HttpApiEndpoint<
  Name,
  R["method"],
  Part<R, "pathParams">,
  Part<R, "urlParams">,
  Payload<R>,
  Part<R, "headers">,
  R["success"]["schema"]["Type"]
>

type Group<Name extends string, Routes extends Readonly<Record<string, Route>>> = HttpApiGroup.HttpApiGroup<
  Name,
  { [Key in keyof Routes & string]: Endpoint<Key, Routes[Key]> }[keyof Routes & string],
  never
>

type Groups = { [Name in keyof typeof routes]: Group<Name, (typeof routes)[Name]> }[keyof typeof routes]

const encoded = ({ encoding, schema }: Success): Schema.Schema.AnyNoContext =>
  encoding === "Text" || encoding === "Uint8Array" ? HttpApiSchema.withEncoding(schema, { kind: encoding }) : schema

const endpointOf = (name: string, { headers, method, path, pathParams, payload, success, urlParams }: Route) => {
  // the type of a new endpoint says that it never has a schema, and that of the result that it may have each
  let endpoint = HttpApiEndpoint.make(method)(name, path) as unknown as HttpApiEndpoint.HttpApiEndpoint.AnyWithProps
  if (pathParams !== undefined) endpoint = endpoint.setPath(pathParams)
  if (urlParams !== undefined) endpoint = endpoint.setUrlParams(urlParams)
  if (headers !== undefined) endpoint = endpoint.setHeaders(headers)
  if (payload !== undefined) endpoint = endpoint.setPayload(payload === Form ? FileUpload : payload)
  for (const status of success.statuses) endpoint = endpoint.addSuccess(encoded(success), { status })
  return endpoint
}

const groupOf = (name: string, routes: Readonly<Record<string, Route>>) => {
  let group: HttpApiGroup.HttpApiGroup<string, HttpApiEndpoint.HttpApiEndpoint.Any, never> = HttpApiGroup.make(name)
  for (const [name, route] of Object.entries(routes)) group = group.add(endpointOf(name, route))
  return group
}

const make = () => {
  let api: HttpApi.HttpApi<"replicate", HttpApiGroup.HttpApiGroup.Any, HttpApiDecodeError> = HttpApi.make("replicate")
  for (const [name, group] of Object.entries(routes)) api = api.add(groupOf(name, group))
  // every route was added, and the type is computed from them
  return api as HttpApi.HttpApi<"replicate", Groups, HttpApiDecodeError>
}

/**
 * Replicate's HTTP API.
 *
 * @since 0.1.0
 * @category schemas
 */
export class ReplicateApi extends make() {}
