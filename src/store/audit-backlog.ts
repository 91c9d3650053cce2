/**
 * Events of the trail that have no index entries yet. An event costs one put at the end of a table; its three entries cost as many
 * somewhere in three others, each of which writes a page of its own: eight times as much. So beside a burst only the events are written,
 * and the entries later, in the order of the events: `indexed` in the digest says up to which one. Above it queries look at the events.
 */
import { decodeAuditEvent } from '../audit/audit-event.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { AuditRecord } from './audit-log.ts';
import { type AuditIndexEntry, type AuditTables, auditIndexEntries } from './audit-tables.ts';
import { positionKey, positionOfKey } from './store-keys.ts';
import type { DigestBook } from './table-digest.ts';

/**
 * Inside `Environment.write` only: gives the oldest of the events above `digests.indexed` their entries.
 * @param most events.
 * @returns how many got them. Fewer than `most`: there are no more.
 */
export function indexOldest(tables: AuditTables, digests: DigestBook, most: number): number {
  if (!Number.isFinite(digests.indexed)) return 0;
  const found: AuditRecord[] = [];
  // Read to the end before anything is written: a cursor of LMDB does not see what becomes of its page.
  for (const { key, value } of tables.events.entries({ from: positionKey(digests.indexed + 1) })) {
    if (found.length === most) break;
    found.push({ at: positionOfKey(key) as number as HlcTime, frame: value });
  }
  indexRecords(tables, digests, found);
  digests.raise({ indexed: found.at(-1)?.at ?? 0 });
  return found.length;
}

/** Inside `Environment.write` only: gives these events, which stand in the trail, their entries. */
export function indexRecords(
  tables: AuditTables,
  digests: DigestBook,
  records: readonly AuditRecord[],
): void {
  for (const record of records)
    for (const { table, key, value } of entriesOf(record)) {
      tables.table(table).put(key, value);
      digests.add(table, key, value);
    }
}

function entriesOf({ at, frame }: AuditRecord): readonly AuditIndexEntry[] {
  try {
    return auditIndexEntries(decodeAuditEvent(at, frame));
  } catch {
    // Damaged since it was written: `verify` tells of it, and the others must not wait for it.
    return [];
  }
}
