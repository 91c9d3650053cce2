import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CollabError } from '../../src/base/errors.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { Position } from '../../src/base/ids.ts';
import { decodeLogRecord, type LogRecord } from '../../src/delta/log-record.ts';
import { CommitWatch } from '../../src/offload/commit-watch.ts';
import { maxBacklogBytes } from '../../src/offload/lane-policy.ts';
import { RecordFeed } from '../../src/offload/record-feed.ts';
import { attachConsumer } from '../../src/queue/queue-consumer.ts';
import { createQueue } from '../../src/queue/queue-producer.ts';
import { testNode } from '../store/store-fixture.ts';

const source = testNode('feed').id;

function record(position: number, bytes = 100): LogRecord {
  const body = Buffer.alloc(bytes, position);
  return { position: position as Position, source, seq: position, time: position as HlcTime, body };
}

describe('record feed', () => {
  it('keeps what a full queue does not take in order, and follows as room comes free', async () => {
    const queue = createQueue(1024);
    const consumer = attachConsumer(queue.buffer);
    const committed: number[] = [];
    const commits = new CommitWatch(queue, (position) => committed.push(position));
    const feed = new RecordFeed(queue, ({ position }, ticket) => commits.add(position, ticket));
    const count = 50;
    const tickets = Array.from({ length: count }, (_, at) => feed.push([record(at + 1)]));
    assert(feed.backlogBytes > 0, 'the queue is full');

    const seen: number[] = [];
    while (seen.length < count) {
      const batch = consumer.take(3, 1024);
      for (const { payload } of batch.frames) seen.push(decodeLogRecord(payload).position);
      consumer.release();
      await setImmediate();
    }
    await Promise.all(tickets);
    await feed.drained();
    commits.settle();
    const all = Array.from({ length: count }, (_, at) => at + 1);
    assert.deepEqual(seen, all);
    assert.equal(committed.at(-1), count);
    assert.deepEqual(
      committed,
      committed.toSorted((a, b) => a - b),
    );
    assert.equal(feed.backlogBytes, 0);
  });

  it('takes up what is deferred in the turn in which the last of the backlog went', async () => {
    const queue = createQueue(1024);
    const consumer = attachConsumer(queue.buffer);
    const feed = new RecordFeed(queue, () => {});
    for (let round = 0; round < 20; round++) {
      const first = Array.from({ length: 10 }, (_, at) => feed.push([record(round * 30 + at + 1)]));
      consumer.take(100, 2 ** 20);
      consumer.release();
      // The room is there before the pump of the first ones has run, and gone again in the same turn.
      const more = Array.from({ length: 20 }, (_, at) => feed.push([record(round * 30 + at + 11)]));
      const all = Promise.all([...first, ...more]);
      let done = false;
      void all.then(() => {
        done = true;
      });
      while (!done) {
        consumer.take(100, 2 ** 20);
        consumer.release();
        await setImmediate();
      }
      await feed.drained();
      assert.equal(feed.backlogBytes, 0);
    }
  });

  it('refuses what would not fit its memory, before anything is taken', () => {
    const feed = new RecordFeed(createQueue(1024), () => {});
    assert.throws(
      () => feed.reserve(maxBacklogBytes + 1),
      (error) => error instanceof CollabError && error.code === 'STORE_UNAVAILABLE',
    );
    feed.reserve(maxBacklogBytes);
  });

  it('refuses those who wait when the queue is closed under them', async () => {
    const queue = createQueue(1024);
    const feed = new RecordFeed(queue, () => {});
    const waiting = Promise.all(Array.from({ length: 20 }, (_, at) => feed.push([record(at + 1)])));
    queue.close();
    await assert.rejects(waiting, (error) => error instanceof CollabError && error.code === 'STORE_CLOSED');
  });
});
