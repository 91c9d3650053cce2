/** Search in shared context: what is searched, what is asked, and what is answered. `HybridIndex` does it, in a worker. */
import type { ProjectId } from '../base/ids.ts';

export interface ContextDocument {
  readonly id: string;
  readonly project: ProjectId;
  readonly path: string;
  readonly content: string;
  readonly tags: readonly string[];
  readonly agent: string;
  readonly time: string;
  /** The context that this one takes the place of. */
  readonly supersedes?: string;
}

export interface SearchHit extends ContextDocument {
  /** Comparable within one answer only. */
  readonly score: number;
  /** The words of the query that stand in it. */
  readonly matched: readonly string[];
  /** A newer context that takes its place: this one stands further down for that. */
  readonly supersededBy?: string;
}

export interface SearchQuery {
  readonly text: string;
  readonly project?: ProjectId;
  /** This path and everything below it. */
  readonly path?: string;
  readonly limit: number;
}

/** How far contexts have vectors yet. */
export interface VectorState {
  /** Who makes them, as `offline universal-sentence-encoder-lite-en-1`; null when vectors are switched off. */
  readonly model: string | null;
  /** Contexts of which the vectors are there, of `entries`. */
  readonly embedded: number;
  readonly entries: number;
  /** Why there are no new ones at the moment. */
  readonly problem?: string;
}

export interface SearchAnswer {
  /** `lexical`: by words alone, since there was no vector for the query. */
  readonly method: 'lexical' | 'hybrid';
  readonly hits: readonly SearchHit[];
  readonly vectors: VectorState;
}

/** Where contexts come from: those above a position, oldest first, in bounded steps. */
export interface ContextFeed {
  head(): Promise<number>;
  /** @returns also how far it has come; equal to `from` at the end. */
  read(from: number): Promise<{ readonly contexts: readonly ContextDocument[]; readonly upTo: number }>;
}

/** Whether a document is in the project and at or below the path that were asked for. */
export function isWithin(
  document: ContextDocument,
  { project, path }: Omit<SearchQuery, 'text' | 'limit'>,
): boolean {
  if (project !== undefined && document.project !== project) return false;
  return path === undefined || path === '.' || document.path === path || document.path.startsWith(`${path}/`);
}
