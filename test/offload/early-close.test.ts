/** A thread that is ended while it loads a native addon, or requires an ES module, ends the whole process: this file would die, not fail. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CollabError } from '../../src/base/errors.ts';
import { poolTask } from '../../src/offload/worker-url.ts';
import { closeLoadGate, createLoadGate, loadThrough } from '../../src/queue/load-gate.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const rounds = 25;
/** Covers the start of a thread up to its first transaction, on a quiet machine. */
const longestLifeMs = 120;

describe('closing early', () => {
  it('ends lanes and reads at any moment of their start, and the process lives', async (t) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const disk = new StoresOnDisk();
    t.after(() => disk.remove());
    for (let round = 0; round < rounds; round++) {
      const stores = await disk.open();
      const reads = [stores.audit.query({}), stores.audit.query({})].map((read) =>
        read.then(
          ({ events }) => assert.deepEqual(events, []),
          (error: unknown) => {
            assert.ok(error instanceof CollabError, String(error));
            assert.match(error.code, /^STORE_(CLOSED|UNAVAILABLE)$/);
          },
        ),
      );
      await delay(random.int(0, longestLifeMs));
      await stores.close();
      await Promise.all(reads);
    }
  });

  const tracing = '--trace-require-module';
  const canTrace =
    process.allowedNodeEnvironmentFlags.has(tracing) && poolTask('lane').filename.endsWith('.cjs');
  it('requires no ES module in the threads of a pool (needs the build and --trace-require-module)', {
    skip: !canTrace,
  }, async () => {
    for (const name of ['lane', 'read'] as const) {
      const options = { ...poolTask(name), minThreads: 1, maxThreads: 1, atomics: 'disabled' };
      const script = `import { Piscina } from 'piscina';
        const pool = new Piscina(${JSON.stringify(options)});
        pool.on('error', () => {});
        console.log(await pool.run({}).then(JSON.stringify, String));
        await pool.destroy();`;
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [
        `${tracing}=all`,
        ...['--input-type=module', '-e', script],
      ]);
      assert.match(stdout, /error/i, 'the task did not get as far as its input, which is none');
      assert.doesNotMatch(stderr, /is loading ES Module/);
    }
  });

  it('waits for what is being loaded, and lets nobody begin after', async () => {
    const gate = createLoadGate();
    let loaded: () => void = () => {};
    const loading = loadThrough(
      gate,
      () => new Promise<string>((resolve) => (loaded = () => resolve('addon'))),
    );
    let closed = false;
    const closing = closeLoadGate(gate).then(() => {
      closed = true;
    });
    assert.equal(await loadThrough(gate, () => assert.fail('loads behind a closed gate')), undefined);
    await delay(50);
    assert.equal(closed, false);
    loaded();
    assert.equal(await loading, 'addon');
    await closing;
  });

  it('opens the way again for those who wait when a load fails', async () => {
    const gate = createLoadGate();
    await assert.rejects(
      loadThrough(gate, () => Promise.reject(new Error('no such addon'))),
      /no such addon/,
    );
    await closeLoadGate(gate);
    assert.equal(await loadThrough(gate, async () => 'addon'), undefined);
  });
});
