/** Writing and reading the audit log (audit-tables.ts draws the layout). */
import assert from 'node:assert/strict';
import { type AuditEvent, decodeAuditEvent } from '../audit/audit-event.ts';
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { type AuditFilter, type AuditPage, defaultAuditLimit } from './audit-store.ts';
import {
  type AuditEnvironmentOptions,
  type AuditTables,
  actionPrefix,
  actionValue,
  atOfKey,
  auditIndexEntries,
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
import type { Table } from './table.ts';
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

export class AuditWriter {
  readonly tables: AuditTables;

  private constructor(tables: AuditTables) {
    this.tables = tables;
  }

  /** @throws SCHEMA_NEWER, STORE_DAMAGED, STORE_UNAVAILABLE. */
  static async open(directory: string, options: AuditEnvironmentOptions = {}): Promise<AuditWriter> {
    return new AuditWriter(await openAuditTables(directory, { ...options, writer: true }));
  }

  /**
   * Writes a batch in one transaction and returns when it is on disk. An event that is there already (a lane that died between
   * its commit and its release sees it again) is skipped; another one under the same `at` is refused, never overwritten.
   */
  append(records: readonly AuditRecord[]): AuditAppendResult {
    return this.tables.environment.writeRepeatable(() => {
      const digests = new DigestBook(this.tables.meta);
      let newest = newestAt(this.tables);
      let written = 0;
      for (const record of records) {
        const key = positionKey(record.at);
        if (record.at > newest) {
          this.tables.events.append(key, ordinary(record.frame));
          newest = record.at;
        } else {
          if (this.#isThere(key, record)) continue;
          this.tables.events.put(key, ordinary(record.frame));
        }
        digests.add('events', key, record.frame, eventDigestBytes);
        for (const { table, key, value } of auditIndexEntries(decodeAuditEvent(record.at, record.frame))) {
          this.tables.table(table).put(key, value);
          digests.add(table, key, value);
        }
        written++;
      }
      digests.raise({ newest });
      digests.save();
      return { written, newest };
    });
  }

  /** `at` of the newest event ever, 0 when there was none: the next one must be above it, also after a restart. */
  newest(): HlcTime {
    this.tables.environment.refresh();
    return newestEver(this.tables);
  }

  /** Remembers events of a time that are not here any more: of a copy of a trail that dropped some. */
  raiseSpan(span: TrailSpan): void {
    this.tables.environment.write(() => {
      const digests = new DigestBook(this.tables.meta);
      digests.raise(span);
      digests.save();
    });
  }

  close(): Promise<void> {
    return this.tables.environment.close();
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

/** Times of events that may fit, newest first, by the index that is likely to name the fewest. */
function* candidates(tables: AuditTables, filter: AuditFilter, budget: ScanBudget): Generator<number> {
  const from = Math.max(0, filter.from ?? 0);
  const to = Math.min(filter.to ?? Number.MAX_SAFE_INTEGER, filter.cursor ?? Number.MAX_SAFE_INTEGER);
  if (from >= to) return;
  const { table, prefix } = bestIndex(tables, filter);
  const range = { from: withAt(prefix, from), to: withAt(prefix, to), reverse: true };
  if (table === tables.events) {
    for (const key of table.keys(range)) {
      budget.entry();
      yield positionOfKey(key);
    }
    return;
  }
  const wanted = filter.action === undefined ? undefined : actionValue(filter.action);
  for (const { key, value } of table.entries(range)) {
    budget.entry();
    if (key.length === prefix.length + 8 && (wanted === undefined || value.equals(wanted)))
      yield atOfKey(key);
  }
}

function bestIndex(tables: AuditTables, filter: AuditFilter): { table: Table; prefix: Buffer } {
  const { lock, holder, project, path, action } = filter;
  if (lock !== undefined) return { table: tables.lock, prefix: namePrefix(lock) };
  if (path !== undefined && project !== undefined)
    return { table: tables.target, prefix: pathText(project, path) };
  if (holder !== undefined) return { table: tables.holder, prefix: namePrefix(holder) };
  if (action !== undefined && isIndexedAction(action))
    return { table: tables.action, prefix: actionPrefix(action) };
  return { table: tables.events, prefix: Buffer.alloc(0) };
}

/** `at` of the newest event that there ever was, dropped ones included; 0 when there was none. */
function newestEver(tables: AuditTables): HlcTime {
  return trailSpan(tables).newest as HlcTime;
}

export function trailSpan(tables: AuditTables): Required<TrailSpan> {
  const { newest, dropped } = new DigestBook(tables.meta);
  return { newest: Math.max(newestAt(tables), newest), dropped };
}

function newestAt(tables: AuditTables): HlcTime {
  for (const key of tables.events.keys({ reverse: true })) return positionOfKey(key) as HlcTime;
  return 0 as HlcTime;
}

/** A frame may lie in a shared queue, where LMDB must not be pointed at. */
function ordinary(frame: Uint8Array): Uint8Array {
  return frame.buffer instanceof SharedArrayBuffer ? Buffer.from(frame) : frame;
}
