/** The consumer's side of queue-worker.test.ts: one job per thread, its outcome posted as the last message. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { attachConsumer, type Batch, type QueueConsumer } from '../../src/queue/queue-consumer.ts';

/** Drains one queue until it is closed and hashes what came. */
export interface HashJob {
  readonly job: 'hash';
  readonly buffer: SharedArrayBuffer;
  readonly maxFrames: number;
}
export interface HashOutcome {
  readonly frames: number;
  readonly hash: string;
}

/** Applies frames to a ledger that survives this thread, as a store would. */
export interface ApplyJob {
  readonly job: 'apply';
  readonly buffer: SharedArrayBuffer;
  readonly maxFrames: number;
  readonly ledger: SharedArrayBuffer;
  /** Stop for good, saying `paused`, after so many applied frames: the test terminates the thread there. */
  readonly pauseAfter: number;
}

/** Polls one queue after the other until it is closed, and counts the frames of each. */
export interface PollJob {
  readonly job: 'poll';
  readonly buffers: readonly SharedArrayBuffer[];
}
export interface PollOutcome {
  readonly frameCounts: readonly number[];
}

/** Words of a ledger: how long its log is, a word that never changes, then per frame its sum, then the log. */
export const ledgerLayout = { logLength: 0, never: 1, sums: 2 } as const;
/** Entry in the log of a ledger at which a new life begins. */
export const newLife = -1;

/** Longer than any of these tests leaves a queue alone: a wait that lasts so long was not woken. */
const lostWakeUpMs = 5000;

export function sumOf(payload: Uint8Array): number {
  let sum = payload.length;
  for (const byte of payload) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum;
}

function* batches(queue: QueueConsumer, maxFrames: number): Generator<Batch> {
  for (;;) {
    const beforeMs = performance.now();
    const state = queue.waitForFrames(lostWakeUpMs);
    // The answer alone would hide it: after its time-out a wait looks once more, and finds what it was not told of.
    assert.ok(performance.now() - beforeMs < lostWakeUpMs, 'a wake-up was lost');
    if (state === 'closed') return;
    yield queue.take(maxFrames, 1 << 20);
  }
}

function hash({ buffer, maxFrames }: HashJob): HashOutcome {
  const queue = attachConsumer(buffer);
  const digest = createHash('sha256');
  let frames = 0;
  for (const batch of batches(queue, maxFrames)) {
    for (const { kind, payload } of batch.frames) {
      digest.update(`${kind} ${payload.length}\n`).update(payload);
      frames++;
    }
    queue.release(batch.ticket);
  }
  return { frames, hash: digest.digest('hex') };
}

function apply({ buffer, maxFrames, ledger, pauseAfter }: ApplyJob): 'drained' {
  const queue = attachConsumer(buffer);
  const words = new Int32Array(ledger);
  const sums = ledgerLayout.sums;
  const logStart = sums + Math.floor((words.length - sums) / 4);
  const log = (entry: number) => {
    words[logStart + Atomics.add(words, ledgerLayout.logLength, 1)] = entry;
  };
  log(newLife);
  let applied = 0;
  for (const batch of batches(queue, maxFrames)) {
    for (const { kind, payload } of batch.frames) {
      log(kind);
      words[sums + kind] = sumOf(payload);
      if (++applied === pauseAfter) {
        parentPort?.postMessage('paused');
        Atomics.wait(words, ledgerLayout.never, 0);
      }
    }
    queue.release(batch.ticket);
  }
  return 'drained';
}

function poll({ buffers }: PollJob): PollOutcome {
  const frameCounts = buffers.map((buffer) => {
    const queue = attachConsumer(buffer);
    let count = 0;
    for (let state = queue.waitForFrames(0); state !== 'closed'; state = queue.waitForFrames(0)) {
      if (state === 'frames') count += queue.take(10, 1024).frames.length;
    }
    return count;
  });
  return { frameCounts };
}

function run(job: HashJob | ApplyJob | PollJob): HashOutcome | PollOutcome | 'drained' {
  if (job.job === 'hash') return hash(job);
  if (job.job === 'apply') return apply(job);
  return poll(job);
}

// The test imports the types and the layout from here too, on a thread that has no port.
if (parentPort !== null) parentPort.postMessage(run(workerData));
