import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attachConsumer, type QueueConsumer } from '../../src/queue/queue-consumer.ts';
import { createQueue, type QueueProducer } from '../../src/queue/queue-producer.ts';
import { testSeed } from '../support/seed.ts';

type Step =
  | { readonly do: 'push'; readonly length: number; readonly kind: number }
  | { readonly do: 'pushParts'; readonly lengths: readonly number[]; readonly kind: number }
  | { readonly do: 'take'; readonly maxFrames: number; readonly maxBytes: number }
  | { readonly do: 'release'; readonly part: number }
  | { readonly do: 'reattach' }
  | { readonly do: 'close' };

interface ModelFrame {
  readonly kind: number;
  readonly payload: readonly number[];
  readonly ticket: number;
}

/** The queue as an array: all frames ever accepted, and how many of them were taken and released. */
class Model {
  readonly frames: ModelFrame[] = [];
  taken = 0;
  released = 0;
  closed = false;
  readonly #capacity: number;
  readonly #start: number;

  constructor(capacity: number, start: number) {
    this.#capacity = capacity;
    this.#start = start;
  }

  ticketAfter(count: number): number {
    return count === 0 ? this.#start : (this.frames[count - 1]?.ticket ?? Number.NaN);
  }

  get written(): number {
    return this.ticketAfter(this.frames.length);
  }

  get pendingBytes(): number {
    return this.written - this.ticketAfter(this.released);
  }

  push(kind: number, payload: readonly number[]): number | 'full' | 'closed' {
    if (this.closed) return 'closed';
    const bytes = 8 + Math.ceil(payload.length / 8) * 8;
    if (this.pendingBytes + bytes > this.#capacity) return 'full';
    this.frames.push({ kind, payload, ticket: this.written + bytes });
    return this.written;
  }

  take(maxFrames: number, maxBytes: number): readonly ModelFrame[] {
    const from = this.ticketAfter(this.taken);
    const batch: ModelFrame[] = [];
    for (const frame of this.frames.slice(this.taken, this.taken + maxFrames)) {
      if (batch.length > 0 && frame.ticket - from > maxBytes) break;
      batch.push(frame);
    }
    this.taken += batch.length;
    return batch;
  }
}

/** Model and queue side by side; every step is done by both and every answer compared. */
class Pair {
  readonly #model: Model;
  readonly #producer: QueueProducer;
  #consumer: QueueConsumer;
  #nextByte = 1;

  constructor(capacity: number, startCursor: number) {
    this.#model = new Model(capacity, startCursor);
    this.#producer = createQueue(capacity, { startCursor });
    this.#consumer = attachConsumer(this.#producer.buffer);
  }

  run(step: Step): void {
    const model = this.#model;
    switch (step.do) {
      case 'push': {
        const payload = this.#bytes(step.length);
        const answer = this.#producer.tryPush(Uint8Array.from(payload), step.kind);
        assert.equal(answer, model.push(step.kind, payload));
        break;
      }
      case 'pushParts': {
        const parts = step.lengths.map((length) => this.#bytes(length));
        const answer = this.#producer.tryPushParts(
          parts.map((part) => Uint8Array.from(part)),
          step.kind,
        );
        assert.equal(answer, model.push(step.kind, parts.flat()));
        break;
      }
      case 'take':
        this.#take(step.maxFrames, step.maxBytes);
        break;
      case 'release':
        model.released += Math.round((model.taken - model.released) * step.part);
        if (step.part === 1) this.#consumer.release();
        else this.#consumer.release(model.ticketAfter(model.released));
        break;
      case 'reattach':
        this.#consumer = attachConsumer(this.#producer.buffer);
        model.taken = model.released;
        break;
      case 'close':
        this.#producer.close();
        model.closed = true;
        break;
    }
    this.#compare();
  }

