import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HotSpots } from '../../src/overview/hot-spots.ts';
import { createFixture } from '../lock/lock-fixture.ts';

const halfAnHourMs = 30 * 60_000;

/** A lock table whose transitions are counted. */
function counted() {
  const locks = createFixture();
  const spots = new HotSpots(locks.clock);
  let told = 0;
  const worst = (limit = 10) => {
    for (const transition of locks.transitions.slice(told)) spots.note(transition);
    told = locks.transitions.length;
    return spots.worst(limit).map(({ path, denied, waited, granted, agents }) => ({
      path,
      counts: [denied, waited, granted, agents],
    }));
  };
  return { ...locks, worst };
}

test('a path is hot when claims on it are denied or have to wait, the worst first', () => {
  const { granted, acquire, wait, worst } = counted();
  granted('ann', ['a.ts', 'b.ts', 'quiet.ts']);
  assert.deepEqual(worst(), []);
  acquire('bob', 'a.ts:1-5');
  acquire('bob', 'a.ts:7-9');
  acquire('cy', 'a.ts');
  wait('dan', 'b.ts');
  assert.deepEqual(worst(), [
    { path: 'a.ts', counts: [3, 0, 0, 2] },
    { path: 'b.ts', counts: [0, 1, 0, 1] },
  ]);
  assert.deepEqual(
    worst(1).map(({ path }) => path),
    ['a.ts'],
  );
});

test('grants are counted where there was trouble', () => {
  const { table, granted, acquire, worst } = counted();
  const { lock } = granted('ann', 'a.ts');
  acquire('bob', 'a.ts');
  worst();
  table.release(lock.id, lock.holder);
  granted('bob', 'a.ts');
  granted('bob', 'other.ts');
  assert.deepEqual(worst(), [{ path: 'a.ts', counts: [1, 0, 1, 1] }]);
});

test('what was hot is forgotten after half an hour to an hour', () => {
  const { clock, granted, acquire, worst } = counted();
  granted('ann', 'a.ts', { ttlMs: 10 * halfAnHourMs });
  acquire('bob', 'a.ts');
  worst();
  clock.advance(halfAnHourMs + 1);
  acquire('bob', 'a.ts');
  assert.deepEqual(worst(), [{ path: 'a.ts', counts: [2, 0, 0, 1] }]);
  clock.advance(halfAnHourMs);
  assert.deepEqual(worst(), [{ path: 'a.ts', counts: [1, 0, 0, 1] }]);
  clock.advance(2 * halfAnHourMs);
  assert.deepEqual(worst(), []);
});

test('a flood of paths is counted up to a bound', () => {
  const { granted, acquire, worst } = counted();
  granted('ann', '**');
  for (let at = 0; at < 2100; at += 1) acquire(`agent ${at}`, `f${at}.ts`);
  assert.equal(worst(10_000).length, 2000);
});
