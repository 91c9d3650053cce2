/**
 * The data file of an LMDB environment, read page by page without LMDB, which trusts whatever it finds in a page.
 *
 * ```
 * page     [u64 number][u64 transaction][u16][u16 flags] then  tree page: [u16 lower][u16 upper][u16 offsets…] … nodes
 *                                                              overflow:  [u32 pages] bytes…
 * meta     pages 0 and 1, written in turn: transaction n writes page n % 2
 *          from byte 24: [u32 magic][u32 version][u64][u64 map size][free tree][main tree][u64 last page][u64 transaction]
 * tree     [u32 pad, of the free tree the page size][u16 flags][u16 depth][u64 branch][u64 leaf][u64 overflow pages]
 *          [u64 entries][u64 root]
 * ```
 * The format is LMDB's own (`mdb.c`, data version 2), in the machine's byte order; every machine that Node 20 has builds of lmdb
 * for is little-endian.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { dataFileName } from './data-file.ts';

export const pageHeadBytes = 24;
export const pageFlags = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;

const magic = 0xbeefc0de;
const formatVersion = 2;
/** Of the free tree, whose keys are numbers, and of every other one. Each flag would make LMDB read the tree in another way. */
const freeTreeFlags = 0x08;
export const plainTreeFlags = 0;
const treeHeaderBytes = 48;
const freeTreeAt = pageHeadBytes + 24;
const mainTreeAt = freeTreeAt + treeHeaderBytes;
const lastPageAt = mainTreeAt + treeHeaderBytes;
/** Those of the machines that there are first. */
const pageSizes = [4096, 16_384, 65_536, 8192, 32_768, 2048, 1024, 512];
/** Pages that one read may fetch: 64 KiB. A read four times as long is three times slower per byte: it falls out of the cache. */
export const mostAheadPages = 16;

/** What LMDB writes into all pages of a compact copy, whatever the number of the transaction that it copied. */
export const copiedTransaction = 1;

/** Pages that a meta page may speak of beyond the end of its file: a file may only end in pages that are free. */
export const mostMissingPages = 2 ** 26;

export interface TreeHeader {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when the tree is empty. */
  readonly root: number | undefined;
}

export interface MetaPage {
  readonly page: 0 | 1;
  readonly pageBytes: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: TreeHeader;
  readonly main: TreeHeader;
}

/** What is wrong with a file, and where. */
export interface PageProblem {
  readonly page?: number;
  readonly table?: string;
  readonly what: string;
}

/** Numbers over 2^53 come out inexact, and far out of every range that is checked. */
export function readU64(bytes: DataView, at: number): number {
  return bytes.getUint32(at, true) + bytes.getUint32(at + 4, true) * 2 ** 32;
}

export function readTreeHeader(bytes: DataView, at: number): TreeHeader {
  const isEmpty =
    bytes.getUint32(at + 40, true) === 0xffff_ffff && bytes.getUint32(at + 44, true) === 0xffff_ffff;
  return {
    flags: bytes.getUint16(at + 4, true),
    depth: bytes.getUint16(at + 6, true),
    branchPages: readU64(bytes, at + 8),
    leafPages: readU64(bytes, at + 16),
    overflowPages: readU64(bytes, at + 24),
    entries: readU64(bytes, at + 32),
    root: isEmpty ? undefined : readU64(bytes, at + 40),
  };
}

export const namedTreeBytes = treeHeaderBytes;

/** The pages of one file. `bytes`, `halves` and `words` are views on the same memory, which the next `load` overwrites. */
export class PageFile {
  readonly fileBytes: number;
  readonly pageBytes: number;
  /** Whole pages that the file has. */
  readonly pages: number;
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly #fd: number;
  #first = -1;
  #loaded = 0;
  #asked = -1;

  private constructor(fd: number, fileBytes: number, pageBytes: number) {
    this.#fd = fd;
    this.fileBytes = fileBytes;
    this.pageBytes = pageBytes;
    this.pages = Math.floor(fileBytes / pageBytes);
    const memory = new ArrayBuffer(mostAheadPages * pageBytes);
    this.bytes = new Uint8Array(memory);
    this.halves = new Uint16Array(memory);
    this.words = new Uint32Array(memory);
  }

