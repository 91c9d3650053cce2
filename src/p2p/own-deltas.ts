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

/** @param records all of those that were committed; undefined when they are not at hand. Undefined when there are none. */
export function ownDeltas(
  records: readonly RingRecord[] | undefined,
  generation: number,
): OwnDeltas | undefined {
  const first = records?.[0];
  if (records !== undefined && first === undefined) return undefined;
  const firstSeq = first?.seq ?? 0;
  if (records === undefined || records.length > maxGossipDeltas) return { generation, firstSeq, bodies: [] };
  // Copies: what is cloned of a view is all of the memory under it.
  const bodies = records.map(({ body }) => new Uint8Array(body));
  const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
  return { generation, firstSeq, bodies: bodies.length > 1 && bytes > maxGossipBytes ? [] : bodies };
}
