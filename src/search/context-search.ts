/**
 * Search in shared context. This is the lexical half: BM25+ over whole words (minisearch). `ContextSearch` is the port behind which
 * vectors join later; an answer says which method gave it, so that nobody takes words for meaning.
 */
import MiniSearch from 'minisearch';
import type { ProjectId } from '../base/ids.ts';
import { wordsOf } from './words.ts';

export interface ContextDocument {
  readonly id: string;
  readonly project: ProjectId;
  readonly path: string;
  readonly content: string;
  readonly tags: readonly string[];
  readonly agent: string;
  readonly time: string;
}

export interface SearchHit extends ContextDocument {
  /** Comparable within one answer only. */
  readonly score: number;
  /** The words of the query that stand in it. */
  readonly matched: readonly string[];
}

export interface SearchQuery {
  readonly text: string;
  readonly project?: ProjectId;
  /** This path and everything below it. */
  readonly path?: string;
  readonly limit: number;
}

export interface ContextSearch {
  readonly method: 'lexical';
  search(query: SearchQuery): Promise<readonly SearchHit[]>;
}

/** Where contexts come from: those above a position, oldest first, in bounded steps. */
export interface ContextFeed {
  head(): Promise<number>;
  /** @returns also how far it has come; equal to `from` at the end. */
  read(from: number): Promise<{ readonly contexts: readonly ContextDocument[]; readonly upTo: number }>;
}

/** Kept in the index; older contexts are found by `context list`. About 2 KB each. */
const maxDocuments = 50_000;
/** Of one content: what stands behind it is rarely what it is about, and a delta may have 256 KiB. */
const maxIndexedChars = 16_384;

export class LexicalSearch implements ContextSearch {
  readonly method = 'lexical';
  readonly #feed: ContextFeed;
  readonly #documents = new Map<string, ContextDocument>();
  readonly #index = new MiniSearch<ContextDocument>({
    fields: ['content', 'path', 'tags'],
    extractField: (document, field) => {
      if (field === 'tags') return document.tags.join(' ');
      return String(document[field as keyof ContextDocument]).slice(0, maxIndexedChars);
    },
    tokenize: (text) => [...wordsOf(text)],
    // The tokens are lower case already; none is dropped.
    processTerm: (term) => term,
  });
  #upTo = 0;
  #reading: Promise<void> | undefined;

  constructor(feed: ContextFeed) {
    this.#feed = feed;
  }

  async search({ text, project, path, limit }: SearchQuery): Promise<readonly SearchHit[]> {
    await this.#catchUp();
    const found = this.#index.search(text, {
      // Whole words only: `auth` is not `author`.
      prefix: false,
      fuzzy: false,
      combineWith: 'OR',
      boost: { tags: 2, path: 1.5 },
      filter: ({ id }) => {
        const document = this.#documents.get(String(id));
        if (document === undefined || (project !== undefined && document.project !== project)) return false;
        return (
          path === undefined || path === '.' || document.path === path || document.path.startsWith(`${path}/`)
        );
      },
    });
    return found.slice(0, limit).flatMap(({ id, score, queryTerms, match }) => {
      const document = this.#documents.get(String(id));
      const matched = [...new Set(queryTerms)].filter((term) => Object.hasOwn(match, term));
      return document === undefined ? [] : [{ ...document, score: Math.round(score * 1000) / 1000, matched }];
    });
  }

  /** The first search pays for what was shared before; those after it for what is new. */
  #catchUp(): Promise<void> {
    this.#reading ??= this.#readNew().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNew(): Promise<void> {
    const head = await this.#feed.head();
    while (this.#upTo < head) {
      const { contexts, upTo } = await this.#feed.read(this.#upTo);
      for (const context of contexts) this.#add(context);
      if (upTo <= this.#upTo) return;
      this.#upTo = upTo;
    }
  }

  #add(context: ContextDocument): void {
    if (this.#documents.has(context.id)) return;
    this.#documents.set(context.id, context);
    this.#index.add(context);
    for (const [oldest] of this.#documents) {
      if (this.#documents.size <= maxDocuments) break;
      this.#documents.delete(oldest);
      this.#index.discard(oldest);
    }
  }
}
