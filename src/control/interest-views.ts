/** Patterns of one agent in one project that end at one time. */
export interface InterestView {
  readonly agent: string;
  readonly project: string;
  /** Paths and globs relative to the project; a directory stands for all below it. */
  readonly patterns: readonly string[];
  readonly expiresAt: string;
  /** Where the agent asked for it: only there it can be taken back. */
  readonly node: string;
  readonly isHere: boolean;
}

export interface InterestResults {
  /** All that the agent has in the project now. */
  'interest.add': { readonly interests: readonly InterestView[] };
  /** What was taken back, and what the agent still has. */
  'interest.remove': { readonly removed: readonly string[]; readonly interests: readonly InterestView[] };
  'interest.list': { readonly interests: readonly InterestView[] };
}
