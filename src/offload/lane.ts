/**
 * One lane: a shared queue, one worker thread and its supervision. The worker loops in `run` until the queue is closed. When it
 * dies or fails, a new run starts at the first unreleased frame; frames are applied idempotently, so none is lost and none counts twice.
 * A lane that is paused has no worker and no handle of its stores open; its queue goes on taking frames.
 */
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { CollabError, decodeError, encodeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { probeWrite } from '../home/probe-write.ts';
import { createQueue, type PushResult, type QueueProducer } from '../queue/queue-producer.ts';
import type { LaneName, LaneStarts } from './contract.ts';
import { createPause, type Pause } from './lane-pause.ts';
import {
  closeTimeoutMs,
  deathWindowMs,
  diskProbeBytes,
  diskRefusals,
  firstRetryMs,
  lanePolicies,
  maxDeaths,
  maxRetryMs,
  pauseLimitMs,
} from './lane-policy.ts';
import { interruption, isWaiting, type LaneState } from './lane-state.ts';
import { LaneWaiters } from './lane-waiters.ts';
import { type LaneFailure, LaneWorker, type RunEnding } from './lane-worker.ts';
import { StuckWatch } from './stuck-watch.ts';

export interface LaneComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once when the lane has died for good. */
  readonly onFailed: (lane: LaneName, error: CollabError) => void;
}

export class Lane<Name extends LaneName> {
  readonly name: Name;
  /** Resolves when the lane has died for good: what is in its queue is never applied. */
  readonly failed: Promise<void>;
  readonly #queue: QueueProducer;
  readonly #start: LaneStarts[Name];
  readonly #components: LaneComponents;
  readonly #worker: LaneWorker<Name>;
  readonly #waiters = new LaneWaiters();
  readonly #stuckWatch: StuckWatch;
  readonly #supervision: Promise<void>;
  readonly #stop = new AbortController();
  #state: LaneState = { state: 'running' };
  #restarts = 0;
  #deathsMs: number[] = [];
  #closing: Promise<void> | undefined;
  #pause: Pause | undefined;
  #dropUpTo: number | undefined;
  /** Ends the wait between two attempts. */
  #attempt = new AbortController();
  #tellFailed: () => void = () => {};

