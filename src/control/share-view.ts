import type { ContextView } from './context-views.ts';

export interface ShareView {
  /** As it was stored. */
  readonly context: ContextView;
  readonly durability: string;
  /** Secrets that were left out; a word stands in the place of each. */
  readonly redacted: readonly { readonly kind: string; readonly count: number }[];
}
