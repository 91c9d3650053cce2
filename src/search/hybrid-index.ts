/**
 * The search in shared context: BM25 over words, cosine over vectors, fused by reciprocal rank (Cormack, Clarke and Büttcher 2009). It
 * lives in a worker, and is rebuilt from the log at every start; vectors come from a file where they were made before.
 */

import { type Cohesion, judgeCohesion } from './cohesion.ts';
import {
  type ContextDocument,
  isWithin,
  type SearchAnswer,
  type SearchHit,
  type SearchQuery,
} from './context-search.ts';
import { type LexicalHit, LexicalIndex } from './lexical-index.ts';
import type { VectorHit } from './vector-index.ts';
import { VectorStore, type VectorStoreOptions } from './vector-store.ts';

/** Kept in the index; older contexts are found by `context list`. About 2 KB each, and 2 KB for each vector. */
const maxDocuments = 50_000;
/** Of each list that is fused. */
const depth = 100;
/**
 * Chosen on the queries of `bench/search-data` (docs/CONTEXT.md has the figures): words alone find most of what is named by its name, so a
 * vector's rank counts less.
 */
const rankConstant = 30;
const vectorWeight = 0.3;
/** What a newer context has taken the place of is still found, below what nothing replaced. */
const supersededWeight = 0.3;
/** Below it two texts have nothing in common but their language. */
const minSimilarity = 0.3;

export class HybridIndex {
  readonly #documents = new Map<string, ContextDocument>();
  readonly #lexical = new LexicalIndex();
  readonly #vectors: VectorStore;
  /** By what is superseded. */
  readonly #successors = new Map<string, string>();

  constructor(options: VectorStoreOptions) {
    this.#vectors = new VectorStore(options, () => this.#documents.values());
  }

  get vectors(): VectorStore {
    return this.#vectors;
  }

  add(documents: readonly ContextDocument[]): void {
    for (const document of documents) {
      if (this.#documents.has(document.id)) continue;
      this.#documents.set(document.id, document);
      this.#lexical.add(document);
      this.#vectors.add(document);
      if (document.supersedes !== undefined) this.#successors.set(document.supersedes, document.id);
    }
    for (const [oldest] of this.#documents) {
      if (this.#documents.size <= maxDocuments) break;
      this.#documents.delete(oldest);
      this.#lexical.remove(oldest);
      this.#vectors.remove(oldest);
    }
  }

  async search(query: SearchQuery): Promise<SearchAnswer> {
    await this.#vectors.soon();
    const vector = await this.#vectors.ofQuery(query.text);
    const accept = (id: string) => {
      const document = this.#documents.get(id);
      return document !== undefined && isWithin(document, query);
    };
    const byWords = this.#lexical.find(query.text, accept, depth);
    const byMeaning = vector === undefined ? [] : this.#vectors.nearest(vector, accept, depth);
    const hits = fuse(byWords, byMeaning)
      .map((hit) => ({ ...hit, successor: this.#successorOf(hit.id) }))
      .map((hit) => ({ ...hit, score: hit.score * (hit.successor === undefined ? 1 : supersededWeight) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, query.limit)
      .flatMap(({ id, score, matched, successor }): readonly SearchHit[] => {
        const document = this.#documents.get(id);
        if (document === undefined) return [];
        const rounded = Math.round(score * 10_000) / 10_000;
        return [
          {
            ...document,
            score: rounded,
            matched,
            ...(successor === undefined ? {} : { supersededBy: successor }),
          },
        ];
      });
    return { method: vector === undefined ? 'lexical' : 'hybrid', hits, vectors: this.#vectors.state() };
  }

  judge(query: SearchQuery): Promise<Cohesion> {
    return judgeCohesion(
      { search: (asked) => this.search(asked), vectorsOf: (texts) => this.#vectors.ofSentences(texts) },
      query,
    );
  }

  /** The newest of a chain; a chain in a circle ends where it began. */
  #successorOf(id: string): string | undefined {
    let successor = this.#successors.get(id);
    for (let steps = 0; successor !== undefined && steps < 100; steps += 1) {
      const next = this.#successors.get(successor);
      if (next === undefined || next === id) break;
      successor = next;
    }
    return successor;
  }
}

interface Fused {
  readonly id: string;
  score: number;
  readonly matched: readonly string[];
}

function fuse(byWords: readonly LexicalHit[], byMeaning: readonly VectorHit[]): readonly Fused[] {
  const fused = new Map<string, Fused>();
  byWords.forEach(({ id, matched }, rank) => {
    fused.set(id, { id, score: 1 / (rankConstant + rank + 1), matched });
  });
  byMeaning.forEach(({ owner, similarity }, rank) => {
    if (similarity < minSimilarity) return;
    const score = vectorWeight / (rankConstant + rank + 1);
    const known = fused.get(owner);
    if (known === undefined) fused.set(owner, { id: owner, score, matched: [] });
    else known.score += score;
  });
  return [...fused.values()];
}
