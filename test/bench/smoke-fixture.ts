/** Benches run in the tests, small, so that they cannot rot. What they measure is judged by `npm run bench` alone. */
import assert from 'node:assert/strict';
import { type BenchSpec, meets } from '../../bench/harness/measure.ts';
import { runBench } from '../../bench/harness/run-bench.ts';

/** @param again whether a second run must do the same work. */
export async function assertRuns(bench: BenchSpec, again: boolean): Promise<void> {
  const rows = await runBench(bench, true);
  assert.ok(rows.length > 0);
  for (const row of rows) {
    const { p50, p99, p999, max, rate, ratio, bytes } = row;
    const figures = [p50, p99, p999, max, rate, ratio, bytes].filter((figure) => figure !== undefined);
    assert.ok(figures.length > 0, `${row.what} measured nothing`);
    for (const figure of figures) assert.ok(Number.isFinite(figure), row.what);
    for (const target of row.targets)
      assert.notEqual(
        meets(row, target),
        undefined,
        `${row.what} has a target on ${target.field} that it does not measure`,
      );
  }
  if (!again) return;
  const second = await runBench(bench, true);
  assert.deepEqual(
    second.map(({ what, checksum }) => [what, checksum]),
    rows.map(({ what, checksum }) => [what, checksum]),
  );
}

/** Those that start a process for each side take as long as all others: they have a file of tests of their own. */
export function isBesidePeers({ name }: BenchSpec): boolean {
  return name.startsWith('peers-');
}