  /** Undefined when there is no file, or an empty one. Throws what the file system says. */
  static open(directory: string): PageFile | undefined {
    let fd: number;
    try {
      fd = openSync(join(directory, dataFileName), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { size } = fstatSync(fd);
      if (size > 0) return new PageFile(fd, size, pageBytesOf(fd));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return undefined;
  }

  /**
   * Where in `bytes` the page begins; undefined when the file does not have it.
   * @param ahead pages to fetch when this one must be. @default many when the page follows the one asked for before, else one
   */
  load(page: number, ahead = page === this.#asked + 1 ? mostAheadPages : 1): number | undefined {
    if (!(page >= 0 && page < this.pages)) return undefined;
    this.#asked = page;
    if (page < this.#first || page >= this.#first + this.#loaded) {
      const count = Math.min(ahead, mostAheadPages, this.pages - page);
      this.#loaded = 0;
      const read = readSync(this.#fd, this.bytes, 0, count * this.pageBytes, page * this.pageBytes);
      this.#first = page;
      this.#loaded = Math.floor(read / this.pageBytes);
      // Cut while it is read.
      if (this.#loaded === 0) return undefined;
    }
    return (page - this.#first) * this.pageBytes;
  }

  /** Bytes in memory of their own; fewer when the file ends before. Leaves what is loaded alone. */
  read(at: number, length: number): Buffer {
    const loadedAt = at - this.#first * this.pageBytes;
    if (loadedAt >= 0 && loadedAt + length <= this.#loaded * this.pageBytes)
      return Buffer.from(this.bytes.subarray(loadedAt, loadedAt + length));
    const rest = this.fileBytes - at;
    const bytes = Buffer.alloc(rest > 0 && at >= 0 ? Math.min(length, rest) : 0);
    if (bytes.length === 0) return bytes;
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, at));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** As the second meta page says, which lies there; else as the first does. What is wrong with one is found by `readMetaPages`. */
function pageBytesOf(fd: number): number {
  const [second] = pageSizes.filter((size) => toldAt(fd, size) === size);
  const first = toldAt(fd, 0);
  return second ?? pageSizes.find((size) => size === first) ?? 4096;
}

/** The page size that a meta page tells; undefined when there is none. */
function toldAt(fd: number, at: number): number | undefined {
  const head = Buffer.alloc(freeTreeAt + 4);
  if (readSync(fd, head, 0, head.length, at) < head.length) return undefined;
  return head.readUInt32LE(pageHeadBytes) === magic ? head.readUInt32LE(freeTreeAt) : undefined;
}

export interface MetaPages {
  /** The one that counts. Undefined when neither can be read. */
  readonly newest: MetaPage | undefined;
  readonly older: MetaPage | undefined;
  readonly problems: readonly PageProblem[];
  /** The format of a file of LMDB that is not ours: both pages tell it. */
  readonly unknownFormat: number | undefined;
}

/**
 * Both meta pages, and which of them is the newest. Transactions are numbered one by one and write the two pages in turn, so the
 * two numbers differ by one, and the page of each follows from its number; but a file that LMDB made as a compact copy begins with
 * the number of its original beside 0. A damaged page is left out; whether the other one then is the newest only its tree can tell.
 */
export function readMetaPages(file: PageFile): MetaPages {
  const problems: PageProblem[] = [];
  const sound: MetaPage[] = [];
  for (const page of [0, 1] as const) {
    const meta = readMeta(file, page);
    if (typeof meta === 'string') problems.push({ page, what: `the meta page ${meta}` });
    else sound.push(meta);
  }
  const [first, second] = sound;
  const [format, ...other] = new Set(([0, 1] as const).map((page) => readFormat(file, page)));
  const unknownFormat = other.length === 0 && format !== formatVersion ? format : undefined;
  if (first === undefined || second === undefined)
    return { newest: first, older: undefined, problems, unknownFormat };
  const [newest, older] = second.transaction > first.transaction ? [second, first] : [first, second];
  const apart = newest.transaction - older.transaction;
  if (apart !== 1 && older.transaction !== 0)
    problems.push({ page: newest.page, what: `the two meta pages are ${apart} transactions apart` });
  return { newest, older, problems, unknownFormat };
}

/** Which of LMDB's formats a meta page is of; undefined when it is none. */
export function readFormat(file: PageFile, page: 0 | 1): number | undefined {
  const view = metaView(file, page);
  if (view === undefined || view.getUint32(pageHeadBytes, true) !== magic) return undefined;
  return view.getUint32(pageHeadBytes + 4, true);
}

/** What a meta page says, whatever it is worth. Undefined when the file ends before. */
export function readUncheckedMeta(file: PageFile, page: 0 | 1): MetaPage | undefined {
  const view = metaView(file, page);
  return view === undefined ? undefined : metaOf(view, file, page);
}

/** The transaction that wrote a page; undefined when the file does not have it, or it says that it is another one. */
export function pageTransaction(file: PageFile, page: number): number | undefined {
  const head = file.read(page * file.pageBytes, pageHeadBytes);
  if (head.length < pageHeadBytes) return undefined;
  const number = head.readUInt32LE(0) + head.readUInt32LE(4) * 2 ** 32;
  return number === page ? head.readUInt32LE(8) + head.readUInt32LE(12) * 2 ** 32 : undefined;
}

function metaView(file: PageFile, page: number): DataView | undefined {
  const length = lastPageAt + 16;
  const bytes = file.read(page * file.pageBytes, length);
  return bytes.length < length ? undefined : new DataView(bytes.buffer, bytes.byteOffset, length);
}

function metaOf(view: DataView, file: PageFile, page: 0 | 1): MetaPage {
  return {
    page,
    pageBytes: file.pageBytes,
    transaction: readU64(view, lastPageAt + 8),
    lastPage: readU64(view, lastPageAt),
    free: readTreeHeader(view, freeTreeAt),
    main: readTreeHeader(view, mainTreeAt),
  };
}

function readMeta(file: PageFile, page: 0 | 1): MetaPage | string {
  const view = metaView(file, page);
  if (view === undefined) return 'is cut off';
  if ((view.getUint16(18, true) & pageFlags.meta) === 0) return 'is not marked as one';
  if (view.getUint32(pageHeadBytes, true) !== magic) return 'has a wrong magic number';
  if (view.getUint32(pageHeadBytes + 4, true) !== formatVersion) return 'has an unknown format version';
  if (view.getUint32(freeTreeAt, true) !== file.pageBytes) return 'has another page size';
  const meta = metaOf(view, file, page);
  if (!Number.isSafeInteger(meta.transaction)) return 'has an impossible transaction';
  if (meta.transaction % 2 !== page && meta.transaction !== 0) return 'has the transaction of the other one';
  if (!(meta.lastPage >= 1 && Number.isSafeInteger(meta.lastPage * file.pageBytes)))
    return 'has an impossible last page';
  if (meta.free.flags !== freeTreeFlags || meta.main.flags !== plainTreeFlags) return 'has unknown flags';
  return meta;
}
