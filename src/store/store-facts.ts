/** What the pages of each store say by themselves, without LMDB: the content of `meta`, the digests, the positions of the log. */
import { eventDigestBytes } from './audit-tables.ts';
import { blockTable, runTables } from './index-tables.ts';
import { type Inspection, type InspectOptions, inspectEnvironment } from './inspect.ts';
import { type PageFile, pageHeadBytes } from './lmdb-file.ts';
import { nodeHeadBytes } from './lmdb-page.ts';
import { type LeafEntry, type LeafVisitor, storedKey, storedValue } from './lmdb-tree.ts';
import { tryDecodeMeta } from './meta-table.ts';
import { isSealed } from './run-block.ts';
import { placeOfBlock } from './sorted-runs.ts';
import { positionKeyBytes } from './store-keys.ts';
import {
  DigestSum,
  digestName,
  entryHash,
  isStoredDigest,
  pairHash,
  type StoredDigest,
} from './table-digest.ts';

/** More than any value has; small enough for the quick kind of number. */
const mostValueBytes = 2 ** 30;

/** The positions that the table `log` holds. */
export interface LogPositions {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** The first position that does not follow the one before it, or a key that is none. */
  readonly brokenAt: number | undefined;
}

export interface StoreFacts {
  readonly inspection: Inspection;
  /** As they are stored. */
  readonly meta: ReadonlyMap<string, Buffer>;
  readonly digests: ReadonlyMap<string, DigestSum>;
  readonly log: LogPositions;
  readonly blocks: BlockCounts;
}

/** What the table of blocks holds of the runs of an index. */
export interface BlockCounts {
  /** Of each run, by the numbers of its tables. */
  readonly ofRun: ReadonlyMap<number, readonly number[]>;
  /** Keys, in hexadecimal, of blocks that fail their checksum or have no place in a run. */
  readonly broken: readonly string[];
}

/** @throws what the file system says. */
export function readFacts(directory: string, options: Pick<InspectOptions, 'metaMayLag'> = {}): StoreFacts {
  const meta = new MetaReader();
  const digests = new Map<string, DigestSum>();
  const log = new LogReader();
  const blocks = new BlockChecker();
  const visitor = (table: string): LeafVisitor => {
    if (table === 'meta') return meta;
    if (table === 'log') return log;
    if (table === blockTable) return blocks;
    const reader = new DigestReader(table === 'events' ? eventDigestBytes : mostValueBytes);
    digests.set(table, reader.sum);
    return reader;
  };
  const inspection = inspectEnvironment(directory, { ...options, visitor });
  return { inspection, meta: meta.values, digests, log: log.result(), blocks };
}

class MetaReader implements LeafVisitor {
  readonly values = new Map<string, Buffer>();

  take(entry: LeafEntry): void {
    this.values.set(storedKey(entry).toString(), storedValue(entry));
  }
}

/** Blocks beyond this are counted and not named. */
const mostNamedBlocks = 20;

class BlockChecker implements LeafVisitor, BlockCounts {
  readonly ofRun = new Map<number, number[]>();
  readonly broken: string[] = [];

  take(entry: LeafEntry): void {
    const key = storedKey(entry);
    const place = placeOfBlock(key);
    if (place === undefined || !isSealed(key, storedValue(entry))) {
      if (this.broken.length < mostNamedBlocks) this.broken.push(key.toString('hex'));
      return;
    }
    let counts = this.ofRun.get(place.run);
    if (counts === undefined) {
      counts = runTables.map(() => 0);
      this.ofRun.set(place.run, counts);
    }
    counts[place.table] = (counts[place.table] ?? 0) + 1;
  }
}

interface Span {
  readonly first: number;
  last: number;
}

/** Positions that come a leaf at a time: those of one leaf follow one another, the leaves come in any order. */
class LogReader implements LeafVisitor {
  readonly #spans: Span[] = [];

  take(entry: LeafEntry): void {
    this.#add(positionAt(entry.file.bytes, entry.keyAt, entry.keyBytes));
  }

  takeLeaf({ halves, bytes }: PageFile, at: number, count: number): void {
    const half = at >> 1;
    for (let index = 0; index < count; index++) {
      const node = half + 12 + ((halves[half + 12 + index] ?? 0) >> 1);
      this.#add(positionAt(bytes, (node << 1) + nodeHeadBytes, halves[node + 3] ?? 0));
    }
  }

  #add(position: number): void {
    const newest = this.#spans.at(-1);
    if (newest !== undefined && position === newest.last + 1) newest.last = position;
    else this.#spans.push({ first: position, last: position });
  }

  result(): LogPositions {
    const spans = this.#spans.toSorted((a, b) => a.first - b.first);
    let count = 0;
    let brokenAt: number | undefined;
    for (const [at, { first, last }] of spans.entries()) {
      count += last - first + 1;
      const expected = at === 0 ? first : (spans[at - 1]?.last ?? 0) + 1;
      if (first !== expected) brokenAt ??= expected;
    }
    return { count, first: spans[0]?.first ?? 0, last: spans.at(-1)?.last ?? 0, brokenAt };
  }
}

/** Not a number when the key is no position. */
function positionAt(bytes: Uint8Array, at: number, length: number): number {
  if (length !== positionKeyBytes) return Number.NaN;
  let high = 0;
  let low = 0;
  for (let byte = 0; byte < 4; byte++) {
    high = (high << 8) | (bytes[at + byte] ?? 0);
    low = (low << 8) | (bytes[at + 4 + byte] ?? 0);
  }
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

class DigestReader implements LeafVisitor {
  readonly sum = new DigestSum();
  readonly #most: number;

  /** @param most how many bytes of a value count. */
  constructor(most: number) {
    this.#most = most;
  }

  takeLeaf({ halves, bytes }: PageFile, at: number, count: number): void {
    const half = at >> 1;
    for (let index = 0; index < count; index++) {
      const node = half + 12 + ((halves[half + 12 + index] ?? 0) >> 1);
      const valueBytes = Math.min(this.#most, halves[node] ?? 0);
      const keyAt = (node << 1) + nodeHeadBytes;
      this.sum.add(entryHash(bytes, halves, keyAt, halves[node + 3] ?? 0, valueBytes));
    }
  }

  take(entry: LeafEntry): void {
    const { file, keyAt, keyBytes, overflowPage } = entry;
    const valueBytes = Math.min(this.#most, entry.valueBytes);
    if (overflowPage === 0) {
      this.sum.add(entryHash(file.bytes, file.halves, keyAt, keyBytes, valueBytes));
      return;
    }
    const value = file.read(overflowPage * file.pageBytes + pageHeadBytes, valueBytes);
    this.sum.add(pairHash(storedKey(entry), value, value.length));
  }
}

/** A value of `meta`, or undefined when it is missing, or not what it should be. */
export function metaValue<T>(
  meta: ReadonlyMap<string, Buffer>,
  name: string,
  guard: (value: unknown) => value is T,
): T | undefined {
  const stored = meta.get(name);
  return stored === undefined ? undefined : tryDecodeMeta(name, stored, guard);
}

/** Undefined when there is none, as in a store from before there were any. */
export function digestOf({ meta }: StoreFacts): StoredDigest | undefined {
  return metaValue(meta, digestName, isStoredDigest);
}
