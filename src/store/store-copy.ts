/**
 * A compact copy of a store, made beside the lanes that write it: record by record in bounded transactions, so that nobody waits
 * and a kill leaves a copy that is merely not finished. Each call goes on where the one before ended. A call made while nobody
 * writes leaves the copy equal to its original; then its file takes the place of the original's (offload/store-swap.ts). Retention
 * must not run between the first call and the last: what it drops would stay in the copy.
 *
 * Not LMDB's own copy: that pins a snapshot for as long as it takes, and cannot go on with what was written meanwhile.
 */
import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { syncPath } from '../home/sync-directory.ts';
import { AuditWriter, trailSpan } from './audit-log.ts';
import type { AuditTables } from './audit-tables.ts';
import { dataFileName, lockFileName } from './data-file.ts';
import { DeltaIndexWriter } from './delta-index.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import { type Environment, openEnvironment } from './environment.ts';
import type { LogView } from './log-view.ts';
import { positionKey, positionOfKey } from './store-keys.ts';
import type { Table, TableEntry } from './table.ts';
import { DigestBook } from './table-digest.ts';

/** The environments. Their places in this list stand for them in frames. */
export const storeNames = ['delta', 'index', 'audit'] as const;
export type StoreName = (typeof storeNames)[number];

/** Where the copy of a store is made, until it takes its original's place. */
export function copyDirectory(directory: string): string {
  return `${directory}.new`;
}

export interface CopyOptions {
  readonly mapSizeBytes?: number;
}

/** Of one transaction: some milliseconds of writing. */
const batchRecords = 2000;
const batchBytes = 1024 * 1024;

/**
 * Copies the log as far as it goes; yields after each transaction. A batch that is not full is the end, also when more has come since: beside
 * authors who never pause there would be no other. Whoever wants all of it calls again when nobody writes any more.
 */
export async function* copyLog(
  from: LogView,
  directory: string,
  options: CopyOptions = {},
): AsyncGenerator<undefined> {
  const to = openDeltaEnvironment(directory, { ...options, writer: true });
  try {
    const log = to.table('log');
    const meta = to.table('meta');
    from.environment.refresh();
    for (let next = Math.max(from.trimmed(), lastKey(log) + 1); ; ) {
      from.environment.refresh();
      const { entries, isLast } = takeBatch(from.log, next);
      // Of the same moment as the end of the log. Last, and whole: until it is there the copy is no log.
      const original = isLast ? [...from.environment.table('meta').entries()] : undefined;
      to.write(() => {
        for (const { key, value } of entries) log.append(key, value);
        if (original === undefined) return;
        meta.clear();
        for (const { key, value } of original) meta.put(key, value);
      });
      if (isLast) break;
      next = keyBehind(entries);
      yield;
    }
  } finally {
    await to.close();
  }
}

/** The index is derived from the log: its copy is a new one, as far as the log goes now. */
export async function* copyIndex(
  log: LogView,
  directory: string,
  options: CopyOptions = {},
): AsyncGenerator<undefined> {
  const writer = await DeltaIndexWriter.open(directory, log, options);
  try {
    log.environment.refresh();
    const head = log.head();
    for (let applied = writer.applied(); ; ) {
      const done = writer.applyBatch(applied, head);
      const isTidy = !writer.tidy(done !== applied);
      if (done === applied && isTidy) break;
      applied = done;
      yield;
    }
  } finally {
    await writer.close();
  }
}

/** Copies the events as far as they go, as `copyLog` does; what leads to them is derived anew. */
export async function* copyAudit(
  from: AuditTables,
  directory: string,
  options: CopyOptions = {},
): AsyncGenerator<undefined> {
  const writer = await AuditWriter.open(directory, options);
  try {
    for (let next = lastKey(writer.tables.events) + 1; ; ) {
      from.environment.refresh();
      const { entries, isLast } = takeBatch(from.events, next);
      const { indexed } = new DigestBook(from.meta);
      const records = entries.map(({ key, value }) => ({
        at: positionOfKey(key) as number as HlcTime,
        frame: value,
      }));
      // What waits for its index there does so in the copy: beside a burst it would never be done.
      writer.append(records, records.filter(({ at }) => at <= indexed).length);
      if (isLast) break;
      next = keyBehind(entries);
      yield;
    }
    // Retention may have dropped the newest event too.
    writer.raiseSpan(trailSpan(from));
  } finally {
    await writer.close();
  }
}

/** Between two signs of life of a long step. */
const beatMs = 1000;

/**
 * Writes a copy once more, without the pages that came free while records were put where their keys belong: a third of an index. To be
 * called while nobody has it open; yields now and then.
 */
export async function* tighten(directory: string, options: CopyOptions = {}): AsyncGenerator<undefined> {
  const tight = join(directory, 'tight');
  const environment = openEnvironment(directory, { ...options, durability: 'flush', create: false });
  const copying = writeSnapshot(environment, tight).finally(() => environment.close());
  try {
    while (!(await Promise.race([copying.then(() => true), delay(beatMs, false, { ref: false })]))) yield;
  } finally {
    await copying;
  }
  await rm(join(directory, lockFileName), { force: true });
  await rename(join(tight, dataFileName), join(directory, dataFileName));
  await rm(tight, { recursive: true });
}

/** All that `environment` holds, without free pages and on disk. It pins what it reads until it is done: for when nobody writes much. */
export async function writeSnapshot(environment: Environment, directory: string): Promise<void> {
  await environment.copyTo(directory, true);
  const file = join(directory, dataFileName);
  // LMDB makes the file by the umask and does not sync it.
  await chmod(file, 0o600);
  await syncPath(file);
}

interface Batch {
  readonly entries: readonly TableEntry[];
  /** It goes to the end of what is there. */
  readonly isLast: boolean;
}

function takeBatch(table: Table, from: number): Batch {
  const entries: TableEntry[] = [];
  let bytes = 0;
  for (const entry of table.entries({ from: positionKey(from) })) {
    entries.push(entry);
    bytes += entry.value.length;
    if (entries.length === batchRecords || bytes >= batchBytes) return { entries, isLast: false };
  }
  return { entries, isLast: true };
}

function keyBehind(entries: readonly TableEntry[]): number {
  const last = entries.at(-1);
  return last === undefined ? 0 : positionOfKey(last.key) + 1;
}

function lastKey(table: Table): number {
  for (const key of table.keys({ reverse: true })) return positionOfKey(key);
  return 0;
}
