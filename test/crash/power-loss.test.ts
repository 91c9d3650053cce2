/** A short round of `npm run crash-test -- --power-loss`, and bugs that it must find. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { keepFailures } from '../../crash-tests/power-loss/failures.ts';
import { findPlantedLosses } from '../../crash-tests/power-loss/planted-losses.ts';
import { plantings } from '../../crash-tests/power-loss/plantings.ts';
import { failPower, type Recorded, recorded, straceWorks } from '../../crash-tests/power-loss/power-loss.ts';
import { testSeed } from '../support/seed.ts';

const seed = testSeed();
const skip = straceWorks() ? false : 'strace is missing or may not trace here: apt-get install strace';
/** Few: the campaign has thousands. */
const states = 15;
const common = { seed, program: 'built', jobs: 1 } as const;

describe('a power loss, unless nothing can be traced here', { skip }, () => {
  let directory = '';
  let whole: Recorded;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'agent-collab-loss-'));
    const options = { ...common, states, answers: 20, say: () => {} };
    whole = await recorded(options, join(directory, 'recording'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it(`loses nothing that was answered as flushed, in ${states} states`, async () => {
    const told: string[] = [];
    const say = (line: string) => void told.push(line);
    const failed = await failPower({ ...common, states, say, daemonEvery: 10 }, whole);
    const text = told.join('\n');
    assert.equal(failed, 0, `seed ${seed}\n${text}`);
    assert.match(text, new RegExp(`^${states} distinct states, 1 of them opened by the daemon itself`, 'm'));
    assert.match(text, /meta page torn inside a sector [1-9]/);
    assert.match(text, /^0 states broke a promise$/m);
    assert.doesNotMatch(text, /FAILED|evidence/);
  });

  it('finds on disk what a start finds: it syncs each store before it writes to any', () => {
    const stores = ['delta', 'index', 'audit'].map((store) => `home/lmdb/${store}/data.mdb`);
    for (const life of [1, 2]) {
      const own = whole.operations.filter((one) => one.life === life);
      const firstWrite = own.findIndex((one) => one.kind === 'write' && stores.includes(one.path));
      assert.ok(firstWrite > 0);
      // The index is derived, and nothing speaks of what it holds.
      for (const store of stores.filter((path) => !path.includes('index'))) {
        const synced = own.findIndex((one) => one.kind === 'sync' && one.path === store);
        assert.ok(synced >= 0 && synced < firstWrite, `life ${life}, ${store}`);
      }
    }
  });

  const quick = plantings.filter(({ name }) => /meta page of the log|any directory|key that gets/.test(name));
  it(`shows ${quick.length} bugs that are planted into what was recorded`, async () => {
    assert.equal(quick.length, 3);
    const told: string[] = [];
    const say = (line: string) => void told.push(line);
    const options = { ...common, states: 60, say, daemonEvery: Number.POSITIVE_INFINITY };
    const { directory: recording } = whole;
    assert.equal(
      await findPlantedLosses({ ...options, recording }, quick),
      0,
      `seed ${seed}\n${told.join('\n')}`,
    );
    assert.equal(told.filter((line) => line.startsWith('found ')).length, 3);
  });
});

describe('the evidence of a power loss', () => {
  it('is the recording and the states that broke a promise', () => {
    const directory = mkdtempSync(join(tmpdir(), 'agent-collab-evidence-'));
    try {
      const [recorded, kept] = [join(directory, 'recorded'), join(directory, 'kept')];
      for (const path of [recorded, join(recorded, 'watched'), kept]) mkdirSync(path);
      for (const name of ['recording.json', 'trace-0.log', 'trace-12.log'])
        writeFileSync(join(recorded, name), name);
      writeFileSync(join(kept, 'of-an-earlier-failure'), '');
      const files = new Map([['key.json', Buffer.from('{}')]]);
      const failure = {
        drawn: {
          draw: { rule: 'strict', at: 7, variant: 'none', seed: 3 },
          moment: {
            operation: { kind: 'sync', path: 'a', begin: 1, end: 2, number: 4, life: 0 },
            edge: 'begin',
          },
          state: { files, key: 'k', pending: 1, torn: 0 },
          expectation: {
            deltas: new Map(),
            aged: new Map(),
            events: new Set<number>(),
            agedEvents: new Set<number>(),
            fence: 0,
            compaction: 'not begun',
            begun: true,
          },
          commitsLost: 0,
        },
        opened: { look: { sound: true, damage: [] }, failed: 'x' },
        problems: ['does not open: x'],
      } as const;
      keepFailures(recorded, kept, [failure]);
      assert.deepEqual(readdirSync(kept).sort(), [
        ...['recording.json', 'state-0', 'state-0.json', 'trace-0.log', 'trace-12.log'],
      ]);
      assert.equal(readFileSync(join(kept, 'state-0', 'key.json'), 'utf8'), '{}');
      const told = JSON.parse(readFileSync(join(kept, 'state-0.json'), 'utf8'));
      assert.deepEqual(told.draw, failure.drawn.draw);
      assert.deepEqual(told.problems, ['does not open: x']);
      // Run again on what was kept, it stays.
      keepFailures(kept, kept, []);
      assert.ok(existsSync(join(kept, 'trace-12.log')));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
