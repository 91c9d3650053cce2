import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { PriceList } from './price-list.ts';
import type { UsageLog, UsageRecord } from './usage-log.ts';
import { costOf } from './usage-sums.ts';

/** Shares of the budget at which it is spoken of. */
const warnShare = 0.8;

export interface BudgetParts {
  readonly log: UsageLog;
  readonly prices: PriceList;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What was spent this month, UTC, against what may be. */
export class Budget {
  readonly #dollars: number;
  readonly #parts: BudgetParts;
  #month = '';
  #spent = 0;
  #toldShare = 0;
  #counting: Promise<void> | undefined;

  /** @param dollars for a month */
  constructor(dollars: number, parts: BudgetParts) {
    this.#dollars = dollars;
    this.#parts = parts;
  }

  /** A record was taken. */
  async add(record: UsageRecord): Promise<void> {
    // Counted from the log the first time, which has the record by then.
    if (this.#month !== this.#now()) await this.#count();
    else this.#spent += costOf(record, this.#parts.prices) ?? 0;
    const share = this.#spent / this.#dollars;
    const step = share >= 1 ? 1 : share >= warnShare ? warnShare : 0;
    if (step > this.#toldShare) this.#parts.logger.warn(this.#text());
    this.#toldShare = Math.max(this.#toldShare, step);
  }

  /** A sentence from 80 % on. */
  async warnings(): Promise<readonly string[]> {
    if (this.#month !== this.#now()) await this.#count();
    return this.#spent >= this.#dollars * warnShare ? [this.#text()] : [];
  }

  #text(): string {
    const share = Math.floor((this.#spent / this.#dollars) * 100);
    return `${share} % of the budget of ${this.#month} is used: $${this.#spent.toFixed(2)} of $${this.#dollars.toFixed(2)} (usage.monthlyBudget)`;
  }

  #now(): string {
    return new Date(this.#parts.clock.wallMs()).toISOString().slice(0, 7);
  }

  #count(): Promise<void> {
    this.#counting ??= this.#countOnce().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  async #countOnce(): Promise<void> {
    const month = this.#now();
    const { cost } = await this.#parts.log.totals(`${month}-01`, `${month}-31`);
    this.#spent = cost;
    this.#month = month;
    this.#toldShare = 0;
  }
}
