/**
 * What stands in the log at a position whose delta could not be had any more when the log was repaired: positions go on without a
 * gap, and nobody takes the place for one that was never written.
 *
 * ```
 * 0  u32  checksum of bytes 4…, seeded with the position
 * 4  4 B  "lost"
 * ```
 * Shorter than any frame. Which seqs of a source are lost stands in the log's meta: `lost/<node>` = [[from, to], …].
 */
import { checksum } from '../codec/checksum.ts';

const text = Buffer.from('lost');
const markerBytes = 8;

export function encodeLostMarker(position: number): Buffer {
  const marker = Buffer.alloc(markerBytes);
  marker.set(text, 4);
  marker.writeUInt32LE(checksum(position, text), 0);
  return marker;
}

export function isLostMarker(position: number, value: Uint8Array): boolean {
  return value.length === markerBytes && encodeLostMarker(position).equals(value);
}

/** Both inclusive. */
export type SeqRange = readonly [from: number, to: number];

export function isSeqRanges(value: unknown): value is readonly SeqRange[] {
  if (!Array.isArray(value)) return false;
  return value.every(
    (range) => Array.isArray(range) && range.length === 2 && range.every((seq) => Number.isSafeInteger(seq)),
  );
}

/** The next seq from `seq` on, upwards or downwards, that is not lost. */
export function pastLost(lost: readonly SeqRange[], seq: number, step: 1 | -1): number {
  let next = seq;
  for (const [from, to] of step === 1 ? lost : lost.toReversed())
    if (next >= from && next <= to) next = step === 1 ? to + 1 : from - 1;
  return next;
}
