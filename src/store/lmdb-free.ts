/** The list of free pages of an LMDB file, which is a tree: the key is the transaction that freed the pages of an entry. */
import { type MetaPage, type PageFile, type PageProblem, readU64 } from './lmdb-file.ts';
import type { PageMap } from './lmdb-page.ts';
import { storedValue, walkTree } from './lmdb-tree.ts';

interface FreeList {
  readonly key: number;
  readonly list: Buffer;
}

const name = 'the list of free pages';

export function readFreeLists(
  file: PageFile,
  map: PageMap,
  { free, transaction }: Pick<MetaPage, 'free' | 'transaction'>,
  problems: PageProblem[],
): readonly FreeList[] {
  const lists: FreeList[] = [];
  walkTree(file, map, free, { name, transaction, numericKeys: true }, problems, (entry) => {
    const key = readU64(new DataView(file.bytes.buffer), entry.keyAt);
    lists.push({ key, list: storedValue(entry) });
  });
  return lists;
}

/** @param transaction the newest. */
export function claimFree(
  map: PageMap,
  transaction: number,
  lists: readonly FreeList[],
  problems: PageProblem[],
): void {
  for (const { key, list } of lists) {
    const wrong = key < 1 || key > transaction ? 'is of an impossible transaction' : claimList(map, list);
    if (wrong !== undefined) problems.push({ table: name, what: `list ${key} ${wrong}` });
  }
}

/** A list is `[u64 count]` and so many words, of which −n, p stands for n pages from p. Returns what is wrong with it. */
function claimList(map: PageMap, list: Buffer): string | undefined {
  const words = Math.floor(list.length / 8);
  const count = words === 0 ? -1 : Number(list.readBigInt64LE(0));
  if (!(count >= 0 && count < words)) return `counts ${count} words of ${words - 1}`;
  for (let word = 1; word <= count; word++) {
    let entry = Number(list.readBigInt64LE(word * 8));
    if (entry === 0) continue;
    let length = 1;
    if (entry < 0) {
      length = -entry;
      if (++word > count) return 'ends in the middle of a range';
      entry = Number(list.readBigInt64LE(word * 8));
    }
    // Before the loop: numbers from 2^53 on do not count up.
    if (entry + length > map.pages) return `has ${length} pages from ${entry} on`;
    for (let page = entry; page < entry + length; page++)
      if (!map.claim(page, 'free')) return `has page ${page}, which is out of range or claimed already`;
  }
  return undefined;
}
