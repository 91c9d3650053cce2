import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import { type IndexTables, indexKeys, runTables, tableNumber } from './index-tables.ts';
import { headAt, type LogView } from './log-view.ts';
import { positionInKey, type Run } from './sorted-runs.ts';
import { positionKey, positionOfKey } from './store-keys.ts';
import { DigestSum, pairHash } from './table-digest.ts';
import type { VerifyProgress, VerifyReport } from './verify-report.ts';

/**
 * The index against what a rebuild would write. Of each run the keys are added up (table-digest.ts), and the keys that the log's
 * deltas should have there; only where the sums differ is each key held against its delta. An index that lags, or is to be
 * rebuilt, is no problem: queries read the log instead.
 */
export function* verifyIndex(
  log: LogView,
  index: IndexTables,
  report: VerifyReport,
  step: number,
): Generator<VerifyProgress> {
  refresh(log, index);
  const applied = report.attempt('index', 'meta', () => index.applied(log));
  if (applied === undefined) return;
  const floor = log.floor();
  for (let from: number = floor; from <= applied; ) {
    refresh(log, index);
    const run = index.runs.live().find(({ first, last }) => first <= from && last >= from);
    if (run === undefined) {
      report.add('index', `position ${from}`, 'is in no run');
      return;
    }
    const check = new RunCheck(log, index, run);
    for (let at = from; at <= run.last; at += step) {
      refresh(log, index);
      check.expect(at, Math.min(run.last, at + step - 1));
      yield {
        store: 'index',
        done: Math.min(run.last, at + step - 1) - floor + 1,
        total: applied - floor + 1,
      };
    }
    refresh(log, index);
    // It was merged, or retention went on: then what it is now is looked at instead.
    if (!check.isStill(from)) {
      from = Math.max(from, log.floor());
      continue;
    }
    check.compare(from, report);
    from = run.last + 1;
  }
}

/** One run, and what the log says should be in it. */
class RunCheck {
  readonly #log: LogView;
  readonly #index: IndexTables;
  readonly #run: Run;
  readonly #expected = runTables.map(() => new DigestSum());

  constructor(log: LogView, index: IndexTables, run: Run) {
    this.#log = log;
    this.#index = index;
    this.#run = run;
  }

  expect(from: number, to: number): void {
    for (const { table, key } of this.#expectedKeys(from, to))
      sumOf(this.#expected, table).add(hashOf(key, key.length));
  }

  /** Whether it is still read, and the log still begins at `from` or before. */
  isStill(from: number): boolean {
    const isLive = this.#index.runs.live().some(({ run }) => run === this.#run.run);
    return isLive && this.#log.floor() <= from;
  }

  /** Keys of positions below `from` are of no concern: compaction is on its way to them. */
  compare(from: number, report: VerifyReport): void {
    const { run } = this.#run;
    for (const table of runTables) {
      const number = tableNumber[table];
      const found = report.attempt('index', `${table} of run ${run}`, () => this.#sumUp(number, from));
      if (found === undefined) continue;
      report.checked.indexEntries += found.sum.count;
      if (found.keys !== this.#run.keys[number])
        report.add(
          'index',
          `${table} of run ${run}`,
          `has ${found.keys} keys, ${this.#run.keys[number]} were written`,
        );
      const expected = sumOf(this.#expected, table);
      if (found.sum.count === expected.count && found.sum.sum === expected.sum) continue;
      report.attempt('index', `${table} of run ${run}`, () => this.#tellApart(table, from, report));
    }
  }

  #sumUp(table: number, from: number): { readonly sum: DigestSum; readonly keys: number } {
    const sum = new DigestSum();
    let keys = 0;
    for (const key of this.#index.runs.keys(this.#run, table, {})) {
      keys++;
      if (positionInKey(key) >= from) sum.add(hashOf(key.key, key.length));
    }
    return { sum, keys };
  }

  /** Key by key; takes memory for the run, and is done for a damaged one only. */
  #tellApart(table: (typeof runTables)[number], from: number, report: VerifyReport): void {
    const expected = new Map<string, number>();
    for (const { table: other, key } of this.#expectedKeys(from, this.#run.last))
      if (other === table) expected.set(key.toString('latin1'), positionInKey({ key, length: key.length }));
    for (const view of this.#index.runs.keys(this.#run, tableNumber[table], {})) {
      if (positionInKey(view) < from) continue;
      const key = view.key.subarray(0, view.length);
      if (!expected.delete(key.toString('latin1')))
        report.add('index', `${table} key ${key.toString('hex')}`, 'belongs to no delta');
    }
    for (const position of expected.values())
      report.add('index', `${table} key of position ${position}`, 'is missing');
  }

  *#expectedKeys(from: number, to: number) {
    for (const { key, value } of this.#log.log.entries({
      from: positionKey(from),
      to: positionKey(to + 1),
    })) {
      const position = positionOfKey(key);
      const head = readHead(position, value);
      // What the log's own verification has named already.
      if (head !== undefined) yield* indexKeys(position, head);
    }
  }
}

function sumOf(sums: readonly DigestSum[], table: (typeof runTables)[number]): DigestSum {
  return sums[tableNumber[table]] as DigestSum;
}

const nothing = new Uint8Array(0);

function hashOf(key: Uint8Array, length: number): number {
  return pairHash(length === key.length ? key : key.subarray(0, length), nothing, 0);
}

function readHead(position: number, value: Buffer) {
  try {
    return headAt(position, decodeDeltaFrame(position, value));
  } catch {
    // The walk over the log reports it.
    return undefined;
  }
}

function refresh(log: LogView, index: IndexTables): void {
  index.environment.refresh();
  log.environment.refresh();
}
