import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { stuckAfterMs, stuckCheckMs } from '../../src/offload/lane-policy.ts';
import { StuckWatch } from '../../src/offload/stuck-watch.ts';
import { attachConsumer } from '../../src/queue/queue-consumer.ts';
import { createQueue } from '../../src/queue/queue-producer.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A watch over a queue with a consumer that beats when the test says so; `pass` lets time pass and the watch look. */
function watched(t: TestContext, takesForStuck = true) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const queue = createQueue(1024);
  const consumer = attachConsumer(queue.buffer);
  const clock = new ManualClock();
  const told: string[] = [];
  const watch = new StuckWatch(queue, clock, {
    onStuck: () => {
      told.push('stuck');
      return takesForStuck;
    },
    onMoving: () => told.push('moving'),
  });
  t.after(() => watch.close());
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += stuckCheckMs) {
      clock.advance(stuckCheckMs);
      t.mock.timers.tick(stuckCheckMs);
    }
  };
  return { queue, consumer, told, pass };
}

describe('the watch for a stuck worker', () => {
  it('says so once when there is work and no beat for half a minute, and again when it moves', (t) => {
    const { queue, consumer, told, pass } = watched(t);
    queue.tryPush(new Uint8Array(8), 1);
    pass(stuckAfterMs - stuckCheckMs);
    assert.deepEqual(told, []);
    pass(4 * stuckCheckMs);
    assert.deepEqual(told, ['stuck']);
    consumer.beat();
    pass(stuckCheckMs);
    assert.deepEqual(told, ['stuck', 'moving']);
  });

  it('takes a worker with nothing to do for idle, however long', (t) => {
    const { told, pass } = watched(t);
    pass(10 * stuckAfterMs);
    assert.deepEqual(told, []);
  });

  it('takes a worker that beats for busy, however long its batch takes', (t) => {
    const { queue, consumer, told, pass } = watched(t);
    queue.tryPush(new Uint8Array(8), 1);
    for (let turn = 0; turn < 20; turn++) {
      consumer.beat();
      pass(stuckAfterMs - stuckCheckMs);
    }
    assert.deepEqual(told, []);
  });

  it('asks again at each look while its owner does not take the worker for stuck', (t) => {
    const { queue, told, pass } = watched(t, false);
    queue.tryPush(new Uint8Array(8), 1);
    pass(stuckAfterMs + 3 * stuckCheckMs);
    assert.ok(told.length >= 3 && told.every((word) => word === 'stuck'));
  });
});
