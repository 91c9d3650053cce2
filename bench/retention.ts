import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenStores } from '../src/daemon/stores.ts';
import { homePaths } from '../src/home/home-paths.ts';
import { openBenchStores, settled } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, figuresOf, median, repetitionsOf, spreadOf } from './harness/measure.ts';
import { deltaOf, nodeKey, timeOf } from './harness/records.ts';

const batchDeltas = 1000;
/** Between two saves of the agent that works on meanwhile. */
const saveEveryMs = 2;

/** What an agent that works on feels of it, and what the disk gets back. */
export const retention: BenchSpec = {
  name: 'retention',
  about:
    'drops the older half of a log and gives its bytes back, while an agent saves one delta after the other',
  async run(context) {
    const count = context.smoke ? 4 * batchDeltas : 200 * batchDeltas;
    const runs: Outcome[] = [];
    for (let repetition = 0; repetition < repetitionsOf(context); repetition += 1)
      runs.push(await dropHalf(join(context.scratch, String(repetition)), count));
    const checksum = new WorkChecksum();
    checksum.number(runs[0]?.dropped ?? 0);
    const shared = { checksum: checksum.hex };
    const given = runs.map(({ givenShare }) => givenShare);
    const stalls = runs.map(({ stalledMs }) => stalledMs * 1000);
    return [
      {
        ...shared,
        what: 'given back of the dropped bytes',
        ratio: median(given),
        spread: spreadOf(given),
        targets: [{ field: 'ratio', bound: 'at least', value: 0.9 }],
      },
      {
        ...shared,
        what: 'the persist lane stands still',
        p50: median(stalls),
        max: Math.max(...stalls),
        spread: spreadOf(stalls),
        targets: [{ field: 'max', bound: 'at most', value: 20_000 }],
      },
      { ...shared, what: 'a save, nothing dropped', ...saves(runs, 'quiet'), targets: [] },
      { ...shared, what: 'a save meanwhile', ...saves(runs, 'meanwhile'), targets: [] },
    ];
  },
};

interface Outcome {
  readonly dropped: number;
  /** Bytes that the files are shorter by, of those that the dropped deltas took. */
  readonly givenShare: number;
  readonly stalledMs: number;
  /** Of each save, in µs. */
  readonly quiet: readonly number[];
  readonly meanwhile: readonly number[];
}

function saves(runs: readonly Outcome[], when: 'quiet' | 'meanwhile') {
  const medians = runs.map((run) => figuresOf(run[when]).p50);
  return { ...figuresOf(runs.flatMap((run) => run[when])), spread: spreadOf(medians) };
}

async function dropHalf(directory: string, count: number): Promise<Outcome> {
  const stores = await openBenchStores(directory);
  for (let at = 0; at < count; at += batchDeltas) {
    const batch = Array.from({ length: batchDeltas }, (_, offset) =>
      deltaOf(nodeKey.nodeId, at + offset + 1, at + offset),
    );
    await stores.deltas.saveBatch(
      batch.map((delta) => ({ delta })),
      'accepted',
    );
  }
  await settled(stores);
  const before = fileBytes(directory);
  const saver = new Saver(stores, count);
  const quiet = await saver.during(() => delay(count / 400));
  let dropped = 0;
  let stalledMs = 0;
  const meanwhile = await saver.during(async () => {
    ({ dropped } = await stores.deltas.compact(timeOf(count / 2)));
    ({ stalledMs } = await stores.reclaim());
  });
  const bytesEach = before / count;
  const after = fileBytes(directory) - saver.saved * bytesEach;
  await stores.close();
  return { dropped, givenShare: (before - after) / (dropped * bytesEach), stalledMs, quiet, meanwhile };
}

function fileBytes(directory: string): number {
  const { deltaStore, indexStore } = homePaths(directory);
  return [deltaStore, indexStore].reduce((sum, store) => sum + statSync(join(store, 'data.mdb')).size, 0);
}

/** Saves one delta after the other, and waits for each until it is flushed. */
class Saver {
  readonly #stores: OpenStores;
  #next: number;
  saved = 0;

  constructor(stores: OpenStores, next: number) {
    this.#stores = stores;
    this.#next = next;
  }

  async during(work: () => Promise<unknown>): Promise<readonly number[]> {
    const samples: number[] = [];
    let over = false;
    const done = work().finally(() => {
      over = true;
    });
    while (!over) {
      const at = this.#next++;
      const start = performance.now();
      await this.#stores.deltas.save({ delta: deltaOf(nodeKey.nodeId, at + 1, at) }, 'flushed');
      samples.push((performance.now() - start) * 1000);
      this.saved += 1;
      await delay(saveEveryMs);
    }
    await done;
    return samples;
  }
}
