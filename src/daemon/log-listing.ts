/** `log`: the newest deltas that fit, across the filters that no single index serves. */
import { hlcFromMs } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { maxQueryLimit } from '../base/limits.ts';
import type { DeltaType, StoredDelta } from '../delta/delta.ts';
import type { DeltaStore } from '../store/delta-store.ts';
import type { ScopedPath } from './targets.ts';

export interface LogListing {
  readonly node: NodeId;
  readonly project?: ScopedPath['project'] | undefined;
  /** The path and everything below it. */
  readonly path?: string | undefined;
  readonly sources?: readonly NodeId[] | undefined;
  readonly type?: DeltaType | undefined;
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

/** Deltas read in one step: about 2 ms of the main loop. */
const stepDeltas = 500;

export async function listLog(store: DeltaStore, listing: LogListing): Promise<LogPage> {
  const { path, project } = listing;
  return path !== undefined && path !== '.' && project !== undefined
    ? listPath(store, listing, { path, project })
    : listAll(store, listing);
}

/** The index by path knows what lies below one; the rest is few. */
async function listPath(
  store: DeltaStore,
  listing: LogListing,
  where: { readonly path: string; readonly project: ScopedPath['project'] },
): Promise<LogPage> {
  const { before, sinceMs, sources, type, limit } = listing;
  const filtered = before !== undefined || sinceMs !== undefined || sources !== undefined;
  const all = await store.getByPath({
    ...where,
    subtree: true,
    // One more than asked for tells whether there is another page.
    limit: filtered ? maxQueryLimit : limit + 1,
    ...(type === undefined ? {} : { type }),
  });
  const found = all.filter(
    (delta) => delta.position < (before ?? Number.POSITIVE_INFINITY) && fits(delta, listing),
  );
  const deltas = found.slice(0, limit);
  const last = deltas.at(-1);
  return found.length > limit && last !== undefined ? { deltas, before: last.position } : { deltas };
}

async function listAll(store: DeltaStore, listing: LogListing): Promise<LogPage> {
  const found: StoredDelta[] = [];
  let before = listing.before as Position | undefined;
  for (;;) {
    const step = await store.getLatest(
      {
        limit: stepDeltas,
        ...(listing.project === undefined ? {} : { project: listing.project }),
        ...(listing.type === undefined ? {} : { type: listing.type }),
      },
      before,
    );
    for (const delta of step) {
      if (isPast(delta, listing)) return { deltas: found };
      if (fits(delta, listing)) found.push(delta);
      if (found.length === listing.limit) return { deltas: found, before: delta.position };
    }
    before = step.at(-1)?.position;
    if (before === undefined || step.length < stepDeltas) return { deltas: found };
  }
}

/**
 * True when neither this delta nor any before it in the log can be new enough. An own delta tells: its time is behind that of
 * everything that was in the log when it was written. Another node's delta may be old and have come late.
 */
function isPast(delta: StoredDelta, { sinceMs, node }: LogListing): boolean {
  return sinceMs !== undefined && delta.source === node && delta.time < hlcFromMs(sinceMs);
}

function fits(delta: StoredDelta, { sinceMs, sources }: LogListing): boolean {
  if (sinceMs !== undefined && delta.time < hlcFromMs(sinceMs)) return false;
  return sources === undefined || sources.includes(delta.source);
}
