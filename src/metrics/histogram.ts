/** Counts in buckets, as Prometheus has them: cheap enough for the way of every lock. */

/** Seconds: from what a lock costs that is free to what nobody waits for. */
export const waitBounds: readonly number[] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];
/** Seconds: from an edit to the longest lease. */
export const holdBounds: readonly number[] = [0.1, 1, 5, 15, 30, 60, 120, 300, 900, 3600];

export interface Buckets {
  /** Upper bounds, rising, without the last, which has none. */
  readonly bounds: readonly number[];
  /** Values at or below each bound and above the one before it; one more for the rest. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    // A clock that was set back between two looks makes no negative time.
    const seen = Math.max(0, value);
    let at = 0;
    while (at < this.#bounds.length && seen > (this.#bounds[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seen;
  }

  get buckets(): Buckets {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
