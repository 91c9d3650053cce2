import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CursorHeap } from '../../src/store/cursor-heap.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { MetaTable } from '../../src/store/meta-table.ts';
import { BlockReader, BlockWriter, isSealed, maxRunKeyBytes, sealBlock } from '../../src/store/run-block.ts';
import { RunCare, RunMerge, TableWriter } from '../../src/store/run-merge.ts';
import { positionInKey, type Run, SortedRuns } from '../../src/store/sorted-runs.ts';
import { withTail } from '../../src/store/store-keys.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import { hasCode } from './contract-fixture.ts';
import { tempDirectory } from './store-fixture.ts';

function openRuns(t: TestContext) {
  const environment = openEnvironment(tempDirectory(t), { durability: 'no-meta-sync', writer: true });
  t.after(() => environment.close());
  const runs = new SortedRuns(environment.table('blocks'), new MetaTable(environment.table('meta')));
  return { environment, runs, care: new RunCare(environment, runs) };
}

/** Keys that begin alike, of any length, one for each position from `first` on. */
function drawKeys(random: SeededRandom, first: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => {
    const text = `${'src/'.repeat(random.int(0, 3))}${random.int(0, 40)}${'x'.repeat(random.int(0, 10) === 0 ? 500 : 3)}`;
    return withTail(Buffer.from(text), first + at, random.int(0, 7));
  });
}

function addRun(
  { environment, runs }: ReturnType<typeof openRuns>,
  first: number,
  keys: readonly Buffer[],
): Run {
  const writer = new TableWriter();
  for (const key of keys.toSorted(Buffer.compare)) writer.add(key, 0, key.length);
  const span = { first, last: first + keys.length - 1, times: [1, 2] } as const;
  return environment.write(() => runs.add({ span, tables: [writer.finish()] }));
}

function read(runs: SortedRuns, run: Run, range: Parameters<SortedRuns['keys']>[2] = {}): string[] {
  const found: string[] = [];
  for (const { key, length } of runs.keys(run, 0, range)) found.push(key.toString('latin1', 0, length));
  return found;
}

const texts = (keys: readonly Buffer[]) => keys.toSorted(Buffer.compare).map((key) => key.toString('latin1'));

