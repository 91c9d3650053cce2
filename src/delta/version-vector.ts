import type { NodeId } from '../base/ids.ts';

/** How much of each source is known: the newest seq of each; a source that is not in it counts as 0. */
export type VersionVector = Readonly<Record<NodeId, number>>;

export const emptyVector: VersionVector = Object.freeze({});

export function seqOf(vector: VersionVector, source: NodeId): number {
  return Object.hasOwn(vector, source) ? (vector[source] ?? 0) : 0;
}

/** True when `vector` already covers the delta (source, seq). */
export function covers(vector: VersionVector, source: NodeId, seq: number): boolean {
  return seqOf(vector, source) >= seq;
}

export type VectorOrder = 'equal' | 'before' | 'after' | 'concurrent';

/** How `a` stands to `b` in the partial order of vectors (Fidge 1988, Mattern 1989). */
export function compareVectors(a: VersionVector, b: VersionVector): VectorOrder {
  let less = false;
  let more = false;
  for (const source of new Set([...Object.keys(a), ...Object.keys(b)] as NodeId[])) {
    const difference = seqOf(a, source) - seqOf(b, source);
    if (difference < 0) less = true;
    if (difference > 0) more = true;
  }
  if (less && more) return 'concurrent';
  return less ? 'before' : more ? 'after' : 'equal';
}

/** The least vector that covers both. */
export function mergeVectors(a: VersionVector, b: VersionVector): VersionVector {
  const merged: Record<NodeId, number> = { ...a };
  for (const source of Object.keys(b) as NodeId[])
    merged[source] = Math.max(seqOf(a, source), seqOf(b, source));
  return merged;
}
