/**
 * The loop that every lane runs: wait, take, apply, release. Applying commits, so the released position *is* the committed
 * position; what a dead worker took and did not release, its successor is given again.
 */
import { setImmediate } from 'node:timers/promises';
import { encodeError } from '../src/base/errors.ts';
import { failpoint } from '../src/base/failpoint.ts';
import type { LaneName, LaneReport } from '../src/offload/contract.ts';
import { attachConsumer, type Frame } from '../src/queue/queue-consumer.ts';
import type { Environment } from '../src/store/environment.ts';

export interface LaneLoopOptions {
  /** Frames of one transaction: bounds how long others wait for the write lock and how much is applied again after a death. */
  readonly maxFrames: number;
  readonly maxBytes: number;
  /** Pause after a batch that was not full, so that the next transaction finds more: fewer syncs for a little delay. */
  readonly lingerMs: number;
}

/** An idle lane beats, and looks whether it is closed, this often. */
const idleMs = 1000;

const turnsBetweenPauses = 1000;

/** A word that nobody ever notifies: waiting on it is how a thread without an event loop sleeps. */
const never = new Int32Array(new SharedArrayBuffer(4));

export interface LaneWork {
  /**
   * Applies and commits. Must be idempotent; when it throws, nothing is released. Work that takes several transactions is a
   * generator that yields between them: the lane beats there, and stops there when it is closed; what is left is
   * done after the next start.
   */
  apply(frames: readonly Frame[]): Iterable<unknown> | undefined;
  /** What the thread reads from. Refreshed before it waits: an idle thread would pin its last snapshot, and with it freed pages. */
  readonly environments: readonly Environment[];
  /** Called about once a second while there is nothing to do. */
  idle?(): void;
  close(): Promise<void> | void;
}

/** Runs until the queue is closed and drained. Never throws: what went wrong stands in the report. */
export async function runLane(
  name: LaneName,
  queue: SharedArrayBuffer,
  options: LaneLoopOptions,
  open: () => Promise<LaneWork> | LaneWork,
): Promise<LaneReport> {
  try {
    const work = await open();
    try {
      await loop(name, queue, options, work);
    } finally {
      await work.close();
    }
    return { ended: 'closed' };
  } catch (error) {
    return { ended: 'failed', error: encodeError(error) };
  }
}

async function loop(
  name: LaneName,
  queue: SharedArrayBuffer,
  options: LaneLoopOptions,
  work: LaneWork,
): Promise<void> {
  const consumer = attachConsumer(queue);
  for (let turn = 1; ; turn += 1) {
    // Libraries that set timers or resolve promises get a turn of the event loop; lmdb-js leaks a little without.
    if (turn % turnsBetweenPauses === 0) await setImmediate();
    for (const environment of work.environments) environment.refresh();
    const state = consumer.waitForFrames(idleMs);
    if (state === 'closed') return;
    if (state === 'timeout') {
      work.idle?.();
      continue;
    }
    const batch = consumer.take(options.maxFrames, options.maxBytes);
    failpoint(`${name}.taken`);
    for (const _ of work.apply(batch.frames) ?? []) {
      if (consumer.isClosed) return;
      consumer.beat();
    }
    failpoint(`${name}.applied`);
    consumer.release(batch.ticket);
    failpoint(`${name}.released`);
    if (options.lingerMs > 0 && batch.frames.length < options.maxFrames)
      Atomics.wait(never, 0, 0, options.lingerMs);
  }
}
