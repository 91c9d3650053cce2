/**
 * Gets entries out of a damaged file. First those that sound pages lead to, which are as they were committed. Then what is right in
 * a damaged leaf. Then a look at every page of the file for the entries that the damage has cut off: a page that is not
 * reachable is from an earlier transaction, or was reachable until it was damaged; what is in it counts only where the
 * reachable pages have nothing.
 */

import { PageFile, type PageProblem, pageFlags, pageTransaction, readUncheckedMeta } from './lmdb-file.ts';
import { claimFree, readFreeLists } from './lmdb-free.ts';
import { PageMap } from './lmdb-page.ts';
import { storedKey, storedValue, TreeWalk } from './lmdb-tree.ts';
import { looseNodes } from './loose-nodes.ts';
import { endIsGone, findSalvageRoot, type SalvageRoot } from './salvage-root.ts';
import { positionKeyBytes, positionOfKey } from './store-keys.ts';

/** Of one value: four times what our largest takes. A number above is damaged, and would hide what lies behind. */
const mostOverflowPages = 1024;

/** Longer than the name of any meta value. */
const mostNameBytes = 128;

export interface SalvagedEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The position of a record, the time of an event. Not a number when the key is neither. */
export function numberOf({ key }: SalvagedEntry): number {
  return key.length === positionKeyBytes ? positionOfKey(key) : Number.NaN;
}

export interface SalvagedTable {
  /** Leaves of the table that are damaged, or have a value that is. */
  readonly damagedLeaves: readonly number[];
  /** True when something may be missing that none of those leaves holds: only a scan finds it. */
  readonly cutOff: boolean;
}

/**
 * What is known of a page that a scan looks at. `live`: it is on no list of free pages, so what it holds was there at the last.
 * `free`: it is on one, so what it holds was there once, or was never committed. `unknown`: the list is damaged.
 */
export type PageState = 'live' | 'free' | 'unknown';

export interface ScannedPage {
  readonly state: PageState;
  /** 0 for one that was never committed, or whose number is damaged. */
  readonly transaction: number;
}

export class Salvage {
  readonly #file: PageFile;
  readonly #root: SalvageRoot;
  /** Free pages are claimed: what leads into one of them is damage, however sound the page looks. */
  readonly #claimed: PageMap;
  /** False when some free page may not be claimed. */
  readonly #freeIsKnown: boolean;

