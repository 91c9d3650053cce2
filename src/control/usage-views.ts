/** What the control API answers about tokens. */

/** Tokens, and what they cost in US dollars as far as their models have a price. */
export interface UsageSumView {
  readonly tokens: number;
  readonly cost: number;
}

export interface UsageView extends UsageSumView {
  readonly records: number;
  /** Tokens of models without a price. */
  readonly unpriced: number;
  readonly byAgent: Readonly<Record<string, UsageSumView>>;
  readonly byModel: Readonly<Record<string, UsageSumView>>;
  readonly byCategory: Readonly<Record<string, UsageSumView>>;
  /** `YYYY-MM-DD`, UTC. */
  readonly byDay: Readonly<Record<string, UsageSumView>>;
  /** When the prices that come with the program were looked up, `YYYY-MM-DD`. */
  readonly pricesDate: string;
}
