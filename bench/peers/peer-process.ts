/** The process of one side: its memory is its own. Works through what `peers.ts` asks for, one task after the other. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { payload, type Shape, sources, timeOf } from '../harness/records.ts';
import type { PeerRecord, PeerStore } from './peer.ts';
import { peers } from './sides.ts';

export interface PeerTask {
  readonly side: string;
  readonly directory: string;
  readonly shape: Shape;
  readonly sizes: PeerSizes;
}

export interface PeerSizes {
  /** Appended one by one, then in batches. */
  readonly single: number;
  readonly batched: number;
  readonly batch: number;
  /** Of each query. */
  readonly queries: number;
}

/** Times in µs, one for each call. */
export interface PeerTimes {
  readonly single: readonly number[];
  /** Of all batches together. */
  readonly batchedUs: number;
  readonly range: readonly number[];
  readonly last: readonly number[];
  /** From opening what is there to the first answer. */
  readonly loadUs: number;
  readonly diskBytes: number;
  readonly peakBytes: number;
}

async function measure({ side, directory, shape, sizes }: PeerTask): Promise<PeerTimes> {
  const peer = peers.find(({ name }) => name === side);
  if (peer === undefined) throw new Error(`there is no side ${side}`);
  const { single: singles, batched, batch, queries } = sizes;
  const store = await peer.open(directory);
  // Made before the clock runs: each side is given the same finished text.
  const one = records(0, singles, shape);
  const many = Array.from({ length: batched / batch }, (_, at) =>
    records(singles + at * batch, batch, shape),
  );

  const single = await times(one, (record) => store.append([record]));
  const batchedUs = await timeOfAll(async () => {
    for (const records of many) await store.append(records);
    await store.settle?.();
  });
  const count = singles + batched;
  const turns = Array.from({ length: queries }, (_, at) => at);
  // A prime step: neighbouring ranges would find each other's pages in the caches.
  const range = await times(turns, (at) =>
    expectCount(1000, store.range(...rangeAt((at * 7919) % (count - 1000)))),
  );
  const { last } = store;
  const lasts = last && (await times(turns, (at) => expectCount(100, last(at % sources.length, 100))));
  await store.close();
  const diskBytes = bytesIn(directory);

  let loaded: PeerStore | undefined;
  const loadUs = await timeOfAll(async () => {
    loaded = await peer.open(directory);
    await expectCount(1000, loaded.range(...rangeAt(count - 1000)));
  });
  await loaded?.close();
  rmSync(directory, { recursive: true });
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { single, batchedUs, range, last: lasts ?? [], loadUs, diskBytes, peakBytes };
}

function records(from: number, count: number, shape: Shape): readonly PeerRecord[] {
  return Array.from({ length: count }, (_, offset) => {
    const at = from + offset;
    const value = payload(at, shape);
    return {
      position: at + 1,
      source: at % sources.length,
      seq: Math.floor(at / sources.length) + 1,
      time: timeOf(at),
      value,
      json: JSON.stringify(value),
    };
  });
}

function rangeAt(at: number): [number, number] {
  return [timeOf(at), timeOf(at + 1000)];
}

async function expectCount(wanted: number, found: Promise<number> | number): Promise<void> {
  const count = await found;
  if (count !== wanted) throw new Error(`${count} records were found instead of ${wanted}`);
}

async function times<T>(
  each: readonly T[],
  work: (item: T) => Promise<void> | void,
): Promise<readonly number[]> {
  const samples: number[] = [];
  for (const item of each) samples.push(await timeOfAll(() => work(item)));
  return samples;
}

async function timeOfAll(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) * 1000;
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

process.on('message', (task: PeerTask) => {
  void measure(task).then((result) => process.send?.(result));
});