  /** Takes and releases what is left; the consumer then sees the end of a closed queue. */
  finish(): void {
    this.run({ do: 'close' });
    while (this.#model.taken < this.#model.frames.length) this.#take(3, 64);
    this.run({ do: 'release', part: 1 });
    assert.equal(this.#consumer.waitForFrames(0), 'closed');
    assert.equal(this.#producer.pendingBytes, 0);
  }

  #take(maxFrames: number, maxBytes: number): void {
    const expected = this.#model.take(maxFrames, maxBytes);
    const batch = this.#consumer.take(maxFrames, maxBytes);
    assert.deepEqual(
      batch.frames.map(({ kind, payload, ticket }) => ({ kind, payload: [...payload], ticket })),
      expected,
    );
    assert.equal(batch.ticket, this.#model.ticketAfter(this.#model.taken));
  }

  #compare(): void {
    const model = this.#model;
    assert.equal(this.#producer.written, model.written);
    assert.equal(this.#producer.pendingBytes, model.pendingBytes);
    assert.equal(this.#producer.released, model.ticketAfter(model.released));
    assert.equal(this.#consumer.taken, model.ticketAfter(model.taken));
    assert.equal(this.#consumer.released, model.ticketAfter(model.released));
    for (const [index, frame] of model.frames.entries()) {
      assert.equal(this.#producer.isReleased(frame.ticket), index < model.released);
    }
    const more = model.taken < model.frames.length;
    assert.equal(this.#consumer.waitForFrames(0), more ? 'frames' : model.closed ? 'closed' : 'timeout');
  }

  /** Bytes that no other frame near has, so that a stale byte shows. */
  #bytes(length: number): number[] {
    return Array.from({ length }, () => {
      this.#nextByte = (this.#nextByte * 5 + 1) & 0xff;
      return this.#nextByte;
    });
  }
}

const startCursors = [0, 2 ** 31, 2 ** 32, 3 * 2 ** 31, 2 ** 33, 2 ** 40, 2 ** 52];

function stepsFor(capacity: number): fc.Arbitrary<Step> {
  const largest = capacity - 8;
  const length = fc.oneof(fc.nat(Math.min(largest, 40)), fc.nat(largest), fc.constant(largest));
  const kind = fc.nat(0xffffffff);
  const third = Math.floor(largest / 3);
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), length, kind }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('pushParts' as const),
        lengths: fc.array(fc.nat(third), { maxLength: 3 }),
        kind,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        maxFrames: fc.integer({ min: 1, max: 6 }),
        maxBytes: fc.integer({ min: 1, max: 2 * capacity }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('release' as const), part: fc.constantFrom(0, 0.3, 0.5, 1, 1) }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'reattach' }) },
  );
}

describe('queue against a model', () => {
  for (const capacity of [16, 32, 64, 256]) {
    it(`answers as an array would over random histories with ${capacity} bytes`, () => {
      const history = fc.record({
        start: fc.constantFrom(...startCursors),
        // Just below the overflow, so that a history of some hundred bytes crosses it.
        before: fc.nat(40),
        steps: fc.array(stepsFor(capacity), { minLength: 5, maxLength: 60 }),
        closedAt: fc.option(fc.nat(60), { nil: undefined }),
      });
      fc.assert(
        fc.property(history, ({ start, before, steps, closedAt }) => {
          const pair = new Pair(capacity, Math.max(0, start - before * 8));
          for (const [index, step] of steps.entries()) {
            if (index === closedAt) pair.run({ do: 'close' });
            pair.run(step);
          }
          pair.finish();
        }),
        { seed: testSeed(), numRuns: 400 },
      );
    });
  }

  it('keeps tickets exact over many wraps of a small ring', () => {
    const pair = new Pair(64, 2 ** 32 - 80_000);
    for (let round = 0; round < 3000; round++) {
      pair.run({ do: 'push', length: round % 57, kind: round });
      pair.run({ do: 'take', maxFrames: 1 + (round % 3), maxBytes: 64 });
      if (round % 2 === 0) pair.run({ do: 'release', part: 1 });
      if (round % 97 === 0) pair.run({ do: 'reattach' });
    }
    pair.finish();
  });
});
