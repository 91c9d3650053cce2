/** `log` and `context list`: one query of the store, and a page of its answer. */
import { hlcFromMs } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import type { DeltaType, StoredDelta } from '../delta/delta.ts';
import type { DeltaFilter, DeltaStore } from '../store/delta-store.ts';
import type { ScopedPath } from './targets.ts';

export interface LogListing {
  readonly project?: ScopedPath['project'] | undefined;
  /** The path and everything below it. */
  readonly path?: string | undefined;
  readonly sources?: readonly NodeId[] | undefined;
  readonly type?: DeltaType | undefined;
  readonly tag?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

export interface LogPage {
  /** Newest first. */
  readonly deltas: readonly StoredDelta[];
  /** Pass it to get the next older page; absent at the end. */
  readonly before?: number;
}

export async function listLog(store: DeltaStore, listing: LogListing): Promise<LogPage> {
  const { limit } = listing;
  const found = await query(store, listing);
  const deltas = found.slice(0, limit);
  const last = deltas.at(-1);
  return found.length > limit && last !== undefined ? { deltas, before: last.position } : { deltas };
}

/** Asks for one more than the listing does: it tells whether there is another page. */
function query(store: DeltaStore, listing: LogListing): Promise<readonly StoredDelta[]> {
  const { project, path, sources, type, tag, sinceMs, limit } = listing;
  const before = listing.before as Position | undefined;
  const filter: DeltaFilter = {
    limit: limit + 1,
    ...(sources === undefined ? {} : { sources }),
    ...(type === undefined ? {} : { type }),
    ...(tag === undefined ? {} : { tag }),
    ...(sinceMs === undefined ? {} : { since: hlcFromMs(sinceMs) }),
  };
  // The root of a project stands for all of it, also for what is about no path.
  if (path === undefined || path === '.' || project === undefined)
    return store.getLatest({ ...filter, ...(project === undefined ? {} : { project }) }, before);
  const where = { project, path, subtree: true };
  return store.getByPath({ ...filter, ...where, ...(before === undefined ? {} : { before }) });
}
