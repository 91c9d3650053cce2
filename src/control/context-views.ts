/** Shared context as clients see it: an entry, what a search finds, and a verdict. */

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
  /** A newer context that takes its place. */
  readonly supersededBy?: string;
}

/** How far shared context has vectors yet. */
export interface VectorStateView {
  /** Who makes them; null when they are switched off. */
  readonly model: string | null;
  readonly embedded: number;
  readonly entries: number;
  readonly problem?: string;
}

export interface CohesionView {
  readonly verdict: 'cohesive' | 'conflict' | 'uncertain';
  /** `lexical`: without vectors, so less is found to be related. */
  readonly method: 'lexical' | 'hybrid';
  readonly evidence: readonly {
    readonly id: string;
    readonly path: string;
    readonly agent: string;
    readonly passage: string;
    readonly shared: readonly string[];
    readonly says: 'forbids' | 'agrees';
    /** Why it does, in a few words. */
    readonly reason: string;
  }[];
}
