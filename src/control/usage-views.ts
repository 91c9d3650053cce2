import type { UsageTotals } from '../usage/usage-totals.ts';

/** What the control API answers about tokens. */
export interface UsageView extends UsageTotals {
  /** When the prices that come with the program were looked up, `YYYY-MM-DD`. */
  readonly pricesDate: string;
}
