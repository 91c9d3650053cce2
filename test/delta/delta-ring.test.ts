import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Position } from '../../src/base/ids.ts';
import { DeltaRing, type RingRecord } from '../../src/delta/delta-ring.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const at = (position: number) => ({ position }) as RingRecord;
const positions = (ring: DeltaRing) => [...ring.after(0)].map(({ position }) => position as number);

describe('the delta ring', () => {
  it('keeps what is not committed beyond its capacity, and evicts the oldest once it is', () => {
    const ring = new DeltaRing(3);
    for (let position = 1; position <= 7; position += 1) ring.push(at(position));
    assert.deepEqual(positions(ring), [1, 2, 3, 4, 5, 6, 7]);
    ring.commit(5 as Position);
    assert.deepEqual(positions(ring), [5, 6, 7]);
    ring.commit(7 as Position);
    assert.deepEqual(positions(ring), [5, 6, 7]);
    ring.push(at(8));
    ring.commit(8 as Position);
    assert.deepEqual([ring.oldest, ring.newest, ring.committed], [6, 8, 8]);
    assert.equal(ring.at(5), undefined);
    assert.equal(ring.at(9), undefined);
  });

  it('is filled from the log while newer deltas come in, without a gap and not beyond its capacity', () => {
    const ring = new DeltaRing(4);
    ring.begin(10 as Position);
    assert.equal(ring.prepend(at(9)), false);
    assert.equal(ring.prepend(at(10)), true);
    ring.push(at(11));
    assert.equal(ring.prepend(at(9)), true);
    assert.deepEqual(positions(ring), [9, 10, 11]);
    assert.equal(ring.prepend(at(8)), true);
    assert.equal(ring.prepend(at(7)), false);
    ring.push(at(12));
    assert.deepEqual(positions(ring), [9, 10, 11, 12]);
    assert.equal(ring.prepend(at(8)), false);
    assert.throws(() => ring.push(at(14)), /out of order/);
    assert.throws(() => ring.commit(13 as Position), /more is committed/);
  });

  it('always holds a run of positions that has all that is not committed', () => {
    const random = seededRandom(testSeed());
    for (let round = 0; round < 200; round += 1) {
      const ring = new DeltaRing(random.int(1, 8));
      const head = random.int(0, 20);
      ring.begin(head as Position);
      let next = head + 1;
      let committed = head;
      for (let turn = 0; turn < 60; turn += 1) {
        const draw = random.int(0, 2);
        if (draw === 0) ring.push(at(next++));
        if (draw === 1 && committed < next - 1) {
          committed = random.int(committed + 1, next - 1);
          ring.commit(committed as Position);
          assert.ok(ring.size <= Math.max(ring.capacity, next - 1 - committed), 'no more than it must');
        }
        if (draw === 2 && ring.oldest > 1) ring.prepend(at(ring.oldest - 1));
        const held = positions(ring);
        assert.deepEqual(
          held,
          Array.from({ length: next - ring.oldest }, (_, index) => ring.oldest + index),
        );
        assert.ok(ring.oldest <= committed + 1, 'what is not committed is there');
      }
    }
  });
});
