/** What the main thread asks of the one that searches. */
import type { EmbeddingSettings } from './choose-embeddings.ts';
import type { Cohesion } from './cohesion.ts';
import type { ContextDocument, SearchAnswer, SearchQuery, VectorState } from './context-search.ts';

/** What the thread is begun with. */
export interface SearchStart {
  /** Where vectors are kept; undefined in memory mode. */
  readonly directory: string | undefined;
  readonly embeddings: EmbeddingSettings;
}

export interface SearchAsks {
  /** Contexts of the log, in its order; `last`: there is nothing newer at the moment. */
  add(input: { readonly documents: readonly ContextDocument[]; readonly last: boolean }): VectorState;
  search(query: SearchQuery): Promise<SearchAnswer>;
  judge(query: SearchQuery): Promise<Cohesion>;
  state(input: null): VectorState;
}
