import type { Outcome } from './run-scenario.ts';

interface Total {
  runs: number;
  failed: number;
  kills: number;
  acknowledged: number;
  seconds: number;
}

const nothing: Readonly<Total> = { runs: 0, failed: 0, kills: 0, acknowledged: 0, seconds: 0 };

/** The track record of a run, in the form in which the README quotes it. */
export class Totals {
  readonly #byScenario = new Map<string, Total>();

  add(name: string, { problems, kills, history, seconds }: Outcome): void {
    const total = this.#byScenario.get(name) ?? { ...nothing };
    total.runs += 1;
    total.failed += problems.length > 0 ? 1 : 0;
    total.kills += kills;
    total.acknowledged += history.acknowledged.length + history.actions.length;
    total.seconds += seconds;
    this.#byScenario.set(name, total);
  }

  get failed(): number {
    return this.#sum('failed');
  }

  lines(): readonly string[] {
    const parts = [...this.#byScenario].map(
      ([name, { runs, failed, kills, seconds }]) =>
        `  ${name}: ${runs} rounds, ${kills} kills, ${failed} failed, ${(seconds / runs).toFixed(1)} s each`,
    );
    const runs = this.#sum('runs');
    const what = `${this.#sum('kills')} kills, ${this.#sum('acknowledged')} answers checked`;
    return [...parts, `${runs} rounds, ${what}`, `${runs - this.failed} passed, ${this.failed} failed`];
  }

  #sum(field: keyof Total): number {
    return [...this.#byScenario.values()].reduce((sum, total) => sum + total[field], 0);
  }
}
