import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, it, mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createQueue, type QueueProducer } from '../../src/queue/queue-producer.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import {
  type ApplyJob,
  type HashJob,
  type HashOutcome,
  ledgerLayout,
  newLife,
  type PollJob,
  type PollOutcome,
  sumOf,
} from './draining-worker.ts';
import type { InterleavingOutcome } from './interleaving-worker.ts';

/**
 * A worker's entry file does not pass through the loader that `--import tsx` installs on Node 20, whatever its
 * `execArgv`; so the entry is a line of JavaScript that installs it and then imports the file.
 */
function startFile(file: string, workerData?: HashJob | ApplyJob | PollJob): Worker {
  const bootstrap = `import('tsx/esm/api').then(({ register }) => {
    register();
    return import(${JSON.stringify(new URL(file, import.meta.url).href)});
  })`;
  return new Worker(bootstrap, { eval: true, workerData });
}

function startWorker(job: HashJob | ApplyJob | PollJob): Worker {
  return startFile('./draining-worker.ts', job);
}

/** The next message of a worker; rejects when the worker throws instead, and so do all that wait on `queues`. */
function nextMessage<T>(worker: Worker, ...queues: readonly QueueProducer[]): Promise<T> {
  const next = once(worker, 'message').then(([message]) => message as T);
  next.catch((error: Error) => {
    for (const queue of queues) queue.failWaiters(error);
  });
  return next;
}

/** Pushes until accepted; `fullCount` of the result says how often the queue pushed back. */
async function pushWaiting(queue: QueueProducer, payload: Uint8Array, kind: number): Promise<number> {
  let fullCount = 0;
  for (;;) {
    const answer = queue.tryPush(payload, kind);
    if (typeof answer === 'number') return fullCount;
    assert.equal(answer, 'full');
    fullCount++;
    await queue.whenSpace(payload.length);
  }
}

function randomBytesOf(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.int(0, 255));
}

describe('queue between threads', () => {
  it('moves 300 000 frames in order under back-pressure and never blocks the main thread', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const pool = randomBytesOf(random, 70_000);
    const queue = createQueue(1 << 16, { startCursor: 2 ** 32 - (1 << 20) });
    const blocked = mock.method(Atomics, 'wait');
    const worker = startWorker({ job: 'hash', buffer: queue.buffer, maxFrames: 500 });
    const outcome = nextMessage<HashOutcome>(worker, queue);
    const digest = createHash('sha256');
    let fullCount = 0;
    for (let kind = 0; kind < 300_000; kind++) {
      const length = random.chance(0.001) ? random.int(0, queue.maxPayloadBytes) : random.int(0, 400);
      const from = random.int(0, pool.length - length);
      const payload = pool.subarray(from, from + length);
      digest.update(`${kind} ${length}\n`).update(payload);
      fullCount += await pushWaiting(queue, payload, kind);
    }
    queue.close();
    assert.deepEqual(await outcome, { frames: 300_000, hash: digest.digest('hex') }, `seed ${seed}`);
    assert.equal(queue.pendingBytes, 0);
    assert.ok(fullCount > 100, `the queue was full ${fullCount} times only`);
    assert.equal(blocked.mock.callCount(), 0);
    blocked.mock.restore();
  });

  it('wakes the consumer wherever a push or a close falls between the steps of its wait', async () => {
    const outcome = await nextMessage<InterleavingOutcome>(startFile('./interleaving-worker.ts'));
    assert.ok(outcome.insideWait >= 18, `${outcome.insideWait} orders`);
    assert.ok(outcome.insideChange >= 6, `${outcome.insideChange} orders`);
  });

  it('loses no wake-up in 20 000 exchanges of one frame', { timeout: 30_000 }, async () => {
    const queue = createQueue(64, { startCursor: 2 ** 31 - 80_000 });
    const worker = startWorker({ job: 'hash', buffer: queue.buffer, maxFrames: 1 });
    const outcome = nextMessage<HashOutcome>(worker, queue);
    const payload = new Uint8Array(8);
    for (let count = 0; count < 20_000; count++) {
      const ticket = queue.tryPush(payload, count);
      assert.ok(typeof ticket === 'number');
      await queue.whenReleased(ticket);
      assert.ok(queue.isReleased(ticket));
    }
    queue.close();
    assert.equal((await outcome).frames, 20_000);
  });

  it('loses no wake-up when frames meet a consumer that is falling asleep', { timeout: 30_000 }, async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const queue = createQueue(64);
    const worker = startWorker({ job: 'hash', buffer: queue.buffer, maxFrames: 1 });
    const outcome = nextMessage<HashOutcome>(worker, queue);
    const payload = new Uint8Array(8);
    for (let count = 0; count < 50_000; count++) {
      const ticket = queue.tryPush(payload, count);
      assert.ok(typeof ticket === 'number');
      // Spinning sees the release within nanoseconds, while the consumer goes to its next wait; then a pause of a
      // random length lets the next push fall between any two of the consumer's steps.
      for (let spins = 0; spins < 2000 && !queue.isReleased(ticket); spins++);
      await queue.whenReleased(ticket);
      for (let spins = random.int(0, 60); spins > 0; spins--) queue.isReleased(ticket + 1);
    }
    queue.close();
    assert.equal((await outcome).frames, 50_000, `seed ${seed}`);
  });

  it('wakes a sleeping consumer that has nothing to take when it closes', { timeout: 30_000 }, async () => {
    const queue = createQueue(64);
    const worker = startWorker({ job: 'hash', buffer: queue.buffer, maxFrames: 1 });
    const outcome = nextMessage<HashOutcome>(worker, queue);
    while (queue.beat === 0) await nextTurn();
    queue.close();
    assert.equal((await outcome).frames, 0);
  });

  it('gives the frame before the end when a push and a close follow at once', async () => {
    const queues = Array.from({ length: 4000 }, () => createQueue(16));
    const worker = startWorker({ job: 'poll', buffers: queues.map((queue) => queue.buffer) });
    const outcome = nextMessage<PollOutcome>(worker);
    let failed = false;
    outcome.catch(() => {
      failed = true;
    });
    const payload = new Uint8Array(0);
    for (const [index, queue] of queues.entries()) {
      while (queue.beat < 1 + (index % 50) && !failed) await nextTurn();
      queue.tryPush(payload);
      queue.close();
    }
    const { frameCounts } = await outcome;
    assert.deepEqual(
      frameCounts.filter((count) => count !== 1),
      [],
    );
  });
});

