/** What a query asks of a delta, said once for every store and every part of one. */
import type { NodeId } from '../base/ids.ts';
import { type Delta, deltaPath, type StoredDelta } from '../delta/delta.ts';
import { covers, type VersionVector } from '../delta/version-vector.ts';
import type { DeltaFilter, PathQuery } from './delta-store.ts';
import { liesIn } from './store-keys.ts';

export function filterFits(delta: Delta, filter: DeltaFilter): boolean {
  return (
    (filter.project === undefined || delta.project === filter.project) &&
    (filter.type === undefined || delta.type === filter.type) &&
    (filter.since === undefined || delta.time >= filter.since) &&
    (filter.sources === undefined || filter.sources.includes(delta.source)) &&
    (filter.tag === undefined || hasTag(delta, filter.tag))
  );
}

export function sinceFits(delta: Delta, vector: VersionVector): boolean {
  return !covers(vector, delta.source, delta.seq);
}

/** A payload may come from another node or version: tags that are no list are none. */
function hasTag({ payload }: Delta, tag: string): boolean {
  return Array.isArray(payload.tags) && payload.tags.includes(tag);
}

export function isAbout(delta: StoredDelta, query: PathQuery): boolean {
  if (query.before !== undefined && delta.position >= query.before) return false;
  const path = deltaPath(delta);
  if (path === undefined || delta.project !== query.project) return false;
  return query.subtree === true ? liesIn(path, query.path) : path === query.path;
}

/** The one known source that the text names: itself, or its end, as people type it. Undefined when none or several fit. */
export function findSource(text: string, known: ReadonlySet<NodeId>): NodeId | undefined {
  if (known.has(text as NodeId)) return text as NodeId;
  const fitting = [...known].filter((source) => source.endsWith(text));
  return fitting.length === 1 ? fitting[0] : undefined;
}
