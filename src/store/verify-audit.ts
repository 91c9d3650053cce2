import { type AuditEvent, decodeAuditEvent } from '../audit/audit-event.ts';
import {
  type AuditIndexTable,
  type AuditTables,
  atOfKey,
  auditIndexEntries,
  auditIndexTables,
  auditSchema,
} from './audit-tables.ts';
import { isCount } from './meta-table.ts';
import { positionKey, positionOfKey } from './store-keys.ts';
import type { TableEntry } from './table.ts';
import { DigestBook } from './table-digest.ts';
import type { VerifyProgress, VerifyReport } from './verify-report.ts';

type Counts = Record<AuditIndexTable, number>;

/** Every event decodes and is found by each of its index entries, once it is to have them; every index entry names an event that has it. */
export function* verifyAudit(
  tables: AuditTables,
  report: VerifyReport,
  step: number,
): Generator<VerifyProgress> {
  tables.environment.refresh();
  const schema = report.attempt('audit', 'meta schema', () => tables.meta.need('schema', isCount));
  if (schema !== undefined && schema !== auditSchema) report.add('audit', 'meta schema', 'is unknown');
  const expected: Counts = { holder: 0, lock: 0, target: 0, action: 0 };
  const total = tables.events.count();
  let missing = 0;
  let from: Buffer | undefined = Buffer.of(0);
  while (from !== undefined) {
    let seen = 0;
    let next: Buffer | undefined;
    const { indexed } = new DigestBook(tables.meta);
    for (const entry of tables.events.entries({ from })) {
      if (seen++ === step) {
        next = entry.key;
        break;
      }
      missing += verifyEvent(tables, report, entry, expected, indexed);
    }
    from = next;
    yield { store: 'audit', done: report.checked.auditEvents, total };
    tables.environment.refresh();
  }
  for (const table of auditIndexTables)
    if (missing > 0 || tables.table(table).count() !== expected[table])
      yield* verifySurplus(tables, report, table, step);
}

/** Returns how many entries are missing, 1 for an event that cannot be read. */
function verifyEvent(
  tables: AuditTables,
  report: VerifyReport,
  entry: TableEntry,
  expected: Counts,
  indexed: number,
): number {
  report.checked.auditEvents++;
  const at = entry.key.length === 8 ? positionOfKey(entry.key) : 0;
  const event = report.attempt('audit', `event ${at}`, () => decodeAuditEvent(at, entry.value));
  if (event === undefined) return 1;
  if (at > indexed) return 0;
  let missing = 0;
  for (const { table, key, value } of auditIndexEntries(event)) {
    report.checked.indexEntries++;
    expected[table]++;
    if (tables.table(table).get(key)?.equals(value) === true) continue;
    missing++;
    report.add('audit', `${table} entry of event ${at}`, 'is missing or wrong');
  }
  return missing;
}

function* verifySurplus(
  tables: AuditTables,
  report: VerifyReport,
  table: AuditIndexTable,
  step: number,
): Generator<VerifyProgress> {
  const total = tables.table(table).count();
  let from: Buffer | undefined = Buffer.of(0);
  for (let done = 0; from !== undefined; ) {
    let seen = 0;
    let next: Buffer | undefined;
    const { indexed } = new DigestBook(tables.meta);
    for (const entry of tables.table(table).entries({ from })) {
      if (seen++ === step) {
        next = entry.key;
        break;
      }
      if (atOfKey(entry.key) > indexed || !isExpected(tables, table, entry))
        report.add('audit', `${table} entry ${entry.key.toString('hex')}`, 'belongs to no event');
    }
    done += seen;
    from = next;
    yield { store: 'audit', done, total };
  }
}

function isExpected(tables: AuditTables, table: AuditIndexTable, { key, value }: TableEntry): boolean {
  const at = atOfKey(key);
  const event = readEvent(at, tables.events.get(positionKey(at)));
  if (event === undefined) return false;
  return auditIndexEntries(event).some(
    (entry) => entry.table === table && entry.key.equals(key) && entry.value.equals(value),
  );
}

function readEvent(at: number, frame: Buffer | undefined): AuditEvent | undefined {
  if (frame === undefined) return undefined;
  try {
    return decodeAuditEvent(at, frame);
  } catch {
    // The walk over the events reports it.
    return undefined;
  }
}
