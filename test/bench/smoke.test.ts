import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { benches } from '../../bench/benches.ts';
import { median, meets, quantile, spreadOf } from '../../bench/harness/measure.ts';
import { assertRuns, isBesidePeers } from './smoke-fixture.ts';

/** Three daemons each, or many starts of one; other tests do the same to them. */
const slowest = ['cluster-locks', 'cluster-catch-up', 'cluster-gossip', 'daemon-start', 'context-search'];

/** They start daemons, or a thread for each side: half a minute for a second run of each. */
const slow = ['main-loop', 'retention', 'socket-calls', 'soak', 'hook-decision', 'scale'];

describe('benches', () => {
  // What runs on request alone is larger, and at this size the same as another.
  const all = benches.filter((one) => !isBesidePeers(one) && one.onRequest !== true);
  for (const bench of all.filter(({ name }) => !slowest.includes(name))) {
    const again = !slow.includes(bench.name);
    it(`runs ${bench.name} at smoke size${again ? ', twice with the same work' : ''}`, () =>
      assertRuns(bench, again));
  }

  const skip = process.env.BENCHES !== 'all' && 'they take long on a busy machine';
  it('run at smoke size where several daemons are needed (needs BENCHES=all)', { skip }, async () => {
    for (const bench of all.filter(({ name }) => slowest.includes(name))) await assertRuns(bench, false);
  });

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
