/** The lexical half of the search: BM25+ (Lv and Zhai 2011) over the stems of whole words, by minisearch. */
import MiniSearch from 'minisearch';
import type { ContextDocument } from './context-search.ts';
import { stemOf, wordsOf } from './words.ts';

export interface LexicalHit {
  readonly id: string;
  /** The words of the query that stand in it. */
  readonly matched: readonly string[];
}

/** Of one content: what stands behind it is rarely what it is about, and a delta may have 256 KiB. */
const maxIndexedChars = 16_384;

export class LexicalIndex {
  readonly #index = new MiniSearch<ContextDocument>({
    fields: ['content', 'path', 'tags'],
    extractField: (document, field) => {
      if (field === 'tags') return document.tags.join(' ');
      return String(document[field as keyof ContextDocument]).slice(0, maxIndexedChars);
    },
    tokenize: (text) => wordsOf(text).map(stemOf),
    // The tokens are lower case already; none is dropped.
    processTerm: (term) => term,
  });

  add(document: ContextDocument): void {
    this.#index.add(document);
  }

  remove(id: string): void {
    this.#index.discard(id);
  }

  /** The best first. */
  find(text: string, accept: (id: string) => boolean, limit: number): readonly LexicalHit[] {
    const found = this.#index.search(text, {
      // Whole words only: `auth` is not `author`.
      prefix: false,
      fuzzy: false,
      combineWith: 'OR',
      // A path says what a context is about in a few words that many share.
      boost: { tags: 1.2, path: 0.5 },
      filter: ({ id }) => accept(String(id)),
    });
    const words = [...new Set(wordsOf(text))];
    return found.slice(0, limit).map(({ id, match }) => ({
      id: String(id),
      matched: words.filter((word) => Object.hasOwn(match, stemOf(word))),
    }));
  }
}
