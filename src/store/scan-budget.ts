/**
 * What a query may cost on the thread that serves everything else. A limit does not tell: a query for one delta may look at
 * all of them. So whatever a query looks at is counted, and a query that has spent its budget is given up and asked again where
 * it may take long. Counted in estimates and not by a clock, so that a query takes the same way on every machine.
 */

/** Estimated microseconds, measured with an index of 200 000 deltas. */
export const scanCosts = {
  /** A step of a cursor. */
  entryUs: 1,
  /** Opening a cursor: what a subtree pays for each of its paths. */
  rangeUs: 10,
  /** A record read and decoded. */
  recordUs: 4,
  /** On top of that, for each KiB of it. */
  kibUs: 1,
} as const;

/** Never leaves this file but through a query that `within` runs. */
class BudgetSpent extends Error {}

export class ScanBudget {
  #leftUs: number;

  constructor(us: number) {
    this.#leftUs = us;
  }

  entry(): void {
    this.#spend(scanCosts.entryUs);
  }

  range(): void {
    this.#spend(scanCosts.rangeUs);
  }

  record(bytes: number): void {
    this.#spend(scanCosts.recordUs + (bytes / 1024) * scanCosts.kibUs);
  }

  /** What `query` answers, or undefined when it spends more than the budget: then nothing that it found is told. */
  within<T extends object>(query: () => T): T | undefined {
    try {
      return query();
    } catch (error) {
      if (error instanceof BudgetSpent) return undefined;
      throw error;
    }
  }

  #spend(us: number): void {
    this.#leftUs -= us;
    // Thrown through the loops of the query, so that each closes its cursor.
    if (this.#leftUs < 0) throw new BudgetSpent();
  }
}

/** Of a query on the main thread; a worker answers what costs more. The main loop may pause for 5 ms, and some machines are three times slower. */
export const mainThreadScanUs = 1500;

/** For a thread that may take as long as it takes. */
export const boundless = new ScanBudget(Number.POSITIVE_INFINITY);
