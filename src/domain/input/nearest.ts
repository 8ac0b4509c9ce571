/** Finds the known word that is nearest to an unknown one. */

const longest = 64;

/**
 * The word with the fewest letters changed, left out, added or swapped, a third of them at most; null where none is
 * near. Where `values` are given, the one at the same index is returned instead of the word. Letters of either case are
 * the same.
 */
export function nearest(word: string, words: readonly string[], values: readonly string[] = words): string | null {
  if (word.length > longest) return null;
  const given = word.toLowerCase();
  let most = Math.min(3, Math.floor(word.length / 3)) + 1;
  let found: string | null = null;
  for (const [place, other] of words.entries()) {
    if (Math.abs(other.length - word.length) >= most) continue;
    const distance = distanceOf(given, other.toLowerCase(), most);
    if (distance >= most) continue;
    most = distance;
    found = values[place] ?? null;
  }
  return found;
}

/** The message about a field that does not exist: it names the field that was evidently meant, if there is one. */
export function unknownField(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `is not a known field${meant === null ? '' : `; did you mean "${meant}"?`}`;
}

/** The optimal string alignment distance; not the true one where it is `enough` or more. */
function distanceOf(a: string, b: string, enough: number): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, place) => place)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + Number(!same),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    if (Math.min(...row, ...last) >= enough) return enough;
    [before, last] = [last, row];
  }
  return last[b.length] as number;
}
