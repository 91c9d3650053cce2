import type { Position } from '../base/ids.ts';
import type { ContextFeed, ContextSearch } from '../search/context-search.ts';
import type { DeltaStore } from '../store/delta-store.ts';
import { contextView } from './views.ts';

/** Positions read in one go. */
const step = 1000;

/** Its package is loaded by the first search, so that the start of a daemon does not pay for it. */
export function lazySearch(store: DeltaStore): ContextSearch {
  let opening: Promise<ContextSearch> | undefined;
  const open = async () => {
    const { LexicalSearch } = await import('../search/context-search.ts');
    return new LexicalSearch(readContexts(store));
  };
  return {
    method: 'lexical',
    search: async (query) => {
      opening ??= open();
      return (await opening).search(query);
    },
  };
}

/** Shared context in the order of the log, as the search takes it. */
function readContexts(store: DeltaStore): ContextFeed {
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
