import { LmdbDeltaStore } from '../src/store/lmdb-delta-store.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency } from './harness/measure.ts';
import { nodeKey, recordsOf, sourceOf, timeOf } from './harness/records.ts';

const batchDeltas = 1000;

export const storeQueries: BenchSpec = {
  name: 'store-queries',
  about: 'a range of 1000 and the last 100 of a source, out of a large log of 8 sources',
  async run(context) {
    const count = context.smoke ? 2000 : 1_000_000;
    await using store = await LmdbDeltaStore.open(context.scratch, { node: nodeKey.nodeId });
    for (let at = 0; at < count; at += batchDeltas)
      await store.saveBatch(recordsOf(at, batchDeltas).map((delta) => ({ delta })));
    await store.getLatest({ limit: 1 });

    const checksum = new WorkChecksum();
    const range = async (at: number) => {
      const found = await store.getRange(timeOf(at), timeOf(at + 1000));
      if (found.length !== 1000) throw new Error(`a range of 1000 gave ${found.length}`);
      return found[0]?.seq ?? 0;
    };
    const last = async (at: number) => {
      const found = await store.getBySource(sourceOf(at), 100);
      if (found.length !== 100) throw new Error(`the last 100 were ${found.length}`);
      return found[0]?.seq ?? 0;
    };
    checksum.number(await range(count / 2));
    checksum.number(await last(3));
    let turn = 0;
    // A prime step: neighbouring ranges would find each other's pages in the caches.
    const nextAt = () => (turn++ * 7919) % (count - 1000);
    const ranges = await latency(context, () => range(nextAt()), { timeMs: 1000 });
    const lasts = await latency(context, () => last(turn++), { timeMs: 500 });
    return [
      {
        what: `range of 1000 out of ${count.toLocaleString('en-US')}`,
        ...ranges,
        checksum: checksum.hex,
        targets: [
          { field: 'p50', bound: 'at most', value: 2500 },
          { field: 'p99', bound: 'at most', value: 6000 },
        ],
      },
      {
        what: 'last 100 of a source',
        ...lasts,
        checksum: checksum.hex,
        targets: [{ field: 'p50', bound: 'at most', value: 300 }],
      },
    ];
  },
};
