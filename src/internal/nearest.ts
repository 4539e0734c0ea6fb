/**
 * The name that takes the fewest edits, if these are at most a quarter of it, and not all of it. Case does not count.
 *
 * @internal
 */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  let found: string | undefined
  let fewest = Infinity
  for (const candidate of known) {
    const limit = Math.min(Math.ceil(candidate.length / 4), candidate.length - 1)
    if (Math.abs(candidate.length - name.length) > limit) continue
    const edits = distance(name.toLowerCase(), candidate.toLowerCase())
    if (edits <= limit && edits < fewest) {
      found = candidate
      fewest = edits
    }
  }
  return found
}

/** Levenshtein's edit distance, one row of his table at a time. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length }, (_, j) => j + 1)
  for (let i = 0; i < a.length; i++) {
    let diagonal = i
    let left = i + 1
    row = row.map((above, j) => {
      left = Math.min(above + 1, left + 1, diagonal + (a[i] === b[j] ? 0 : 1))
      diagonal = above
      return left
    })
  }
  return row.at(-1) ?? a.length
}
