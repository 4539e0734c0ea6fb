/**
 * Makes a map that forgets what was set longest ago, where it holds more than `most`.
 *
 * @internal
 */
export const makeRecent = <A>(most: number) => {
  const entries = new Map<string | undefined, A>()
  return {
    get: (key: string | undefined) => entries.get(key),
    set: (key: string | undefined, value: A) => {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > most) entries.delete(oldest)
    }
  }
}
