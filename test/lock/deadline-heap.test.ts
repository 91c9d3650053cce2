import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineHeap, type HeapItem } from '../../src/lock/deadline-heap.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const seed = testSeed();

test(`has the soonest item on top, the earlier one first at one instant (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  const heap = new DeadlineHeap<HeapItem>();
  const model: HeapItem[] = [];
  for (let step = 0; step < 5000; step += 1) {
    const item = model.length === 0 ? undefined : random.pick(model);
    if (item !== undefined && random.chance(0.45)) {
      heap.remove(item);
      model.splice(model.indexOf(item), 1);
      assert.equal(item.heapIndex, -1);
    } else if (item !== undefined && random.chance(0.3)) {
      heap.reschedule(item, random.int(0, 50));
    } else {
      const added: HeapItem = { dueMs: random.int(0, 50), order: step, heapIndex: -1 };
      heap.push(added);
      model.push(added);
    }
    const [first] = [...model].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    assert.equal(heap.top(), first);
    assert.equal(heap.size, model.length);
  }
});

test('an item is in at most one heap, and leaves only that', () => {
  const item: HeapItem = { dueMs: 1, order: 1, heapIndex: -1 };
  const heap = new DeadlineHeap<HeapItem>();
  heap.push(item);
  assert.throws(() => heap.push(item), { name: 'AssertionError' });
  assert.throws(() => new DeadlineHeap<HeapItem>().remove(item), { name: 'AssertionError' });
});
