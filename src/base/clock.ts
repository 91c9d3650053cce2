/**
 * The only file that reads the clocks. Leases are measured on the monotonic clock; the wall clock only
 * stamps what people read and what nodes compare.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump. */
  wallMs(): number;
  /** Milliseconds on a clock that never goes back; its zero is arbitrary. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
