import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attachConsumer } from '../../src/queue/queue-consumer.ts';
import { mapQueue } from '../../src/queue/queue-layout.ts';
import { createQueue } from '../../src/queue/queue-producer.ts';

/** Bytes that differ from their neighbours, so that a shifted copy shows. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + 1) & 0xff);
}

describe('queue limits', () => {
  it('carries a frame of exactly the largest size from every offset of the ring', () => {
    for (let start = 0; start < 64; start += 8) {
      const queue = createQueue(64, { startCursor: start });
      const consumer = attachConsumer(queue.buffer);
      const payload = pattern(queue.maxPayloadBytes);
      assert.equal(queue.maxPayloadBytes, 56);
      assert.equal(queue.tryPush(payload, 0xffffffff), start + 64);
      assert.equal(queue.tryPush(new Uint8Array(0)), 'full');
      const [frame] = consumer.take(1, 1).frames;
      assert.deepEqual(frame, {
        kind: 0xffffffff,
        payload: new Uint8Array(payload),
        ticket: start + 64,
      });
    }
  });

  it('refuses a frame one byte over the largest size as a programmer error and stays usable', () => {
    const queue = createQueue(64);
    const tooLarge = new Uint8Array(queue.maxPayloadBytes + 1);
    assert.throws(() => queue.tryPush(tooLarge), /larger than the queue/);
    assert.throws(() => queue.tryPushParts([tooLarge.subarray(1), tooLarge.subarray(0, 1)]), /larger than/);
    assert.throws(() => queue.whenSpace(tooLarge.length), /larger than the queue/);
    assert.equal(queue.pendingBytes, 0);
    assert.equal(queue.tryPush(tooLarge.subarray(1)), 64);
  });

  it('carries frames without payload', () => {
    const queue = createQueue(16);
    const consumer = attachConsumer(queue.buffer);
    assert.deepEqual(
      [queue.tryPush(new Uint8Array(0), 1), queue.tryPushParts([], 2), queue.tryPush(new Uint8Array(0), 3)],
      [8, 16, 'full'],
    );
    const { frames } = consumer.take(10, 1000);
    assert.deepEqual(
      frames.map((frame) => [frame.kind, frame.payload.length, frame.ticket]),
      [
        [1, 0, 8],
        [2, 0, 16],
      ],
    );
  });

  it('accepts a frame that fills the room to the last byte and none that needs 8 more', () => {
    const queue = createQueue(64);
    assert.equal(queue.tryPush(pattern(24)), 32);
    assert.equal(queue.tryPush(pattern(25)), 'full');
    assert.equal(queue.tryPush(pattern(24)), 64);
    assert.equal(queue.pendingBytes, queue.capacity);
  });

  it('refuses a kind that is no u32', () => {
    const queue = createQueue(64);
    for (const kind of [-1, 1.5, 2 ** 32, Number.NaN]) {
      assert.throws(() => queue.tryPush(pattern(1), kind), /kind is no u32/);
    }
    assert.equal(queue.written, 0);
  });

  it('takes one frame even when it is larger than the byte limit', () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    queue.tryPush(pattern(20));
    queue.tryPush(pattern(4));
    assert.equal(consumer.take(10, 1).frames.length, 1);
    assert.equal(consumer.take(10, 16).frames.length, 1);
    assert.equal(consumer.take(10, 16).frames.length, 0);
  });

  it('takes frames as long as their bytes in the ring stay within the limit', () => {
    const queue = createQueue(128);
    const consumer = attachConsumer(queue.buffer);
    for (let kind = 0; kind < 4; kind++) queue.tryPush(pattern(8), kind);
    assert.equal(consumer.take(10, 47).frames.length, 2);
    assert.equal(consumer.take(10, 32).frames.length, 2);
  });

  it('hands out payloads in ordinary memory that later pushes do not change', () => {
    const queue = createQueue(16);
    const consumer = attachConsumer(queue.buffer);
    queue.tryPush(pattern(8));
    const [frame] = consumer.take(1, 16).frames;
    consumer.release();
    queue.tryPush(new Uint8Array(8).fill(0xee));
    assert.ok(frame?.payload.buffer instanceof ArrayBuffer);
    assert.deepEqual([...frame.payload], [...pattern(8)]);
  });

  for (const [name, length] of [
    ['longer than the queue', 57],
    ['that reaches past what was written', 17],
    ['of all ones', 0xffffffff],
  ] as const) {
    it(`asserts on a length ${name} and takes nothing`, () => {
      const queue = createQueue(64);
      const consumer = attachConsumer(queue.buffer);
      queue.tryPush(pattern(0));
      queue.tryPush(pattern(16));
      mapQueue(queue.buffer).words[2] = length;
      assert.throws(() => consumer.take(10, 1000), /memory is corrupted/);
      assert.equal(consumer.taken, 0);
    });
  }

  it('asserts on a written cursor that jumps', () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    mapQueue(queue.buffer).control[16] = 128;
    assert.throws(() => consumer.take(1, 1), /written cursor makes no sense/);
    assert.throws(() => consumer.waitForFrames(0), /written cursor makes no sense/);
  });

  it('asserts on a released cursor that was never written', () => {
    const queue = createQueue(64);
    mapQueue(queue.buffer).control[64] = 8;
    assert.throws(() => queue.released, /released cursor/);
    assert.throws(() => queue.whenReleased(0), /released cursor/);
  });

  it('refuses to release what was not taken, what is released already, and half a frame', () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    queue.tryPush(pattern(8));
    queue.tryPush(pattern(8));
    assert.throws(() => consumer.release(16), /were not taken/);
    consumer.take(1, 1);
    assert.throws(() => consumer.release(32), /were not taken/);
    assert.throws(() => consumer.release(12), /no frame boundary/);
    consumer.release(16);
    assert.throws(() => consumer.release(8), /were not taken/);
    assert.equal(queue.released, 16);
  });

  it('refuses a batch without room and a wait without bound', () => {
    const consumer = attachConsumer(createQueue(64).buffer);
    assert.throws(() => consumer.take(0, 1), /room for one frame/);
    assert.throws(() => consumer.take(1, 0), /room for one frame/);
    assert.throws(() => consumer.waitForFrames(Number.POSITIVE_INFINITY), /bounded/);
    assert.throws(() => consumer.waitForFrames(-1), /bounded/);
  });

  it('refuses to block the main thread', () => {
    const consumer = attachConsumer(createQueue(64).buffer);
    assert.throws(() => consumer.waitForFrames(1), /main thread never blocks/);
    assert.equal(consumer.waitForFrames(0), 'timeout');
  });
});
