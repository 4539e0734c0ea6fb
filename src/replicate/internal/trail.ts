import { makeRecent } from "../../internal/recent.js"

/** Links that are remembered. */
const longest = 10_000

/**
 * Tells whether a link is new to a traversal. It is mutable: one traversal, one of these.
 *
 * @internal
 */
export const makeTrail = () => {
  const trail = makeRecent<true>(longest)
  return (link: string): boolean => {
    if (trail.get(link)) return false
    trail.set(link, true)
    return true
  }
}
