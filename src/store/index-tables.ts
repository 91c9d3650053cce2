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
import type { NodeId, Position, ProjectId } from '../base/ids.ts';
import { nodeIdFromPublicKey, publicKeyFromNodeId } from '../codec/node-id.ts';
import { deltaTypes } from '../delta/delta.ts';
import type { DeltaHead } from '../delta/delta-head.ts';
import type { Environment } from './environment.ts';
import type { LogView } from './log-view.ts';
import { isCount, MetaTable } from './meta-table.ts';
import {
  numberedKeyBytes,
  pathKey,
  pathText,
  positionValue,
  sourceKey,
  timeKey,
  timeKeyBytes,
  u48Bytes,
} from './store-keys.ts';
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
  numbersOf(head: DeltaHead): EntryNumbers | undefined {
    const source = this.sourceNumber(head.source);
    const text = pathTextOf(head);
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
export function indexEntries(
  numbers: EntryNumbers,
  position: number,
  head: Pick<DeltaHead, 'seq' | 'time' | 'type'>,
): readonly IndexEntry[] {
  const type = typeValue(head);
  const entries: IndexEntry[] = [
    { table: 'source', key: sourceKey(numbers.source, head.seq), value: positionValue(position) },
    { table: 'time', key: timeKey(head.time, position), value: type },
  ];
  if (numbers.path !== undefined)
    entries.push({ table: 'path', key: pathKey(numbers.path, position), value: type });
  return entries;
}

/**
 * Puts the entries of a batch, in one piece of memory: LMDB copies what it is given. Those by path go in last and sorted, so that each
 * page of theirs is met once.
 */
export class EntryWriter {
  readonly #tables: IndexTables;
  readonly #key = Buffer.allocUnsafeSlow(numberedKeyBytes);
  readonly #timeKey = Buffer.allocUnsafeSlow(timeKeyBytes);
  readonly #position = Buffer.allocUnsafeSlow(u48Bytes);
  #byPath: { readonly path: number; readonly position: number; readonly type: Buffer }[] = [];

  constructor(tables: IndexTables) {
    this.#tables = tables;
  }

  /** Inside `write` only: what `indexEntries` says. */
  add(
    numbers: EntryNumbers,
    position: number,
    head: Pick<DeltaHead, 'seq' | 'time' | 'type'>,
    digests: DigestBook,
  ): void {
    const type = typeValue(head);
    const { source, path } = numbers;
    this.#put(
      'source',
      sourceKey(source, head.seq, this.#key),
      positionValue(position, this.#position),
      digests,
    );
    this.#put('time', timeKey(head.time, position, this.#timeKey), type, digests);
    if (path !== undefined) this.#byPath.push({ path, position, type });
  }

  /** Before the commit. */
  finish(digests: DigestBook): void {
    const byPath = this.#byPath.sort((a, b) => a.path - b.path);
    this.#byPath = [];
    for (const { path, position, type } of byPath)
      this.#put('path', pathKey(path, position, this.#key), type, digests);
  }

  /** What a transaction that failed had begun. */
  forget(): void {
    this.#byPath = [];
  }

  #put(table: EntryTable, key: Buffer, value: Buffer, digests: DigestBook): void {
    this.#tables.table(table).put(key, value);
    digests.add(table, key, value);
  }
}

export function typeValue({ type }: Pick<DeltaHead, 'type'>): Buffer {
  return typeValues[deltaTypes.indexOf(type)] ?? Buffer.of(0xff);
}

export function isAppliedMark(value: unknown): value is AppliedMark {
  const { position, stamp } = (value ?? {}) as Partial<Record<keyof AppliedMark, unknown>>;
  return isCount(position) && isCount(stamp);
}

/** What a delta's path is numbered under; undefined when it is about no path. */
export function pathTextOf({ project, path }: Pick<DeltaHead, 'project' | 'path'>): Buffer | undefined {
  return path === undefined ? undefined : pathText(project, path);
}

/** Paths whose numbers are remembered between transactions: some 15 MB at most. */
const maxKnownPaths = 100_000;

/**
 * Gives the numbers of sources and paths, and remembers those that it has met. What it gives within a transaction counts only once that
 * commits: `begin` before, `finish` at its end, `committed` behind it.
 */
export class NumberGiver {
  readonly #tables: IndexTables;
  readonly #sources = new Map<NodeId, number>();
  readonly #paths = new Map<string, number>();
  readonly #newSources = new Map<NodeId, number>();
  readonly #newPaths = new Map<string, number>();
  #digests: DigestBook;
  #given = 0;

  constructor(tables: IndexTables) {
    this.#tables = tables;
    this.#digests = new DigestBook(tables.meta);
  }

  /** Inside `write`. Whatever an earlier transaction gave that did not commit is forgotten. */
  begin(digests: DigestBook): void {
    this.#digests = digests;
    this.#given = this.#tables.meta.get('paths', isCount) ?? 0;
    this.#newSources.clear();
    this.#newPaths.clear();
    if (this.#paths.size > maxKnownPaths) this.#paths.clear();
  }

  numbers({ source, project, path }: DeltaHead): EntryNumbers {
    return { source: this.#source(source), path: path === undefined ? undefined : this.#path(project, path) };
  }

  /** Before the commit. */
  finish(): void {
    this.#tables.meta.put('paths', this.#given);
  }

  /** After the commit. */
  committed(): void {
    for (const [source, number] of this.#newSources) this.#sources.set(source, number);
    for (const [path, number] of this.#newPaths) this.#paths.set(path, number);
  }

  /** The tables are begun anew. */
  forget(): void {
    this.#sources.clear();
    this.#paths.clear();
  }

  #source(source: NodeId): number {
    const known = this.#sources.get(source) ?? this.#newSources.get(source);
    if (known !== undefined) return known;
    const number = this.#tables.giveSourceNumber(source, this.#digests);
    this.#newSources.set(source, number);
    return number;
  }

  #path(project: ProjectId, path: string): number {
    const name = `${project}\0${path}`;
    const known = this.#paths.get(name) ?? this.#newPaths.get(name);
    if (known !== undefined) return known;
    const text = pathText(project, path);
    let number = this.#tables.pathNumber(text);
    if (number === undefined) {
      number = this.#given++;
      const value = numberKey(number);
      this.#tables.paths.put(text, value);
      this.#digests.add('paths', text, value);
    }
    this.#newPaths.set(name, number);
    return number;
  }
}

function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(number);
  return key;
}
