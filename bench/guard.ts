/**
 * A few ratios that take seconds to measure, each between work of ours and plain work of the same kind in the same moment: the machine
 * falls out of them. `npm run bench:baseline` writes them to baseline.json; a test holds them against it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { encodeDeltaBody } from '../src/delta/delta-body.ts';
import { attachConsumer } from '../src/queue/queue-consumer.ts';
import { createQueue } from '../src/queue/queue-producer.ts';
import { LmdbDeltaStore } from '../src/store/lmdb-delta-store.ts';
import { positionKey } from '../src/store/store-keys.ts';
import { claimOf, filledTable, grant } from './harness/locks.ts';
import { nodeKey, recordsOf, timeOf } from './harness/records.ts';

/** By name: how fast ours is against the plain work. More is better. */
export type Ratios = Readonly<Record<string, number>>;

const turns = 9;
const batch = 1000;

export async function measureRatios(): Promise<Ratios> {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-collab-guard-'));
  try {
    return {
      'encode a delta, against JSON.stringify': await encoding(),
      'push a frame, against a list of copies': await pushing(),
      'acquire and release, against a Map': await locking(),
      'append with an index, against lmdb-js alone': await appending(scratch),
      'range of 1000, against parsing 1000 lines of JSON': await ranging(scratch),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Work = () => Promise<unknown> | unknown;

/** Sides take turns; the least of the times of each: what else goes on on the machine only adds to them. */
async function ratio(ours: Work, plain: Work): Promise<number> {
  const times: [number[], number[]] = [[], []];
  for (let turn = 0; turn < turns; turn += 1) {
    times[0].push(await took(ours));
    times[1].push(await took(plain));
  }
  return Math.min(...times[1]) / Math.min(...times[0]);
}

async function took(work: Work): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function encoding(): Promise<number> {
  const deltas = recordsOf(0, batch);
  const each = (work: (delta: (typeof deltas)[number]) => unknown) => () => {
    for (let pass = 0; pass < 10; pass += 1) for (const delta of deltas) work(delta);
  };
  return ratio(each(encodeDeltaBody), each(JSON.stringify));
}

function pushing(): Promise<number> {
  const queue = createQueue(2 ** 20);
  const consumer = attachConsumer(queue.buffer);
  const frame = Uint8Array.from({ length: 300 }, (_, at) => at);
  const push = () => {
    for (let count = 0; count < 50_000; count += 1) {
      if (typeof queue.tryPush(frame, 1) === 'number') continue;
      consumer.take(100_000, 2 ** 20);
      consumer.release();
    }
  };
  const copy = () => {
    let copies: Uint8Array[] = [];
    for (let count = 0; count < 50_000; count += 1) {
      if (copies.length === 3000) copies = [];
      copies.push(frame.slice());
    }
    return copies;
  };
  return ratio(push, copy);
}

function locking(): Promise<number> {
  const table = filledTable(1000);
  const map = new Map<string, object>(Array.from({ length: 1000 }, (_, at) => [`file-${at}`, {}]));
  const claims = Array.from({ length: 1000 }, (_, at) => claimOf(at, 'agent-x', 500));
  const locks = () => {
    for (let pass = 0; pass < 5; pass += 1)
      for (const claim of claims) table.release(grant(table, claim).id, claim.agent);
  };
  const plain = () => {
    for (let pass = 0; pass < 5; pass += 1)
      for (const { targets } of claims) {
        const name = `${targets[0]?.path}:500`;
        map.set(name, { targets });
        map.delete(name);
      }
  };
  return ratio(locks, plain);
}

async function appending(scratch: string): Promise<number> {
  await using store = await LmdbDeltaStore.open(join(scratch, 'append'), { node: nodeKey.nodeId });
  const alone = open<Buffer, Uint8Array>({
    path: join(scratch, 'alone'),
    overlappingSync: false,
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  let saved = 0;
  let put = 0;
  const bodies = recordsOf(0, batch).map((delta) => Buffer.from(encodeDeltaBody(delta)));
  const ours = () => {
    const deltas = recordsOf(saved, batch);
    saved += batch;
    return store.saveBatch(deltas.map((delta) => ({ delta })));
  };
  const plain = () =>
    alone.transactionSync(() => {
      for (const body of bodies) alone.putSync(positionKey(++put), body, { append: true });
    });
  const found = await ratio(ours, plain);
  await alone.close();
  return found;
}

async function ranging(scratch: string): Promise<number> {
  await using store = await LmdbDeltaStore.open(join(scratch, 'range'), { node: nodeKey.nodeId });
  for (let from = 0; from < 5 * batch; from += batch)
    await store.saveBatch(recordsOf(from, batch).map((delta) => ({ delta })));
  const lines = recordsOf(2000, batch).map((delta) => JSON.stringify(delta));
  const ours = () => store.getRange(timeOf(2000), timeOf(3000));
  return await ratio(ours, () => lines.map((line) => JSON.parse(line)));
}
