/**
 * Every order of two sides that the handshake of sleeping and waking must survive, without luck: producer and consumer
 * share this one thread, and the whole of one runs just before the n-th atomic operation of the other, for each n.
 * A thread of its own, because only there may a consumer wait. Posts how many orders it went through.
 */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { parentPort } from 'node:worker_threads';
import { attachConsumer, type WaitResult } from '../../src/queue/queue-consumer.ts';
import { slot } from '../../src/queue/queue-layout.ts';
import { createQueue, type QueueProducer } from '../../src/queue/queue-producer.ts';

export interface InterleavingOutcome {
  readonly insideWait: number;
  readonly insideChange: number;
}

const operations = ['load', 'store', 'add', 'wait', 'notify'] as const;

/** What the producer does, and what a wait answers that begins before or during it. */
interface Change {
  readonly name: string;
  readonly answer: WaitResult;
  make(queue: QueueProducer): void;
}

const push = (queue: QueueProducer) => assert.equal(queue.tryPush(new Uint8Array(8)), 16);
const changes: readonly Change[] = [
  { name: 'a push', answer: 'frames', make: push },
  { name: 'a close', answer: 'closed', make: (queue) => queue.close() },
  {
    name: 'a push and a close',
    answer: 'frames',
    make: (queue) => {
      push(queue);
      queue.close();
    },
  },
];

/** Thrown in place of blocking, so that the consumer stays exactly as a thread does that sleeps. */
class Asleep extends Error {}

/** Calls `before` ahead of every atomic operation that `body` makes; those that `before` itself makes are not seen. */
function interleave(body: () => void, before: (operation: string, word: unknown) => void): void {
  let inside = false;
  const mocks = operations.map((operation) => {
    const original = Atomics[operation] as (...args: unknown[]) => unknown;
    return mock.method(Atomics, operation, (...args: unknown[]) => {
      if (!inside) {
        inside = true;
        before(operation, args[1]);
        inside = false;
      }
      return original(...args);
    });
  });
  try {
    body();
  } finally {
    for (const { mock } of mocks) mock.restore();
  }
}

/** The change falls before operation `at` of a wait. False when the wait has fewer operations than that. */
function changeInsideWait(change: Change, at: number): boolean {
  const queue = createQueue(64);
  const consumer = attachConsumer(queue.buffer);
  let step = 0;
  let changed = false;
  const wait = () => {
    const beforeMs = performance.now();
    assert.equal(
      consumer.waitForFrames(1000),
      change.answer,
      `${change.name} before operation ${at} of a wait`,
    );
    assert.ok(
      performance.now() - beforeMs < 1000,
      `${change.name} before operation ${at} of a wait: not woken`,
    );
  };
  try {
    interleave(wait, (operation) => {
      if (step === at) {
        changed = true;
        change.make(queue);
      }
      step++;
      if (operation === 'wait' && !changed) throw new Asleep();
    });
  } catch (error) {
    if (!(error instanceof Asleep)) throw error;
  }
  return changed;
}

/** A wait begins before operation `at` of the change. False when the change has fewer operations than that. */
function waitInsideChange(change: Change, at: number): boolean {
  const queue = createQueue(64);
  const consumer = attachConsumer(queue.buffer);
  let step = 0;
  let asleep = false;
  const fallAsleep = () => {
    const sleep = mock.method(Atomics, 'wait', () => {
      throw new Asleep();
    });
    try {
      assert.equal(consumer.waitForFrames(1000), change.answer);
    } catch (error) {
      if (!(error instanceof Asleep)) throw error;
      asleep = true;
    } finally {
      sleep.mock.restore();
    }
  };
  interleave(
    () => change.make(queue),
    (operation, word) => {
      if (step++ === at) fallAsleep();
      if (operation === 'notify' && word === slot.sleeping) asleep = false;
    },
  );
  assert.equal(asleep, false, `a wait before operation ${at} of ${change.name}: not woken`);
  return step > at;
}

function countOrders(run: (change: Change, at: number) => boolean): number {
  let orders = 0;
  for (const change of changes) {
    let at = 0;
    while (run(change, at)) at++;
    orders += at;
  }
  return orders;
}

const outcome: InterleavingOutcome = {
  insideWait: countOrders(changeInsideWait),
  insideChange: countOrders(waitInsideChange),
};
parentPort?.postMessage(outcome);