  constructor(name: Name, start: Omit<LaneStarts[Name], 'queue'>, components: LaneComponents) {
    this.name = name;
    this.#queue = createQueue(lanePolicies[name].capacityBytes);
    this.#start = { ...start, queue: this.#queue.buffer } as LaneStarts[Name];
    this.#components = components;
    this.failed = new Promise((resolve) => {
      this.#tellFailed = resolve;
    });
    this.#worker = new LaneWorker(name, components.logger);
    this.#supervision = this.#supervise();
    this.#stuckWatch = new StuckWatch(this.#queue, components.clock, {
      onStuck: () => this.#onStuck(),
      onMoving: () => {
        if (this.#state.state === 'restarting') this.#state = { state: 'running' };
      },
    });
  }

  get queue(): QueueProducer {
    return this.#queue;
  }

  get state(): LaneState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Why nothing should be given to this lane now, if so. */
  get refusal(): CollabError | undefined {
    if (this.#state.state === 'failed') return decodeError(this.#state.error);
    if (this.#state.state === 'closed' || this.#closing !== undefined)
      return new CollabError('STORE_CLOSED', `the ${this.name} lane is closed`);
    return this.#state.state === 'restarting' && this.#state.error.code === 'STORE_UNAVAILABLE'
      ? decodeError(this.#state.error)
      : undefined;
  }

  tryPush(kind: number, payload: Uint8Array): PushResult {
    return this.#queue.tryPush(payload, kind);
  }

  /**
   * Resolves when the frame that ends at `ticket` is committed.
   * Rejects when the lane is interrupted before: the frame stays in the queue and is applied again, but nobody knows when.
   */
  committed(ticket: number): Promise<void> {
    if (this.#queue.isReleased(ticket)) return Promise.resolve();
    return this.whileRunning(() => this.#queue.whenReleased(ticket));
  }

  /** What `wait` waits for, unless the lane is down or goes down before: then rejects. A worker that is replaced at once is no reason. */
  whileRunning<T>(wait: () => Promise<T>): Promise<T> {
    const refusal = this.refusal;
    return refusal === undefined ? this.#waiters.during(wait) : Promise.reject(refusal);
  }

  /**
   * Ends the worker after its transaction and closes its handles; frames stay in the queue, and who waits for them goes on waiting.
   * Resolves once that is done. To be followed by `resume`, also when it rejects.
   * @throws STORE_UNAVAILABLE when the worker does not end in time, STORE_CLOSED.
   */
  async pause(): Promise<void> {
    if (this.#closing !== undefined) throw new CollabError('STORE_CLOSED', `the ${this.name} lane is closed`);
    if (this.#state.state === 'failed') return;
    this.#pause ??= createPause();
    this.#queue.pause();
    this.#attempt.abort();
    const { began } = this.#pause;
    const paused = await Promise.race([began, delay(pauseLimitMs, false, { ref: false })]);
    if (!paused)
      throw new CollabError('STORE_UNAVAILABLE', `the ${this.name} lane does not let go of its store`);
  }

  /** Idempotent. */
  resume(): void {
    this.#queue.resume();
    this.#pause?.end();
    this.#pause = undefined;
  }

  /**
   * Lets the worker apply what was accepted, ends it and its thread. Idempotent.
   * @throws STORE_UNAVAILABLE when the worker does not end in time: then the process must be killed, for an exit would wait for
   *   the thread, and the thread may wait for ever for a lock that dies with it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stuckWatch.close();
    this.#queue.close();
    this.resume();
    this.#stop.abort();
    this.#attempt.abort();
    if (this.#opensNothing()) await this.#worker.destroy();
    const ended = await Promise.race([
      this.#supervision.then(() => true),
      delay(closeTimeoutMs, false, { ref: false }),
    ]);
    this.#state = { state: 'closed' };
    this.#queue.failWaiters(new CollabError('STORE_CLOSED', `the ${this.name} lane is closed`));
    if (!ended) {
      const { pendingBytes } = this.#queue;
      throw new CollabError(
        'STORE_UNAVAILABLE',
        `the ${this.name} lane did not end in time, with ${pendingBytes} bytes pending`,
      );
    }
    await this.#worker.destroy();
  }

  /**
   * True when the worker, which beats before it looks whether the queue is closed, will find that it is. On a busy machine it takes
   * seconds until a new thread has come so far.
   */
  #opensNothing(): boolean {
    const { beat, pendingBytes } = this.#queue;
    return beat === 0 && (pendingBytes === 0 || lanePolicies[this.name].whenFull === 'coalesce');
  }

  async #supervise(): Promise<void> {
    let retryMs = firstRetryMs;
    let refused: CollabError | undefined;
    for (;;) {
      await this.#whilePaused();
      if (refused !== undefined && (await this.#diskRefuses())) {
        if (this.#stop.signal.aborted) return this.#fail(refused);
        await this.#wait(retryMs);
        retryMs = Math.min(retryMs * 2, maxRetryMs);
        continue;
      }
      const before = this.#queue.released;
      const ending = await this.#runOnce();
      if (ending === 'closed') return;
      if (ending === 'paused') continue;
      if (this.#queue.released > before) retryMs = firstRetryMs;
      const reaction = this.#reactionTo(ending);
      if (reaction === 'fail') {
        this.#fail(ending);
        return;
      }
      if (reaction === 'answered') continue;
      this.#restarts += 1;
      this.#note({ state: 'restarting', error: encodeError(ending) }, ending);
      if (reaction === 'again') continue;
      refused = ending.code === 'STORE_UNAVAILABLE' ? ending : undefined;
      this.#waiters.disappoint(interruption(this.name, ending));
      await this.#wait(retryMs);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }

  /**
   * Asked before LMDB is let at it again: each of its writes that fails may end the process, since lmdb-js 3.5 describes it in 100 bytes of
   * memory, and the description takes up to 125.
   */
  async #diskRefuses(): Promise<boolean> {
    try {
      await probeWrite(dirname(dirname(this.#start.places.delta)), diskProbeBytes);
      return false;
    } catch (error) {
      return diskRefusals.includes(-((error as NodeJS.ErrnoException).errno ?? 0));
    }
  }

  /** What becomes of the lane after a run that failed. */
  #reactionTo(error: LaneFailure): 'again' | 'later' | 'answered' | 'fail' {
    const { whenFailed } = lanePolicies[this.name];
    const stopping = this.#stop.signal.aborted;
    if (whenFailed === 'answer' && error.ticket !== undefined) {
      this.#dropUpTo = error.ticket;
      this.#log('a request failed', error);
      this.#waiters.disappoint(error);
      return stopping ? 'fail' : 'answered';
    }
    const later =
      error.code === 'STORE_UNAVAILABLE' || (whenFailed === 'retry' && error.code === 'STORE_DAMAGED');
    if (later) return stopping ? 'fail' : 'later';
    return this.#isDeadly() ? 'fail' : 'again';
  }

  /** Ends once the lane is resumed; at once when it is not paused. */
  async #whilePaused(): Promise<void> {
    while (this.#pause !== undefined) {
      const before = this.#state;
      this.#state = { state: 'paused' };
      await this.#pause.sitOut();
      // A lane that waited for its disk still does: what it is resumed for may have mended that, and a run shows it.
      if (this.#state.state === 'paused')
        this.#state = before.state === 'restarting' ? before : { state: 'running' };
    }
    if (this.#attempt.signal.aborted) this.#attempt = new AbortController();
  }

  /** While a store could not be written, the lane counts as recovered once a run has committed something or drained its queue. */
  async #runOnce(): Promise<RunEnding> {
    const dropUpTo = this.#dropUpTo;
    this.#dropUpTo = undefined;
    const run = this.#worker.run({ ...this.#start, ...(dropUpTo === undefined ? {} : { dropUpTo }) });
    if (this.#state.state === 'restarting' && !isWaiting(this.#state.error))
      this.#state = { state: 'running' };
    while (this.#state.state === 'restarting') {
      const first = await Promise.race([run, this.#recovered(this.#queue.written)]);
      if (first !== undefined) return first;
      this.#state = { state: 'running' };
    }
    return run;
  }

  async #recovered(ticket: number): Promise<undefined> {
    await this.#queue.whenReleased(ticket);
    return undefined;
  }

  /** Counts a death. True when there were too many of them within the window. */
  #isDeadly(): boolean {
    const nowMs = this.#components.clock.monotonicMs();
    this.#deathsMs = this.#deathsMs.filter((deathMs) => nowMs - deathMs < deathWindowMs);
    this.#deathsMs.push(nowMs);
    return this.#deathsMs.length >= maxDeaths;
  }

  #note(state: LaneState, error: CollabError): void {
    this.#state = state;
    this.#log('lane interrupted', error);
  }

  #log(what: string, { code, message }: CollabError): void {
    this.#components.logger.warn(what, { lane: this.name, code, error: message });
  }

  #fail(error: CollabError): void {
    this.#note({ state: 'failed', error: encodeError(error) }, error);
    this.#waiters.disappoint(interruption(this.name, error));
    this.#queue.failWaiters(error);
    this.#tellFailed();
    this.#components.onFailed(this.name, error);
  }

  #onStuck(): boolean {
    if (this.#state.state !== 'running') return false;
    const error = new CollabError('STORE_UNAVAILABLE', `the ${this.name} lane is stuck on its disk`, {
      next: 'Check the disk. If it is sound, restart: agent-collab daemon restart.',
    });
    this.#note({ state: 'restarting', error: encodeError(error) }, error);
    this.#waiters.disappoint(interruption(this.name, error));
    return true;
  }

  /** Ends early when the lane is closed, for then one last attempt is made at once, or paused. */
  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#attempt.signal }).catch(() => undefined);
  }
}
