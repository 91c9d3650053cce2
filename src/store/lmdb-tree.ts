/**
 * Walks the B-trees of an LMDB file and believes nothing. A page that is not as LMDB writes it is named and left out, with all that
 * only it leads to.
 */
import {
  mostAheadPages,
  type PageFile,
  type PageProblem,
  pageHeadBytes,
  type TreeHeader,
} from './lmdb-file.ts';
import {
  bigDataFlag,
  checkBranch,
  checkHead,
  checkLeaf,
  checkOverflowHead,
  hasOverflow,
  type KeyBounds,
  type KeyPlace,
  nodeHeadBytes,
  PageDamage,
  type PageMap,
  readOverflowNode,
  subTreeFlag,
} from './lmdb-page.ts';

/** Deeper than LMDB's own cursors go. */
const mostDepth = 32;

/** One entry of a leaf page: where its parts lie in the file's `bytes`, which the next page overwrites. */
export interface LeafEntry {
  readonly file: PageFile;
  keyAt: number;
  keyBytes: number;
  valueAt: number;
  valueBytes: number;
  /** First of the pages that hold the value; 0 when it lies in the leaf, at `valueAt`. */
  overflowPage: number;
}

/** In memory of its own. */
export function storedKey({ file, keyAt, keyBytes }: LeafEntry): Buffer {
  return Buffer.from(file.bytes.subarray(keyAt, keyAt + keyBytes));
}

/** In memory of its own, wherever it lies; shorter than it should be when the file is. */
export function storedValue({ file, valueAt, valueBytes, overflowPage }: LeafEntry): Buffer {
  if (overflowPage === 0) return Buffer.from(file.bytes.subarray(valueAt, valueAt + valueBytes));
  return file.read(overflowPage * file.pageBytes + pageHeadBytes, valueBytes);
}

/** Gets each entry of the sound leaves of a tree, all in one object. */
export interface LeafVisitor {
  take(entry: LeafEntry): void;
  /** Gets in place of its entries a leaf that holds all of its values: a loop of its own is many times as fast. */
  takeLeaf?(file: PageFile, at: number, count: number): void;
}

export interface TreeOptions {
  readonly name: string;
  /** Newest transaction that counts: a page of a later one is not part of the tree. */
  readonly transaction: number;
  /** @default values are no trees */
  readonly subTrees?: boolean;
  /** @default keys are bytes */
  readonly numericKeys?: boolean;
}

/** A page, what leads to it, and which keys may stand in it. */
class PagePlace implements KeyBounds {
  readonly page: number;
  /** The transaction of the page above. */
  readonly newest: number;
  readonly low: KeyPlace | undefined;
  readonly high: KeyPlace | undefined;
  readonly numeric: boolean;

  constructor(page: number, newest: number, { low, high, numeric }: KeyBounds) {
    this.page = page;
    this.newest = newest;
    this.low = low;
    this.high = high;
    this.numeric = numeric;
  }
}

/** Calls `visit` for each entry of the tree that sound pages lead to, in key order. Returns how many there were. */
export function walkTree(
  file: PageFile,
  map: PageMap,
  header: TreeHeader,
  options: TreeOptions,
  problems: PageProblem[],
  visit: (entry: LeafEntry) => void,
): number {
  const walk = new TreeWalk(file, map, header, options, problems, { take: visit });
  for (const leaf of walk.leaves()) walk.leaf(leaf);
  return walk.finish();
}

/** Walks several trees in one pass over the file, so that each entry comes when its page does: a cold disk is read in order. */
export function walkInFileOrder(walks: readonly TreeWalk[]): void {
  const leaves = walks.flatMap((walk) => walk.leaves().map((leaf) => ({ walk, leaf })));
  leaves.sort((a, b) => a.leaf.page - b.leaf.page);
  for (const { walk, leaf } of leaves) walk.leaf(leaf, mostAheadPages);
}

