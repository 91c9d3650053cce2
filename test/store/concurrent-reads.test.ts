import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { ProjectId } from '../../src/base/ids.ts';
import { verifyInChild } from '../../src/offload/verify-child.ts';
import { openIndexEnvironment } from '../../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { verifyStores } from '../../src/store/verify.ts';
import type { BusyJob } from './busy-writer.ts';
import { positions } from './contract-fixture.ts';
import { own } from './log-fixture.ts';
import { tempDirectory } from './store-fixture.ts';

const everything = { limit: 10_000 };

/** Another thread that appends, indexes and compacts, once it is let. */
async function busyWriter(directory: string, rounds: number) {
  const places = {
    delta: join(directory, 'delta'),
    index: join(directory, 'index'),
    audit: join(directory, 'audit'),
  };
  const committed = new Int32Array(new SharedArrayBuffer(4));
  // By way of tsx's API: a worker does not inherit the hooks of --import tsx on Node 20.
  const file = new URL('./busy-writer.ts', import.meta.url).href;
  const boot = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
  const workerData: BusyJob = { ...places, rounds, committed };
  const worker = new Worker(boot, { eval: true, workerData });
  let isRunning = true;
  const ended = new Promise<number>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) => {
      isRunning = false;
      resolve(code);
    });
  });
  await new Promise((resolve) => worker.once('message', resolve));
  return {
    places,
    committed: () => Atomics.load(committed, 0),
    isRunning: () => isRunning,
    ended,
    begin: () => {
      Atomics.store(committed, 0, 1);
      Atomics.notify(committed, 0);
    },
  };
}

it('answers completely while another thread appends, indexes and compacts', async (t) => {
  const rounds = 300;
  const { places, committed, isRunning, ended, begin } = await busyWriter(tempDirectory(t), rounds);
  const reader = await DeltaReader.open(places);
  begin();
  let asked = 0;
  while (isRunning()) {
    // Some queries in one turn, as a busy main thread has them; then a turn, so that the end is noticed.
    for (let i = 0; i < 5; i++, asked++) checkAnswers(reader, committed());
    await setImmediate();
  }
  assert.equal(await ended, 0);
  checkAnswers(reader, 3 * rounds);
  await reader.close();
  t.diagnostic(`${asked} times six queries`);
  assert.deepEqual((await verifyStores(places)).problems, []);
});

it('finds nothing wrong beside one who never pauses', async (t) => {
  const { places, isRunning, ended, begin } = await busyWriter(tempDirectory(t), 3000);
  begin();
  let looks = 0;
  for (; isRunning(); looks++) assert.deepEqual((await verifyStores(places)).problems, []);
  assert.equal(await ended, 0);
  assert.ok(looks > 2, `${looks}`);
  t.diagnostic(`verified ${looks} times`);
});

it('finds nothing wrong, and looks at the index too, in a process beside one who never pauses', async (t) => {
  const { places, isRunning, ended, begin } = await busyWriter(tempDirectory(t), 800);
  begin();
  const entries: number[] = [];
  while (isRunning()) {
    // As the daemon does: the other process has a lock file of its own.
    const environments = [openIndexEnvironment(places.index), openDeltaEnvironment(places.delta)];
    const pins = environments.map((environment) => environment.pin());
    const { problems, checked } = await verifyInChild({ places });
    for (const release of pins) release();
    for (const environment of environments) await environment.close();
    assert.deepEqual(problems, []);
    entries.push(checked.indexEntries);
  }
  assert.equal(await ended, 0);
  assert.ok(entries.length > 0);
  assert.deepEqual(
    entries.slice(1).filter((count) => count === 0),
    [],
    'the index was passed over',
  );
  t.diagnostic(`index entries: ${entries}`);
});

/** Positions are a run that ends at or above what was committed before the question, whatever part answers them. */
function checkAnswers(reader: DeltaReader, committed: number): void {
  const since = positions(reader.getSince({}, everything));
  assertRun(since, committed, 'since');
  assertRun(positions(reader.getLatest(everything)).reverse(), committed, 'latest');
  const times = positions(reader.getRange(0 as never, Number.MAX_SAFE_INTEGER as never, everything));
  assertRun(
    times.sort((a, b) => a - b),
    committed,
    'range',
  );
  const seqs = reader.getBySource(own.id, 10_000).map(({ seq }) => seq);
  seqs.forEach((seq, i) => {
    assert.equal(seq, (seqs[0] ?? 0) - i, 'source');
  });
  assert.ok((seqs[0] ?? 0) >= Math.floor(committed / 3) * 2);
  const project = 'github.com/acme/app' as ProjectId;
  const paths = positions(reader.getByPath({ project, path: '.', subtree: true, limit: 10_000 }));
  paths.forEach((position, i) => {
    assert.equal(position, (paths[0] ?? 0) - 3 * i, 'path');
  });
}

function assertRun(found: readonly number[], committed: number, query: string): void {
  found.forEach((position, i) => {
    assert.equal(position, (found[0] ?? 0) + i, query);
  });
  assert.ok((found.at(-1) ?? 0) >= (committed <= 1 ? 0 : committed), `${query} ends before ${committed}`);
}
