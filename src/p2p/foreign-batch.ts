/** Checked deltas on their way to the main thread: their bytes in one piece that is handed over, and a row of numbers for each. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { hashBytes, signatureBytes } from '../delta/delta-frame.ts';
import type { ForeignDelta } from '../delta/foreign-delta.ts';

export interface ForeignBatch {
  /** For each delta prev, hash, the signature if it has one, and the body. */
  readonly bytes: ArrayBuffer;
  readonly rows: readonly BatchRow[];
}

type BatchRow = readonly [source: NodeId, seq: number, time: HlcTime, bodyBytes: number, isSigned: boolean];

export function packBatch(deltas: readonly ForeignDelta[]): ForeignBatch {
  const length = deltas.reduce(
    (sum, { body, signature }) =>
      sum + 2 * hashBytes + (signature === undefined ? 0 : signatureBytes) + body.length,
    0,
  );
  const bytes = new Uint8Array(length);
  let at = 0;
  const put = (part: Uint8Array) => {
    bytes.set(part, at);
    at += part.length;
  };
  for (const { prev, hash, signature, body } of deltas) {
    put(prev);
    put(hash);
    if (signature !== undefined) put(signature);
    put(body);
  }
  const rows = deltas.map(
    ({ source, seq, time, body, signature }): BatchRow => [
      source,
      seq,
      time,
      body.length,
      signature !== undefined,
    ],
  );
  return { bytes: bytes.buffer, rows };
}

/** The parts are views. */
export function unpackBatch({ bytes, rows }: ForeignBatch): readonly ForeignDelta[] {
  let at = 0;
  const take = (length: number) => {
    at += length;
    return new Uint8Array(bytes, at - length, length);
  };
  return rows.map(([source, seq, time, bodyBytes, isSigned]) => ({
    source,
    seq,
    time,
    prev: take(hashBytes),
    hash: take(hashBytes),
    signature: isSigned ? take(signatureBytes) : undefined,
    body: take(bodyBytes),
  }));
}