/** One tree: first its branch pages, then its leaves in any order, then what all of them add up to. */
export class TreeWalk {
  readonly #file: PageFile;
  readonly #map: PageMap;
  readonly #header: TreeHeader;
  readonly #name: string;
  readonly #transaction: number;
  /** Of the nodes of its leaves. */
  readonly #flags: number;
  readonly #everything: KeyBounds;
  readonly #problems: PageProblem[];
  readonly #visitor: LeafVisitor;
  readonly #entry: LeafEntry;
  #branches = 0;
  #leaves = 0;
  #overflows = 0;
  #entries = 0;
  /** Leaves of the tree that are damaged, or have a value that is. */
  readonly damagedLeaves: number[] = [];
  /** True when something may be missing that no damaged leaf holds. */
  cutOff = false;

  /** @param problems gets what is wrong. */
  constructor(
    file: PageFile,
    map: PageMap,
    header: TreeHeader,
    options: TreeOptions,
    problems: PageProblem[],
    visitor: LeafVisitor,
  ) {
    this.#file = file;
    this.#map = map;
    this.#header = header;
    this.#name = options.name;
    this.#transaction = options.transaction;
    this.#flags = options.subTrees === true ? subTreeFlag : 0;
    this.#everything = { low: undefined, high: undefined, numeric: options.numericKeys ?? false };
    this.#problems = problems;
    this.#visitor = visitor;
    this.#entry = { file, keyAt: 0, keyBytes: 0, valueAt: 0, valueBytes: 0, overflowPage: 0 };
  }

  /** Looks through the branch pages. Returns the leaves that they lead to, in the order of their keys. */
  leaves(): readonly PagePlace[] {
    const { root, depth, entries, branchPages, leafPages, overflowPages } = this.#header;
    const leaves: PagePlace[] = [];
    if (root === undefined) {
      if (depth + entries + branchPages + leafPages + overflowPages !== 0)
        this.#report(undefined, 'has no root page but counts of some');
    } else if (depth < 1 || depth > mostDepth) this.#report(root, `has the depth ${depth}`);
    else this.#descend(new PagePlace(root, this.#transaction, this.#everything), depth, leaves);
    return leaves;
  }

