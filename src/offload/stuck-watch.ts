import type { Clock } from '../base/clock.ts';
import type { QueueProducer } from '../queue/queue-producer.ts';
import { stuckAfterMs, stuckCheckMs } from './lane-policy.ts';

export interface StuckListener {
  /** Whether it was taken for stuck: a lane that is paused, or down already, is not. */
  readonly onStuck: () => boolean;
  readonly onMoving: () => void;
}

/**
 * A worker beats at least every second while it waits, and with every batch. One that does not is stuck, most likely in a write to
 * a disk that hangs. It cannot be replaced: a thread that is ended inside a transaction takes LMDB's write lock with it. So
 * what comes is refused until it moves again.
 */
export class StuckWatch {
  readonly #queue: QueueProducer;
  readonly #clock: Clock;
  readonly #told: StuckListener;
  readonly #timer: NodeJS.Timeout;
  #seen = { beat: -1, atMs: 0 };
  #stuck = false;

  constructor(queue: QueueProducer, clock: Clock, told: StuckListener) {
    this.#queue = queue;
    this.#clock = clock;
    this.#told = told;
    this.#timer = setInterval(() => this.#look(), stuckCheckMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { beat, pendingBytes } = this.#queue;
    const nowMs = this.#clock.monotonicMs();
    if (beat !== this.#seen.beat || pendingBytes === 0) {
      this.#seen = { beat, atMs: nowMs };
      if (this.#stuck) this.#told.onMoving();
      this.#stuck = false;
    }
    if (this.#stuck || nowMs - this.#seen.atMs < stuckAfterMs) return;
    this.#stuck = this.#told.onStuck();
  }
}
