import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { open } from 'lmdb';
import { systemClock } from '../src/base/clock.ts';
import type { Position } from '../src/base/ids.ts';
import { silentLogger } from '../src/base/log.ts';
import { openLmdbStores } from '../src/daemon/lmdb-stores.ts';
import { type Delta, deltaId } from '../src/delta/delta.ts';
import { encodeDeltaBody } from '../src/delta/delta-body.ts';
import { encodeDeltaFrame, genesisHash } from '../src/delta/delta-frame.ts';
import { homePaths } from '../src/home/home-paths.ts';
import { NodeKey } from '../src/home/node-key.ts';
import { LmdbDeltaStore } from '../src/store/lmdb-delta-store.ts';
import { positionKey } from '../src/store/store-keys.ts';
import { WorkChecksum } from './checksum.ts';
import { type BenchContext, type BenchSpec, ratesInTurns } from './measure.ts';
import { deltaOf, sources } from './records.ts';

const batchDeltas = 1000;

/** The log and the index in one thread, against lmdb-js alone writing the same frames under the same keys, synced alike. */
export const storeAppend: BenchSpec = {
  name: 'store-append',
  about: `batches of ${batchDeltas} deltas of 300 B, each on disk before the next`,
  async run(context) {
    const count = context.smoke ? batchDeltas : 100 * batchDeltas;
    const [source] = sources;
    if (source === undefined) throw new Error('no source');
    const deltas = Array.from({ length: count }, (_, at) => deltaOf(source, at + 1, at));
    const frames = deltas.map((delta, at) =>
      encodeDeltaFrame((at + 1) as Position, genesisHash, encodeDeltaBody(delta)),
    );
    const checksum = new WorkChecksum();
    for (const frame of frames) checksum.number(frame.readUInt32LE(0));

    const [lanes, ours, alone] = await ratesInTurns(context, count, [
      (repetition) => writeThroughLanes(context, deltas, repetition),
      async (repetition) => {
        const directory = join(context.scratch, `ours-${repetition}`);
        const store = await LmdbDeltaStore.open(directory, { node: source });
        for (let at = 0; at < count; at += batchDeltas)
          await store.saveBatch(deltas.slice(at, at + batchDeltas).map((delta) => ({ delta })));
        await store.close();
      },
      (repetition) => writeAlone(context, frames, repetition),
    ]);
    if (lanes === undefined || ours === undefined || alone === undefined)
      throw new Error('a side was not measured');
    const shared = { checksum: checksum.hex, targets: [] };
    return [
      {
        ...shared,
        what: 'through queue, log and index',
        ...lanes,
        ratio: lanes.rate / alone.rate,
        targets: [
          { field: 'ratio', bound: 'at least', value: 0.7 },
          { field: 'rate', bound: 'at least', value: 150_000 },
        ],
      },
      { ...shared, what: 'log and index in one thread', ...ours, ratio: ours.rate / alone.rate },
      { ...shared, what: 'lmdb-js alone', ...alone },
    ];
  },
};

/** As the daemon does it; it ends when the last delta is on disk and in the index. */
async function writeThroughLanes(
  context: BenchContext,
  drafts: readonly Delta[],
  repetition: number,
): Promise<void> {
  const key = NodeKey.fromPkcs8(
    generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  );
  const stores = await openLmdbStores({
    paths: homePaths(join(context.scratch, `lanes-${repetition}`)),
    key,
    clock: systemClock,
    logger: silentLogger,
    mapSizeBytes: 8 * 2 ** 30,
    ringCapacity: 10_000,
  });
  for (let at = 0; at < drafts.length; at += batchDeltas) {
    const batch = drafts.slice(at, at + batchDeltas);
    await stores.deltas.saveBatch(
      batch.map((draft) => ({ delta: { ...draft, source: key.nodeId, id: deltaId(key.nodeId, draft.seq) } })),
      'accepted',
    );
  }
  await stores.deltas.committed();
  while ((await stores.deltas.stats()).indexed < drafts.length) await delay(1);
  await stores.close();
}

async function writeAlone(
  context: BenchContext,
  frames: readonly Buffer[],
  repetition: number,
): Promise<void> {
  const database = open<Buffer, Uint8Array>({
    path: join(context.scratch, `alone-${repetition}`),
    // What the store sets too: a commit returns when it is on disk.
    overlappingSync: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    mapSize: 8 * 2 ** 30,
  });
  for (let at = 0; at < frames.length; at += batchDeltas) {
    database.transactionSync(() => {
      for (const [offset, frame] of frames.slice(at, at + batchDeltas).entries())
        database.putSync(positionKey(at + offset + 1), frame, { append: true });
    });
  }
  await database.close();
}