  /** @param ahead see `PageFile.load`. */
  leaf(leaf: PagePlace, ahead?: number): void {
    let isInPlace = false;
    try {
      const at = this.#load(leaf.page, ahead);
      const transaction = checkHead(this.#file, at, leaf.page, 'leaf', leaf.newest);
      isInPlace = true;
      const count = checkLeaf(this.#file, at, this.#flags, leaf);
      this.#leaves++;
      const { takeLeaf } = this.#visitor;
      if (takeLeaf === undefined || hasOverflow(this.#file, at, count))
        this.#takeAll(at, leaf.page, count, transaction);
      else {
        this.#entries += count;
        takeLeaf.call(this.#visitor, this.#file, at, count);
      }
    } catch (error) {
      this.#caught(leaf.page, error, isInPlace);
    }
  }

  /** Holds what was found against the header of the tree. Returns the number of entries. */
  finish(): number {
    const { entries, branchPages, leafPages, overflowPages } = this.#header;
    const counts = [
      ['entries', entries, this.#entries],
      ['branch pages', branchPages, this.#branches],
      ['leaf pages', leafPages, this.#leaves],
      ['overflow pages', overflowPages, this.#overflows],
    ] as const;
    const isWhole = !this.isDamaged && this.#header.root !== undefined;
    for (const [what, told, found] of counts)
      if (isWhole && told !== found) this.#report(undefined, `has ${found} ${what}, its header says ${told}`);
    return this.#entries;
  }

  get isDamaged(): boolean {
    return this.cutOff || this.damagedLeaves.length > 0;
  }

  #report(page: number | undefined, what: string): void {
    this.cutOff = true;
    this.#tell(page, what);
  }

  #tell(page: number | undefined, what: string): void {
    this.#problems.push({ ...(page === undefined ? {} : { page }), table: this.#name, what });
  }

  /** @param isLeaf the page is a leaf of this tree: all that is missing is in it. */
  #caught(page: number, error: unknown, isLeaf: boolean): void {
    if (!(error instanceof PageDamage)) throw error;
    if (isLeaf) this.damagedLeaves.push(page);
    else this.cutOff = true;
    this.#tell(page, error.message);
  }

  #load(page: number, ahead?: number): number {
    if (!this.#map.claim(page, 'used'))
      throw new PageDamage(page < 2 || page >= this.#map.pages ? 'is out of range' : 'is claimed twice');
    const at = this.#file.load(page, ahead);
    if (at === undefined) throw new PageDamage('lies behind the end of the file');
    return at;
  }

  #descend(place: PagePlace, level: number, leaves: PagePlace[]): void {
    if (level === 1) leaves.push(place);
    else for (const child of this.#branch(place)) this.#descend(child, level - 1, leaves);
  }

  #branch(place: PagePlace): readonly PagePlace[] {
    try {
      const at = this.#load(place.page);
      const transaction = checkHead(this.#file, at, place.page, 'branch', place.newest);
      const count = checkBranch(this.#file, at, place);
      this.#branches++;
      return this.#children(at, count, transaction, place);
    } catch (error) {
      this.#caught(place.page, error, false);
      return [];
    }
  }

  #children(at: number, count: number, newest: number, bounds: KeyBounds): readonly PagePlace[] {
    const { halves, pageBytes } = this.#file;
    const bytes = this.#file.bytes.slice(at, at + pageBytes);
    const half = at >> 1;
    const pages: number[] = [];
    const keys: KeyPlace[] = [];
    for (let index = 0; index < count; index++) {
      const node = half + 12 + ((halves[half + 12 + index] ?? 0) >> 1);
      const page = (halves[node] ?? 0) + (halves[node + 1] ?? 0) * 2 ** 16;
      pages.push(page + (halves[node + 2] ?? 0) * 2 ** 32);
      keys.push({ bytes, at: (node << 1) + nodeHeadBytes - at, length: halves[node + 3] ?? 0 });
    }
    return pages.map((page, index) => {
      const low = index === 0 ? bounds.low : keys[index];
      const high = keys[index + 1] ?? bounds.high;
      return new PagePlace(page, newest, { low, high, numeric: bounds.numeric });
    });
  }

  #takeAll(at: number, page: number, count: number, transaction: number): void {
    const { halves } = this.#file;
    const entry = this.#entry;
    const half = at >> 1;
    for (let index = 0; index < count; index++) {
      const node = half + 12 + ((halves[half + 12 + index] ?? 0) >> 1);
      entry.keyAt = (node << 1) + nodeHeadBytes;
      entry.keyBytes = halves[node + 3] ?? 0;
      entry.valueAt = entry.keyAt + entry.keyBytes;
      entry.valueBytes = (halves[node] ?? 0) + (halves[node + 1] ?? 0) * 65_536;
      entry.overflowPage = 0;
      if (((halves[node + 2] ?? 0) & bigDataFlag) !== 0) {
        entry.overflowPage = this.#overflow(page, entry, transaction);
        if (entry.overflowPage === 0) continue;
      }
      this.#entries++;
      this.#visitor.take(entry);
    }
  }

  /** The first of the pages that hold the value, 0 when they are damaged: of such a leaf the other entries count. */
  #overflow(leaf: number, { valueAt, valueBytes }: LeafEntry, newest: number): number {
    try {
      const place = readOverflowNode(this.#file, valueAt, valueBytes, newest);
      for (let page = place.page; page < place.page + place.pages; page++)
        if (!this.#map.claim(page, 'used'))
          throw new PageDamage(`has a value in page ${page}, out of range or claimed twice`);
      checkOverflowHead(this.#file, place, this.#transaction);
      this.#overflows += place.pages;
      return place.page;
    } catch (error) {
      this.#caught(leaf, error, true);
      return 0;
    }
  }
}
