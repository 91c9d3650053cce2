/**
 * What a tree page of an LMDB file must look like for LMDB to read it without harm: every number in it is held against the page
 * before it is used.
 *
 * ```
 * node     of a leaf    [u32 bytes of the value][u16 flags][u16 bytes of the key] key value
 *          of a branch  [u48 page below][u16 bytes of the key] key
 * ```
 */
import { copiedTransaction, type PageFile, pageFlags, pageHeadBytes } from './lmdb-file.ts';

export const nodeHeadBytes = 8;
export const bigDataFlag = 1;
/** Of values that are headers of trees, in the list of tables. */
export const subTreeFlag = 2;
/** `[u64 page][u64 transaction][u64 pages]` in place of a value that lies in overflow pages. */
export const overflowNodeBytes = 24;

/** A page is damaged when this is thrown; its message says how. */
export class PageDamage extends Error {}

export type PageUse = 'used' | 'free';

/** Which page serves what: a page that two parts of a file claim will be overwritten by one of them. */
export class PageMap {
  readonly #uses: Uint8Array;
  used = 0;
  free = 0;

  /** @param pages all that the meta page speaks of, or another map to begin with. */
  constructor(pages: number | PageMap) {
    this.#uses = typeof pages === 'number' ? new Uint8Array(pages) : pages.#uses.slice();
  }

  get pages(): number {
    return this.#uses.length;
  }

  has(page: number): boolean {
    return this.#uses[page] !== undefined && this.#uses[page] !== 0;
  }

