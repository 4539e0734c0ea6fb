import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Conversation } from "../Output.js"
import type { Parameter } from "../Parameters.js"
import type { Request } from "../Request.js"
import { isPresent } from "./token.js"

/**
 * What matters of a provider when a request is handed out.
 *
 * @internal
 */
export interface Provider {
  readonly info: {
    readonly name: string
    readonly needsAuth: boolean
    readonly supportsStream: boolean
    readonly parent?: string | undefined
  }
  readonly parameters: ReadonlyArray<Parameter>
  readonly members?: ReadonlyArray<Provider> | undefined
}

/**
 * Fields of a request that are for one provider, by its name.
 *
 * @internal
 */
export type Given = ReadonlyMap<string, Request>

/** @internal */
export interface Inheritance {
  readonly given: Given
  readonly leavesOut: (provider: Provider) => boolean
}

/** @internal */
export const nothing: Inheritance = { given: new Map(), leavesOut: () => false }

/**
 * What the fallback around this one was told. It goes from fallback to fallback only: a provider that happens to use
 * one for purposes of its own does not hand on what its caller gave.
 *
 * @internal
 */
export class Inherited extends Context.Reference<Inherited>()("effect-providers/internal/fallbackRequests/Inherited", {
  defaultValue: () => nothing
}) {}

const ownerOf = ({ name, parent }: Provider["info"]): string => parent ?? name

const takesKey = ({ parameters }: Provider): boolean => parameters.some(({ name }) => name === "apiKey")

const leavesOf = (provider: Provider): ReadonlyArray<Provider> =>
  provider.members === undefined ? [provider] : provider.members.flatMap(leavesOf)

const keyTakers = (members: ReadonlyArray<Provider>) => members.flatMap(leavesOf).filter(takesKey)

/**
 * Whose keys there are.
 *
 * @internal
 */
export const keyOwnersOf = (members: ReadonlyArray<Provider>): ReadonlyArray<string> =>
  keyTakers(members).map(({ info }) => ownerOf(info))

/**
 * Whose key may be meant by a request that says no name: that of the services that need one, or, if none does, of those
 * that take one.
 *
 * @internal
 */
export const keyOwners = (members: ReadonlyArray<Provider>): ReadonlyArray<string> => {
  const takers = keyTakers(members)
  const needers = takers.filter(({ info }) => info.needsAuth)
  return Arr.dedupe((needers.length > 0 ? needers : takers).map(({ info }) => ownerOf(info)))
}

const replaceDefined = <A extends object>(fields: A, by: A): A => {
  const replaced = { ...fields }
  for (const key in by) if (by[key] !== undefined) replaced[key] = by[key]
  return replaced
}

/** Fields that are absent replace nothing, and neither do those that are `undefined`, or a blank key. */
const replaceFields = (fields: Request, by: Request): Request =>
  replaceDefined(fields, isPresent(by.apiKey) ? by : { ...by, apiKey: undefined })

/**
 * Unites what was given, provider by provider; what comes later replaces what came before.
 *
 * @internal
 */
export const unite = (...all: ReadonlyArray<Iterable<readonly [string, Request]>>): Given => {
  const given = new Map<string, Request>()
  for (const entries of all) {
    for (const [name, fields] of entries) given.set(name, replaceFields(given.get(name) ?? {}, fields))
  }
  return given
}

const isConversation = Schema.is(Conversation)

/**
 * Tells what goes to all providers, and what only to one: the key to its owner, the conversation to where it came from.
 * The total clock is the caller's own, and no attempt gets less by it.
 *
 * @internal
 */
export const divide = (
  { apiKey, conversation, timeout, ...rest }: Request,
  keyOwner: string | undefined
): { readonly common: Request; readonly own: ReadonlyArray<readonly [string, Request]> } => {
  const common = timeout === undefined ? rest : { ...rest, timeout: Duration.infinity }
  const own: Array<readonly [string, Request]> = []
  if (keyOwner !== undefined && isPresent(apiKey)) own.push([keyOwner, { apiKey }])
  if (isConversation(conversation)) own.push([conversation.provider, { conversation }])
  return { common, own }
}

/**
 * The request as one provider gets it. A key serves also the providers of the same owner that take one.
 *
 * @internal
 */
export const tailor = (common: Request, provider: Provider, given: Given): Request => {
  const apiKey = takesKey(provider) ? given.get(ownerOf(provider.info))?.apiKey : undefined
  return replaceFields(replaceFields(common, { apiKey }), given.get(provider.info.name) ?? {})
}

/** @internal */
export const secretsOf = (given: Given): ReadonlyArray<string> =>
  [...given.values()].flatMap(({ apiKey }) => apiKey === undefined ? [] : [Redacted.value(apiKey)])