/** A store that outlives the threads that apply to it, and the log of every application. */
class Ledger {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #logStart: number;

  constructor(frames: number) {
    this.buffer = new SharedArrayBuffer((ledgerLayout.sums + 4 * frames) * 4);
    this.#words = new Int32Array(this.buffer);
    this.#logStart = ledgerLayout.sums + frames;
  }

  sums(count: number): number[] {
    return [...this.#words.subarray(ledgerLayout.sums, ledgerLayout.sums + count)];
  }

  /** The frames that each life applied, in its order. */
  lives(): number[][] {
    const length = Atomics.load(this.#words, ledgerLayout.logLength);
    assert.ok(this.#logStart + length <= this.#words.length, 'the log has room');
    const lives: number[][] = [];
    for (const entry of this.#words.subarray(this.#logStart, this.#logStart + length)) {
      if (entry === newLife) lives.push([]);
      else lives.at(-1)?.push(entry);
    }
    return lives;
  }
}

describe('queue whose consumer dies', () => {
  it('applies every frame at least once and in order through ten terminated workers', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const total = 40_000;
    const killed = 10;
    const queue = createQueue(4096, { startCursor: 2 ** 31 - 4096 });
    const ledger = new Ledger(total);
    const sums: number[] = [];
    const tickets: number[] = [];

    const pump = async (): Promise<void> => {
      for (let kind = 0; kind < total; kind++) {
        const payload = randomBytesOf(random, random.int(0, 60));
        await pushWaiting(queue, payload, kind);
        sums.push(sumOf(payload));
        tickets.push(queue.written);
      }
      queue.close();
    };
    const start = (pauseAfter: number): Worker =>
      startWorker({
        job: 'apply',
        buffer: queue.buffer,
        maxFrames: random.int(1, 80),
        ledger: ledger.buffer,
        pauseAfter,
      });

    let pumping = true;
    const pumped = pump().finally(() => {
      pumping = false;
    });
    const committedAtDeath = [0];
    for (let life = 0; life < killed; life++) {
      if (life % 2 === 0) {
        // In the middle of a batch, between two frames that the store has seen.
        const worker = start(random.int(1, 2000));
        assert.equal(await nextMessage(worker, queue), 'paused');
        await worker.terminate();
      } else {
        // Wherever it happens to be, while the producer pushes.
        const until = tickets.length + random.int(1, 2000);
        const worker = start(0);
        while (pumping && tickets.length < until) await nextTurn();
        await worker.terminate();
      }
      committedAtDeath.push(tickets.findLastIndex((ticket) => queue.isReleased(ticket)) + 1);
    }
    const last = start(0);
    const drained = nextMessage(last, queue);
    await pumped;
    assert.equal(await drained, 'drained');

    assert.deepEqual(ledger.sums(total), sums, `seed ${seed}`);
    assert.equal(queue.pendingBytes, 0);
    const lives = ledger.lives();
    assert.equal(lives.length, killed + 1, `seed ${seed}`);
    for (const [life, applied] of lives.entries()) {
      const from = committedAtDeath[life] ?? Number.NaN;
      assert.deepEqual(
        applied,
        applied.map((_, index) => from + index),
        `life ${life}, seed ${seed}`,
      );
    }
    const repeated = lives.flat().length - total;
    assert.ok(repeated > 0, `seed ${seed}: no worker died with unreleased frames`);
  });
});
