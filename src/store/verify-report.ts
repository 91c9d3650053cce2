/** What a verification says: how much it looked at, and what is wrong where. */
import { counted } from '../base/counted.ts';

export type VerifiedStore = 'delta' | 'index' | 'audit';

export interface VerifyProblem {
  readonly store: VerifiedStore;
  /** `position 17`, `source 12D3…`, `meta head`, `time entry …`. */
  readonly where: string;
  readonly what: string;
}

export interface VerifyCounts {
  deltas: number;
  signatures: number;
  indexEntries: number;
  auditEvents: number;
  /** Positions whose delta a repair gave up: known, and so no problem. */
  lost: number;
}

/** Records that a repair could not get any more. */
export interface LostRecords {
  readonly deltas: number;
  readonly auditEvents: number;
  /** True when what counted them is gone as well: there may have been more. */
  readonly atLeast: boolean;
}

export function lostText({ deltas, auditEvents, atLeast }: LostRecords): string {
  return `${atLeast ? 'at least ' : ''}${counted(deltas, 'delta')} and ${counted(auditEvents, 'audit event')}`;
}

/** What a repair did. */
export interface RepairSummary {
  /** Where the damaged files are kept. */
  readonly aside: readonly string[];
  readonly lost: LostRecords;
  /** The stores that were written anew. */
  readonly rebuilt: readonly string[];
}

export interface VerifyResult {
  /** True when there is no problem. */
  readonly sound: boolean;
  readonly checked: Readonly<Record<keyof VerifyCounts, number>>;
  /** The first ones found, at most `maxListedProblems`, and the first of each store in any case. */
  readonly problems: readonly VerifyProblem[];
  readonly problemCount: number;
  /** When a repair was asked for; the rest then tells how the stores are after it. */
  readonly repaired?: RepairSummary;
}

export interface VerifyProgress {
  readonly store: VerifiedStore;
  readonly done: number;
  /** An estimate; `done` may pass it. */
  readonly total: number;
}

/** Enough to see a pattern; a damaged disk can break millions of records. */
export const maxListedProblems = 100;

export class VerifyReport {
  readonly checked: VerifyCounts = { deltas: 0, signatures: 0, indexEntries: 0, auditEvents: 0, lost: 0 };
  readonly #problems: VerifyProblem[] = [];
  #count = 0;

  add(store: VerifiedStore, where: string, what: string): void {
    this.#count++;
    const isFirst = !this.#problems.some((problem) => problem.store === store);
    if (isFirst || this.#problems.length < maxListedProblems) this.#problems.push({ store, where, what });
  }

  /** Runs a check whose failure is a finding, not the end of the verification. */
  attempt<T>(store: VerifiedStore, where: string, check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      this.add(store, where, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  result(): VerifyResult {
    return {
      sound: this.#count === 0,
      checked: { ...this.checked },
      problems: [...this.#problems],
      problemCount: this.#count,
    };
  }
}
