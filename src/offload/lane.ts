/**
 * One lane: a shared queue, one worker thread and its supervision. The worker loops in `run` until the queue is closed. When it
 * dies or fails, a new run starts at the first unreleased frame; frames are applied idempotently, so none is lost and none counts twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Piscina } from 'piscina';
import type { Clock } from '../base/clock.ts';
import { CollabError, decodeError, encodeError, type WireError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { createQueue, type PushResult, type QueueProducer } from '../queue/queue-producer.ts';
import type { LaneName, LaneReport, LaneStarts } from './contract.ts';
import {
  closeTimeoutMs,
  deathWindowMs,
  firstRetryMs,
  lanePolicies,
  maxDeaths,
  maxRetryMs,
  stuckAfterMs,
  stuckCheckMs,
} from './lane-policy.ts';
import { workerUrl } from './worker-url.ts';

export type LaneState =
  | { readonly state: 'running' }
  | { readonly state: 'restarting'; readonly error: WireError }
  | { readonly state: 'failed'; readonly error: WireError }
  | { readonly state: 'closed' };

export interface LaneComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once when the lane has died for good. */
  readonly onFailed: (lane: LaneName, error: CollabError) => void;
}

export class Lane<Name extends LaneName> {
  readonly name: Name;
  readonly #queue: QueueProducer;
  readonly #start: LaneStarts[Name];
  readonly #components: LaneComponents;
  readonly #pool: Piscina<LaneStarts[Name], LaneReport>;
  readonly #supervision: Promise<void>;
  readonly #stop = new AbortController();
  #state: LaneState = { state: 'running' };
  #restarts = 0;
  #deathsMs: number[] = [];
  /** Who waits for a commit. A race against one long-lived promise would keep a reaction for every delta ever awaited. */
  readonly #waiting = new Set<(error: CollabError) => void>();
  #closing: Promise<void> | undefined;
  #seen = { beat: -1, atMs: 0 };
  #stuck = false;
  readonly #stuckWatch: NodeJS.Timeout;

  constructor(name: Name, start: Omit<LaneStarts[Name], 'queue'>, components: LaneComponents) {
    const policy = lanePolicies[name];
    this.name = name;
    this.#queue = createQueue(policy.capacityBytes);
    this.#start = { ...start, queue: this.#queue.buffer } as LaneStarts[Name];
    this.#components = components;
    this.#pool = new Piscina({
      filename: workerUrl(policy.worker),
      name: 'run',
      // One thread, always there: the lane is one consumer, and a second would break the queue's contract.
      minThreads: 1,
      maxThreads: 1,
      // The worker waits on its queue by itself; piscina's own way of sleeping would only get in between.
      atomics: 'disabled',
      // Nothing to time: a run lasts as long as the daemon.
      recordTiming: false,
    });
    // Piscina repeats a worker's death here; the rejected run is where it is handled.
    this.#pool.on('error', (error: unknown) =>
      components.logger.debug('worker error', { lane: name, error: String(error) }),
    );
    this.#supervision = this.#supervise();
    this.#stuckWatch = setInterval(() => this.#watchBeat(), stuckCheckMs).unref();
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
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const settle = (settled: () => void) => {
        this.#waiting.delete(reject);
        settled();
      };
      wait().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
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
    clearInterval(this.#stuckWatch);
    this.#queue.close();
    this.#stop.abort();
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
    await this.#pool.destroy();
  }

  async #supervise(): Promise<void> {
    let retryMs = firstRetryMs;
    for (;;) {
      const before = this.#queue.released;
      const error = await this.#runOnce();
      if (error === undefined) return;
      if (this.#queue.released > before) retryMs = firstRetryMs;
      const stopping = this.#stop.signal.aborted;
      const environmental = error.code === 'STORE_UNAVAILABLE';
      if (environmental ? stopping : this.#isDeadly()) {
        this.#fail(error);
        return;
      }
      this.#restarts += 1;
      this.#note({ state: 'restarting', error: encodeError(error) }, error);
      if (environmental) {
        this.#disappoint(error);
        await this.#pause(retryMs);
        retryMs = Math.min(retryMs * 2, maxRetryMs);
      }
    }
  }

  /** Undefined when the queue was closed and drained. */
  async #runOnce(): Promise<CollabError | undefined> {
    try {
      const run = this.#pool.run(this.#start, { name: 'run' });
      if (this.#state.state === 'restarting' && this.#state.error.code !== 'STORE_UNAVAILABLE')
        this.#state = { state: 'running' };
      const report = await this.#reportOf(run);
      return report.ended === 'closed' ? undefined : decodeError(report.error);
    } catch (cause) {
      return new CollabError('INTERNAL', `the worker of the ${this.name} lane died: ${String(cause)}`, {
        cause,
      });
    }
  }

  /** While a store could not be written, the lane counts as recovered once a run has committed something or drained its queue. */
  async #reportOf(run: Promise<LaneReport>): Promise<LaneReport> {
    while (this.#state.state === 'restarting') {
      const ticket = this.#queue.written;
      const first = await Promise.race([run.then((report) => ({ report })), this.#recovered(ticket)]);
      if (first !== undefined) return first.report;
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
    this.#components.logger.warn('lane interrupted', {
      lane: this.name,
      code: error.code,
      error: error.message,
    });
  }

  #disappoint(error: CollabError): void {
    const told = interruption(this.name, error);
    for (const reject of this.#waiting) reject(told);
    this.#waiting.clear();
  }

  #fail(error: CollabError): void {
    this.#note({ state: 'failed', error: encodeError(error) }, error);
    this.#disappoint(error);
    this.#queue.failWaiters(error);
    this.#components.onFailed(this.name, error);
  }

  /**
   * A worker beats at least every second while it waits, and with every batch. One that does not is stuck, most likely in a write to
   * a disk that hangs. It cannot be replaced: a thread that is ended inside a transaction takes LMDB's write lock with it. So
   * what comes is refused until it moves again.
   */
  #watchBeat(): void {
    const { beat, pendingBytes } = this.#queue;
    const nowMs = this.#components.clock.monotonicMs();
    if (beat !== this.#seen.beat || pendingBytes === 0) {
      this.#seen = { beat, atMs: nowMs };
      if (this.#stuck && this.#state.state === 'restarting') this.#state = { state: 'running' };
      this.#stuck = false;
    }
    if (this.#stuck || this.#state.state !== 'running' || nowMs - this.#seen.atMs < stuckAfterMs) return;
    this.#stuck = true;
    const error = new CollabError('STORE_UNAVAILABLE', `the ${this.name} lane is stuck on its disk`, {
      next: 'Check the disk. If it is sound, restart: agent-collab daemon restart.',
    });
    this.#note({ state: 'restarting', error: encodeError(error) }, error);
    this.#disappoint(error);
  }

  /** Ends early when the lane is closed: then one last attempt is made at once. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** What a caller is told whose record is in the queue: it will most likely be written, only when is not known. */
function interruption(lane: LaneName, cause: CollabError): CollabError {
  return new CollabError('STORE_UNAVAILABLE', `the ${lane} lane was interrupted: ${cause.message}`, {
    next: 'It was accepted and is written as soon as that is possible. Look whether it is there before you send it again.',
    details: { accepted: true, lane },
    cause,
  });
}
