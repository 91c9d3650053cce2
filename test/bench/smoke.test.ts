/** Benches run in the tests, small, so that they cannot rot. What they measure is judged by `npm run bench` alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { benches } from '../../bench/benches.ts';
import { median, meets, quantile, spreadOf } from '../../bench/harness/measure.ts';
import { runBench } from '../../bench/harness/run-bench.ts';

/** They do what `peers-300` does, with other records: a second run of each, a process for each side, would show nothing new. */
const variants = ['peers-300-noise', 'peers-1024', 'peers-1024-noise'];

describe('benches', () => {
  for (const bench of benches) {
    const isVariant = variants.includes(bench.name);
    it(`runs ${bench.name} at smoke size${isVariant ? '' : ', twice with the same work'}`, async () => {
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
      if (isVariant) return;
      const again = await runBench(bench, true);
      assert.deepEqual(
        again.map(({ what, checksum }) => [what, checksum]),
        rows.map(({ what, checksum }) => [what, checksum]),
      );
    });
  }

  it('have different names', () => {
    assert.equal(new Set(benches.map(({ name }) => name)).size, benches.length);
  });
});

describe('bench figures', () => {
  it('takes the middle and the quantiles of unsorted samples', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
    assert.equal(quantile([5, 1, 4, 2, 3], 0.99), 5);
  });

  it('calls the spread of one repetition none', () => {
    assert.equal(spreadOf([7]), 0);
    assert.equal(spreadOf([90, 110, 100]), 0.2);
  });

  it('misses a target by a hair', () => {
    const row = { what: 'x', p50: 2.01, spread: 0, checksum: '', targets: [] };
    assert.equal(meets(row, { field: 'p50', bound: 'at most', value: 2 }), false);
    assert.equal(meets(row, { field: 'p50', bound: 'at least', value: 2 }), true);
    assert.equal(meets(row, { field: 'rate', bound: 'at least', value: 2 }), undefined);
  });
});
