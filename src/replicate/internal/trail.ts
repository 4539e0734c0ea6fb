/** Links that are remembered. */
const longest = 10_000

/**
 * Tells whether a link is new to a traversal. It is mutable: one traversal, one of these.
 *
 * @internal
 */
export const makeTrail = () => {
  const trail = new Set<string>()
  return (link: string): boolean => {
    if (trail.has(link)) return false
    trail.add(link)
    const [oldest] = trail
    if (trail.size > longest && oldest !== undefined) trail.delete(oldest)
    return true
  }
}
