import type { Position } from '../base/ids.ts';
import type { ContextFeed } from '../search/context-search.ts';
import type { DeltaStore } from '../store/delta-store.ts';
import { contextView } from './views.ts';

/** Positions read in one go: few enough that the main loop does not stand still for them. */
const step = 250;

/** Shared context in the order of the log, as the search takes it. */
export function readContexts(store: DeltaStore): ContextFeed {
  return {
    head: async () => (await store.stats()).head,
    read: async (from) => {
      const { head, floor } = await store.stats();
      // What was dropped below the floor cannot be read any more.
      const start = Math.max(from, floor - 1);
      const upTo = Math.min(head, start + step);
      const deltas = await store.getLatest({ limit: upTo - start }, (upTo + 1) as Position);
      const contexts = deltas
        .filter(({ position, type }) => position > start && type === 'context')
        .toReversed()
        .map((delta) => ({ ...contextView(delta), project: delta.project }));
      return { contexts, upTo };
    },
  };
}
