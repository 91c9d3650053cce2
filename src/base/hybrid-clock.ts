/**
 * Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) packed into one number:
 * milliseconds since 2020-01-01 UTC × 4096 + a counter. Order of numbers is order of events; the number is exact in a
 * double until the year 2089. A counter that runs over carries into the milliseconds, which is what the paper's `l` does.
 */
import type { Clock } from './clock.ts';

declare const brand: unique symbol;
export type HlcTime = number & { readonly [brand]: 'HlcTime' };

const epochMs = Date.UTC(2020, 0, 1);
const ticksPerMs = 4096;
/** A peer's time further ahead of ours than this is refused: one wrong clock must not drag the cluster's time along. */
export const maxAheadMs = 60_000;

/** The first HLC time of a wall-clock millisecond; earlier than 2020 gives 0. */
export function hlcFromMs(wallMs: number): HlcTime {
  return Math.max(0, Math.floor((wallMs - epochMs) * ticksPerMs)) as HlcTime;
}

/** The wall-clock millisecond of an HLC time. */
export function hlcToMs(time: HlcTime): number {
  return Math.floor(time / ticksPerMs) + epochMs;
}

export function isHlcTime(value: unknown): value is HlcTime {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export class HybridClock {
  readonly #clock: Clock;
  #last: number;

  /** @param newest the newest time that was ever given out or seen, so that time goes on after a restart and after a wall clock set back. */
  constructor(clock: Clock, newest: HlcTime = 0 as HlcTime) {
    this.#clock = clock;
    this.#last = newest;
  }

  /** A time after every time given out or observed before. */
  tick(): HlcTime {
    const now = hlcFromMs(this.#clock.wallMs());
    this.#last = now > this.#last ? now : this.#last + 1;
    return this.#last as HlcTime;
  }

  /** Takes notice of another clock's time. Returns false, and takes none, when that lies over `maxAheadMs` in the future. */
  observe(time: HlcTime): boolean {
    if (time > hlcFromMs(this.#clock.wallMs() + maxAheadMs)) return false;
    if (time > this.#last) this.#last = time;
    return true;
  }
}
