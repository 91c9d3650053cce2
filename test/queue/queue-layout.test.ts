import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attachConsumer } from '../../src/queue/queue-consumer.ts';
import {
  controlBytes,
  createQueueBuffer,
  extendCursor,
  frameBytes,
  lapOf,
  mapQueue,
  maxCapacityBytes,
  minCapacityBytes,
  slot,
} from '../../src/queue/queue-layout.ts';
import { createQueue } from '../../src/queue/queue-producer.ts';
import { testSeed } from '../support/seed.ts';

describe('queue layout', () => {
  it('gives each changing word a cache line of its own', () => {
    const changing = [slot.written, slot.lap, slot.closed, slot.released, slot.sleeping, slot.beat];
    const lines = changing.map((index) => Math.floor((index * 4) / 64));
    assert.equal(new Set([0, ...lines]).size, changing.length + 1);
    assert.ok(changing.every((index) => (index + 1) * 4 <= controlBytes));
  });

  it('pads a frame to 8 bytes', () => {
    assert.deepEqual([0, 1, 7, 8, 9, 16].map(frameBytes), [8, 16, 16, 16, 24, 24]);
  });

  it('recovers every ticket from its 32-bit cursor while the producer is ahead by up to the capacity', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 18),
        fc.integer({ min: -40, max: 40 }),
        fc.nat(maxCapacityBytes / 8),
        (lap, near, ahead) => {
          const ticket = Math.max(0, lap * 2 ** 31 + near * 8);
          assert.equal(extendCursor(ticket | 0, lapOf(ticket + ahead * 8)), ticket);
        },
      ),
      { seed: testSeed() },
    );
  });

  it('refuses a capacity that is no power of two or out of range', () => {
    for (const capacity of [0, 8, -16, 24, 100, 4095, 16.5, Number.NaN, 2 ** 31]) {
      assert.throws(() => createQueue(capacity), assert.AssertionError, String(capacity));
    }
    assert.equal(createQueue(minCapacityBytes).capacity, minCapacityBytes);
  });

  it('refuses a start cursor that is no frame boundary', () => {
    for (const startCursor of [4, -8, 0.5, 2 ** 53]) {
      assert.throws(() => createQueue(64, { startCursor }), assert.AssertionError, String(startCursor));
    }
  });

  const damages: readonly [name: string, index: number, value: number, message: RegExp][] = [
    ['a wrong magic', slot.magic, 1, /wrong magic/],
    ['another layout version', slot.version, 99, /another layout version/],
    ['a capacity that is no power of two', slot.capacity, 65, /power of two/],
    ['a capacity that is not the length of its buffer', slot.capacity, 128, /not as long/],
    ['a written cursor that is too far ahead', slot.written, 72, /written cursor makes no sense/],
    ['a written cursor behind the released one', slot.written, -8, /written cursor makes no sense/],
    ['a written cursor that is no frame boundary', slot.written, 12, /no frame boundary/],
  ];
  for (const [name, index, value, message] of damages) {
    it(`refuses to attach to a queue with ${name}`, () => {
      const buffer = createQueueBuffer(64, 0);
      new Int32Array(buffer, 0, controlBytes / 4)[index] = value;
      assert.throws(() => attachConsumer(buffer), { name: 'AssertionError', message });
    });
  }

  it('refuses to attach to memory that is too short or is not shared', () => {
    assert.throws(() => mapQueue(new SharedArrayBuffer(controlBytes)), /too short/);
    assert.throws(() => mapQueue(new ArrayBuffer(1024) as unknown as SharedArrayBuffer), /SharedArrayBuffer/);
  });
});