describe('a sorted run', () => {
  const seed = testSeed();

  it('gives the keys of any range, in either order', (t) => {
    const random = seededRandom(seed);
    const opened = openRuns(t);
    for (const count of [1, 2, 500, 3000]) {
      const first = (opened.runs.live().at(-1)?.last ?? 0) + 1;
      const keys = drawKeys(random, first, count);
      const run = addRun(opened, first, keys);
      assert.deepEqual(read(opened.runs, run), texts(keys), `seed ${seed}`);
      for (let ask = 0; ask < 60; ask++) {
        const bounds = [random.pick(keys), random.pick(keys)].map((key) =>
          key.subarray(0, random.int(1, key.length)),
        );
        const [from, to] = bounds.toSorted(Buffer.compare);
        if (from === undefined || to === undefined) continue;
        const within = keys.filter((key) => key.compare(from) >= 0 && key.compare(to) < 0);
        assert.deepEqual(read(opened.runs, run, { from, to }), texts(within), `seed ${seed}`);
        const down = read(opened.runs, run, { from, to, reverse: true });
        assert.deepEqual(down.reverse(), texts(within), `seed ${seed}`);
      }
    }
  });

  it('is merged with its neighbours, whole or in steps, without what lies below a floor', (t) => {
    const random = seededRandom(seed);
    for (const floor of [0, 400, 5000]) {
      const opened = openRuns(t);
      const keys: Buffer[] = [];
      while (keys.length < 2000) {
        const batch = drawKeys(random, keys.length + 1, random.int(1, 700));
        addRun(opened, keys.length + 1, batch);
        keys.push(...batch);
      }
      const { environment, runs } = opened;
      const kept = texts(keys.filter((key) => positionInKey({ key, length: key.length }) >= floor));
      environment.write(() => new RunMerge(runs, runs.live(), floor).runWhole());
      const [merged, ...others] = runs.live();
      assert.ok(merged !== undefined && others.length === 0);
      assert.deepEqual(read(runs, merged), kept, `seed ${seed}, floor ${floor}`);
      assert.deepEqual(merged.keys, [kept.length]);
      assert.equal(merged.last, keys.length);
      let steps = 0;
      for (const _ of opened.care.rewrite(merged, floor + 100)) steps++;
      assert.ok(steps > 0);
      const rewritten = runs.live()[0];
      assert.ok(rewritten);
      const still = keys.filter((key) => positionInKey({ key, length: key.length }) >= floor + 100);
      assert.deepEqual(read(runs, rewritten), texts(still));
      while (opened.care.sweep());
      assert.equal(runs.blocks.count(), rewritten.blocks[0]);
    }
  });

  it('of a few keys is merged and removed in the transaction that adds the next', (t) => {
    const opened = openRuns(t);
    const { environment, runs, care } = opened;
    const keys = drawKeys(seededRandom(seed), 1, 300);
    for (const [at, key] of keys.entries()) {
      addRun(opened, at + 1, [key]);
      environment.write(() => care.mergeSmall());
      const { live, dropped } = runs.state();
      assert.deepEqual(dropped, []);
      assert.equal(
        runs.blocks.count(),
        live.reduce((sum, { blocks }) => sum + (blocks[0] ?? 0), 0),
      );
    }
    assert.ok(runs.live().length < 24);
    assert.deepEqual(
      texts(
        runs
          .live()
          .flatMap((run) => read(runs, run))
          .map((text) => Buffer.from(text, 'latin1')),
      ),
      texts(keys),
    );
  });

  it('that was dropped is removed with others of its kind, so many blocks at a time', (t) => {
    const opened = openRuns(t);
    const { environment, runs } = opened;
    const random = seededRandom(seed);
    for (const [at, count] of [2, 2000, 2, 2, 2].entries())
      addRun(opened, at * 3000 + 1, drawKeys(random, at * 3000 + 1, count));
    const [, large] = runs.live();
    const largeBlocks = large?.blocks[0] ?? 0;
    assert.ok(largeBlocks > 3);
    environment.write(() => runs.dropBelow(12_001));
    const sweep = (most: number) => environment.write(() => runs.sweep(most));
    const left = () => [runs.state().dropped.length, runs.blocks.count()];
    const kept = runs.live()[0]?.blocks[0] ?? 0;
    assert.deepEqual(left(), [4, 3 + largeBlocks + kept]);
    // The first whole, and a part of the second.
    assert.equal(sweep(3), true);
    assert.deepEqual(left(), [3, largeBlocks + kept]);
    assert.equal(sweep(largeBlocks + 10), true);
    assert.deepEqual(left(), [0, kept]);
    assert.equal(sweep(3), false);
  });

  it('that was dropped while it was merged leaves the merge without effect', (t) => {
    const opened = openRuns(t);
    const random = seededRandom(seed);
    for (const first of [1, 101]) addRun(opened, first, drawKeys(random, first, 100));
    const { environment, runs } = opened;
    const merge = new RunMerge(runs, runs.live(), 0);
    environment.write(() => {
      const state = runs.state();
      runs.save({ ...state, next: state.next + 1, building: [state.next] });
    });
    const run = runs.state().building[0] ?? 0;
    environment.write(() => runs.dropBelow(101));
    const blocks = merge.read(Number.POSITIVE_INFINITY);
    assert.equal(
      environment.write(() => merge.write(run, blocks)),
      false,
    );
    assert.deepEqual(
      runs.live().map(({ first, last }) => [first, last]),
      [[101, 200]],
    );
    while (opened.care.sweep());
    assert.equal(runs.blocks.count(), runs.live()[0]?.blocks[0]);
    assert.deepEqual(runs.state().building, []);
  });

  it('that a thread which ended was writing is removed, and no number is given twice', (t) => {
    const opened = openRuns(t);
    const { environment, runs, care } = opened;
    const run = addRun(opened, 1, drawKeys(seededRandom(seed), 1, 300));
    const walk = care.rewrite(run, 10);
    environment.write(() => {
      const state = runs.state();
      runs.save({ ...state, next: state.next + 1, building: [...state.building, state.next] });
      const writer = new TableWriter();
      writer.add(Buffer.from('left over'), 0, 9);
      runs.putBlocks(state.next, [writer.finish()]);
    });
    environment.write(() => runs.abandonBuilding());
    assert.equal(runs.state().dropped.length, 1);
    for (const _ of walk);
    while (care.sweep());
    const { next, live, building, dropped } = runs.state();
    assert.deepEqual([live.length, building, dropped], [1, [], []]);
    assert.equal(runs.blocks.count(), live[0]?.blocks[0]);
    environment.write(() => runs.reset(next));
    assert.ok(addRun(opened, 1, drawKeys(seededRandom(seed), 1, 3)).run >= next);
  });

  it('stays few, however many batches of one delta come', (t) => {
    const opened = openRuns(t);
    const random = seededRandom(seed);
    const keys: Buffer[] = [];
    let most = 0;
    for (let position = 1; position <= 700; position++) {
      const batch = drawKeys(random, position, 1);
      addRun(opened, position, batch);
      opened.environment.write(() => opened.care.mergeSmall());
      keys.push(...batch);
      most = Math.max(most, opened.runs.live().length);
    }
    assert.ok(most <= 28, `${most} runs`);
    while (opened.care.step(false));
    const all = opened.runs.live().flatMap((run) => read(opened.runs, run));
    assert.deepEqual(all.sort(), texts(keys).sort(), `seed ${seed}`);
  });
});