  /** False when the page is out of range or claimed already. */
  claim(page: number, use: PageUse): boolean {
    if (!(page >= 2 && page < this.#uses.length) || this.#uses[page] !== 0) return false;
    this.#uses[page] = use === 'used' ? 1 : 2;
    if (use === 'used') this.used++;
    else this.free++;
    return true;
  }
}

/** A key within some bytes that stay. */
export interface KeyPlace {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
}

/** The keys that may stand in a page: from `low` on, below `high`. */
export interface KeyBounds {
  readonly low: KeyPlace | undefined;
  readonly high: KeyPlace | undefined;
  /** Keys are numbers of the machine, as in the free tree; else they are bytes. */
  readonly numeric: boolean;
}

/**
 * @param at where in the file's `bytes` the page begins.
 * @param newest the transaction of what leads to it: a page is never changed without those above it.
 * @returns the transaction of the page.
 */
export function checkHead(
  { words, halves }: PageFile,
  at: number,
  page: number,
  kind: 'leaf' | 'branch',
  newest: number,
): number {
  const word = at >> 2;
  const number = (words[word] ?? 0) + (words[word + 1] ?? 0) * 2 ** 32;
  if (number !== page) throw new PageDamage(`says that it is page ${number}`);
  const transaction = (words[word + 2] ?? 0) + (words[word + 3] ?? 0) * 2 ** 32;
  if (transaction > newest || transaction < 1)
    throw new PageDamage(`is of transaction ${transaction}, what leads to it of ${newest}`);
  const flags = halves[(at >> 1) + 9];
  if (flags !== pageFlags[kind]) throw new PageDamage(`has the flags ${flags}`);
  return transaction;
}

/**
 * The nodes of a leaf lie within the page, fill it without a gap, and their keys rise within the bounds.
 * @param plainFlags the flags of each node, besides that its value lies in overflow pages.
 * @returns how many there are.
 */
export function checkLeaf(file: PageFile, at: number, plainFlags: number, bounds: KeyBounds): number {
  const { halves, bytes } = file;
  const { numeric } = bounds;
  const limit = file.pageBytes - pageHeadBytes;
  const half = at >> 1;
  const upper = checkBounds(halves, half, limit);
  const count = (halves[half + 10] ?? 0) >> 1;
  let total = 0;
  let keyAt = 0;
  let keyBytes = 0;
  for (let index = 0; index < count; index++) {
    const offset = halves[half + 12 + index] ?? 0;
    if ((offset & 1) !== 0 || offset < upper || offset + nodeHeadBytes > limit)
      throw new PageDamage(`has a node at ${offset}`);
    const node = half + 12 + (offset >> 1);
    const flags = halves[node + 2] ?? 0;
    const nextBytes = halves[node + 3] ?? 0;
    if ((flags & ~bigDataFlag) !== plainFlags) throw new PageDamage(`has a node with the flags ${flags}`);
    if (nextBytes === 0) throw new PageDamage('has an empty key');
    const valueBytes = (halves[node] ?? 0) + (halves[node + 1] ?? 0) * 65_536;
    const size = nodeHeadBytes + nextBytes + ((flags & bigDataFlag) === 0 ? valueBytes : overflowNodeBytes);
    if (offset + size > limit) throw new PageDamage(`has a node of ${size} bytes at ${offset}`);
    total += size + (size & 1);
    const nextAt = (node << 1) + nodeHeadBytes;
    if (index === 0) checkLow({ bytes, at: nextAt, length: nextBytes }, bounds);
    else if (!(numeric ? numberFollows : follows)(halves, bytes, keyAt, keyBytes, nextAt, nextBytes))
      throw new PageDamage(`has keys out of order at ${index}`);
    keyAt = nextAt;
    keyBytes = nextBytes;
  }
  if (total !== limit - upper) throw new PageDamage('has nodes that overlap or leave a gap');
  checkHigh({ bytes, at: keyAt, length: keyBytes }, bounds);
  return count;
}

/** The same for a branch. Its first key counts for nothing, and is mostly empty. */
export function checkBranch(file: PageFile, at: number, bounds: KeyBounds): number {
  const { halves, bytes } = file;
  const limit = file.pageBytes - pageHeadBytes;
  const half = at >> 1;
  const upper = checkBounds(halves, half, limit);
  const count = (halves[half + 10] ?? 0) >> 1;
  let total = 0;
  let last: KeyPlace | undefined;
  for (let index = 0; index < count; index++) {
    const offset = halves[half + 12 + index] ?? 0;
    if ((offset & 1) !== 0 || offset < upper || offset + nodeHeadBytes > limit)
      throw new PageDamage(`has a node at ${offset}`);
    const node = half + 12 + (offset >> 1);
    const key = { bytes, at: (node << 1) + nodeHeadBytes, length: halves[node + 3] ?? 0 };
    const size = nodeHeadBytes + key.length;
    if (offset + size > limit) throw new PageDamage(`has a node of ${size} bytes at ${offset}`);
    total += size + (size & 1);
    if (index === 0) continue;
    if (last === undefined) checkLow(key, bounds);
    else if (compareKeys(last, key, bounds.numeric) >= 0)
      throw new PageDamage(`has keys out of order at ${index}`);
    last = key;
  }
  if (total !== limit - upper) throw new PageDamage('has nodes that overlap or leave a gap');
  if (last !== undefined) checkHigh(last, bounds);
  return count;
}

/** Returns where the nodes of the page begin. */
function checkBounds(halves: Uint16Array, half: number, limit: number): number {
  const lower = halves[half + 10] ?? 0;
  const upper = halves[half + 11] ?? 0;
  if (((lower | upper) & 1) !== 0 || lower < 2 || lower > upper || upper > limit)
    throw new PageDamage(`has impossible bounds: ${lower}, ${upper}`);
  return upper;
}

/**
 * True when the second key is above the first. Both begin at an even place, and keys that follow one another share much: it takes
 * two bytes at a time while they are the same.
 */
function follows(
  halves: Uint16Array,
  bytes: Uint8Array,
  aAt: number,
  aBytes: number,
  bAt: number,
  bBytes: number,
): boolean {
  const shared = Math.min(aBytes, bBytes) >> 1;
  let same = 0;
  while (same < shared && halves[(aAt >> 1) + same] === halves[(bAt >> 1) + same]) same++;
  for (let byte = same << 1; byte < bBytes; byte++) {
    const difference = byte < aBytes ? (bytes[bAt + byte] ?? 0) - (bytes[aAt + byte] ?? 0) : 1;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** The same for little-endian numbers of 64 bits; false when one is none. */
function numberFollows(
  _: Uint16Array,
  bytes: Uint8Array,
  aAt: number,
  aBytes: number,
  bAt: number,
  bBytes: number,
): boolean {
  const [a, b] = [
    { bytes, at: aAt, length: aBytes },
    { bytes, at: bAt, length: bBytes },
  ];
  return aBytes === 8 && bBytes === 8 && compareKeys(a, b, true) < 0;
}

function checkLow(key: KeyPlace, { low, numeric }: KeyBounds): void {
  if (numeric && key.length !== 8) throw new PageDamage(`has a number of ${key.length} bytes`);
  if (low !== undefined && compareKeys(key, low, numeric) < 0)
    throw new PageDamage('has a key that belongs to the page before it');
}

function checkHigh(key: KeyPlace, { high, numeric }: KeyBounds): void {
  if (high !== undefined && compareKeys(key, high, numeric) >= 0)
    throw new PageDamage('has a key that belongs to the page behind it');
}

function compareKeys(a: KeyPlace, b: KeyPlace, numeric: boolean): number {
  const shared = Math.min(a.length, b.length);
  for (let step = 0; step < shared; step++) {
    const byte = numeric ? shared - 1 - step : step;
    const difference = (a.bytes[a.at + byte] ?? 0) - (b.bytes[b.at + byte] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether the value of a node lies in overflow pages. */
export function hasOverflow({ halves }: PageFile, at: number, count: number): boolean {
  const half = at >> 1;
  for (let index = 0; index < count; index++) {
    const node = half + 12 + ((halves[half + 12 + index] ?? 0) >> 1);
    if (((halves[node + 2] ?? 0) & bigDataFlag) !== 0) return true;
  }
  return false;
}

/** Where the value of a leaf node lies that no leaf has room for. */
export interface OverflowPlace {
  readonly page: number;
  readonly pages: number;
  readonly transaction: number;
}

/** What a leaf node says of the pages behind it. */
export function readOverflowNode(
  { bytes, pageBytes }: PageFile,
  at: number,
  valueBytes: number,
  newest: number,
): OverflowPlace {
  const view = new DataView(bytes.buffer, at, overflowNodeBytes);
  const number = (offset: number) =>
    view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
  const [page, transaction, pages] = [number(0), number(8), number(16)];
  const needed = Math.floor((pageHeadBytes - 1 + valueBytes) / pageBytes) + 1;
  // A value that took the place of a longer one keeps its pages.
  if (pages < needed) throw new PageDamage(`has a value of ${valueBytes} bytes in ${pages} pages`);
  if (transaction > newest || transaction < 1)
    throw new PageDamage(`has a value of transaction ${transaction}`);
  return { page, pages, transaction };
}

/**
 * The head of the first of the pages that hold a value. In a compact copy the node has the number of the copy, the pages have that of
 * the original.
 * @param newest the newest transaction of the file: pages of a later one LMDB would take for its own, and write to.
 */
export function checkOverflowHead(
  file: PageFile,
  { page, pages, transaction }: OverflowPlace,
  newest: number,
): void {
  if (page + pages > file.pages) throw new PageDamage('has a value behind the end of the file');
  const head = file.read(page * file.pageBytes, pageHeadBytes);
  if (head.length < pageHeadBytes) throw new PageDamage('has a value behind the end of the file');
  const told = head.readUInt32LE(8) + head.readUInt32LE(12) * 2 ** 32;
  const isSound =
    head.readUInt32LE(0) + head.readUInt32LE(4) * 2 ** 32 === page &&
    (told === transaction || (transaction === copiedTransaction && told >= 1 && told <= newest)) &&
    head.readUInt16LE(18) === pageFlags.overflow &&
    head.readUInt32LE(20) === pages;
  if (!isSound) throw new PageDamage(`has a value in page ${page}, whose head is wrong`);
}
