/** Shared context as clients see it: an entry, and what a search finds. */

export interface ContextView {
  readonly id: string;
  readonly path: string;
  readonly content: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly agent: string;
  readonly project: string;
  readonly time: string;
  readonly source: string;
  /** The context that this one takes the place of. */
  readonly supersedes?: string;
}

export interface SearchHitView {
  readonly id: string;
  readonly path: string;
  readonly content: string;
  readonly tags: readonly string[];
  readonly agent: string;
  readonly time: string;
  /** Comparable within one answer only. */
  readonly score: number;
  /** The words of the query that stand in it. */
  readonly matched: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The node that it was shared on. */
  readonly source?: string;
  /** The context that this one takes the place of. */
  readonly supersedes?: string;
  /** A newer context that takes its place. */
  readonly supersededBy?: string;
}
