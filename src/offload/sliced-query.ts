/**
 * Queries that page through what they find, on the thread that serves everything else: a slice at a time, with a turn of the event loop
 * between two. A worker would have to encode its answer, and this thread to decode it, which takes as long as the query itself.
 */
import { setImmediate } from 'node:timers/promises';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { Position } from '../base/ids.ts';
import type { StoredDelta } from '../delta/delta.ts';
import { type DeltaQuery, tryRunQuery } from '../store/delta-queries.ts';
import type { DeltaReader } from '../store/delta-reader.ts';
import { defaultQueryLimit } from '../store/delta-store.ts';
import { mainThreadScanUs, ScanBudget } from '../store/scan-budget.ts';

/** Of a slice: half a millisecond. */
const sliceDeltas = 200;
/** Over this a worker is better: 5 ms of this thread. */
const maxDeltas = 2000;

export interface SliceParts {
  readonly reader: () => Promise<DeltaReader>;
  /** Equal as long as nothing was added. */
  readonly moment: () => unknown;
}

/**
 * The answer, as of one moment. Undefined when it has to be had otherwise: the query is no such one, something came in between two slices, or a
 * slice looks at more than this thread should.
 */
export async function runInSlices(
  query: DeltaQuery,
  parts: SliceParts,
): Promise<readonly StoredDelta[] | undefined> {
  const wanted = limitOf(query);
  if (wanted === undefined || wanted <= sliceDeltas || wanted > maxDeltas) return undefined;
  const { reader, moment } = parts;
  const began = moment();
  const found: StoredDelta[] = [];
  for (;;) {
    const count = Math.min(sliceDeltas, wanted - found.length);
    const { part, seen } = partOf(query, found, count);
    const slice = tryRunQuery(await reader(), part, new ScanBudget(mainThreadScanUs));
    if (slice === undefined || moment() !== began) return undefined;
    for (const delta of slice.slice(seen)) found.push(delta);
    if (found.length >= wanted || slice.length < count + seen) return found;
    await setImmediate();
  }
}

/** Of the kinds that can be gone on with; undefined for the others. */
function limitOf(query: DeltaQuery): number | undefined {
  if (query.name === 'getRange') return query.arguments[2].limit ?? defaultQueryLimit;
  if (query.name === 'getLatest') return query.arguments[0].limit ?? defaultQueryLimit;
  return undefined;
}

/** The query for what follows, and how much of its answer is known already: what has the time of the last one, in the same order. */
function partOf(
  query: DeltaQuery,
  found: readonly StoredDelta[],
  count: number,
): { readonly part: DeltaQuery; readonly seen: number } {
  const last = found.at(-1);
  if (query.name === 'getLatest') {
    const [filter, before] = query.arguments;
    const below = (last?.position ?? before) as Position | undefined;
    return { part: { name: 'getLatest', arguments: [{ ...filter, limit: count }, below] }, seen: 0 };
  }
  if (query.name !== 'getRange') throw new TypeError(`${query.name} has no slices`);
  const [from, to, filter] = query.arguments;
  if (last === undefined)
    return { part: { name: 'getRange', arguments: [from, to, { ...filter, limit: count }] }, seen: 0 };
  let seen = 0;
  while (found.at(-1 - seen)?.time === last.time) seen += 1;
  const rest: readonly [HlcTime, HlcTime, typeof filter] = [
    last.time,
    to,
    { ...filter, limit: count + seen },
  ];
  return { part: { name: 'getRange', arguments: rest }, seen };
}
