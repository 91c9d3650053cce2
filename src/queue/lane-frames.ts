/** What the frames of the lanes are and how their numbers are written: the part of the protocol that both threads share. */

/** Kinds of frames, lane by lane. A number never changes its meaning. */
export const frameKind = {
  /** persist: a log record (delta/log-record.ts). */
  record: 1,
  /** persist: f64, the fence floor to reserve. */
  fences: 2,
  /** persist: the head behind which a source goes on, what came before being gone everywhere (delta/skipped-head.ts). */
  skip: 4,
  /** index: f64, the newest committed position. It says how far to read the log, so any notice may be left out but the last. */
  committed: 3,
  /** audit: f64 `at`, then the encoded event. */
  event: 5,
  /** compact: f64 delta cutoff and f64 audit cutoff, both HLC times, 0 for none; f64 position below which deltas of any age go. */
  retain: 6,
  /** compact: f64 number of the store (store/store-copy.ts), f64 1 to begin the copy anew and 0 to go on with it. */
  copy: 7,
} as const;

export function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(numbers).buffer);
}

/** Number `index` at the start of a payload. Payloads start at multiples of 8 in their batch, but a copy need not. */
export function decodeNumber(payload: Uint8Array, index: number): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getFloat64(index * 8, true);
}
