/** This node's own deltas on their way to the peers' thread, which need not look for them in the log then. */
import type { RingRecord } from '../delta/delta-ring.ts';
import { maxGossipBytes, maxGossipDeltas } from './limits.ts';

export interface OwnDeltas {
  /** Of the stores, when these were found committed. */
  readonly generation: number;
  readonly firstSeq: number;
  /** Of deltas that follow each other. Empty: they have to be read from the log. */
  readonly bodies: readonly Uint8Array[];
}

/** All that there is to say where the log has to be read. */
export const inTheLog: OwnDeltas = { generation: 0, firstSeq: 0, bodies: [] };

/** @param records all of those that were committed; undefined when they are not at hand. Undefined when there are none. */
export function ownDeltas(
  records: readonly RingRecord[] | undefined,
  generation: number,
): OwnDeltas | undefined {
  if (records === undefined) return inTheLog;
  const [first] = records;
  if (first === undefined) return undefined;
  const bytes = records.reduce((sum, { body }) => sum + body.length, 0);
  if (records.length > maxGossipDeltas || (records.length > 1 && bytes > maxGossipBytes)) return inTheLog;
  // Copies: what is cloned of a view is all of the memory under it.
  return { generation, firstSeq: first.seq, bodies: records.map(({ body }) => new Uint8Array(body)) };
}
