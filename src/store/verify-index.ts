import type { NodeId } from '../base/ids.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import { type EntryTable, entryTables, type IndexTables, indexEntries } from './index-tables.ts';
import { headAt, type LogView } from './log-view.ts';
import { isCount } from './meta-table.ts';
import { positionAtEnd, positionKey, positionOfKey, positionOfValue } from './store-keys.ts';
import type { TableEntry } from './table.ts';
import type { VerifyProgress, VerifyReport } from './verify-report.ts';

type Counts = Record<EntryTable, number>;

/**
 * The index against what a rebuild would write. Every entry of every delta must be there; when the tables then hold as many
 * entries as were expected, there is no surplus, else each entry is held against its delta. An index that lags, or is to be
 * rebuilt, is no problem: queries read the log instead.
 */
export function* verifyIndex(
  log: LogView,
  index: IndexTables,
  report: VerifyReport,
  step: number,
): Generator<VerifyProgress> {
  index.environment.refresh();
  log.environment.refresh();
  const applied = report.attempt('index', 'meta', () => index.applied(log));
  if (applied === undefined) return;
  const floor = log.floor();
  const expected: Counts = { source: 0, time: 0, path: 0 };
  let missing = 0;
  for (let from: number = floor; from <= applied; from += step) {
    missing += verifyExpected(log, index, report, from, Math.min(applied, from + step - 1), expected);
    yield { store: 'index', done: from - floor, total: applied - floor + 1 };
    log.environment.refresh();
    index.environment.refresh();
  }
  verifySources(index, report);
  for (const table of entryTables) {
    if (missing === 0 && index.table(table).count() === expected[table]) continue;
    yield* verifySurplus(log, index, report, table, applied, step);
  }
}

/** Returns how many entries are missing or wrong. */
function verifyExpected(
  log: LogView,
  index: IndexTables,
  report: VerifyReport,
  from: number,
  to: number,
  expected: Counts,
): number {
  let missing = 0;
  for (const { key, value } of log.log.entries({ from: positionKey(from), to: positionKey(to + 1) })) {
    const position = positionOfKey(key);
    const head = readHead(position, value);
    // What the log's own verification has named already.
    if (head === undefined) continue;
    const numbers = index.numbersOf(head);
    if (numbers === undefined) {
      missing++;
      report.add('index', `entries of position ${position}`, 'have no source or path number');
      continue;
    }
    for (const entry of indexEntries(numbers, position, head)) {
      report.checked.indexEntries++;
      expected[entry.table]++;
      const found = index.table(entry.table).get(entry.key);
      if (found?.equals(entry.value) === true) continue;
      missing++;
      const what = found === undefined ? 'is missing' : 'points elsewhere';
      report.add('index', `${entry.table} entry of position ${position}`, what);
    }
  }
  return missing;
}

function* verifySurplus(
  log: LogView,
  index: IndexTables,
  report: VerifyReport,
  table: EntryTable,
  applied: number,
  step: number,
): Generator<VerifyProgress> {
  const [floor, trimmed] = [log.floor(), log.trimmed()];
  const total = index.table(table).count();
  let from: Buffer | undefined = Buffer.of(0);
  for (let done = 0; from !== undefined; ) {
    let seen = 0;
    let next: Buffer | undefined;
    for (const entry of index.table(table).entries({ from })) {
      if (seen++ === step) {
        next = entry.key;
        break;
      }
      const position = table === 'source' ? positionOfValue(entry.value) : positionAtEnd(entry.key);
      // Compaction is on its way to these.
      if (position >= trimmed && position < floor) continue;
      const fits = position >= floor && position <= applied && isExpected(log, index, table, position, entry);
      if (!fits) report.add('index', `${table} entry ${entry.key.toString('hex')}`, 'belongs to no delta');
    }
    done += seen;
    from = next;
    yield { store: 'index', done, total };
  }
}

function isExpected(
  log: LogView,
  index: IndexTables,
  table: EntryTable,
  position: number,
  { key, value }: TableEntry,
): boolean {
  const frame = log.frame(position);
  const head = frame === undefined ? undefined : readHead(position, frame);
  if (head === undefined) return false;
  const numbers = index.numbersOf(head);
  if (numbers === undefined) return false;
  return indexEntries(numbers, position, head).some(
    (entry) => entry.table === table && entry.key.equals(key) && entry.value.equals(value),
  );
}

function readHead(position: number, value: Buffer) {
  try {
    return headAt(position, decodeDeltaFrame(position, value));
  } catch {
    // The walk over the log reports it.
    return undefined;
  }
}

/** Numbers and keys of sources must name each other; a path number belongs to one path. */
function verifySources(index: IndexTables, report: VerifyReport): void {
  const named = new Set<NodeId>();
  const count = index.sourceCount();
  for (let number = 0; number < count; number++) {
    const source = report.attempt('index', `source number ${number}`, () => index.sourceOf(number));
    if (source === undefined || index.sourceNumber(source) !== number || named.has(source))
      report.add('index', `source number ${number}`, 'does not name a source that names it');
    else named.add(source);
  }
  const given = report.attempt('index', 'meta paths', () => index.meta.get('paths', isCount)) ?? 0;
  const numbers = new Set<number>();
  for (const { key, value } of index.paths.entries()) {
    const number = value.length === 4 ? value.readUInt32BE(0) : given;
    if (number >= given || numbers.has(number))
      report.add('index', `path ${key.toString('hex')}`, 'has a number that is not its own');
    numbers.add(number);
  }
}
