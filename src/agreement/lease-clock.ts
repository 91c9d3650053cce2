/** The two clocks of a node at one instant. */
export interface Instant {
  /** Never goes back, stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** May jump, and goes on while the machine sleeps. */
  readonly wallMs: number;
}

/**
 * The clock by which a node counts the time of its own leases. Between two looks it moves by whichever of the two clocks
 * moved more, so a short sleep is never missed. When they moved apart by more than `jumpMs` nobody here can tell a sleep from
 * a wall clock that was set: it moves by the monotonic clock and says so, and what counted on it has to be checked.
 *
 * Not seen is a sleep that a step of the wall clock makes good to within `jumpMs`, between the same two looks.
 */
export class LeaseClock {
  readonly #jumpMs: number;
  #monotonicMs: number;
  #wallMs: number;
  #nowMs: number;

  constructor(start: Instant, jumpMs: number) {
    this.#jumpMs = jumpMs;
    this.#monotonicMs = start.monotonicMs;
    this.#wallMs = start.wallMs;
    this.#nowMs = start.monotonicMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** @returns by how much the wall clock moved beyond the monotonic one when that is a jump, else 0. */
  advance(to: Instant): number {
    const monotonic = Math.max(0, to.monotonicMs - this.#monotonicMs);
    const apart = to.wallMs - this.#wallMs - monotonic;
    this.#monotonicMs = Math.max(this.#monotonicMs, to.monotonicMs);
    this.#wallMs = to.wallMs;
    const isJump = Math.abs(apart) > this.#jumpMs + 0.02 * monotonic;
    this.#nowMs += isJump ? monotonic : monotonic + Math.max(0, apart);
    return isJump ? apart : 0;
  }
}
