/**
 * The delta index: `index/`, an environment derived from the log. Losing it costs a rebuild, nothing else.
 *
 * ```
 * sources  [32 B public key] → [u32 number], and [u32 number] → [32 B public key]
 * source   [u32 source number][u48 seq]          → [u48 position]   by source and seq, which is also by id
 * time     [u64 hlc][u48 position]               → [u8 type]
 * paths    project 00 path 00 (store-keys.ts)    → [u32 number]
 * path     [u32 path number][u48 position]       → [u8 type]        deltas that are about a path
 * meta     schema    1
 *          applied   { position, stamp }: every entry of every delta up to that position is here; stamp is the
 *                    checksum of the frame there, so that an index of another log, or of a log that lost its end, shows
 *          paths     how many path numbers are given; they are never reused, but a rebuild begins with none
 *          floor     no entry below this position is added any more: compaction is removing them
 *          digest    a sum over the entries of each table (table-digest.ts); an index made before there was one gets it when
 *                    its writer opens it
 * ```
 */
import type { NodeId, Position } from '../base/ids.ts';
import { nodeIdFromPublicKey, publicKeyFromNodeId } from '../codec/node-id.ts';
import { type Delta, deltaPath, deltaTypes } from '../delta/delta.ts';
import type { Environment } from './environment.ts';
import type { LogView } from './log-view.ts';
import { isCount, MetaTable } from './meta-table.ts';
import { pathKey, pathText, positionValue, sourceKey, timeKey } from './store-keys.ts';
import type { Table } from './table.ts';
import { DigestBook } from './table-digest.ts';

export const indexSchema = 1;
export const entryTables = ['source', 'time', 'path'] as const;
export type EntryTable = (typeof entryTables)[number];
export const indexDigestTables = ['sources', 'source', 'time', 'paths', 'path'] as const;

export interface IndexEntry {
  readonly table: EntryTable;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface AppliedMark {
  readonly position: Position;
  readonly stamp: number;
}

const typeValues = deltaTypes.map((_, number) => Buffer.of(number));

export class IndexTables {
  readonly environment: Environment;
  readonly meta: MetaTable;
  readonly source: Table;
  readonly time: Table;
  readonly path: Table;
  readonly paths: Table;
  readonly #sources: Table;

  constructor(environment: Environment) {
    this.environment = environment;
    this.meta = new MetaTable(environment.table('meta'));
    this.source = environment.table('source');
    this.time = environment.table('time');
    this.path = environment.table('path');
    this.paths = environment.table('paths');
    this.#sources = environment.table('sources');
  }

  /**
   * How far the index serves queries on this log: positions above are read from the log itself. An index of another
   * schema, of another log or ahead of the log serves nothing. Read it before anything of the log.
   * @returns undefined when it is not usable at all.
   */
  applied(log: LogView): Position | undefined {
    if (this.meta.get('schema', isCount) !== indexSchema) return undefined;
    const mark = this.meta.get('applied', isAppliedMark);
    if (mark === undefined || mark.position > log.head()) return undefined;
    if (mark.position >= log.floor() && mark.stamp !== log.stamp(mark.position)) return undefined;
    return mark.position;
  }

  /** No entry below this position may be added. */
  floor(): number {
    return this.meta.get('floor', isCount) ?? 1;
  }

  sourceNumber(node: NodeId): number | undefined {
    return this.#sources.get(publicKeyFromNodeId(node))?.readUInt32BE(0);
  }

  sourceOf(number: number): NodeId | undefined {
    const publicKey = this.#sources.get(numberKey(number));
    return publicKey === undefined ? undefined : nodeIdFromPublicKey(publicKey);
  }

  sourceCount(): number {
    return this.#sources.count() / 2;
  }

