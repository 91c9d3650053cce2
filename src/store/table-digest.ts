/**
 * A sum over the entries of each table of an environment, kept in its `meta` and written in the transaction that changes them.
 * LMDB's pages have no checksums: without the sum, a bit that turns one key into another one is an entry that no query finds.
 *
 * The sum does not depend on the order, so adding or removing an entry costs one hash of it (AdHash, Bellare & Micciancio, 1997,
 * here against accidents only): MurmurHash3 (x86, 32 bits; Appleby, 2011), added up modulo 2^52. Not the checksum of the frames: a
 * native call for each of these short entries would cost more than the hash.
 */
import { isCount, type MetaTable } from './meta-table.ts';
import type { Table } from './table.ts';

export const digestName = 'digest';
const modulus = 2 ** 52;

/** Of a trail whose oldest events retention drops. */
export interface TrailSpan {
  /** `at` of the newest event ever written, which retention may have dropped. */
  readonly newest?: number;
  /** `at` of the newest event that retention has dropped: no older one belongs there. */
  readonly dropped?: number;
  /** `at` up to which the events have their index entries; later ones have none yet. Absent in a trail from before any went without. */
  readonly indexed?: number;
}

/** The meta value. */
export interface StoredDigest extends TrailSpan {
  readonly tables: Readonly<Record<string, readonly [count: number, sum: number]>>;
}

export function isStoredDigest(value: unknown): value is StoredDigest {
  const { tables, ...span } = (value ?? {}) as Partial<Record<keyof StoredDigest, unknown>>;
  if (typeof tables !== 'object' || tables === null) return false;
  const times = [span.newest, span.dropped, span.indexed];
  if (!times.every((at) => at === undefined || isCount(at))) return false;
  return Object.values(tables).every(
    (pair) => Array.isArray(pair) && pair.length === 2 && isCount(pair[0]) && isCount(pair[1]),
  );
}

/**
 * Hash of one entry whose key and value lie side by side, the key at an even place.
 * @param halves the same memory as `bytes`: half as many steps.
 */
export function entryHash(
  bytes: Uint8Array,
  halves: Uint16Array,
  keyAt: number,
  keyBytes: number,
  valueBytes: number,
): number {
  let state = 0;
  let half = keyAt >> 1;
  for (const whole = half + ((keyBytes >> 2) << 1); half < whole; half += 2)
    state = mixedIn(state, (halves[half] ?? 0) | ((halves[half + 1] ?? 0) << 16));
  const valueAt = keyAt + keyBytes;
  state = hashed(state, bytes, half << 1, valueAt);
  return finished(hashed(state, bytes, valueAt, valueAt + valueBytes), keyBytes, valueBytes);
}

/** @param valueBytes how much of the value counts. */
export function pairHash(key: Uint8Array, value: Uint8Array, valueBytes: number): number {
  const state = hashed(0, key, 0, key.length);
  return finished(hashed(state, value, 0, valueBytes), key.length, valueBytes);
}

/** Goes on over some bytes, four at a time. A rest of one to three counts as if zeros followed. */
function hashed(start: number, bytes: Uint8Array, from: number, to: number): number {
  let state = start;
  let at = from;
  for (const whole = to - 3; at < whole; at += 4) {
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    state = mixedIn(state, low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
  }
  if (at === to) return state;
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= (bytes[at] ?? 0) << shift;
  return mixedIn(state, rest);
}

function mixedIn(state: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const next = state ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(state: number, keyBytes: number, valueBytes: number): number {
  let mixed = state ^ (keyBytes + (valueBytes << 16));
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

interface Sum {
  count: number;
  sum: number;
}

/** Adds up entries that somebody else walks over. */
export class DigestSum {
  count = 0;
  sum = 0;

  add(hash: number): void {
    this.count++;
    this.sum = (this.sum + hash) % modulus;
  }
}

/** The digests of an environment within one write transaction: read at its start, saved before its commit. */
export class DigestBook {
  readonly #meta: MetaTable;
  readonly #sums = new Map<string, Sum>();
  readonly #isKept: boolean;
  #span: TrailSpan;

  /** An environment from before there were digests has none until its writer makes them (`begin`); then nothing is kept here. */
  constructor(meta: MetaTable) {
    this.#meta = meta;
    const stored = meta.get(digestName, isStoredDigest);
    this.#isKept = stored !== undefined;
    const { tables = {}, ...span } = stored ?? {};
    this.#span = span;
    for (const [name, [count, sum]] of Object.entries(tables)) this.#sums.set(name, { count, sum });
  }

  get newest(): number {
    return this.#span.newest ?? 0;
  }

  get dropped(): number {
    return this.#span.dropped ?? 0;
  }

  /** Infinite when all have their index entries. */
  get indexed(): number {
    return this.#span.indexed ?? Number.POSITIVE_INFINITY;
  }

  /** None of them ever falls. */
  raise({ newest = 0, dropped = 0, indexed }: TrailSpan): void {
    const known = this.#span.indexed;
    this.#span = {
      newest: Math.max(this.newest, newest),
      dropped: Math.max(this.dropped, dropped),
      ...((indexed ?? known) !== undefined && { indexed: Math.max(known ?? 0, indexed ?? 0) }),
    };
  }

  /** @param valueBytes how much of the value counts. @default all */
  add(table: string, key: Uint8Array, value: Uint8Array, valueBytes = value.length): void {
    const sum = this.#sum(table);
    sum.count++;
    sum.sum = (sum.sum + pairHash(key, value, valueBytes)) % modulus;
  }

  remove(table: string, key: Uint8Array, value: Uint8Array, valueBytes = value.length): void {
    const sum = this.#sum(table);
    sum.count--;
    sum.sum = (sum.sum - pairHash(key, value, valueBytes) + modulus) % modulus;
  }

  save(): void {
    if (this.#isKept) this.#write();
  }

  /** Inside `Environment.write` only: makes the digests of an environment that has none from what the tables hold. */
  static begin(
    meta: MetaTable,
    tables: Readonly<Record<string, Table>>,
    valueBytes?: (table: string) => number,
    span?: TrailSpan,
  ): void {
    const book = new DigestBook(meta);
    if (book.#isKept) return;
    if (span !== undefined) book.raise(span);
    for (const [name, table] of Object.entries(tables)) {
      book.#sum(name);
      for (const { key, value } of table.entries())
        book.add(name, key, value, Math.min(value.length, valueBytes?.(name) ?? value.length));
    }
    book.#write();
  }

  #write(): void {
    const tables: Record<string, readonly [number, number]> = {};
    for (const [name, { count, sum }] of this.#sums) tables[name] = [Math.max(0, count), sum];
    this.#meta.put(digestName, { ...this.#span, tables });
  }

  #sum(table: string): Sum {
    let sum = this.#sums.get(table);
    if (sum === undefined) {
      sum = { count: 0, sum: 0 };
      this.#sums.set(table, sum);
    }
    return sum;
  }
}
