/**
 * Reads the overview for those who watch, and for nobody else. Whoever begins to watch gets one at once; from then on each change brings
 * another, but no more often than every `quietMs`, and without a change one comes every `idleMs`: what has no event, such as a lag, moves too.
 *
 * Reading holds the main thread for a time that grows with the leases held. So a pause is at least `restShare` times as long: watching takes
 * a two-hundredth of the thread, up to where a reading takes 25 ms.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';

export interface Reading<View> {
  readonly view: View;
  /** For how long it held the main thread. */
  readonly heldMs: number;
}

export interface OverviewFeedParts<View> {
  readonly read: () => Promise<Reading<View>>;
  /** Called when the first one begins to watch. @returns what ends it, after the last one. */
  readonly open: () => () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface OverviewTiming {
  readonly quietMs: number;
  readonly idleMs: number;
}

const timing: OverviewTiming = { quietMs: 500, idleMs: 5000 };
const restShare = 200;

export class OverviewFeed<View> {
  readonly #parts: OverviewFeedParts<View>;
  readonly #timing: OverviewTiming;
  readonly #listeners = new Set<(view: View) => void>();
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  /** Something happened since the last reading began. */
  #isStale = false;
  #mayReadAtMs = Number.NEGATIVE_INFINITY;

  /** @param options for tests. */
  constructor(parts: OverviewFeedParts<View>, options: Partial<OverviewTiming> = {}) {
    this.#parts = parts;
    this.#timing = { ...timing, ...options };
  }

  /** Until the returned function is called. */
  subscribe(listener: (view: View) => void): () => void {
    // A function may watch twice.
    const own = (view: View) => listener(view);
    this.#listeners.add(own);
    this.#end ??= this.#parts.open();
    this.#mayReadAtMs = Number.NEGATIVE_INFINITY;
    this.changed();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Something happened that shows. Quick, and never throws: it is called from inside the lock table. */
  changed(): void {
    if (this.#listeners.size === 0) return;
    this.#isStale = true;
    if (!this.#isReading) this.#arm(this.#mayReadAtMs - this.#parts.clock.monotonicMs());
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#end?.();
    this.#end = undefined;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), Math.max(0, delayMs)).unref();
  }

  async #read(): Promise<void> {
    const { clock, logger, read } = this.#parts;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#isStale = false;
    let pauseMs = this.#timing.quietMs;
    try {
      const { view, heldMs } = await read();
      pauseMs = Math.min(Math.max(pauseMs, heldMs * restShare), this.#timing.idleMs);
      for (const listener of this.#listeners) listener(view);
    } catch (error) {
      logger.warn('the overview could not be read', { error: String(error) });
    }
    this.#isReading = false;
    this.#mayReadAtMs = clock.monotonicMs() + pauseMs;
    if (this.#listeners.size > 0) this.#arm(this.#isStale ? pauseMs : this.#timing.idleMs);
  }
}
