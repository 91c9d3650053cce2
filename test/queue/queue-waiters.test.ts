import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { attachConsumer } from '../../src/queue/queue-consumer.ts';
import { mapQueue, slot } from '../../src/queue/queue-layout.ts';
import { createQueue, type QueueProducer } from '../../src/queue/queue-producer.ts';
import { QueueWaiters } from '../../src/queue/queue-waiters.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const eight = new Uint8Array(8);

function push(queue: QueueProducer, payload: Uint8Array = eight): number {
  const ticket = queue.tryPush(payload);
  assert.ok(typeof ticket === 'number', `push answered ${ticket}`);
  return ticket;
}

describe('waiting on a queue', { timeout: 20_000 }, () => {
  // `Atomics.waitAsync` keeps no process alive and these tests have no worker that would.
  let alive: NodeJS.Timeout | undefined;
  before(() => {
    alive = setInterval(() => {}, 1000);
  });
  after(() => clearInterval(alive));

  it('resolves waiters in ticket order whatever the order of their calls', async () => {
    const queue = createQueue(256);
    const consumer = attachConsumer(queue.buffer);
    const tickets = [push(queue), push(queue), push(queue), push(queue)];
    const order: number[] = [];
    const waits = [2, 0, 3, 1].map((index) =>
      queue.whenReleased(tickets[index] ?? 0).then(() => order.push(index)),
    );
    consumer.take(10, 256);
    consumer.release(tickets[1]);
    await Promise.all([waits[1], waits[3]]);
    assert.deepEqual(order, [0, 1]);
    consumer.release();
    await Promise.all(waits);
    assert.deepEqual(order, [0, 1, 2, 3]);
  });

  it('resolves at once, but not before earlier waiters, when the ticket is released already', async () => {
    const queue = createQueue(256);
    const consumer = attachConsumer(queue.buffer);
    const first = push(queue);
    const second = push(queue);
    const order: string[] = [];
    const early = queue.whenReleased(first).then(() => order.push('first'));
    consumer.take(2, 256);
    consumer.release();
    const late = queue.whenReleased(second).then(() => order.push('second'));
    await Promise.all([early, late]);
    assert.deepEqual(order, ['first', 'second']);
    assert.ok(queue.isReleased(second));
  });

  it('starts to watch again after everybody was served', async () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    for (let round = 0; round < 50; round++) {
      const wait = queue.whenReleased(push(queue));
      consumer.take(1, 64);
      consumer.release();
      await wait;
    }
    assert.equal(queue.pendingBytes, 0);
  });

  it('refuses a ticket that was never handed out', () => {
    assert.throws(() => createQueue(64).whenReleased(8), /not of this queue/);
  });

  it('resolves a wait for space when the frame fits, and not before', async () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    for (let count = 0; count < 4; count++) push(queue);
    const order: string[] = [];
    const large = queue.whenSpace(40).then(() => order.push('large'));
    const small = queue.whenSpace(8).then(() => order.push('small'));
    consumer.take(1, 64);
    consumer.release();
    await small;
    assert.deepEqual(order, ['small']);
    consumer.take(2, 64);
    consumer.release();
    await large;
    assert.equal(queue.tryPush(new Uint8Array(40)), 112);
  });

  it('answers a wait for space at once when there is room or the queue is closed', async () => {
    const queue = createQueue(64);
    await queue.whenSpace(56);
    push(queue, new Uint8Array(56));
    const waiting = queue.whenSpace(0);
    queue.close();
    await waiting;
    await queue.whenSpace(56);
    assert.equal(queue.tryPush(eight), 'closed');
  });

  it('rejects every waiter when the consumer is dead for good, but those whose frames were released', async () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    const done = push(queue);
    const lost = push(queue, new Uint8Array(40));
    const waits = Promise.allSettled([
      queue.whenReleased(done),
      queue.whenReleased(lost),
      queue.whenSpace(40),
    ]);
    consumer.take(1, 16);
    consumer.release();
    const error = new Error('worker died');
    queue.failWaiters(error);
    assert.deepEqual(await waits, [
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    await assert.rejects(queue.whenReleased(lost), error);
    await queue.whenReleased(done);
  });

  it('rejects waiters when the control block makes no sense', async () => {
    const queue = createQueue(64);
    const wait = queue.whenReleased(push(queue));
    const { control } = mapQueue(queue.buffer);
    Atomics.store(control, slot.released, 1024);
    Atomics.notify(control, slot.released);
    await assert.rejects(wait, /released cursor/);
  });

  it('learns from an attaching successor of a release whose notify never came', async () => {
    const queue = createQueue(64);
    const ticket = push(queue);
    const wait = queue.whenReleased(ticket);
    Atomics.store(mapQueue(queue.buffer).control, slot.released, ticket);
    attachConsumer(queue.buffer);
    await wait;
  });

  it('closes idempotently and lets the consumer drain first', () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    push(queue);
    queue.close();
    queue.close();
    assert.ok(queue.isClosed);
    assert.equal(queue.tryPush(eight), 'closed');
    assert.equal(queue.tryPushParts([eight]), 'closed');
    assert.equal(consumer.waitForFrames(0), 'frames');
    assert.equal(consumer.take(10, 64).frames.length, 1);
    assert.equal(consumer.waitForFrames(0), 'closed');
    // Closed and unreleased: a successor gets the frame again.
    assert.equal(attachConsumer(queue.buffer).waitForFrames(0), 'frames');
  });

  it('shows the beat of a consumer that loops', () => {
    const queue = createQueue(64);
    const consumer = attachConsumer(queue.buffer);
    const beats = [queue.beat];
    for (const loop of [() => consumer.take(1, 1), () => consumer.waitForFrames(0), () => consumer.beat()]) {
      loop();
      beats.push(queue.beat);
    }
    assert.deepEqual(beats, [0, 1, 2, 3]);
  });

  it('settles random waiters exactly when their ticket is reached', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const waiters = new QueueWaiters();
    const settled: number[] = [];
    const tickets: number[] = [];
    let released = 0;
    for (let round = 0; round < 300; round++) {
      for (let count = random.int(0, 40); count > 0; count--) {
        const ticket = released + random.int(1, 500);
        tickets.push(ticket);
        void waiters.addTicket(ticket).then(() => settled.push(ticket));
      }
      released += random.int(0, 60);
      const served = settled.length;
      waiters.settle(released, 0);
      await Promise.resolve();
      const due = tickets.filter((ticket) => ticket <= released).length;
      assert.equal(settled.length, due, `seed ${seed}`);
      const batch = settled.slice(served);
      assert.deepEqual(
        batch,
        batch.toSorted((a, b) => a - b),
        `seed ${seed}`,
      );
    }
    waiters.settle(Number.POSITIVE_INFINITY, 0);
    assert.ok(waiters.isEmpty);
  });
});
