/** Writing and reading the audit log (audit-tables.ts draws the layout). */
import assert from 'node:assert/strict';
import { type AuditEvent, checkAuditFrame, decodeAuditEvent } from '../audit/audit-event.ts';
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { indexOldest, indexRecords } from './audit-backlog.ts';
import { type AuditFilter, type AuditPage, defaultAuditLimit } from './audit-store.ts';
import {
  type AuditEnvironmentOptions,
  type AuditTables,
  actionPrefix,
  actionValue,
  atOfKey,
  eventDigestBytes,
  isIndexedAction,
  namePrefix,
  openAuditTables,
  targetPaths,
  withAt,
} from './audit-tables.ts';
import type { Environment } from './environment.ts';
import { boundless, type ScanBudget } from './scan-budget.ts';
import { pathText, positionKey, positionOfKey } from './store-keys.ts';
import type { Table, TableRange } from './table.ts';
import { DigestBook, type TrailSpan } from './table-digest.ts';

/** An encoded event and the key that it is checked against. */
export interface AuditRecord {
  readonly at: HlcTime;
  readonly frame: Uint8Array;
}

export interface AuditAppendResult {
  /** Events written; those that were there already are not counted. */
  readonly written: number;
  /** `at` of the newest event in the log. */
  readonly newest: HlcTime;
}

/** What a batch brought. */
interface Added {
  readonly added: readonly AuditRecord[];
  /** `at` of the newest event before it, and with it. */
  readonly had: number;
  readonly newest: number;
  /** Events that had no index entries before it, if that is known. */
  readonly waiting: number | undefined;
}

interface Done<T> {
  /** Events without index entries after it, if that is known. */
  readonly unindexed: number | undefined;
  readonly result: T;
}

export class AuditWriter {
  readonly tables: AuditTables;
  /** Undefined until somebody asks: counting millions takes seconds, and most writers have nothing to do with it. */
  #unindexed: number | undefined;

  private constructor(tables: AuditTables) {
    this.tables = tables;
  }

  /** @throws SCHEMA_NEWER, STORE_DAMAGED, STORE_UNAVAILABLE. */
  static async open(directory: string, options: AuditEnvironmentOptions = {}): Promise<AuditWriter> {
    return new AuditWriter(await openAuditTables(directory, { ...options, writer: true }));
  }

  /** Whether there are events without index entries. Does not count them. */
  get isBehind(): boolean {
    if (this.#unindexed !== undefined) return this.#unindexed > 0;
    this.tables.environment.refresh();
    return new DigestBook(this.tables.meta).indexed < newestAt(this.tables);
  }

  /** Events without index entries: counted when it is first asked. An estimate, on the high side: retention may have dropped some. */
  get unindexed(): number {
    this.#unindexed ??= countFrom(this.tables, new DigestBook(this.tables.meta).indexed + 1);
    return this.#unindexed;
  }

  /**
   * Writes a batch in one transaction and returns when it is on disk. An event that is there already (a lane that died between
   * its commit and its release sees it again) is skipped; another one under the same `at` is refused, never overwritten.
   * @param toIndex of all that have none, how many events get their index entries along with it, oldest first.
   */
  append(records: readonly AuditRecord[], toIndex = Number.POSITIVE_INFINITY): AuditAppendResult {
    const waiting = this.#unindexed;
    return this.#transaction((digests) => {
      const had = newestAt(this.tables);
      const added: AuditRecord[] = [];
      let newest = had;
      for (const record of records) {
        if (!this.#write(record, newest, digests)) continue;
        added.push(record);
        if (record.at > newest) newest = record.at;
      }
      digests.raise({ newest });
      const unindexed = this.#index(digests, { added, had, newest, waiting }, toIndex);
      return { unindexed, result: { written: added.length, newest } };
    });
  }

