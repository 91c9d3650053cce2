import { join } from 'node:path';
import { open } from 'lmdb';
import type { Position } from '../src/base/ids.ts';
import type { Delta } from '../src/delta/delta.ts';
import { encodeDeltaBody } from '../src/delta/delta-body.ts';
import { encodeDeltaFrame, genesisHash } from '../src/delta/delta-frame.ts';
import { LmdbDeltaStore } from '../src/store/lmdb-delta-store.ts';
import { positionKey } from '../src/store/store-keys.ts';
import { lanesReady, openBenchStores, settled } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchContext, type BenchSpec, ratesInTurns, type Side } from './harness/measure.ts';
import { deltaOf, nodeKey } from './harness/records.ts';

const batchDeltas = 1000;

/** The log and the index in one thread, against lmdb-js alone writing the same frames under the same keys, synced alike. */
export const storeAppend: BenchSpec = {
  name: 'store-append',
  about: `batches of ${batchDeltas} deltas of 300 B, each on disk before the next; ratios to lmdb-js alone`,
  async run(context) {
    const count = context.smoke ? batchDeltas : 200 * batchDeltas;
    const deltas = Array.from({ length: count }, (_, at) => deltaOf(nodeKey.nodeId, at + 1, at));
    const frames = deltas.map((delta, at) =>
      encodeDeltaFrame((at + 1) as Position, genesisHash, encodeDeltaBody(delta)),
    );
    const checksum = new WorkChecksum();
    for (const frame of frames) checksum.number(frame.readUInt32LE(0));

    const [lanes, ours, lmdb] = await ratesInTurns(context, count, [
      throughLanes(context, deltas),
      inOneThread(context, deltas),
      alone(context, frames),
    ]);
    if (lanes === undefined || ours === undefined || lmdb === undefined)
      throw new Error('a side was not measured');
    const shared = { checksum: checksum.hex, targets: [] };
    return [
      {
        ...shared,
        what: 'through queue, log and index',
        ...lanes,
        ratio: lanes.rate / lmdb.rate,
        targets: [
          { field: 'ratio', bound: 'at least', value: 0.7 },
          { field: 'rate', bound: 'at least', value: 150_000 },
        ],
      },
      { ...shared, what: 'log and index in one thread', ...ours, ratio: ours.rate / lmdb.rate },
      { ...shared, what: 'lmdb-js alone', ...lmdb, ratio: 1 },
    ];
  },
};

/** As the daemon does it; it ends when the last delta is on disk and in the index. */
function throughLanes({ scratch }: BenchContext, deltas: readonly Delta[]): Side {
  return {
    async prepare(repetition) {
      const stores = await openBenchStores(join(scratch, `lanes-${repetition}`));
      await lanesReady(stores);
      const work = async () => {
        for (const batch of batches(deltas))
          await stores.deltas.saveBatch(
            batch.map((delta) => ({ delta })),
            'accepted',
          );
        await settled(stores);
      };
      return { work, close: () => stores.close() };
    },
  };
}

function inOneThread({ scratch }: BenchContext, deltas: readonly Delta[]): Side {
  return {
    async prepare(repetition) {
      const directory = join(scratch, `one-thread-${repetition}`);
      const store = await LmdbDeltaStore.open(directory, { node: nodeKey.nodeId });
      const work = async () => {
        for (const batch of batches(deltas)) await store.saveBatch(batch.map((delta) => ({ delta })));
      };
      return { work, close: () => store.close() };
    },
  };
}

function alone({ scratch }: BenchContext, frames: readonly Buffer[]): Side {
  return {
    async prepare(repetition) {
      const database = open<Buffer, Uint8Array>({
        path: join(scratch, `alone-${repetition}`),
        // What the store sets too: a commit returns when it is on disk.
        overlappingSync: false,
        keyEncoding: 'binary',
        encoding: 'binary',
        mapSize: 8 * 2 ** 30,
      });
      const work = () => {
        let position = 0;
        for (const batch of batches(frames))
          database.transactionSync(() => {
            for (const frame of batch) database.putSync(positionKey(++position), frame, { append: true });
          });
      };
      return { work, close: () => database.close() };
    },
  };
}

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += batchDeltas) yield all.slice(at, at + batchDeltas);
}
