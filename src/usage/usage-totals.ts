export interface UsageSum {
  readonly tokens: number;
  /** US dollars, of the tokens that have a price. */
  readonly cost: number;
}

export interface UsageTotals extends UsageSum {
  readonly records: number;
  /** Tokens of models that no price is known of. */
  readonly unpriced: number;
  readonly byAgent: Readonly<Record<string, UsageSum>>;
  readonly byModel: Readonly<Record<string, UsageSum>>;
  readonly byCategory: Readonly<Record<string, UsageSum>>;
  /** `YYYY-MM-DD`, UTC. */
  readonly byDay: Readonly<Record<string, UsageSum>>;
}
