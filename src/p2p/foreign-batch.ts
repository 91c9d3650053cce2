/** Checked deltas on their way to the main thread: their bytes in one piece that is handed over, and a row of numbers for each. */
import assert from 'node:assert/strict';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { hashBytes, signatureBytes } from '../delta/delta-frame.ts';
import type { ForeignDelta } from '../delta/foreign-delta.ts';

export interface ForeignBatch {
  /** For each delta prev, hash, the signature if it has one, and the body. */
  readonly bytes: ArrayBuffer;
  /** For each delta the place of its source in `sources`, seq, time, length of its body and whether it is signed: f64 each. */
  readonly rows: ArrayBuffer;
  readonly sources: readonly NodeId[];
}

const rowFields = 5;

export function packBatch(deltas: readonly ForeignDelta[]): ForeignBatch {
  const length = deltas.reduce(
    (sum, { body, signature }) =>
      sum + 2 * hashBytes + (signature === undefined ? 0 : signatureBytes) + body.length,
    0,
  );
  const bytes = new Uint8Array(length);
  const rows = new Float64Array(deltas.length * rowFields);
  const sources: NodeId[] = [];
  let at = 0;
  const put = (part: Uint8Array) => {
    bytes.set(part, at);
    at += part.length;
  };
  for (const [index, { source, seq, time, prev, hash, signature, body }] of deltas.entries()) {
    if (!sources.includes(source)) sources.push(source);
    rows.set(
      [sources.indexOf(source), seq, time, body.length, signature === undefined ? 0 : 1],
      index * rowFields,
    );
    put(prev);
    put(hash);
    if (signature !== undefined) put(signature);
    put(body);
  }
  return { bytes: bytes.buffer, rows: rows.buffer, sources };
}

/** The parts are views. */
export function unpackBatch({ bytes, rows: packed, sources }: ForeignBatch): readonly ForeignDelta[] {
  const rows = new Float64Array(packed);
  let at = 0;
  const take = (length: number) => {
    at += length;
    return new Uint8Array(bytes, at - length, length);
  };
  const deltas: ForeignDelta[] = [];
  for (let row = 0; row < rows.length; row += rowFields) {
    const [place = 0, seq = 0, time = 0, bodyBytes = 0, isSigned = 0] = rows.subarray(row, row + rowFields);
    const source = sources[place];
    assert(source !== undefined, 'a delta of a batch has its source');
    deltas.push({
      source,
      seq,
      time: time as HlcTime,
      prev: take(hashBytes),
      hash: take(hashBytes),
      signature: isSigned === 1 ? take(signatureBytes) : undefined,
      body: take(bodyBytes),
    });
  }
  return deltas;
}
