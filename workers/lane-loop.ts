/**
 * The loop that every lane runs: wait, take, apply, release. Applying commits, so the released position *is* the committed
 * position; what a dead worker took and did not release, its successor is given again.
 */
import { setImmediate } from 'node:timers/promises';
import { encodeError } from '../src/base/errors.ts';
import { failpoint } from '../src/base/failpoint.ts';
import type { LaneName, LaneReport, LaneStart } from '../src/offload/contract.ts';
import { attachConsumer, type Frame, type QueueConsumer } from '../src/queue/queue-consumer.ts';
import type { Environment } from '../src/store/environment.ts';
import { giveWay } from './thread-priority.ts';

export interface LaneLoopOptions {
  /** Frames of one transaction: bounds how long others wait for the write lock and how much is applied again after a death. */
  readonly maxFrames: number;
  readonly maxBytes: number;
  /**
   * Pause before a batch, so that one transaction finds more, and whoever is served because of what came goes first. A batch that was full
   * is followed at once.
   */
  readonly lingerMs: number;
  /** How far its thread stands back behind the main thread: see `giveWay`. */
  readonly nice: number;
}

/** What one lane has of its own. */
export interface Lane<Start extends LaneStart> {
  /** May load native addons. */
  load(): Promise<LaneModule<Start>>;
  /** What is in the queue when it is closed is done after the next start. @default false */
  readonly dropsAtClose?: boolean;
}

export interface LaneModule<Start extends LaneStart> {
  readonly options: LaneLoopOptions;
  /** @throws STORE_UNAVAILABLE, STORE_DAMAGED, with nothing left open. */
  open(start: Start): Promise<LaneWork> | LaneWork;
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
   * @param isClosing the lane is given a few seconds for all that is in its queue: what can be done after the next start waits.
   */
  apply(frames: readonly Frame[], isClosing: boolean): Iterable<unknown> | AsyncIterable<unknown> | undefined;
  /** What the thread reads from. Refreshed before it waits: an idle thread would pin its last snapshot, and with it freed pages. */
  readonly environments: readonly Environment[];
  /** Called while there is nothing in the queue: about once a second, and at once when there is more to do. */
  idle?(): void;
  /** Whether work is left that was put off until the queue is empty. `idle` does a part of it. @default never */
  hasMore?(): boolean;
  close(): Promise<void> | void;
}

/** Runs until the queue is closed and drained, or paused. Never throws: what went wrong stands in the report. */
export async function runLane<Start extends LaneStart>(
  name: LaneName,
  start: Start,
  lane: Lane<Start>,
): Promise<LaneReport> {
  let consumer: QueueConsumer | undefined;
  try {
    consumer = attachConsumer(start.queue);
    // In this order: who closes the queue and then finds no beat may end this thread, for it loads and opens nothing any more.
    consumer.beat();
    if (start.dropUpTo !== undefined) drop(consumer, start.dropUpTo);
    if (isOver(consumer, lane)) return { ended: 'closed' };
    const { options, open } = await lane.load();
    const work = await open(start);
    // Not before: whoever waits for the start waits for every lane.
    giveWay(options.nice);
    try {
      return { ended: await loop(name, consumer, options, work) };
    } finally {
      await work.close();
    }
  } catch (error) {
    const ticket =
      consumer === undefined || consumer.taken === consumer.released ? undefined : consumer.taken;
    return { ended: 'failed', error: encodeError(error), ticket };
  }
}

function isOver(
  consumer: QueueConsumer,
  { dropsAtClose = false }: Pick<Lane<LaneStart>, 'dropsAtClose'>,
): boolean {
  return consumer.isClosed && (dropsAtClose || consumer.waitForFrames(0) === 'closed');
}

function drop(consumer: QueueConsumer, upTo: number): void {
  while (consumer.taken < upTo) {
    const { frames, ticket } = consumer.take(1, 1);
    if (frames.length === 0) return;
    consumer.release(ticket);
  }
}

async function loop(
  name: LaneName,
  consumer: QueueConsumer,
  options: LaneLoopOptions,
  work: LaneWork,
): Promise<'closed' | 'paused'> {
  let wasFull = false;
  for (let turn = 1; ; turn += 1) {
    // Libraries that set timers or resolve promises get a turn of the event loop; lmdb-js leaks a little without.
    if (turn % turnsBetweenPauses === 0) await setImmediate();
    for (const environment of work.environments) environment.refresh();
    const state = consumer.waitForFrames(work.hasMore?.() === true ? 0 : idleMs);
    if (state === 'closed' || state === 'paused') return state;
    if (state === 'timeout') {
      work.idle?.();
      // Others write to the store as well, and a check of it needs a moment in which nobody does.
      if (work.hasMore?.() === true) Atomics.wait(never, 0, 0, options.lingerMs);
      continue;
    }
    if (options.lingerMs > 0 && !wasFull && !consumer.isClosed) Atomics.wait(never, 0, 0, options.lingerMs);
    const batch = consumer.take(options.maxFrames, options.maxBytes);
    wasFull = batch.frames.length === options.maxFrames;
    failpoint(`${name}.taken`);
    for await (const _ of work.apply(batch.frames, consumer.isClosed) ?? []) {
      if (consumer.isClosed) return 'closed';
      if (consumer.isPaused) return 'paused';
      consumer.beat();
      failpoint(`${name}.step`);
    }
    failpoint(`${name}.applied`);
    consumer.release(batch.ticket);
    failpoint(`${name}.released`);
  }
}
