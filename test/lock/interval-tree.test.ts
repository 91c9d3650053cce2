import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Interval, IntervalTree } from '../../src/lock/interval-tree.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const seed = testSeed();

function found(tree: IntervalTree<number>, start: number, end: number): number[] {
  const values: number[] = [];
  tree.visit(start, end, { visit: (value) => values.push(value) === 0 });
  return values;
}

test(`answers as an array does while ranges come and go (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 20; round += 1) {
    const tree = new IntervalTree<number>();
    const model: Interval<number>[] = [];
    const maxLine = random.pick([5, 50, 1000]);
    for (let step = 0; step < 400; step += 1) {
      if (model.length > 0 && random.chance(step < 250 ? 0.3 : 0.7)) {
        const [gone] = model.splice(random.int(0, model.length - 1), 1);
        assert(gone);
        tree.remove(gone);
      } else {
        const start = random.int(1, maxLine);
        const end = Math.min(maxLine, start + random.int(0, random.pick([0, 3, maxLine])));
        model.push(tree.insert(start, end, step));
      }
      const start = random.int(1, maxLine);
      const end = random.int(start, maxLine);
      const expected = model.filter((range) => range.start <= end && range.end >= start);
      assert.equal(tree.size, model.length);
      assert.deepEqual(
        found(tree, start, end).sort((a, b) => a - b),
        expected.map((range) => range.value).sort((a, b) => a - b),
      );
    }
  }
});

test('shows ranges by rising start and stops when told to', () => {
  const tree = new IntervalTree<number>();
  for (const start of [5, 1, 3, 9, 7]) tree.insert(start, start + 1, start);
  assert.deepEqual(found(tree, 1, 100), [1, 3, 5, 7, 9]);
  const seen: number[] = [];
  assert(tree.visit(1, 100, { visit: (value) => seen.push(value) === 2 }));
  assert.deepEqual(seen, [1, 3]);
});

test('ranges touch at their inclusive ends and nowhere else', () => {
  const tree = new IntervalTree<number>();
  tree.insert(10, 20, 1);
  assert.deepEqual(found(tree, 1, 9), []);
  assert.deepEqual(found(tree, 1, 10), [1]);
  assert.deepEqual(found(tree, 20, 30), [1]);
  assert.deepEqual(found(tree, 21, 30), []);
});

test('a hundred thousand ranges in rising order neither slow down nor overflow the stack', {
  timeout: 20_000,
}, () => {
  const tree = new IntervalTree<number>();
  const handles: Interval<number>[] = [];
  for (let at = 0; at < 100_000; at += 1) handles.push(tree.insert(at * 10 + 1, at * 10 + 9, at));
  for (let at = 0; at < 100_000; at += 1) assert.deepEqual(found(tree, at * 10 + 5, at * 10 + 5), [at]);
  for (const handle of handles) tree.remove(handle);
  assert.equal(tree.size, 0);
  assert.deepEqual(found(tree, 1, 1e9), []);
});

test('a range that is not in the tree cannot be removed', () => {
  const tree = new IntervalTree<number>();
  const range = tree.insert(1, 2, 1);
  tree.remove(range);
  assert.throws(() => tree.remove(range), { name: 'AssertionError' });
  assert.throws(() => tree.insert(2, 1, 1), { name: 'AssertionError' });
});
