import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Environment, openEnvironment } from '../../src/store/environment.ts';
import { freeShare, inspectEnvironment, newestTransaction } from '../../src/store/inspect.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { alterFile, copyStores, makeStores, type Places, placesIn } from './damage-fixture.ts';
import { type Layout, layoutOf, page, pageDamages } from './page-damages.ts';
import { tempDirectory } from './store-fixture.ts';

describe('a look at the pages of a file', () => {
  const directory = tempDirectory({ after: (remove) => after(remove as () => void) });
  let original: Places;
  let layout: Layout;
  before(async () => {
    original = await makeStores(join(directory, 'original'));
    layout = layoutOf(original.delta);
    assert.ok(layout.overflow > 0, 'the log has a value in pages of its own');
  });

  it('finds nothing wrong with what was written, and counts all of it', () => {
    for (const store of ['delta', 'index', 'audit'] as const) {
      const { problems, freePages, fileBytes } = inspectEnvironment(original[store]);
      assert.deepEqual(problems, []);
      assert.deepEqual(freeShare(original[store]), { fileBytes, freeBytes: freePages * page });
      // The index is small: each of its pages holds the keys of a hundred deltas.
      assert.ok(freePages > (store === 'index' ? 2 : 10));
    }
    assert.ok(newestTransaction(original.delta) > 10);
  });

  for (const [name, words, alter] of pageDamages)
    it(`finds damage: ${name}`, () => {
      const places = copyStores(original, join(directory, 'damaged'));
      alterFile(places.delta, (bytes) => alter(bytes, layout));
      const found = inspectEnvironment(places.delta).problems.map(({ what }) => what);
      assert.match(found.join('; '), words);
    });

  it('takes a file that is not there, or empty, for none', (t) => {
    const empty = tempDirectory(t);
    assert.equal(inspectEnvironment(empty).exists, false);
    writeFileSync(join(empty, 'data.mdb'), '');
    const { exists, problems } = inspectEnvironment(empty);
    assert.deepEqual({ exists, problems }, { exists: false, problems: [] });
    assert.deepEqual([newestTransaction(empty), freeShare(empty).fileBytes], [0, 0]);
  });

  it('survives bytes drawn at random, in all of the file or in one page', () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const noise = (bytes: Buffer, from: number, to: number) => {
      for (let at = from; at < to; at++) bytes[at] = random.int(0, 255);
    };
    for (let round = 0; round < 60; round++) {
      const places = copyStores(original, join(directory, 'damaged'));
      alterFile(places.delta, (bytes) => {
        const from = round < 5 ? 0 : random.int(0, bytes.length / page - 1) * page;
        noise(bytes, from, round < 5 ? bytes.length : from + page);
      });
      // A page that nothing leads to may hold anything; all else shows.
      const { problems } = inspectEnvironment(places.delta);
      if (round < 5) assert.ok(problems.length > 0, `seed ${seed}`);
    }
  });
});

describe('the pages of an environment', () => {
  const text = (number: number) => Buffer.from(`key ${String(number).padStart(6, '0')}`);

  function sound(environment: Environment): void {
    assert.deepEqual(inspectEnvironment(environment.directory).problems, []);
  }

  it('are sound when it is empty, and when a table is', async (t) => {
    const environment = openEnvironment(tempDirectory(t), { durability: 'flush' });
    sound(environment);
    environment.table('one');
    environment.table('two');
    sound(environment);
    await environment.close();
    sound(environment);
  });

  it('are sound however the tree grows and shrinks, with values of every size', async (t) => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const environment = openEnvironment(tempDirectory(t), { durability: 'no-meta-sync' });
    const tables = ['a', 'b', 'c'].map((name) => environment.table(name));
    for (let round = 0; round < 120; round++) {
      environment.write(() => {
        for (let step = random.int(1, 400); step > 0; step--) {
          const table = random.pick(tables);
          const key = text(random.int(0, round < 60 ? 20_000 : 500));
          const size = random.chance(0.05) ? random.int(2000, 30_000) : random.int(0, 300);
          if (random.chance(round < 60 ? 0.2 : 0.6)) table.remove(key);
          else table.put(key, Buffer.alloc(size, step));
        }
        if (random.chance(0.03)) random.pick(tables).clear();
      });
      const { problems } = inspectEnvironment(environment.directory);
      assert.deepEqual(problems, [], `seed ${seed}, round ${round}`);
    }
    await environment.close();
  });

  it('are sound while a long list of free pages is used up', async (t) => {
    const environment = openEnvironment(tempDirectory(t), { durability: 'no-meta-sync' });
    const table = environment.table('a');
    environment.write(() => {
      for (let at = 0; at < 30_000; at++) table.put(text(at), Buffer.alloc(500, at));
    });
    // Many pages at once, which later transactions then take bit by bit.
    environment.write(() => {
      for (let at = 0; at < 30_000; at++) if (at % 32 < 16) table.remove(text(at));
    });
    for (let part = 0; part < 30; part++) {
      environment.write(() => table.put(text(part), Buffer.alloc(500)));
      assert.deepEqual(inspectEnvironment(environment.directory).problems, []);
    }
    const { problems, freePages } = inspectEnvironment(environment.directory);
    assert.deepEqual(problems, []);
    assert.ok(freePages > 1000, `${freePages} free pages`);
    await environment.close();
  });
});

describe('stores whose writer is killed at any time', () => {
  const program = fileURLToPath(new URL('./store-churn.ts', import.meta.url));
  /** For a long run: CHURN_KILLS=200. */
  const kills = Number(process.env.CHURN_KILLS ?? 4);

  it('are found sound at each start, with digests that are right', async (t) => {
    const directory = tempDirectory(t);
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let kill = 0; kill < kills; kill++) {
      const arguments_ = ['--import', 'tsx', program, directory, String(seed + kill)];
      const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] });
      let steps = 0;
      const last = random.int(1, 60);
      child.stdout.on('data', (dots: Buffer) => {
        steps += dots.length;
        if (steps >= last) child.kill('SIGKILL');
      });
      const [, signal] = await once(child, 'exit');
      assert.equal(signal, 'SIGKILL', `seed ${seed}, kill ${kill}: the writer ended by itself`);
      const { delta, index, audit } = await checkAtStart(placesIn(directory));
      const problems = [...delta.problems, ...index.problems, ...audit.problems];
      assert.deepEqual(problems, [], `seed ${seed}, kill ${kill} after ${steps} steps`);
    }
  });
});