describe('a block', () => {
  const storedKey = Buffer.from('where it lies');

  it('takes keys up to the longest, and says when it is full', () => {
    const writer = new BlockWriter();
    const long = Buffer.alloc(maxRunKeyBytes, 1);
    let taken = 0;
    for (; ; taken++) {
      long[0] = taken + 1;
      if (!writer.tryAdd(long, 0, long.length)) break;
    }
    assert.equal(taken, 6);
    const { first, bytes } = writer.take() ?? assert.fail();
    assert.deepEqual([first.length, first[0], writer.take()], [maxRunKeyBytes, 1, undefined]);
    const reader = new BlockReader();
    reader.load(storedKey, sealBlock(storedKey, bytes));
    for (let at = 1; reader.next(); at++)
      assert.deepEqual([reader.key[0], reader.length], [at, maxRunKeyBytes]);
  });

  it('refuses keys that do not ascend, and those that are too long', () => {
    for (const next of ['b', 'a', 'az', 'b'.repeat(maxRunKeyBytes + 1), '']) {
      const writer = new BlockWriter();
      assert.equal(writer.tryAdd(Buffer.from('b'), 0, 1), true);
      assert.throws(
        () => writer.tryAdd(Buffer.from(next), 0, next.length),
        /ascend|length/,
        next.slice(0, 5),
      );
    }
  });

  it('is not read when a bit of it is another, under another key, or when it is no block', () => {
    const random = seededRandom(testSeed());
    const writer = new BlockWriter();
    for (const key of ['a', 'ab', 'b']) writer.tryAdd(Buffer.from(key), 0, key.length);
    const bytes = sealBlock(storedKey, (writer.take() ?? assert.fail()).bytes);
    assert.equal(isSealed(Buffer.from('elsewhere'), bytes), false);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => new BlockReader().load(storedKey, flipped), hasCode('STORE_DAMAGED'));
    }
    for (let round = 0; round < 500; round++) {
      const noise = Buffer.from(Array.from({ length: random.int(0, 60) }, () => random.int(0, 255)));
      assert.throws(() => new BlockReader().load(storedKey, noise), hasCode('STORE_DAMAGED'));
      // And with a checksum that fits: it ends, or says that it is damaged.
      if (noise.length < 5) continue;
      const reader = new BlockReader();
      reader.load(storedKey, sealBlock(storedKey, noise));
      try {
        while (reader.next()) assert.ok(reader.length <= maxRunKeyBytes);
      } catch (error) {
        assert.ok(hasCode('STORE_DAMAGED')(error));
      }
    }
  });
});

describe('a heap of cursors', () => {
  it('gives what all have in one order', () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const lists = Array.from({ length: random.int(0, 9) }, () =>
        Array.from({ length: random.int(0, 20) }, () => random.int(0, 255)).sort((a, b) => a - b),
      );
      const heap = new CursorHeap(
        lists.map((list) => {
          let at = -1;
          const key = Buffer.alloc(1);
          return {
            key,
            length: 1,
            next() {
              key[0] = list[++at] ?? 0;
              return at < list.length;
            },
          };
        }),
      );
      const found: number[] = [];
      for (; heap.least !== undefined; heap.advance()) found.push(heap.least.key[0] ?? 0);
      assert.deepEqual(
        found,
        lists.flat().sort((a, b) => a - b),
        `seed ${seed}`,
      );
    }
  });
});
