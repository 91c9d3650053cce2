/** The key that `typed` was probably meant to be: equal but for case and separators, the end of one, or two edits away. */
export function closestKey(typed: string, keys: readonly string[]): string | undefined {
  const plain = (key: string) => key.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(typed.slice(0, 100));
  if (wanted.length < 3) return undefined;
  const exact = keys.find((key) => plain(key) === wanted) ?? keys.find((key) => plain(key).endsWith(wanted));
  if (exact !== undefined) return exact;
  const near = keys
    .map((key) => ({ key, edits: editDistance(wanted, plain(key)) }))
    .filter((it) => it.edits <= 2);
  return near.sort((a, b) => a.edits - b.edits)[0]?.key;
}

/** Levenshtein 1966, one row at a time. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
