import type { Clock } from '../../src/base/clock.ts';

/** A clock that moves only when told to. `jumpWall` moves the wall clock alone, as NTP or a person would. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs: number;

  constructor(wallMs = Date.UTC(2026, 0, 1), monotonicMs = 1000) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }
}