  private constructor(file: PageFile) {
    this.#file = file;
    this.#root = findSalvageRoot(file);
    const { free, transaction, pages } = this.#root;
    this.#claimed = new PageMap(pages);
    const problems: PageProblem[] = [];
    if (free !== undefined) {
      const lists = readFreeLists(file, new PageMap(pages), { free, transaction }, problems);
      claimFree(this.#claimed, transaction, lists, problems);
    }
    this.#freeIsKnown = free !== undefined && problems.length === 0;
  }

  /** Undefined when there is no file, or an empty one. */
  static open(directory: string): Salvage | undefined {
    const file = PageFile.open(directory);
    return file === undefined ? undefined : new Salvage(file);
  }

  /** Entries that the table had by its own count; undefined when its header cannot be read. */
  count(table: string): number | undefined {
    return this.isCurrent ? this.#root.tables.get(table)?.entries : undefined;
  }

  /** False when only an earlier state of the tables can be found. */
  get isCurrent(): boolean {
    return this.#root.isCurrent;
  }

  /** True when the file may have gone on behind its end. */
  get isCut(): boolean {
    return endIsGone(this.#file);
  }

  /** How far the file went by what its meta pages say, be it true or not; undefined when they say nothing. */
  claimedExtent(): { readonly transaction: number; readonly lastPage: number } | undefined {
    const metas = ([0, 1] as const).flatMap((page) => readUncheckedMeta(this.#file, page) ?? []);
    if (metas.length === 0) return undefined;
    return {
      transaction: Math.max(...metas.map(({ transaction }) => transaction)),
      lastPage: Math.max(...metas.map(({ lastPage }) => lastPage)),
    };
  }

  /** Calls `visit` for each entry that sound pages lead to, in key order. */
  walk(table: string, visit: (entry: SalvagedEntry) => void): SalvagedTable {
    const header = this.#root.tables.get(table);
    if (header === undefined) return { damagedLeaves: [], cutOff: true };
    const problems: PageProblem[] = [];
    const options = { name: table, transaction: this.#root.transaction };
    const walk = new TreeWalk(this.#file, new PageMap(this.#claimed), header, options, problems, {
      take: (entry) => visit({ key: storedKey(entry), value: storedValue(entry) }),
    });
    for (const leaf of walk.leaves()) walk.leaf(leaf);
    walk.finish();
    return { damagedLeaves: walk.damagedLeaves, cutOff: walk.cutOff || !this.isCurrent };
  }

  /** Calls `visit` for whatever looks like an entry in a page. */
  loose(page: number, visit: (entry: SalvagedEntry) => void): void {
    const at = this.#file.load(page);
    if (at === undefined) return;
    const entries = looseNodes(this.#file, at).filter(({ isTree }) => !isTree);
    // Copied before anybody looks: that may load another page.
    const copied = entries.map((entry) => ({ key: storedKey(entry), value: storedValue(entry) }));
    for (const entry of copied) visit(entry);
  }

  /** Calls `visit` for whatever looks like an entry in whatever page, whichever table it was of. */
  scan(visit: (entry: SalvagedEntry, page: ScannedPage) => void): void {
    for (let page = 2; page < this.#file.pages; ) {
      const pages = this.#overflowPages(page);
      const scanned = { state: this.#stateOf(page), transaction: this.#transactionOf(page) };
      if (pages === 0) this.loose(page, (entry) => visit(entry, scanned));
      page += Math.max(1, pages);
    }
  }

  close(): void {
    this.#file.close();
  }

  #stateOf(page: number): PageState {
    if (this.#claimed.has(page)) return 'free';
    return this.#freeIsKnown ? 'live' : 'unknown';
  }

  #transactionOf(page: number): number {
    const told = pageTransaction(this.#file, page) ?? 0;
    return told > this.#root.transaction ? 0 : told;
  }

  /** How many pages of a value begin here: whatever a value looks like, it is no page of entries. */
  #overflowPages(page: number): number {
    const at = this.#file.load(page);
    if (at === undefined) return 0;
    const { halves, words } = this.#file;
    const isOverflow = words[at >> 2] === page && halves[(at >> 1) + 9] === pageFlags.overflow;
    const pages = words[(at >> 2) + 5] ?? 0;
    return isOverflow && pages <= mostOverflowPages ? pages : 0;
  }
}

/**
 * The values of `meta` that are right by their checksums: those that were there at the last, and for a name that has none the newest
 * that lies about, which may be older than the one that was lost.
 */
export function salvageMetaValues(
  salvage: Salvage,
  isRight: (name: string, stored: Buffer) => boolean,
): { readonly sure: ReadonlyMap<string, Buffer>; readonly guessed: ReadonlyMap<string, Buffer> } {
  const sure = new Map<string, Buffer>();
  const take = ({ key, value }: SalvagedEntry) => {
    const name = key.toString('latin1');
    if (key.length <= mostNameBytes && !sure.has(name) && isRight(name, value)) sure.set(name, value);
  };
  const { damagedLeaves, cutOff } = salvage.walk('meta', salvage.isCurrent ? take : () => {});
  for (const page of salvage.isCurrent ? damagedLeaves : []) salvage.loose(page, take);
  const guessed = new Map<string, Buffer>();
  if (!cutOff && damagedLeaves.length === 0 && sure.size > 0) return { sure, guessed };
  const newest = new Map<string, number>();
  salvage.scan((entry, { state, transaction }) => {
    const name = entry.key.toString('latin1');
    if (state === 'live' && cutOff) take(entry);
    if (transaction === 0 || entry.key.length > mostNameBytes || sure.has(name)) return;
    if (transaction < (newest.get(name) ?? 0) || !isRight(name, entry.value)) return;
    newest.set(name, transaction);
    guessed.set(name, entry.value);
  });
  return { sure, guessed };
}
