import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FenceSource } from '../../src/lock/fence.ts';
import { createFixture, denialOf } from './lock-fixture.ts';

test('fences begin at the floor, rise by one and never leave the reserved block', () => {
  const fences = new FenceSource({ startFloor: 100, reservedUntil: 103 });
  assert.deepEqual([fences.next(), fences.next(), fences.next()], [100, 101, 102]);
  assert.equal(fences.remaining, 0);
  assert.throws(() => fences.next(), { name: 'AssertionError' });
  fences.extend(104);
  assert.equal(fences.next(), 103);
});

test('asks for the next block once per block, before the block is used up', () => {
  let asked = 0;
  const fences = new FenceSource(
    { startFloor: 1, reservedUntil: 11 },
    {
      lowMark: 5,
      onLow: () => {
        asked += 1;
      },
    },
  );
  for (let fence = 1; fence <= 5; fence += 1) fences.next();
  assert.equal(asked, 0);
  fences.next();
  fences.next();
  assert.equal(asked, 1);
  fences.extend(21);
  assert.equal(asked, 1);
  for (let fence = 8; fence <= 16; fence += 1) fences.next();
  assert.equal(asked, 2);
});

test('a lower end of the block changes nothing', () => {
  const fences = new FenceSource({ startFloor: 1, reservedUntil: 10 });
  fences.extend(5);
  assert.equal(fences.remaining, 9);
});

test('a block that is no block is refused', () => {
  for (const block of [
    { startFloor: 0, reservedUntil: 10 },
    { startFloor: 5, reservedUntil: 4 },
    { startFloor: 1.5, reservedUntil: 4 },
    { startFloor: 1, reservedUntil: Number.NaN },
  ]) {
    assert.throws(() => new FenceSource(block), { name: 'AssertionError' });
  }
});

test('without a reserved fence a claim is denied as over the limit, and granted once there is one', () => {
  const { table, fences, acquire, granted } = createFixture({}, { startFloor: 7, reservedUntil: 8 });
  assert.equal(granted('alice', 'a.ts').lock.fence, 7);
  assert.equal(denialOf(acquire('bob', 'b.ts')).reason, 'limit');
  assert.equal(table.list().length, 1);
  fences.extend(20);
  assert.equal(granted('bob', 'b.ts').lock.fence, 8);
});

test('a waiter whose turn comes without a reserved fence is told so', () => {
  const { table, granted, wait, settled } = createFixture({}, { startFloor: 1, reservedUntil: 2 });
  const { lock } = granted('alice', 'a.ts');
  wait('bob', 'a.ts');
  wait('carol', 'a.ts');
  table.release(lock.id, lock.holder);
  assert.deepEqual(settled, ['bob denied limit', 'carol denied limit']);
});
