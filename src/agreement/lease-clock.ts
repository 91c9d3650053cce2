/** The two clocks of a node at one instant. */
export interface Instant {
  /** Never goes back, stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** May jump, and goes on while the machine sleeps. */
  readonly wallMs: number;
}

/** A wall clock shows whole milliseconds: within one of them it falls behind by as much, and catches up at its end. */
const wallStepMs = 1;

/**
 * The clock by which a node counts the time of its own leases: the monotonic clock, and the sleeps that the wall clock shows beyond
 * it, to within two of its steps. When the two moved apart by more than `jumpMs` between two looks nobody here can tell a sleep from
 * a wall clock that was set: it moves by the monotonic clock and says so, and what counted on it has to be checked.
 *
 * Not seen is a sleep that a step of the wall clock makes good to within `jumpMs`, between the same two looks.
 */
export class LeaseClock {
  readonly #jumpMs: number;
  #monotonicMs: number;
  readonly #startWallMs: number;
  readonly #startMonotonicMs: number;
  /** How far the wall clock went ahead of the monotonic one since the start: at the least, since it was last found further ahead. */
  #aheadMs = 0;
  #sleptMs = 0;

  constructor(start: Instant, jumpMs: number) {
    this.#jumpMs = jumpMs;
    this.#monotonicMs = start.monotonicMs;
    this.#startWallMs = start.wallMs;
    this.#startMonotonicMs = start.monotonicMs;
  }

  get nowMs(): number {
    return this.#monotonicMs + this.#sleptMs;
  }

  /** @returns by how much the wall clock moved beyond the monotonic one when that is a jump, else 0. */
  advance(to: Instant): number {
    const monotonic = Math.max(0, to.monotonicMs - this.#monotonicMs);
    this.#monotonicMs += monotonic;
    const aheadMs = to.wallMs - this.#startWallMs - (this.#monotonicMs - this.#startMonotonicMs);
    const apart = aheadMs - this.#aheadMs;
    if (Math.abs(apart) > this.#jumpMs + 0.02 * monotonic) {
      this.#aheadMs += apart;
      return apart;
    }
    // What it moves by at one look must not come back at the next: many looks in a millisecond would add up to any time.
    const sleptMs = Math.max(0, apart - wallStepMs);
    this.#sleptMs += sleptMs;
    this.#aheadMs += apart < 0 ? apart : sleptMs;
    return 0;
  }
}
