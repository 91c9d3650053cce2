/** The key that `typed` was probably meant to be: equal but for case and separators, the end of one, the beginning of one alone, or two edits away. */
export function closestKey(typed: string, keys: readonly string[]): string | undefined {
  const plain = (key: string) => key.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(typed.slice(0, 100));
  if (wanted.length < 3) return undefined;
  const exact = keys.find((key) => plain(key) === wanted) ?? keys.find((key) => plain(key).endsWith(wanted));
  if (exact !== undefined) return exact;
  const [begun, another] = keys.filter((key) => plain(key).startsWith(wanted));
  if (begun !== undefined && another === undefined) return begun;
  const near = keys
    .map((key) => ({ key, edits: editDistance(wanted, plain(key)) }))
    .filter((it) => it.edits <= 2);
  return near.sort((a, b) => a.edits - b.edits)[0]?.key;
}

/** Levenshtein 1966, one row at a time, with two letters that changed places as one edit (Damerau 1964, each pair once). */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  let twoAbove: readonly number[] = [];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (twoAbove[j - 2] ?? 0) + 1 : replaced;
      row.push(Math.min(replaced, swapped, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    twoAbove = above;
    above = row;
  }
  return above[b.length] ?? 0;
}