  /** Gives so many of the events that have none their index entries, in one transaction. */
  indexOldest(most: number): void {
    const waiting = this.#unindexed;
    this.#transaction((digests) => {
      const done = indexOldest(this.tables, digests, most);
      const left = waiting === undefined ? undefined : Math.max(0, waiting - done);
      return { unindexed: done < most ? 0 : left, result: undefined };
    });
  }

  #transaction<T>(action: (digests: DigestBook) => Done<T>): T {
    const { unindexed, result } = this.tables.environment.writeRepeatable(() => {
      const digests = new DigestBook(this.tables.meta);
      const done = action(digests);
      digests.save();
      return done;
    });
    this.#unindexed = unindexed;
    return result;
  }

  /** `at` of the newest event ever, 0 when there was none: the next one must be above it, also after a restart. */
  newest(): HlcTime {
    this.tables.environment.refresh();
    return newestEver(this.tables);
  }

  /** Remembers events of a time that are not here any more: of a copy of a trail that dropped some. */
  raiseSpan(span: Pick<TrailSpan, 'newest' | 'dropped'>): void {
    this.tables.environment.write(() => {
      const digests = new DigestBook(this.tables.meta);
      digests.raise(span);
      digests.save();
    });
  }

  close(): Promise<void> {
    return this.tables.environment.close();
  }

  /** False when it is there already. */
  #write(record: AuditRecord, newest: HlcTime, digests: DigestBook): boolean {
    const { at, frame } = record;
    checkAuditFrame(at, frame);
    const key = positionKey(at);
    if (at > newest) this.tables.events.append(key, ordinary(frame));
    else if (this.#isThere(key, record)) return false;
    else this.tables.events.put(key, ordinary(frame));
    digests.add('events', key, frame, eventDigestBytes);
    return true;
  }

  /** Returns how many are left without index entries, if that is known. */
  #index(digests: DigestBook, { added, had, newest, waiting }: Added, most: number): number | undefined {
    const { indexed } = digests;
    if (indexed >= had && added.length <= most) {
      indexRecords(this.tables, digests, added);
      digests.raise({ indexed: newest });
      return 0;
    }
    const late = added.filter(({ at }) => at <= indexed);
    indexRecords(this.tables, digests, late);
    const done = most === 0 ? 0 : indexOldest(this.tables, digests, most);
    if (done < most) return 0;
    return waiting === undefined ? undefined : waiting + added.length - late.length - done;
  }

  #isThere(key: Buffer, { at, frame }: AuditRecord): boolean {
    const stored = this.tables.events.get(key);
    if (stored === undefined) return false;
    if (Buffer.compare(stored, frame) === 0) return true;
    throw new CollabError('STORE_DAMAGED', `two audit events claim the time ${at}`, {
      next: 'Run agent-collab verify --repair.',
      details: { at },
    });
  }
}

export class AuditReader {
  readonly #tables: AuditTables;

  constructor(tables: AuditTables) {
    this.#tables = tables;
  }

  /** Handles of this thread; in a process with a writer, after it and not read-only. */
  static async open(directory: string, options: AuditEnvironmentOptions = {}): Promise<AuditReader> {
    return new AuditReader(await openAuditTables(directory, options));
  }

  get environment(): Environment {
    return this.#tables.environment;
  }

  /** As `query`, or undefined when the answer costs more than the budget. */
  tryQuery(filter: AuditFilter, budget: ScanBudget): AuditPage | undefined {
    return budget.within(() => this.query(filter, budget));
  }

  /** @throws STORE_DAMAGED when an event that an index names is missing or does not decode. */
  query(filter: AuditFilter = {}, budget: ScanBudget = boundless): AuditPage {
    const limit = filter.limit ?? defaultAuditLimit;
    assert(Number.isSafeInteger(limit) && limit >= 0, 'a limit is a whole number');
    this.#tables.environment.refresh();
    const events: AuditEvent[] = [];
    if (limit === 0) return { events };
    for (const at of candidates(this.#tables, filter, budget)) {
      const event = this.#event(at, budget);
      if (!auditFits(event, filter)) continue;
      if (events.length === limit) return { events, cursor: events.at(-1)?.at ?? event.at };
      events.push(event);
    }
    return { events };
  }

  count(): number {
    this.#tables.environment.refresh();
    return this.#tables.events.count();
  }

  diskBytes(): number {
    return this.#tables.environment.diskBytes();
  }

  close(): Promise<void> {
    return this.#tables.environment.close();
  }

  #event(at: number, budget: ScanBudget): AuditEvent {
    const frame = this.#tables.events.get(positionKey(at));
    if (frame !== undefined) {
      budget.record(frame.length);
      return decodeAuditEvent(at, frame);
    }
    throw new CollabError('STORE_DAMAGED', `the audit event ${at} is missing`, {
      next: 'Run agent-collab verify --repair.',
      details: { key: at },
    });
  }
}

