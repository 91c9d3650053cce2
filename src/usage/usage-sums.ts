import type { PriceList } from './price-list.ts';
import type { UsageRecord } from './usage-log.ts';
import type { UsageTotals } from './usage-totals.ts';

type Sums = Record<string, { tokens: number; cost: number }>;

/** Adds records up. */
export class UsageSums {
  readonly #prices: PriceList;
  readonly #all = { tokens: 0, cost: 0, records: 0, unpriced: 0 };
  readonly #byAgent: Sums = {};
  readonly #byModel: Sums = {};
  readonly #byCategory: Sums = {};
  readonly #byDay: Sums = {};

  constructor(prices: PriceList) {
    this.#prices = prices;
  }

  add(record: UsageRecord): void {
    const { tokens, model, category, timestamp, metadata } = record;
    const cost = costOf(record, this.#prices);
    const { agent } = metadata ?? {};
    this.#all.records += 1;
    this.#all.tokens += tokens;
    this.#all.cost += cost ?? 0;
    if (cost === undefined) this.#all.unpriced += tokens;
    addTo(this.#byAgent, typeof agent === 'string' ? agent : 'unknown', tokens, cost ?? 0);
    addTo(this.#byModel, model, tokens, cost ?? 0);
    addTo(this.#byCategory, category, tokens, cost ?? 0);
    addTo(this.#byDay, timestamp.slice(0, 10), tokens, cost ?? 0);
  }

  get totals(): UsageTotals {
    return {
      ...this.#all,
      byAgent: this.#byAgent,
      byModel: this.#byModel,
      byCategory: this.#byCategory,
      byDay: this.#byDay,
    };
  }
}

/** Undefined for a model without a price. What does not say that it was written by the model was read by it. */
export function costOf({ model, tokens, metadata }: UsageRecord, prices: PriceList): number | undefined {
  return prices.costOf(model, tokens, metadata?.direction === 'output' ? 'output' : 'input');
}

function addTo(sums: Sums, name: string, tokens: number, cost: number): void {
  const own = Object.hasOwn(sums, name) ? sums[name] : undefined;
  if (own === undefined) Object.defineProperty(sums, name, { value: { tokens, cost }, enumerable: true });
  else {
    own.tokens += tokens;
    own.cost += cost;
  }
}
