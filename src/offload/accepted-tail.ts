import type { StoredDelta } from '../delta/delta.ts';
import { decodeDeltaBody } from '../delta/delta-body.ts';
import type { DeltaRing, RingRecord } from '../delta/delta-ring.ts';
import type { AcceptedTail } from '../store/delta-reader.ts';

/** What queries have asked for while it was not committed: each is decoded once. */
const decoded = new WeakMap<RingRecord, StoredDelta>();

/** What is accepted and not committed, out of the ring. */
export function acceptedTail(ring: DeltaRing): AcceptedTail {
  return {
    *after(position) {
      for (const record of ring.after(position)) yield read(record);
    },
  };
}

function read(record: RingRecord): StoredDelta {
  const known = decoded.get(record);
  if (known !== undefined) return known;
  const delta = { ...decodeDeltaBody(record.body), position: record.position, prev: null };
  decoded.set(record, delta);
  return delta;
}