  /** Inside `write` only. Numbers are 0, 1, 2, … in order of first sight, and never reused. */
  giveSourceNumber(node: NodeId, digests: DigestBook): number {
    const known = this.sourceNumber(node);
    if (known !== undefined) return known;
    let next = 0;
    while (this.#sources.has(numberKey(next))) next++;
    const publicKey = publicKeyFromNodeId(node);
    for (const [key, value] of [
      [publicKey, numberKey(next)],
      [numberKey(next), publicKey],
    ] as const) {
      this.#sources.put(key, value);
      digests.add('sources', key, value);
    }
    return next;
  }

  /** The numbers of a delta that is indexed; undefined when one was never given. */
  numbersOf(delta: Delta): EntryNumbers | undefined {
    const source = this.sourceNumber(delta.source);
    const text = pathTextOf(delta);
    const path = text === undefined ? undefined : this.pathNumber(text);
    if (source === undefined || (text !== undefined && path === undefined)) return undefined;
    return { source, path };
  }

  pathNumber(text: Uint8Array): number | undefined {
    return this.paths.get(text)?.readUInt32BE(0);
  }

  table(name: EntryTable): Table {
    return this[name];
  }

  /** Inside `write` only: an index of an empty log whose oldest kept position is `floor`. */
  reset(floor: number): void {
    for (const table of [this.#sources, this.source, this.time, this.paths, this.path]) table.clear();
    this.meta.clear();
    this.meta.put('schema', indexSchema);
    this.meta.put('applied', { position: floor - 1, stamp: 0 });
    this.meta.put('floor', floor);
    this.beginDigests();
  }

  /** Inside `write` only: makes the digests when there are none. */
  beginDigests(): void {
    const { source, time, paths, path } = this;
    DigestBook.begin(this.meta, { sources: this.#sources, source, time, paths, path });
  }
}

/** The numbers that stand for a delta's source and path in its index entries. */
export interface EntryNumbers {
  readonly source: number;
  /** Undefined when the delta is about no path. */
  readonly path: number | undefined;
}

/** All entries of one delta: what a rebuild would write, what compaction removes and what `verify` expects. */
export function indexEntries(numbers: EntryNumbers, position: number, delta: Delta): readonly IndexEntry[] {
  const type = typeValue(delta);
  const entries: IndexEntry[] = [
    { table: 'source', key: sourceKey(numbers.source, delta.seq), value: positionValue(position) },
    { table: 'time', key: timeKey(delta.time, position), value: type },
  ];
  if (numbers.path !== undefined)
    entries.push({ table: 'path', key: pathKey(numbers.path, position), value: type });
  return entries;
}

export function typeValue(delta: Pick<Delta, 'type'>): Buffer {
  return typeValues[deltaTypes.indexOf(delta.type)] ?? Buffer.of(0xff);
}

export function isAppliedMark(value: unknown): value is AppliedMark {
  const { position, stamp } = (value ?? {}) as Partial<Record<keyof AppliedMark, unknown>>;
  return isCount(position) && isCount(stamp);
}

/** What a delta's path is numbered under; undefined when it is about no path. */
export function pathTextOf(delta: Delta): Buffer | undefined {
  const path = deltaPath(delta);
  return path === undefined ? undefined : pathText(delta.project, path);
}

/**
 * Gives the numbers of sources and paths within one write transaction, and remembers those that it has met.
 * What it has given counts only once the transaction commits: one giver serves one transaction.
 */
export class NumberGiver {
  readonly #tables: IndexTables;
  readonly #digests: DigestBook;
  readonly #sources = new Map<NodeId, number>();
  readonly #paths = new Map<string, number>();
  #given: number;

  constructor(tables: IndexTables, digests: DigestBook) {
    this.#tables = tables;
    this.#digests = digests;
    this.#given = tables.meta.get('paths', isCount) ?? 0;
  }

  numbers(delta: Delta): EntryNumbers {
    let source = this.#sources.get(delta.source);
    if (source === undefined) {
      source = this.#tables.giveSourceNumber(delta.source, this.#digests);
      this.#sources.set(delta.source, source);
    }
    return { source, path: this.#path(delta) };
  }

  /** Before the commit. */
  finish(): void {
    this.#tables.meta.put('paths', this.#given);
  }

  #path(delta: Delta): number | undefined {
    const path = deltaPath(delta);
    if (path === undefined) return undefined;
    const name = `${delta.project}\0${path}`;
    const known = this.#paths.get(name);
    if (known !== undefined) return known;
    const text = pathText(delta.project, path);
    let number = this.#tables.pathNumber(text);
    if (number === undefined) {
      number = this.#given++;
      const value = numberKey(number);
      this.#tables.paths.put(text, value);
      this.#digests.add('paths', text, value);
    }
    this.#paths.set(name, number);
    return number;
  }
}

function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(number);
  return key;
}