/** One definition for every store. */
export function auditFits(event: AuditEvent, filter: AuditFilter): boolean {
  return (
    (filter.holder === undefined || event.holder === filter.holder) &&
    (filter.lock === undefined || event.lock === filter.lock) &&
    (filter.project === undefined || event.project === filter.project) &&
    (filter.path === undefined || targetPaths(event).includes(filter.path)) &&
    (filter.action === undefined || event.action === filter.action) &&
    (filter.from === undefined || event.at >= filter.from) &&
    (filter.to === undefined || event.at < filter.to) &&
    (filter.cursor === undefined || event.at < filter.cursor)
  );
}

/** Times of events that may fit, newest first, by the index that is likely to name the fewest; where it does not reach, all of them. */
function* candidates(tables: AuditTables, filter: AuditFilter, budget: ScanBudget): Generator<number> {
  const from = Math.max(0, filter.from ?? 0);
  const to = Math.min(filter.to ?? Number.MAX_SAFE_INTEGER, filter.cursor ?? Number.MAX_SAFE_INTEGER);
  if (from >= to) return;
  const { table, prefix } = bestIndex(tables, filter);
  const beyond = table === tables.events ? from : new DigestBook(tables.meta).indexed + 1;
  for (const key of tables.events.keys(span(noPrefix, Math.max(from, beyond), to))) {
    budget.entry();
    yield positionOfKey(key);
  }
  if (table === tables.events || from >= beyond) return;
  const wanted = filter.action === undefined ? undefined : actionValue(filter.action);
  for (const { key, value } of table.entries(span(prefix, from, Math.min(to, beyond)))) {
    budget.entry();
    if (key.length === prefix.length + 8 && (wanted === undefined || value.equals(wanted)))
      yield atOfKey(key);
  }
}

const noPrefix = Buffer.alloc(0);

/** Newest first; nothing when `from` is not below `to`. */
function span(prefix: Buffer, from: number, to: number): TableRange {
  return { from: withAt(prefix, Math.min(from, to)), to: withAt(prefix, to), reverse: true };
}

function bestIndex(tables: AuditTables, filter: AuditFilter): { table: Table; prefix: Buffer } {
  const { lock, holder, project, path, action } = filter;
  if (lock !== undefined) return { table: tables.lock, prefix: namePrefix(lock) };
  if (path !== undefined && project !== undefined)
    return { table: tables.target, prefix: pathText(project, path) };
  if (holder !== undefined) return { table: tables.holder, prefix: namePrefix(holder) };
  if (action !== undefined && isIndexedAction(action))
    return { table: tables.action, prefix: actionPrefix(action) };
  return { table: tables.events, prefix: noPrefix };
}

/** `at` of the newest event that there ever was, dropped ones included; 0 when there was none. */
function newestEver(tables: AuditTables): HlcTime {
  return trailSpan(tables).newest as HlcTime;
}

export function trailSpan(tables: AuditTables): Required<Pick<TrailSpan, 'newest' | 'dropped'>> {
  const { newest, dropped } = new DigestBook(tables.meta);
  return { newest: Math.max(newestAt(tables), newest), dropped };
}

function countFrom(tables: AuditTables, from: number): number {
  if (from > Number.MAX_SAFE_INTEGER) return 0;
  let count = 0;
  for (const _ of tables.events.keys({ from: positionKey(from) })) count += 1;
  return count;
}

function newestAt(tables: AuditTables): HlcTime {
  for (const key of tables.events.keys({ reverse: true })) return positionOfKey(key) as HlcTime;
  return 0 as HlcTime;
}

/** A frame may lie in a shared queue, where LMDB must not be pointed at. */
function ordinary(frame: Uint8Array): Uint8Array {
  return frame.buffer instanceof SharedArrayBuffer ? Buffer.from(frame) : frame;
}
