/**
 * Makes a map that forgets what was set longest ago, where it holds more than `most`.
 *
 * @internal
 */
export const makeRecent = <K, A>(most: number) => {
  const entries = new Map<K, A>()
  return {
    get: (key: K) => entries.get(key),
    set: (key: K, value: A) => {
      entries.delete(key)
      entries.set(key, value)
      const oldest = entries.keys().next()
      if (entries.size > most && !oldest.done) entries.delete(oldest.value)
    }
  }
}
