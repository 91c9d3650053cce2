import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type AuditEvent, decodeAuditEvent } from '../../src/audit/audit-event.ts';
import { CollabError } from '../../src/base/errors.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { AuditFeed } from '../../src/offload/audit-feed.ts';
import { decodeNumber } from '../../src/queue/lane-frames.ts';
import { attachConsumer, type QueueConsumer } from '../../src/queue/queue-consumer.ts';
import { createQueue } from '../../src/queue/queue-producer.ts';
import { testNode } from '../store/store-fixture.ts';

const node = testNode('audit').id;
const event = (at: number): AuditEvent => ({ at: at as HlcTime, action: 'released', node });

function drain(consumer: QueueConsumer): AuditEvent[] {
  const { frames } = consumer.take(1_000_000, 2 ** 30);
  consumer.release();
  return frames.map(({ payload }) => decodeAuditEvent(decodeNumber(payload, 0), payload.subarray(8)));
}

describe('audit feed', () => {
  it('takes events without touching the queue, and queues them in order between other work', async () => {
    const queue = createQueue(2 ** 20);
    const consumer = attachConsumer(queue.buffer);
    const feed = new AuditFeed(queue, node);
    for (let at = 1; at <= 1000; at++) feed.take(event(at));
    assert.equal(queue.pendingBytes, 0, 'nothing was encoded on the path of a lock');
    await feed.flushed();
    assert.deepEqual(
      drain(consumer).map(({ at }) => at),
      Array.from({ length: 1000 }, (_, at) => at + 1),
    );
    assert.equal(feed.lost, 0);
  });

  it('counts what does not fit its backlog, and records the loss as an event in its place', async () => {
    const queue = createQueue(2 ** 20);
    const consumer = attachConsumer(queue.buffer);
    const backlog = 1000;
    const feed = new AuditFeed(queue, node, backlog);
    const lost: number[] = [];
    const extra = 3;
    for (let at = 1; at <= backlog + extra; at++) {
      feed.take(event(at), (ticket) => {
        if (ticket === 'lost') lost.push(at);
      });
    }
    assert.equal(feed.lost, extra);
    await feed.flushed();
    feed.take(event(backlog + extra + 1));
    await feed.flushed();
    const events = drain(consumer);
    assert.equal(lost.length, extra);
    assert.deepEqual(
      events.slice(backlog).map(({ at, action, metadata }) => ({ at, action, lost: metadata?.lost })),
      [
        { at: backlog + extra, action: 'gap', lost: extra },
        { at: backlog + extra + 1, action: 'released', lost: undefined },
      ],
    );
  });

  it('says lost, and hangs nobody, once its queue is closed', async () => {
    const queue = createQueue(1024);
    const feed = new AuditFeed(queue, node);
    queue.close();
    const answers: unknown[] = [];
    feed.take(event(1), (ticket) => answers.push(ticket));
    await feed.flushed();
    assert.deepEqual(answers, ['lost']);
    assert.equal(feed.lost, 1);
  });

  it('counts what is in the queue, what waits for room and what comes later, once its lane has died for good', async () => {
    const queue = createQueue(1024);
    const consumer = attachConsumer(queue.buffer);
    const feed = new AuditFeed(queue, node);
    const answers: unknown[] = [];
    for (let at = 1; at <= 100; at++) feed.take(event(at), (ticket) => answers.push(ticket));
    await setImmediate();
    const { frames, ticket } = consumer.take(3, 2 ** 20);
    consumer.release(ticket);
    queue.failWaiters(new CollabError('INTERNAL', 'died'));
    feed.giveUp();
    feed.take(event(101));
    await feed.flushed();
    assert.equal(frames.length, 3);
    assert.equal(feed.lost, 98);
    assert.equal(feed.pending, 0);
    assert.equal(answers.filter((answer) => answer === 'lost').length + queuedOf(answers), 100);
  });

  it('counts a loss once, also when the event that tells of it is lost too', async () => {
    const queue = createQueue(2 ** 20);
    const feed = new AuditFeed(queue, node, 2);
    for (let at = 1; at <= 5; at++) feed.take(event(at));
    await feed.flushed();
    feed.giveUp();
    assert.equal(feed.lost, 5);
  });
});

function queuedOf(answers: readonly unknown[]): number {
  return answers.filter((answer) => typeof answer === 'number').length;
}
